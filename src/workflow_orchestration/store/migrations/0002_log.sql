-- The log: append-only for api and worker, hash-chained per stream, in commit order.

create table log_streams (
    stream text primary key,                   -- a case's id, or 'system'
    seq    bigint not null default 0,
    head   text not null default ''
);

create table log_entries (
    stream  text not null,
    seq     bigint not null,
    at      timestamptz not null,
    actor   jsonb not null,
    type    text not null,
    data    jsonb not null,
    run_id  uuid,                              -- of a node's entry: a replay appends under its new epoch
    task_id text,
    epoch   int,
    n       int,
    prev    text not null,
    hash    text not null,
    xid     xid8 not null default pg_current_xact_id(),
    primary key (stream, seq),
    unique (run_id, task_id, epoch, n)
);
create index log_entries_at on log_entries (at);

insert into log_streams (stream) values ('system');
