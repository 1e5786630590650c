-- Cases, the queue, approvals, effects, the log: everything the engine promises rests on these constraints.

create table cases (
    id            uuid primary key,
    workflow      text not null,
    key           text not null,               -- unique for ever: an exception is one case, however often it is told
    desk          text not null,
    status        text not null default 'open'
                  check (status in ('open', 'resolved', 'rejected', 'failed', 'cancelled', 'expired')),
    phase         text not null default 'RECEIVED',
    title         text not null default '',
    requester     text not null,               -- who opened it: may never approve
    owner         text,                        -- a scheduler's claim on it (cases:ensure)
    assignee      text,
    owner_role    text,                        -- set by ESCALATE
    input         jsonb not null default '{}',
    account       text,
    reference     text,
    root_cause    text,
    fault_side    text,
    exposure_eur  numeric,
    priority      numeric not null default 0,
    band          text not null default 'P4',
    cutoff_at     timestamptz,
    findings      jsonb not null default '{}', -- what nodes found, by topic; what people see is rows
    status_as_of  timestamptz,
    changed_seq   bigint not null default 0,   -- message_items.seq of the newest item that changed something
    expires_at    timestamptz,
    created_at    timestamptz not null default now(),
    updated_at    timestamptz not null default now(),
    ended_at      timestamptz,
    unique (workflow, key)
);
create index cases_queue on cases (desk, priority desc, id) where status = 'open';
create index cases_all on cases (priority desc, id);

-- every reference by which the outside may speak of a case
create table case_references (
    workflow   text not null,
    account    text not null,
    reference  text not null,
    case_id    uuid not null references cases,
    primary key (workflow, account, reference)
);
create index case_references_reference on case_references (workflow, reference);
create index case_references_case on case_references (case_id);

create table threads (
    id          uuid primary key,              -- LangGraph's thread_id
    case_id     uuid not null references cases,
    n           int not null,
    state       text not null default 'live' check (state in ('live', 'waiting', 'ended')),
    outcome     text,
    app_version text not null default '',       -- code and graph that last ran it
    created_at  timestamptz not null default now(),
    ended_at    timestamptz,
    unique (case_id, n)
);
create index threads_unended on threads (state) where state <> 'ended';

create table messages (
    id           uuid primary key,
    sha256       text not null unique,         -- the same bytes twice are one message
    message_type text not null,
    sender       text not null,
    receiver     text not null,
    sender_ref   text not null,
    raw          text not null,
    principal    text not null,
    received_at  timestamptz not null default now()
);
create index messages_sender_ref on messages (sender, sender_ref);

create table message_items (
    message_id uuid not null references messages,
    n          int not null,
    seq        bigint generated always as identity unique,
    record     jsonb not null,
    case_id    uuid references cases,
    reason     text,                           -- why it has no case
    primary key (message_id, n),
    check (num_nonnulls(case_id, reason) = 1)
);
create index message_items_case on message_items (case_id, seq);

create index message_items_our_ref on message_items ((record ->> 'our_ref')) where case_id is null;
create index message_items_csd_ref on message_items ((record ->> 'csd_ref')) where case_id is null;
create index message_items_common_ref on message_items ((record ->> 'common_ref')) where case_id is null;

create table idempotency_keys (
    principal  text not null,
    key        text not null,
    body_sha   text not null,
    status     int not null,
    body       jsonb not null,
    location   text,
    created_at timestamptz not null default now(),
    primary key (principal, key)
);

create table book_rows (
    kind        text not null,
    key         text not null,
    version     int not null,
    data        jsonb not null,
    recorded_by text not null,
    recorded_at timestamptz not null default now(),
    primary key (kind, key, version)
);

create index book_instruction_csd_ref on book_rows ((data ->> 'csd_ref')) where kind = 'instruction';

-- the queue: one table, one claim, one lease, one fence
create table work_items (
    id          uuid primary key,              -- of a run: LangGraph's metadata.run_id
    kind        text not null check (kind in ('run', 'deliver', 'deadline')),
    case_id     uuid references cases,
    thread_id   uuid references threads,
    effect_id   uuid,
    payload     jsonb not null default '{}',   -- run: {"input":..} or {"answers":{interrupt: value}}; deadline: {"what":..,"ref":..}
    status      text not null default 'pending'
                check (status in ('pending', 'running', 'done', 'dead', 'cancelled')),
    epoch       int not null default 0,        -- the fencing token: counts claims and releases
    attempt     int not null default 0,        -- charged tries
    worker      text,
    lease_until timestamptz,
    not_before  timestamptz not null default now(),
    cancel      text,                          -- who asked to stop it; first wins
    error       text,
    created_at  timestamptz not null default now(),
    finished_at timestamptz
);
create unique index one_run_a_thread on work_items (thread_id) where kind = 'run' and status in ('pending', 'running');
create unique index one_delivery_an_effect on work_items (effect_id)
    where kind = 'deliver' and status in ('pending', 'running');
create index work_items_due on work_items (not_before) where status = 'pending';
create index work_items_leased on work_items (lease_until) where status = 'running';
create index work_items_case on work_items (case_id);

-- an interrupt as a row
create table waits (
    interrupt_id text primary key,
    thread_id    uuid not null references threads,
    kind         text not null check (kind in ('approval', 'task', 'external', 'effect')),
    ref          text,                         -- the approval's proposal, the task or the effect it waits for
    payload      jsonb not null default '{}',
    seen_seq     bigint not null default 0,    -- newest message item the graph knew when it paused
    answer       jsonb,
    created_at   timestamptz not null default now()
);
create index waits_thread on waits (thread_id);

create table proposals (
    id           uuid primary key,             -- uuid5(thread, task_id)
    case_id      uuid not null references cases,
    thread_id    uuid not null references threads,
    action       text not null,
    tier         text not null,
    content      jsonb not null,               -- what is shown and hashed, complete
    payload_hash text not null,
    makers       text[] not null default '{}',
    seen_seq     bigint not null,
    created_at   timestamptz not null default now()
);
create index proposals_thread on proposals (thread_id);

create table validations (
    proposal_id uuid not null references proposals,
    validator   text not null,
    stage       text not null check (stage in ('proposal', 'decision', 'delivery')),
    version     text not null,
    outcome     text not null,
    detail      text not null,
    at          timestamptz not null default now(),
    primary key (proposal_id, validator, stage)
);

create table approvals (
    id           uuid primary key,
    case_id      uuid not null references cases,
    thread_id    uuid not null references threads,
    proposal_id  uuid not null references proposals,
    interrupt_id text not null,
    payload_hash text not null,
    tier         text not null,
    state        text not null default 'pending'
                 check (state in ('pending', 'approved', 'rejected', 'superseded', 'cancelled')),
    superseded_by_what text,                   -- edit, expiry, escalate, request_info, refresh
    successor    uuid references approvals,
    requester    text not null,
    makers       text[] not null default '{}',
    opened_at    timestamptz not null default now(),
    expires_at   timestamptz not null,
    decided_at   timestamptz,
    decided_by   text
);
create unique index one_pending_approval_an_interrupt on approvals (interrupt_id) where state = 'pending';
create index approvals_pending on approvals (expires_at) where state = 'pending';
create index approvals_case on approvals (case_id);
create index approvals_thread on approvals (thread_id);

create table decisions (
    approval_id  uuid not null references approvals,
    actor        text not null,
    roles        text[] not null,
    decision     text not null check (decision in ('approve', 'edit', 'reject', 'escalate', 'request_info')),
    body_sha     text not null,                -- the same decision again gets the stored answer
    body         jsonb not null,
    answer       jsonb not null default '{}',
    at           timestamptz not null default now(),
    primary key (approval_id, actor)
);

-- one thing done to the outside: a row before it is an act
create table effects (
    id           uuid primary key,
    case_id      uuid not null references cases,
    thread_id    uuid references threads,
    proposal_id  uuid references proposals,
    source       text not null,                -- approval or proposal id; a webhook's event id
    step         text not null,
    kind         text not null check (kind in ('message', 'webhook')),
    receiver     text not null,                -- file: or http(s): address
    type         text not null,
    recipient    text not null default '',
    payload      text not null,
    payload_sha  text not null,
    action       text not null default '',
    workflow     text not null default '',
    seen_seq     bigint not null default 0,
    state        text not null default 'pending' check (state in ('pending', 'delivered', 'refused', 'cancelled')),
    tries        int not null default 0,
    last_error   text,
    refusal      jsonb,
    receipt      jsonb,
    created_at   timestamptz not null default now(),
    retry_from   timestamptz not null default now(),   -- start of the 24 h of backoff
    delivered_at timestamptz,
    unique (source, step)
);
create index effects_case on effects (case_id);
create index effects_open on effects (state, created_at) where state in ('pending', 'refused');
alter table work_items add foreign key (effect_id) references effects;

create table tasks (
    id           uuid primary key,
    case_id      uuid not null references cases,
    thread_id    uuid references threads,
    source       text not null,
    step         text not null,
    kind         text not null,
    role         text not null,
    text         text not null,
    state        text not null default 'open' check (state in ('open', 'done', 'cancelled')),
    result       jsonb,
    completed_by text,
    created_at   timestamptz not null default now(),
    completed_at timestamptz,
    unique (source, step)
);
create index tasks_open on tasks (created_at) where state = 'open';
create index tasks_case on tasks (case_id);

create table kill_switches (
    scope   text primary key,                  -- 'all', 'workflow:<name>' or 'action:<NAME>'
    engaged boolean not null,
    reason  text not null,
    set_by  text not null,
    set_at  timestamptz not null default now()
);
