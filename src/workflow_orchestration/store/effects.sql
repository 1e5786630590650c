-- name: insert
insert into effects (id, case_id, thread_id, proposal_id, source, step, kind, receiver, type, recipient, payload,
                     payload_sha, action, workflow, seen_seq)
values (%(id)s, %(case_id)s, %(thread_id)s, %(proposal_id)s, %(source)s, %(step)s, %(kind)s, %(receiver)s, %(type)s,
        %(recipient)s, %(payload)s, %(payload_sha)s, %(action)s, %(workflow)s, %(seen_seq)s)
on conflict (source, step) do nothing
returning id

-- name: by_key
select * from effects where source = %(source)s and step = %(step)s

-- name: get
select e.*, c.desk from effects e join cases c on c.id = e.case_id where e.id = %(id)s

-- name: lock
select *, now() as now from effects where id = %(id)s for no key update

-- name: count_try
update effects set tries = tries + 1 where id = %(id)s

-- name: failed
update effects set last_error = %(error)s where id = %(id)s

-- name: delivered
update effects set state = 'delivered', receipt = %(receipt)s, delivered_at = now(), last_error = null
where id = %(id)s

-- name: refuse
update effects set state = 'refused', refusal = %(refusal)s where id = %(id)s and state = 'pending'

-- name: set_state
update effects set state = %(state)s, refusal = null,
    retry_from = case when %(state)s = 'pending' then now() else retry_from end
where id = %(id)s

-- name: cancel_of_thread
update effects set state = 'cancelled'
where thread_id = %(thread_id)s and state in ('pending', 'refused') and kind = 'message'

-- name: open_of_case
select id from effects where case_id = %(case_id)s and kind = 'message' and state = 'pending'

-- name: delivered_of_case
select * from effects where case_id = %(case_id)s and kind = 'message' and state = 'delivered'
order by delivered_at

-- name: list
select e.*, c.desk, w.not_before as next_try_at
from effects e join cases c on c.id = e.case_id
left join work_items w on w.effect_id = e.id and w.kind = 'deliver' and w.status in ('pending', 'running')
where (%(all_desks)s or c.desk = any(%(desks)s))
  and (%(state)s::text is null or e.state = %(state)s)
  and (%(kind)s::text is null or e.kind = %(kind)s)
  and (%(case_id)s::uuid is null or e.case_id = %(case_id)s)
order by e.created_at desc, e.id
limit %(limit)s

-- name: delivery_in_progress
select 1 from work_items where effect_id = %(id)s and kind = 'deliver' and status = 'running'
