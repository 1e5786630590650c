-- What a model was asked and what it answered: recorded before it is used, reused when a node is replayed, and summed
-- up for the budgets of desks and cases.

create table model_runs (
    thread_id     uuid not null references threads,
    task_id       text not null,               -- LangGraph's: the same when the node is replayed after a crash
    n             int not null,                -- of the task's questions, from 0
    case_id       uuid not null references cases,
    desk          text not null,               -- whose budget it was: the case's desk when it was asked
    agent         text not null,
    kind          text not null check (kind in ('decision', 'draft')),
    model         text not null,
    revision      text not null,
    prompt_sha256 text not null,
    parameters    jsonb not null,
    asked_at      timestamptz not null default now(),
    ended_at      timestamptz,                 -- null: it was asked, and no end is known
    output        text not null default '',
    output_sha256 text not null default '',
    finish_reason text not null default '',
    tokens_in     bigint not null,             -- until the end is known, these three are what it may come to
    tokens_out    bigint not null,
    cost          numeric not null,
    request_id    text not null default '',
    engine_id     text not null default '',
    seconds       numeric not null default 0,
    tries         int not null default 0,
    failure       text,                        -- null once ended: the output is an answer
    detail        text not null default '',
    primary key (thread_id, task_id, n)
);
create index model_runs_desk on model_runs (desk, asked_at) include (tokens_in, tokens_out, cost);
create index model_runs_case on model_runs (case_id) include (tokens_in, tokens_out, cost);

grant select on model_runs to wo_api, wo_worker;
grant insert, update, delete on model_runs to wo_worker;
