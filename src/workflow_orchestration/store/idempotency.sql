-- name: reserve
-- the second caller of one key waits here until the first has committed or rolled back
insert into idempotency_keys (principal, key, body_sha, status, body)
values (%(principal)s, %(key)s, %(body_sha)s, 0, '{}')
on conflict (principal, key) do nothing
returning key

-- name: get
select * from idempotency_keys where principal = %(principal)s and key = %(key)s

-- name: store
update idempotency_keys set status = %(status)s, body = %(body)s, location = %(location)s
where principal = %(principal)s and key = %(key)s
