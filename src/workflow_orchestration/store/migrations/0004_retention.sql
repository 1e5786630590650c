-- What a thread leaves behind is pruned after its retention, unless somebody holds the case.

alter table cases add column legal_hold boolean not null default false;
alter table threads add column pruned_at timestamptz;  -- when its checkpoints and work items were removed
create index threads_prunable on threads (ended_at) where state = 'ended' and pruned_at is null;

grant delete on work_items to wo_worker;
