-- name: lead
select pg_try_advisory_lock(%(key)s) as mine

-- name: moment
-- transactions before this one have ended: what they wrote is seen by every later statement
select pg_snapshot_xmin(pg_current_snapshot())::text as xid

-- name: unsent
-- New entries are found by transaction, in any order; each stream is then read by its own numbers from the last one
-- that was acknowledged, because a transaction that began early may append late.
-- The upper bound hides transaction ids of another cluster, which a restored dump brings along.
with found as (
    select e.stream, e.seq, e.xid
    from log_entries e left join outbox_streams s on s.stream = e.stream
    where e.xid >= %(horizon)s::xid8 and e.xid < pg_snapshot_xmax(pg_current_snapshot())
      and e.seq > coalesce(s.seq, 0)
    order by e.xid limit %(limit)s
), page as (
    select stream, max(seq) as upto, (select count(*) from found) as found, (select max(xid) from found) as newest
    from found group by stream
)
select e.*, p.found, p.newest::text as newest
from page p
left join outbox_streams s on s.stream = p.stream
join log_entries e on e.stream = p.stream and e.seq > coalesce(s.seq, 0) and e.seq <= p.upto
order by e.stream, e.seq

-- name: behind
-- every stream whose last entry was not sent, whatever the horizon says: the truth, but a scan of all streams
select e.*
from log_streams l
left join outbox_streams s on s.stream = l.stream
join log_entries e on e.stream = l.stream and e.seq > coalesce(s.seq, 0)
where l.stream >= %(after)s and l.seq > coalesce(s.seq, 0)
order by e.stream, e.seq
limit %(limit)s

-- name: sent
insert into outbox_streams (stream, seq)
select * from unnest(%(streams)s::text[], %(seqs)s::bigint[])
on conflict (stream) do update set seq = greatest(outbox_streams.seq, excluded.seq)

-- name: advance
insert into outbox_horizon (xid) values (%(horizon)s::xid8)
on conflict (one) do update set xid = excluded.xid where outbox_horizon.xid <> excluded.xid

-- name: age
-- seconds since the oldest entry that was not sent
select extract(epoch from clock_timestamp() - e.at)::float as seconds
from log_entries e left join outbox_streams s on s.stream = e.stream
where e.xid >= coalesce((select xid from outbox_horizon), '0') and e.xid < pg_snapshot_xmax(pg_current_snapshot())
  and e.seq > coalesce(s.seq, 0)
order by e.xid limit 1
