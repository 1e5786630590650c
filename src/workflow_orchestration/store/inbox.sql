-- name: seen
-- of each record: was it taken already, with this very content, and which message holds its content
select i.sha256 is not null as taken, m.id as message_id
from unnest(%(topics)s::text[], %(partitions)s::int[], %(positions)s::bigint[], %(shas)s::text[])
     with ordinality as r(topic, partition, position, sha256, n)
left join inbox_records i on i.topic = r.topic and i.partition = r.partition and i.position = r.position
                         and i.sha256 = r.sha256
left join messages m on m.sha256 = r.sha256
order by r.n

-- name: take
-- a place that holds other content is of a topic that was deleted and made anew
insert into inbox_records (topic, partition, position, sha256, outcome, message_id, reason)
select * from unnest(%(topics)s::text[], %(partitions)s::int[], %(positions)s::bigint[], %(shas)s::text[],
                     %(outcomes)s::text[], %(message_ids)s::uuid[], %(reasons)s::text[])
on conflict (topic, partition, position) do update
set sha256 = excluded.sha256, outcome = excluded.outcome, message_id = excluded.message_id,
    reason = excluded.reason, taken_at = now()
where inbox_records.sha256 <> excluded.sha256
