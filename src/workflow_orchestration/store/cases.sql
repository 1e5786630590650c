-- name: insert
insert into cases (id, workflow, key, desk, title, requester, owner, input, account, reference, expires_at)
values (%(id)s, %(workflow)s, %(key)s, %(desk)s, %(title)s, %(requester)s, %(owner)s, %(input)s, %(account)s,
        %(reference)s, %(expires_at)s)
on conflict (workflow, key) do nothing
returning *

-- name: by_key
select * from cases where workflow = %(workflow)s and key = %(key)s

-- name: get
select *, now() as now from cases where id = %(id)s

-- name: followed
-- whose it is, whether it is open, and the next of its entries, as one moment has them
select c.desk as case_desk, c.status as case_status, entry.*
from cases c left join lateral ({entries}) entry on true
where c.id = %(id)s
order by entry.seq

-- name: update
-- the case as it was, locked, and as it is now: one round trip less for each step of each case
with was as (
    select * from cases where id = %(id)s for no key update
), changed as (
    update cases set
        status       = coalesce(%(status)s, cases.status),
        phase        = coalesce(%(phase)s, cases.phase),
        title        = coalesce(%(title)s, cases.title),
        desk         = coalesce(%(desk)s, cases.desk),
        owner        = coalesce(%(owner)s, cases.owner),
        account      = coalesce(%(account)s, cases.account),
        assignee     = coalesce(%(assignee)s, cases.assignee),
        owner_role   = coalesce(%(owner_role)s, cases.owner_role),
        root_cause   = coalesce(%(root_cause)s, cases.root_cause),
        fault_side   = coalesce(%(fault_side)s, cases.fault_side),
        exposure_eur = coalesce(%(exposure_eur)s, cases.exposure_eur),
        priority     = coalesce(%(priority)s, cases.priority),
        band         = coalesce(%(band)s, cases.band),
        cutoff_at    = coalesce(%(cutoff_at)s, cases.cutoff_at),
        status_as_of = coalesce(%(status_as_of)s, cases.status_as_of),
        changed_seq  = coalesce(%(changed_seq)s, cases.changed_seq),
        expires_at   = coalesce(%(expires_at)s, cases.expires_at),
        legal_hold   = coalesce(%(legal_hold)s, cases.legal_hold),
        findings     = cases.findings || coalesce(%(findings)s, '{}'::jsonb),
        ended_at     = case when %(status)s = 'open' then null
                            when %(status)s is not null then now() else cases.ended_at end,
        updated_at   = now()
    from was where cases.id = was.id
    returning cases.*
)
select false as is_new, was.* from was union all select true, changed.* from changed order by is_new

-- name: add_reference
insert into case_references (workflow, account, reference, case_id)
values (%(workflow)s, %(account)s, %(reference)s, %(case_id)s)
on conflict do nothing

-- name: find_by_reference
-- the newest case first: a reference without an account may be known on several accounts
select case_id from case_references
where workflow = %(workflow)s and reference = any(%(references)s)
  and (%(account)s::text is null or account = %(account)s)
order by case_id desc limit 1

-- name: references
select reference from case_references where case_id = %(case_id)s order by reference

-- name: list
select c.*, (select count(*) from approvals a where a.case_id = c.id and a.state = 'pending') as pending_approvals,
       (select min(a.expires_at) from approvals a where a.case_id = c.id and a.state = 'pending') as approval_expires_at
from cases c
where (%(all_desks)s or c.desk = any(%(desks)s))
  and (%(status)s::text is null or c.status = %(status)s)
  and (%(desk)s::text is null or c.desk = %(desk)s)
  and (%(workflow)s::text is null or c.workflow = %(workflow)s)
  and (%(phase)s::text is null or c.phase = %(phase)s)
  and (%(root_cause)s::text is null or c.root_cause = %(root_cause)s)
  and (%(band)s::text is null or c.band = %(band)s)
  and (%(assignee)s::text is null or c.assignee = %(assignee)s)
  and (%(reference)s::text is null or c.id = any(array(
        select r.case_id from case_references r where r.reference = %(reference)s)))
  and (%(ids)s::uuid[] is null or c.id = any(%(ids)s))
  -- the first of these two is for the index alone: without it a page walks over all the pages before it
  and (%(after_priority)s::numeric is null or c.priority <= %(after_priority)s)
  and (%(after_priority)s::numeric is null
       or c.priority < %(after_priority)s or (c.priority = %(after_priority)s and c.id > %(after_id)s))
order by c.priority desc, c.id
limit %(limit)s

-- name: insert_thread
insert into threads (id, case_id, n)
select %(id)s, %(case_id)s, coalesce(max(n), 0) + 1 from threads where case_id = %(case_id)s
returning *

-- name: current_thread
select * from threads where case_id = %(case_id)s order by n desc limit 1

-- name: lock_current_thread
select * from threads where case_id = %(case_id)s order by n desc limit 1 for no key update

-- name: threads
select * from threads where case_id = %(case_id)s order by n

-- name: items
select i.*, m.message_type, m.sender_ref, m.received_at, m.sha256
from message_items i join messages m on m.id = i.message_id
where i.case_id = %(case_id)s order by i.seq

-- name: similar
-- how cases of the same desk, cause and counterparty ended; nothing that identifies them
select c.status, c.root_cause, c.fault_side,
       (select p.action from threads t join proposals p on p.thread_id = t.id
        where t.case_id = c.id order by p.created_at desc limit 1) as action
from cases c
where c.desk = %(desk)s and c.root_cause = %(root_cause)s
  and c.findings ->> 'counterparty' = %(counterparty)s
  and c.status in ('resolved', 'rejected') and c.id <> %(id)s
order by c.ended_at desc
limit %(limit)s
