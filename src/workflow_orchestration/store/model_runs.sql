-- name: get
select * from model_runs where thread_id = %(thread_id)s and task_id = %(task_id)s and n = %(n)s

-- name: put
-- once when it is asked, with what it may come to, and once with its end
insert into model_runs (thread_id, task_id, n, case_id, desk, agent, kind, model, revision, prompt_sha256, parameters,
                        output, output_sha256, finish_reason, tokens_in, tokens_out, cost, request_id, engine_id,
                        seconds, tries, failure, detail, ended_at)
values (%(thread_id)s, %(task_id)s, %(n)s, %(case_id)s, %(desk)s, %(agent)s, %(kind)s, %(model)s, %(revision)s,
        %(prompt_sha256)s, %(parameters)s, %(text)s, %(output_sha256)s, %(finish_reason)s, %(tokens_in)s,
        %(tokens_out)s, %(cost)s, %(request_id)s, %(engine_id)s, %(seconds)s, %(tries)s, %(failure)s, %(detail)s,
        case when %(ended)s then clock_timestamp() end)
on conflict (thread_id, task_id, n) do update
set desk = excluded.desk, agent = excluded.agent, kind = excluded.kind, model = excluded.model,
    revision = excluded.revision, prompt_sha256 = excluded.prompt_sha256, parameters = excluded.parameters,
    output = excluded.output, output_sha256 = excluded.output_sha256, finish_reason = excluded.finish_reason,
    tokens_in = excluded.tokens_in, tokens_out = excluded.tokens_out, cost = excluded.cost,
    request_id = excluded.request_id, engine_id = excluded.engine_id, seconds = excluded.seconds,
    tries = excluded.tries, failure = excluded.failure, detail = excluded.detail, ended_at = excluded.ended_at,
    asked_at = case when excluded.ended_at is null then now() else model_runs.asked_at end

-- name: of_case
select r.* from model_runs r join threads t on t.id = r.thread_id
where r.case_id = %(case_id)s and r.ended_at is not null order by t.n, r.asked_at, r.task_id, r.n

-- name: lock_budget
-- until the transaction's end: two questions of one desk must not both fit into what is left for one
select pg_advisory_xact_lock(%(key)s, hashtext(%(desk)s))

-- name: used
-- a question whose end is not known counts with what it may come to
select d.tokens::bigint as desk_tokens, d.cost as desk_cost, c.tokens::bigint as case_tokens, c.cost as case_cost
from (select coalesce(sum(tokens_in + tokens_out), 0) as tokens, coalesce(sum(cost), 0) as cost
      from model_runs where desk = %(desk)s and asked_at >= date_trunc('day', now(), 'UTC')) d,
     (select coalesce(sum(tokens_in + tokens_out), 0) as tokens, coalesce(sum(cost), 0) as cost
      from model_runs where case_id = %(case_id)s) c
