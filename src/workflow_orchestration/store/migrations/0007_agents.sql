-- Agents ask how cases like this one ended: same desk, cause and counterparty, newest first.

create index cases_similar on cases (desk, root_cause, (findings ->> 'counterparty'), ended_at desc)
    where status in ('resolved', 'rejected');
