-- name: lock
select * from threads where id = %(id)s for no key update

-- name: set_state
update threads set state = %(state)s, outcome = %(outcome)s,
    ended_at = case when %(state)s = 'ended' then now() end
where id = %(id)s

-- name: note_version
update threads t set app_version = %(version)s
from (select id, app_version from threads where id = %(id)s for no key update) before
where t.id = before.id and before.app_version <> %(version)s
returning before.app_version as before

-- name: version
select app_version from threads where id = %(id)s

-- name: put_wait
insert into waits (interrupt_id, thread_id, kind, ref, payload, seen_seq)
values (%(interrupt_id)s, %(thread_id)s, %(kind)s, %(ref)s, %(payload)s, %(seen_seq)s)
on conflict (interrupt_id) do nothing
returning interrupt_id

-- name: drop_waits
delete from waits where thread_id = %(thread_id)s and not interrupt_id = any(%(keep)s)

-- name: waits
select w.*, e.state as effect_state, e.refusal, t.state as task_state, t.result, t.completed_by, c.changed_seq
from waits w
join threads th on th.id = w.thread_id
join cases c on c.id = th.case_id
left join effects e on w.kind = 'effect' and e.id::text = w.ref
left join tasks t on w.kind = 'task' and t.id::text = w.ref
where w.thread_id = %(thread_id)s

-- name: answer
update waits set answer = %(answer)s where interrupt_id = %(interrupt_id)s and answer is null

-- name: get_wait
select * from waits where interrupt_id = %(interrupt_id)s

-- name: stuck
-- waiting for something that has happened, or live with nobody running it: the windows between two commits
select th.id, th.case_id, th.state from threads th
where th.state = 'live' and not exists (
        select from work_items w where w.thread_id = th.id and w.kind = 'run' and w.status in ('pending', 'running'))
union all
select th.id, th.case_id, th.state from threads th
join waits w on w.thread_id = th.id
join cases c on c.id = th.case_id
left join effects e on w.kind = 'effect' and e.id::text = w.ref
left join tasks t on w.kind = 'task' and t.id::text = w.ref
where th.state = 'waiting'
  and (w.answer is not null or c.changed_seq > w.seen_seq or e.state in ('delivered', 'cancelled')
       or t.state = 'done')
limit 100

-- name: undelivered
-- pending effects that no item will deliver
select e.id, e.case_id, e.thread_id from effects e
where e.state = 'pending' and not exists (
    select from work_items w where w.effect_id = e.id and w.kind = 'deliver' and w.status in ('pending', 'running'))
limit 100
