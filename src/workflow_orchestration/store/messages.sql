-- name: insert
insert into messages (id, sha256, message_type, sender, receiver, sender_ref, raw, principal)
values (%(id)s, %(sha256)s, %(message_type)s, %(sender)s, %(receiver)s, %(sender_ref)s, %(raw)s, %(principal)s)
on conflict (sha256) do nothing
returning id

-- name: by_sha
select * from messages where sha256 = %(sha256)s

-- name: get
select * from messages where id = %(id)s

-- name: insert_item
insert into message_items (message_id, n, record, case_id, reason)
values (%(message_id)s, %(n)s, %(record)s, %(case_id)s, %(reason)s)
returning seq

-- name: adopt
-- what came before its case (an allegement, a copy of our instruction) belongs to it now
update message_items set case_id = %(case_id)s, reason = null
where case_id is null
  and (record ->> 'our_ref' = any(%(references)s) or record ->> 'csd_ref' = any(%(references)s)
       or record ->> 'common_ref' = any(%(references)s))
  and (%(account)s::text is null or record ->> 'account' is null or record ->> 'account' = %(account)s)

-- name: items
select i.n, i.case_id, i.reason, i.record, c.desk, c.status
from message_items i left join cases c on c.id = i.case_id
where i.message_id = %(message_id)s order by i.n

-- name: replays
-- other messages with the sender and reference of one of these, but other bytes (V07)
select other.message_type, other.sender, other.sender_ref, other.received_at
from messages m join messages other
  on other.sender = m.sender and other.sender_ref = m.sender_ref and other.message_type = m.message_type
where m.id = any(%(ids)s::uuid[]) and other.id <> all(%(ids)s::uuid[])
order by other.received_at limit 5
