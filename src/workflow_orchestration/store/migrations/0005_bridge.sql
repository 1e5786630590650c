-- The bridge to Kafka: which records were taken, and how far the log has been sent.

-- a redelivered record finds itself here; a record is nothing but a place until its content is compared too
create table inbox_records (
    topic      text not null,
    partition  int not null,
    position   bigint not null,                -- Kafka's offset
    sha256     text not null,                  -- of the value; another one at this place: the topic was made anew
    outcome    text not null check (outcome in ('accepted', 'known', 'refused')),
    message_id uuid references messages,
    reason     text,                           -- why it was refused
    taken_at   timestamptz not null default now(),
    primary key (topic, partition, position),
    check (num_nonnulls(message_id, reason) = 1)
);

-- the last entry of each stream that Kafka has acknowledged
create table outbox_streams (
    stream text primary key,
    seq    bigint not null
);

-- at most one row: entries of transactions before it have all been sent, so the search for new ones begins there
create table outbox_horizon (
    one bool primary key default true check (one),
    xid xid8 not null
);

create index log_entries_xid on log_entries (xid);

grant select, insert, update on inbox_records, outbox_streams, outbox_horizon to wo_api, wo_worker;
