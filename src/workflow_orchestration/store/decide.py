"""The door through which people decide: one transaction, the thread and the approval locked.

The order of the checks is part of the promise: what another desk may not see is 404; a role that may not is 403;
requester, maker or somebody who decided otherwise is 403, and the same decision again gets the stored answer; a
superseded approval is 410 and names its successor; a decided one 409 with who and when; another hash than was
shown 409; and only then is the body judged. Then insert, then count in a separate statement (one statement
undercounts under READ COMMITTED), then the resume and the log entry.
"""

from __future__ import annotations

from typing import Any

from workflow_orchestration.domain.actions import ACTIONS
from workflow_orchestration.domain.canonical import sha256
from workflow_orchestration.domain.decisions import Decision, parse
from workflow_orchestration.domain.errors import (
    AlreadyDecided,
    Conflict,
    Forbidden,
    HashMismatch,
    InvalidRequest,
    SegregationOfDuties,
    Superseded,
)
from workflow_orchestration.domain.facts import Outcome, Tier
from workflow_orchestration.domain.propose import valid_params
from workflow_orchestration.domain.roles import NEXT_TIER, QUORUMS, Operation, Principal, Role, quorum_met
from workflow_orchestration.store import approvals, cases, log, threads
from workflow_orchestration.store.approvals import Policy
from workflow_orchestration.store.db import Conn, Row, jsonb, one, rows

SQL = approvals.SQL


async def decide(
    conn: Conn, approval_id: str, body: dict[str, Any], principal: Principal, policy: Policy
) -> dict[str, Any]:
    """Take one person's decision; returns what came of it."""
    seen = await approvals.get_visible(conn, approval_id, principal)
    thread = await threads.lock(conn, str(seen["thread_id"]))
    approval = await approvals.lock(conn, approval_id)
    _check_role(approval, principal)
    stored = await _check_person(conn, approval, body, principal)
    if stored is not None:
        return stored
    _check_state(approval)
    _check_hash(approval, body)
    decision = parse(body)
    await conn.execute(
        SQL["insert_decision"],
        {
            "approval_id": approval_id,
            "actor": principal.id,
            "roles": sorted(principal.roles),
            "decision": decision.decision,
            "body_sha": sha256(body),
            "body": jsonb(body),
        },
    )
    await approvals.put_validations(conn, str(approval["proposal_id"]), "decision", _outcomes(principal))
    answer = await _carry_out(conn, approval, decision, principal, policy)
    await conn.execute(SQL["set_answer"], {"approval_id": approval_id, "actor": principal.id, "answer": jsonb(answer)})
    await threads.settle(conn, thread)
    await log.append(
        conn,
        str(approval["case_id"]),
        [
            log.Entry(
                "approval.decided",
                principal.actor(),
                {
                    "approval_id": approval_id,
                    "decision": decision.decision,
                    "payload_hash": approval["payload_hash"],
                    "reason_code": decision.reason_code,
                    "comment": decision.comment,
                    "edited_params": decision.edited_params,
                    "state": answer["state"],
                },
            )
        ],
    )
    return answer


def _check_role(approval: Row, principal: Principal) -> None:
    needed = QUORUMS[Tier(approval["tier"])].roles
    if not (principal.may(Operation.APPROVAL_DECIDE) and principal.roles & needed):
        raise Forbidden(
            f"a {approval['tier']} approval needs one of: {', '.join(sorted(needed))}", required_roles=sorted(needed)
        )


async def _check_person(conn: Conn, approval: Row, body: dict[str, Any], principal: Principal) -> dict[str, Any] | None:
    """Segregation of duties (V12); the stored answer when this very decision was taken before."""
    earlier = await one(conn, SQL["decision_of"], {"approval_id": approval["id"], "actor": principal.id})
    if earlier is not None and earlier["body_sha"] == sha256(body):
        return dict(earlier["answer"])
    if principal.id == approval["requester"]:
        raise SegregationOfDuties("you requested this case, so you may not decide on it")
    if principal.id in approval["makers"]:
        raise SegregationOfDuties("you made part of what is proposed, so you may not decide on it")
    if earlier is not None:
        raise SegregationOfDuties(f"you decided {earlier['decision']} before; one person decides once")
    return None


def _check_state(approval: Row) -> None:
    match approval["state"]:
        case "pending":
            return
        case "superseded":
            successor = str(approval["successor"]) if approval["successor"] else None
            raise Superseded(
                f"this approval was replaced ({approval['superseded_by_what']})",
                successor=successor,
                location=f"/v1/approvals/{successor}" if successor else None,
            )
        case "cancelled":
            raise Conflict("the case was ended before anybody decided", fix="Nothing is left to decide.")
        case state:
            raise AlreadyDecided(
                f"{state} by {approval['decided_by']} at {approval['decided_at']:%Y-%m-%dT%H:%M:%SZ}",
                decided_by=approval["decided_by"],
                decided_at=approval["decided_at"].isoformat(),
            )


def _check_hash(approval: Row, body: dict[str, Any]) -> None:
    if "payload_hash" in body and body["payload_hash"] != approval["payload_hash"]:
        raise HashMismatch("payload_hash is not the hash of what is proposed now")


def _outcomes(principal: Principal) -> tuple[Outcome, ...]:
    """What the checks above have shown, kept with the proposal."""
    return (
        Outcome(
            validator="V12",
            version="1.0",
            outcome="PASS",
            detail=f"{principal.id} is neither requester, maker nor earlier decider",
        ),
        Outcome(validator="V14", version="1.0", outcome="PASS", detail="the hash shown is the hash proposed"),
    )


async def _carry_out(
    conn: Conn, approval: Row, decision: Decision, principal: Principal, policy: Policy
) -> dict[str, Any]:
    match decision.decision:
        case "approve":
            return await _approve(conn, approval, principal)
        case "reject":
            return await _end(
                conn,
                approval,
                principal,
                "rejected",
                {"type": "reject", "by": principal.id, "reason_code": decision.reason_code},
            )
        case "edit":
            await _check_editable(conn, approval, decision)
            return await _supersede(
                conn, approval, "edit", {"type": "edit", "by": principal.id, "params": decision.edited_params}
            )
        case "request_info":
            role = decision.to_role or Role.OPS_ANALYST
            return await _supersede(
                conn,
                approval,
                "request_info",
                {"type": "request_info", "by": principal.id, "role": role.value, "text": decision.comment},
            )
        case "escalate":
            await approvals.set_state(conn, str(approval["id"]), "superseded", what="escalate")
            return await raise_tier(conn, approval, policy)


async def _approve(conn: Conn, approval: Row, principal: Principal) -> dict[str, Any]:
    approvers = await rows(conn, SQL["approvers"], {"approval_id": approval["id"]})
    tier = Tier(approval["tier"])
    if not quorum_met(tier, [frozenset(Role(r) for r in a["roles"]) for a in approvers]):
        return _answer(approval, "pending", approvals=len(approvers))
    return await _end(
        conn,
        approval,
        principal,
        "approved",
        {
            "type": "approve",
            "approval_id": str(approval["id"]),
            "payload_hash": approval["payload_hash"],
            "by": [a["actor"] for a in approvers],
        },
        approvals=len(approvers),
    )


async def _end(
    conn: Conn, approval: Row, principal: Principal, state: str, resume: dict[str, Any], **more: Any
) -> dict[str, Any]:
    await approvals.set_state(conn, str(approval["id"]), state, by=principal.id)
    await threads.answer(conn, approval["interrupt_id"], resume)
    return _answer(approval, state, **more)


async def _supersede(conn: Conn, approval: Row, what: str, resume: dict[str, Any]) -> dict[str, Any]:
    await approvals.set_state(conn, str(approval["id"]), "superseded", what=what)
    await threads.answer(conn, approval["interrupt_id"], resume)
    return _answer(approval, "superseded", by_what=what)


async def _check_editable(conn: Conn, approval: Row, decision: Decision) -> None:
    proposal = await approvals.get_proposal(conn, str(approval["proposal_id"]))
    editable = set(proposal["content"].get("editable", ()))
    foreign = sorted(set(decision.edited_params or {}) - editable)
    if foreign:
        raise InvalidRequest(
            f"edited_params.{foreign[0]} cannot be edited",
            fix=f"Editable: {', '.join(sorted(editable)) or 'nothing'}.",
            errors=[{"field": f"edited_params.{name}", "cause": "not editable"} for name in foreign],
        )
    valid_params(ACTIONS[proposal["action"]], {**proposal["content"]["params"], **(decision.edited_params or {})})


async def raise_tier(conn: Conn, approval: Row, policy: Policy) -> dict[str, Any]:
    """Open the successor of a superseded approval one tier up: same proposal, same hash, same interrupt."""
    proposal = await approvals.get_proposal(conn, str(approval["proposal_id"]))
    tier = NEXT_TIER[Tier(approval["tier"])]
    successor = await approvals.open_approval(
        conn, proposal, interrupt_id=approval["interrupt_id"], tier=tier, requester=approval["requester"], policy=policy
    )
    assert successor is not None
    if tier is Tier(approval["tier"]):
        await cases.update(conn, str(approval["case_id"]), owner_role=Role.OPS_SUPERVISOR.value)
    return _answer(approval, "superseded", successor=str(successor["id"]), tier=tier.value)


def _answer(approval: Row, state: str, **more: Any) -> dict[str, Any]:
    return {
        "approval_id": str(approval["id"]),
        "case_id": str(approval["case_id"]),
        "state": state,
        "tier": approval["tier"],
        "needed": QUORUMS[Tier(approval["tier"])].needed,
        **more,
    }
