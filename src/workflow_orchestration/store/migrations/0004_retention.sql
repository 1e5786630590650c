-- What a thread leaves behind is pruned after its retention, unless somebody holds the case; and a queue that is
-- searched by reference alone needs an index for it.

alter table cases add column legal_hold boolean not null default false;
alter table threads add column pruned_at timestamptz;  -- when its checkpoints and work items were removed
create index threads_prunable on threads (ended_at) where state = 'ended' and pruned_at is null;
create index case_references_by_reference on case_references (reference);

grant delete on work_items to wo_worker;
