-- name: insert
insert into work_items (id, kind, case_id, thread_id, effect_id, payload, not_before)
values (%(id)s, %(kind)s, %(case_id)s, %(thread_id)s, %(effect_id)s, %(payload)s,
        coalesce(%(not_before)s, now()))
on conflict do nothing
returning id

-- name: insert_in
insert into work_items (id, kind, case_id, payload, not_before)
values (%(id)s, %(kind)s, %(case_id)s, %(payload)s, now() + make_interval(secs => %(seconds)s))

-- name: claim
-- due items and those whose lease ran out, oldest first; the new epoch is the fencing token
with expired as (
    select id from work_items
    where status = 'running' and lease_until < now() and attempt < %(max_attempts)s
    order by lease_until limit %(limit)s for update skip locked
), due as (
    select id from work_items
    where status = 'pending' and not_before <= now() and attempt < %(max_attempts)s
    order by not_before limit %(limit)s for update skip locked
), mine as (
    select id from expired union all select id from due limit %(limit)s
)
update work_items w
set status = 'running', epoch = w.epoch + 1, attempt = w.attempt + 1, worker = %(worker)s,
    lease_until = now() + make_interval(secs => %(lease)s)
from mine where w.id = mine.id
returning w.*

-- name: next_due
select min(not_before) - now() as wait from work_items where status = 'pending'

-- name: heartbeat
-- one statement for all items of a worker; an item that does not come back is lost
update work_items w
set lease_until = now() + make_interval(secs => %(lease)s)
from unnest(%(ids)s::uuid[], %(epochs)s::int[]) as mine(id, epoch)
where w.id = mine.id and w.epoch = mine.epoch and w.status = 'running'
returning w.id, w.cancel

-- name: fence
-- lets the heartbeat's update pass, and makes claim, finish and release wait
select 1 from work_items where id = %(id)s and epoch = %(epoch)s and status = 'running' for key share

-- name: lock
select * from work_items where id = %(id)s and epoch = %(epoch)s and status = 'running' for update

-- name: finish
update work_items set status = %(status)s, error = %(error)s, lease_until = null, finished_at = now()
where id = %(id)s and epoch = %(epoch)s and status = 'running'

-- name: release
-- back to the queue: a drain charges no attempt, a failure waits first; the epoch moves so that leftovers cannot write
with mine as (
    select id from work_items where id = %(id)s and epoch = %(epoch)s and status = 'running' for update
)
update work_items w
set status = 'pending', epoch = w.epoch + 1, attempt = w.attempt - %(uncharge)s, worker = null, lease_until = null,
    error = %(error)s, not_before = now() + make_interval(secs => %(delay)s)
from mine where w.id = mine.id
returning w.id

-- name: exhausted
-- items that used up their attempts and are nobody's: to be declared dead
select * from work_items
where attempt >= %(max_attempts)s
  and (status = 'pending' or (status = 'running' and lease_until < now()))
order by created_at limit 20 for update skip locked

-- name: kill
update work_items set status = 'dead', error = coalesce(error, %(error)s), lease_until = null, finished_at = now()
where id = %(id)s

-- name: live_run
-- against claim and finish, but not against a fenced write: a cancel need not wait for the end of a node
select * from work_items where thread_id = %(thread_id)s and kind = 'run' and status in ('pending', 'running')
for no key update

-- name: request_cancel
update work_items set cancel = coalesce(cancel, %(by)s) where id = %(id)s

-- name: cancel_pending
update work_items set status = 'cancelled', finished_at = now()
where case_id = %(case_id)s and status = 'pending' and kind = any(%(kinds)s)

-- name: due_now
update work_items set not_before = now()
where effect_id = any(%(effects)s::uuid[]) and status = 'pending'
