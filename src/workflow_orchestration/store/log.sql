-- name: lock_stream
insert into log_streams (stream) values (%(stream)s)
on conflict (stream) do update set seq = log_streams.seq
returning seq, head, clock_timestamp() as at

-- name: append
-- the entries and the stream's new head, in one statement
with written as (
    insert into log_entries (stream, seq, at, actor, type, data, run_id, task_id, epoch, n, prev, hash)
    select %(stream)s, e.seq, %(at)s, e.actor, e.type, e.data, e.run_id, e.task_id, e.epoch, e.n, e.prev, e.hash
    from jsonb_to_recordset(%(entries)s) as e (
        seq bigint, actor jsonb, type text, data jsonb, run_id uuid, task_id text, epoch int, n int, prev text,
        hash text)
)
update log_streams set seq = %(seq)s, head = %(head)s where stream = %(stream)s

-- name: read
-- a replayed node appends again under its new epoch; only a task's latest epoch stands
select e.*, exists (
           select from log_entries later
           where later.run_id = e.run_id and later.task_id = e.task_id and later.epoch > e.epoch
       ) as superseded
from log_entries e
where e.stream = %(stream)s and e.seq > %(after)s
order by e.seq
limit %(limit)s

-- name: period
-- up to the oldest transaction still open: what commits later is in a later export, so there is no hole
select * from log_entries
where at >= %(start)s and at < %(end)s
  and (at, stream, seq) > (%(after_at)s, %(after_stream)s, %(after_seq)s)
  and xid < pg_snapshot_xmin(pg_current_snapshot())
order by at, stream, seq
limit %(limit)s

-- name: streams
select stream, seq, head from log_streams where seq > 0 and stream > %(after)s order by stream limit %(limit)s

-- name: stream
select stream, seq, head from log_streams where stream = %(stream)s

-- name: headless
-- entries without a head: only the owner can have removed it
select distinct e.stream, 0 as seq, '' as head from log_entries e
where (%(stream)s::text is null or e.stream = %(stream)s)
  and not exists (select from log_streams s where s.stream = e.stream and s.seq > 0)

-- name: newest
select stream, seq, head from log_streams where stream = any(%(streams)s)

-- name: heads_since
-- heads of the streams that moved: what an anchor writes down
select s.stream, s.seq, s.head, e.at
from log_entries e join log_streams s on s.stream = e.stream and s.seq = e.seq
where e.at >= %(since)s

-- name: horizon
-- an id of its own, above that of every transaction that has begun: a snapshot's xmax may be below an open one's
select pg_current_xact_id()::text as mark where clock_timestamp() >= %(end)s

-- name: passed
select pg_snapshot_xmin(pg_current_snapshot()) >= %(mark)s::xid8 as passed

-- name: compared
-- what agents in shadow mode would have proposed, beside what people decided on; silent: they named no action, or found
-- no end. A replayed node's earlier entry does not count.
with entry as (
    select c.desk, e.data ->> 'people' as action, (e.data ->> 'agree')::boolean as agree,
           e.data ->> 'agents' is null or coalesce((e.data ->> 'lost')::boolean, false) as silent
    from log_entries e join cases c on c.id = e.stream::uuid
    where e.type = 'agents.compared' and e.at >= %(since)s
      and (%(all_desks)s or c.desk = any(%(desks)s))
      and not exists (
          select from log_entries later
          where later.run_id = e.run_id and later.task_id = e.task_id and later.epoch > e.epoch
      )
)
select desk, action, count(*) as decisions,
       count(*) filter (where agree and not silent) as agreed,
       count(*) filter (where not agree and not silent) as differed,
       count(*) filter (where silent) as silent
from entry group by desk, action order by desk, action
