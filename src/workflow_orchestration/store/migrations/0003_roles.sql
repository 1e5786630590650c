-- What api and worker may do: everything their work needs, and never to change or remove a log entry.

do $$
begin
    if not exists (select from pg_roles where rolname = 'wo_api') then create role wo_api nologin; end if;
    if not exists (select from pg_roles where rolname = 'wo_worker') then create role wo_worker nologin; end if;
end $$;

grant usage on schema public to wo_api, wo_worker;
grant select on all tables in schema public to wo_api, wo_worker;
grant insert, update on
    cases, case_references, threads, messages, message_items, idempotency_keys, work_items, waits, proposals,
    validations, approvals, decisions, effects, tasks, kill_switches, log_streams to wo_api, wo_worker;
grant delete on waits to wo_api, wo_worker;
grant insert on book_rows, log_entries to wo_api, wo_worker;
-- LangGraph's checkpoints belong to the worker alone; wo_api may look at none of them
revoke all on checkpoints, checkpoint_blobs, checkpoint_writes from wo_api;
grant select, insert, update, delete on checkpoints, checkpoint_blobs, checkpoint_writes to wo_worker;
grant select on checkpoint_migrations to wo_api, wo_worker;
