-- name: put
insert into kill_switches (scope, engaged, reason, set_by) values (%(scope)s, %(engaged)s, %(reason)s, %(by)s)
on conflict (scope) do update
set engaged = excluded.engaged, reason = excluded.reason, set_by = excluded.set_by, set_at = now()
returning *

-- name: engaged
select scope, reason from kill_switches where engaged and scope = any(%(scopes)s) order by scope limit 1

-- name: list
select * from kill_switches order by scope
