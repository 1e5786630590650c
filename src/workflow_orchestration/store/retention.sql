-- name: prunable
-- ended long enough ago, of a case that nobody holds; a hold that is being set waits for us, and we pass it by
select t.id, t.case_id from threads t join cases c on c.id = t.case_id
where t.state = 'ended' and t.pruned_at is null and t.ended_at < now() - make_interval(days => %(days)s)
  and not c.legal_hold
order by t.ended_at limit %(limit)s
for no key update of t skip locked for share of c skip locked

-- name: delete_items
-- finished ones only; timers and webhooks belong to the case, not to one of its threads
delete from work_items
where case_id = any(%(cases)s) and status in ('done', 'dead', 'cancelled')
  and (thread_id = any(%(threads)s::uuid[])
       or (thread_id is null and finished_at < now() - make_interval(days => %(days)s)))

-- name: delete_writes
delete from checkpoint_writes where thread_id = any(%(threads)s)

-- name: delete_blobs
delete from checkpoint_blobs where thread_id = any(%(threads)s)

-- name: delete_checkpoints
delete from checkpoints where thread_id = any(%(threads)s)

-- name: delete_model_runs
-- what was said of them to people stays in the log
delete from model_runs where thread_id = any(%(threads)s::uuid[])

-- name: mark
update threads set pruned_at = now() where id = any(%(threads)s::uuid[])
