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

-- name: items
select i.n, i.case_id, i.reason, i.record, c.desk, c.status
from message_items i left join cases c on c.id = i.case_id
where i.message_id = %(message_id)s order by i.n

-- name: same_sender_ref
-- other messages of the same sender and reference: a replay with other bytes (V07)
select m.id, m.sender_ref, m.received_at from messages m
where m.sender = %(sender)s and m.sender_ref = %(sender_ref)s and m.id <> %(id)s
order by m.received_at limit 5
