-- name: latest
-- as they are, or as they were at a moment
select distinct on (key) kind, key, version, data, recorded_by, recorded_at from book_rows
where kind = %(kind)s and key = any(%(keys)s)
  and (%(at)s::timestamptz is null or recorded_at <= %(at)s)
order by key, version desc

-- name: all
select distinct on (key) kind, key, version, data from book_rows
where kind = %(kind)s and (%(at)s::timestamptz is null or recorded_at <= %(at)s)
order by key, version desc

-- name: insert
insert into book_rows (kind, key, version, data, recorded_by)
values (%(kind)s, %(key)s, %(version)s, %(data)s, %(by)s)

-- name: lock_kind
-- one writer a kind: version numbers have no gap and no repeat
select pg_advisory_xact_lock(hashtext('book/' || %(kind)s))

-- name: instruction_by_reference
select distinct on (key) kind, key, version, data from book_rows
where kind = 'instruction' and key in (
    select key from book_rows where kind = 'instruction'
    and (key = any(%(references)s) or data ->> 'csd_ref' = any(%(references)s)))
  and (%(at)s::timestamptz is null or recorded_at <= %(at)s)
order by key, version desc
