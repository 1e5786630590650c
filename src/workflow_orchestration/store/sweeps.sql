-- name: due
-- the day's settlements of these accounts: instructions, and trades that no instruction names
with latest as materialized (
    select distinct on (kind, key) kind, key, data from book_rows
    where kind in ('instruction', 'trade') order by kind, key, version desc
)
select d.kind, d.key, d.data from latest d
where d.data ->> 'settlement_date' = %(day)s and d.data ->> 'account' = any(%(accounts)s)
  and (d.kind = 'instruction' or d.key not in (
        select i.data ->> 'trade_ref' from latest i where i.kind = 'instruction' and i.data ->> 'trade_ref' is not null))
order by d.kind, d.key

-- The next three are asked by list, each on an index: joined with the above, the planner takes ten thousand rows of a
-- JSON condition for one and walks over all trades for each (40 s, seen).

-- name: trades
select distinct on (key) key, data from book_rows where kind = 'trade' and key = any(%(keys)s)
order by key, version desc

-- name: said
-- the newest status or confirmation of each reference, whether it has a case or only a reason for none
select distinct on (x.key) x.key, x.record from (
    select k.key, i.record, i.seq from unnest(%(keys)s::text[]) k (key)
    join message_items i on i.case_id is null and i.record ->> 'our_ref' = k.key
    union all
    select k.key, i.record, i.seq from unnest(%(keys)s::text[]) k (key)
    join case_references r on r.workflow = 'settlement' and r.reference = k.key
    join message_items i on i.case_id = r.case_id
) x
where x.record ->> 'kind' in ('status', 'confirmation') order by x.key, x.seq desc

-- name: in_work
select r.reference as key from case_references r join cases c on c.id = r.case_id
where r.workflow = 'settlement' and r.reference = any(%(keys)s) and c.status = 'open'

-- name: progress
-- how far the groups of a sweep are
select id, account, root_cause, title, desk, status, phase, owner_role,
       jsonb_array_length(input -> 'lines') as instructions
from cases where id = any(%(ids)s::uuid[]) order by account, title

-- name: penalised
-- settlement cases of a desk that stood open in a period and cost something a day
select key, account, reference, status, created_at, ended_at, findings -> 'penalty_per_day' as per_day
from cases
where workflow = 'settlement' and desk = %(desk)s
  and jsonb_typeof(findings -> 'penalty_per_day') = 'object'
  and created_at < %(until)s and (ended_at is null or ended_at >= %(since)s)
order by account, key

-- name: left_to_prune
select count(*) as threads from threads t join cases c on c.id = t.case_id
where t.state = 'ended' and t.pruned_at is null and not c.legal_hold
  and t.ended_at < now() - make_interval(days => %(days)s)
