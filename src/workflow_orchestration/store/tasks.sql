-- name: insert
insert into tasks (id, case_id, thread_id, source, step, kind, role, text)
values (%(id)s, %(case_id)s, %(thread_id)s, %(source)s, %(step)s, %(kind)s, %(role)s, %(text)s)
on conflict (source, step) do nothing

-- name: by_key
select * from tasks where source = %(source)s and step = %(step)s

-- name: get
select t.*, c.desk from tasks t join cases c on c.id = t.case_id where t.id = %(id)s

-- name: lock
select * from tasks where id = %(id)s for no key update

-- name: complete
update tasks set state = 'done', result = %(result)s, completed_by = %(by)s, completed_at = now() where id = %(id)s

-- name: cancel
update tasks set state = 'cancelled' where id = %(id)s and state = 'open'

-- name: cancel_of_thread
update tasks set state = 'cancelled' where thread_id = %(thread_id)s and state = 'open'

-- name: list
select t.*, c.desk, c.workflow, c.key, c.priority, c.band
from tasks t join cases c on c.id = t.case_id
where (%(all_desks)s or c.desk = any(%(desks)s))
  and (%(state)s::text is null or t.state = %(state)s)
  and (%(role)s::text is null or t.role = %(role)s)
  and (%(case_id)s::uuid is null or t.case_id = %(case_id)s)
order by c.priority desc, t.created_at, t.id
limit %(limit)s
