-- Tampering with a copy of the log, as its owner could with the log itself. The copy is temporary tables of the
-- same names: in their session they hide the log's own, so that `verify` reads the copy.

-- name: copy_streams
create temporary table log_streams (like public.log_streams including all) on commit drop

-- name: copy_entries
create temporary table log_entries (like public.log_entries including all) on commit drop

-- name: fill_streams
insert into pg_temp.log_streams select * from public.log_streams

-- name: fill_entries
insert into pg_temp.log_entries select * from public.log_entries

-- name: analyze
analyze pg_temp.log_entries

-- name: longest
-- streams to try on, longest first
select stream, seq from pg_temp.log_streams where seq >= 3 order by seq desc limit 1000

-- name: entries_from
select * from pg_temp.log_entries where stream = %(stream)s and seq >= %(seq)s order by seq

-- name: flip
-- the last character of the type, one bit off
update pg_temp.log_entries
set type = left(type, -1) || chr(ascii(right(type, 1)) # 1)
where stream = %(stream)s and seq = %(seq)s

-- name: delete
delete from pg_temp.log_entries where stream = %(stream)s and seq = %(seq)s

-- name: truncate
delete from pg_temp.log_entries where stream = %(stream)s and seq >= %(seq)s

-- name: rewrite
update pg_temp.log_entries set data = %(data)s, prev = %(prev)s, hash = %(hash)s
where stream = %(stream)s and seq = %(seq)s

-- name: set_head
update pg_temp.log_streams set seq = %(seq)s, head = %(head)s where stream = %(stream)s
