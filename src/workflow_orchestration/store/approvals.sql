-- name: insert_proposal
insert into proposals (id, case_id, thread_id, action, tier, content, payload_hash, makers, seen_seq)
values (%(id)s, %(case_id)s, %(thread_id)s, %(action)s, %(tier)s, %(content)s, %(payload_hash)s, %(makers)s,
        %(seen_seq)s)
on conflict (id) do update set content = excluded.content, payload_hash = excluded.payload_hash,
    tier = excluded.tier, action = excluded.action, makers = excluded.makers, seen_seq = excluded.seen_seq

-- name: get_proposal
select * from proposals where id = %(id)s

-- name: put_validations
-- all of one stage in one statement; a validator answers once a stage
insert into validations (proposal_id, validator, stage, version, outcome, detail)
select %(proposal_id)s, v.validator, %(stage)s, v.version, v.outcome, v.detail
from jsonb_to_recordset(%(outcomes)s) as v (validator text, version text, outcome text, detail text)
on conflict (proposal_id, validator, stage) do update
set version = excluded.version, outcome = excluded.outcome, detail = excluded.detail, at = now()

-- name: validations
select validator, stage, version, outcome, detail, at from validations
where proposal_id = %(proposal_id)s order by stage, validator

-- name: insert
insert into approvals (id, case_id, thread_id, proposal_id, interrupt_id, payload_hash, tier, requester, makers,
                       expires_at)
values (%(id)s, %(case_id)s, %(thread_id)s, %(proposal_id)s, %(interrupt_id)s, %(payload_hash)s, %(tier)s,
        %(requester)s, %(makers)s, now() + make_interval(mins => %(minutes)s))
on conflict (interrupt_id) where state = 'pending' do nothing
returning *

-- name: name_successor
update approvals set successor = %(successor)s
where thread_id = %(thread_id)s and state = 'superseded' and successor is null and id <> %(successor)s

-- name: get
select a.*, c.desk, c.workflow, c.key, p.action, p.content
from approvals a join cases c on c.id = a.case_id join proposals p on p.id = a.proposal_id
where a.id = %(id)s

-- name: lock
select * from approvals where id = %(id)s for no key update

-- name: lock_pending
select * from approvals where interrupt_id = %(interrupt_id)s and state = 'pending' for no key update

-- name: set_state
update approvals set state = %(state)s, superseded_by_what = %(what)s, decided_by = %(by)s,
    decided_at = case when %(by)s::text is not null then now() end
where id = %(id)s

-- name: cancel_of_thread
update approvals set state = 'cancelled' where thread_id = %(thread_id)s and state = 'pending'

-- name: insert_decision
insert into decisions (approval_id, actor, roles, decision, body_sha, body)
values (%(approval_id)s, %(actor)s, %(roles)s, %(decision)s, %(body_sha)s, %(body)s)

-- name: set_answer
update decisions set answer = %(answer)s where approval_id = %(approval_id)s and actor = %(actor)s

-- name: decision_of
select * from decisions where approval_id = %(approval_id)s and actor = %(actor)s

-- name: approvers
select actor, roles from decisions where approval_id = %(approval_id)s and decision = 'approve' order by at

-- name: decisions
select actor, roles, decision, body, at from decisions where approval_id = %(approval_id)s order by at

-- name: list
select a.*, c.desk, c.workflow, c.key, c.priority, c.band, p.action, p.content ->> 'summary' as summary,
       array(select d.actor from decisions d where d.approval_id = a.id order by d.at) as deciders
from approvals a join cases c on c.id = a.case_id join proposals p on p.id = a.proposal_id
where (%(all_desks)s or c.desk = any(%(desks)s))
  and (%(state)s::text is null or a.state = %(state)s)
  and (%(case_id)s::uuid is null or a.case_id = %(case_id)s)
order by a.expires_at, a.id
limit %(limit)s

-- name: hash_approved
select payload_hash from approvals where id::text = %(id)s and state = 'approved'

-- name: proposal_of_thread
-- the newest: an edit makes a new one
select * from proposals where thread_id = %(thread_id)s order by created_at desc, id desc limit 1

-- name: decisions_of_case
select d.approval_id, d.actor, d.roles, d.decision, d.body, d.at
from decisions d join approvals a on a.id = d.approval_id
where a.case_id = %(case_id)s order by d.at
