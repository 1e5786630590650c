"""Who may do what: the one table of roles and permissions, and the one of what an approval tier needs.

An operation is named by what it does; the API maps each endpoint to exactly one. `auditor` reads everything and
changes nothing. Services hold roles of their own. An agent is never one of the four eyes: it holds no role here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from workflow_orchestration.domain.facts import Tier


class Role(StrEnum):
    REQUESTER = "requester"
    OPS_ANALYST = "ops_analyst"
    OPS_APPROVER = "ops_approver"
    OPS_SUPERVISOR = "ops_supervisor"
    SSI_CONTROLLER = "ssi_controller"
    COMPLIANCE = "compliance"
    DESK_HEAD = "desk_head"
    AUDITOR = "auditor"
    #: Operators of the platform: book, effects, kill switches.
    OPERATOR = "operator"
    #: Service identities.
    EVENT_INGEST = "event_ingest"
    AIRFLOW = "airflow"


class Operation(StrEnum):
    MESSAGE_POST = "message.post"
    CASE_OPEN = "case.open"
    CASE_READ = "case.read"
    CASE_CANCEL = "case.cancel"
    CASE_REOPEN = "case.reopen"
    CASE_ASSIGN = "case.assign"
    CASE_COMMENT = "case.comment"
    #: Keep all of a case, whatever its retention says; or let it go again.
    CASE_HOLD = "case.hold"
    APPROVAL_READ = "approval.read"
    APPROVAL_DECIDE = "approval.decide"
    TASK_READ = "task.read"
    TASK_COMPLETE = "task.complete"
    BOOK_READ = "book.read"
    BOOK_WRITE = "book.write"
    EFFECT_READ = "effect.read"
    EFFECT_MANAGE = "effect.manage"
    KILL_READ = "kill.read"
    KILL_WRITE = "kill.write"
    LOG_READ = "log.read"


_READ = {
    Operation.CASE_READ,
    Operation.APPROVAL_READ,
    Operation.TASK_READ,
    Operation.EFFECT_READ,
    Operation.BOOK_READ,
    Operation.KILL_READ,
}
_WORK = _READ | {Operation.CASE_OPEN, Operation.CASE_COMMENT, Operation.TASK_COMPLETE, Operation.MESSAGE_POST}
_DECIDE = _WORK | {Operation.APPROVAL_DECIDE, Operation.CASE_ASSIGN, Operation.CASE_REOPEN, Operation.CASE_CANCEL}

PERMISSIONS: dict[Role, frozenset[Operation]] = {
    Role.REQUESTER: frozenset(_WORK | {Operation.CASE_CANCEL}),
    Role.OPS_ANALYST: frozenset(_WORK | {Operation.CASE_ASSIGN, Operation.CASE_REOPEN, Operation.CASE_CANCEL}),
    Role.OPS_APPROVER: frozenset(_DECIDE),
    Role.OPS_SUPERVISOR: frozenset(_DECIDE | {Operation.EFFECT_MANAGE, Operation.KILL_WRITE}),
    Role.SSI_CONTROLLER: frozenset(
        _READ | {Operation.APPROVAL_DECIDE, Operation.CASE_COMMENT, Operation.TASK_COMPLETE}
    ),
    Role.COMPLIANCE: frozenset(
        _READ
        | {
            Operation.APPROVAL_DECIDE,
            Operation.CASE_COMMENT,
            Operation.TASK_COMPLETE,
            Operation.CASE_HOLD,
            Operation.KILL_WRITE,
            Operation.LOG_READ,
        }
    ),
    Role.DESK_HEAD: frozenset(_WORK | {Operation.CASE_REOPEN, Operation.CASE_CANCEL}),
    Role.AUDITOR: frozenset(_READ | {Operation.LOG_READ}),
    Role.OPERATOR: frozenset(
        {
            Operation.BOOK_READ,
            Operation.BOOK_WRITE,
            Operation.EFFECT_READ,
            Operation.EFFECT_MANAGE,
            Operation.KILL_READ,
            Operation.KILL_WRITE,
        }
    ),
    Role.EVENT_INGEST: frozenset({Operation.MESSAGE_POST}),
    Role.AIRFLOW: frozenset(
        {Operation.CASE_OPEN, Operation.CASE_READ, Operation.CASE_CANCEL, Operation.BOOK_READ, Operation.BOOK_WRITE}
    ),
}

#: Desk of a case whose account is not in the book; everybody who may assign sees it.
UNASSIGNED = "unassigned"
#: A principal with this desk sees all desks.
ALL_DESKS = "*"


@dataclass(frozen=True)
class Principal:
    """Who a verified token says is asking."""

    id: str
    roles: frozenset[Role]
    desks: frozenset[str] = field(default_factory=frozenset)

    def may(self, operation: Operation) -> bool:
        return any(operation in PERMISSIONS[role] for role in self.roles)

    def sees(self, desk: str) -> bool:
        return ALL_DESKS in self.desks or desk in self.desks

    def actor(self) -> dict[str, object]:
        """As the log names them."""
        return {
            "type": "service" if self.roles & {Role.EVENT_INGEST, Role.AIRFLOW} else "human",
            "id": self.id,
            "roles": sorted(self.roles),
        }


@dataclass(frozen=True)
class Quorum:
    """What a tier needs: how many different people, from which roles, and of whom at least one."""

    needed: int
    roles: frozenset[Role]
    one_of: frozenset[Role] = frozenset()


_APPROVERS = frozenset({Role.OPS_APPROVER, Role.OPS_SUPERVISOR})
_SENIOR = frozenset({Role.OPS_SUPERVISOR, Role.SSI_CONTROLLER})

QUORUMS: dict[Tier, Quorum] = {
    Tier.T0: Quorum(0, frozenset()),
    Tier.T1: Quorum(1, _APPROVERS),
    Tier.T2: Quorum(2, _APPROVERS),
    Tier.T3: Quorum(2, _APPROVERS | _SENIOR, one_of=_SENIOR),
    Tier.STOP: Quorum(1, frozenset({Role.COMPLIANCE})),
}

#: Where an approval goes when nobody decides in time, or on escalate. Nothing is decided by a timer.
NEXT_TIER: dict[Tier, Tier] = {
    Tier.T0: Tier.T1,
    Tier.T1: Tier.T2,
    Tier.T2: Tier.T3,
    Tier.T3: Tier.T3,
    Tier.STOP: Tier.STOP,
}


def quorum_met(tier: Tier, approvers: list[frozenset[Role]]) -> bool:
    """Whether these approvals (the roles of each different person) are enough for the tier."""
    quorum = QUORUMS[tier]
    if len(approvers) < quorum.needed:
        return False
    return not quorum.one_of or any(roles & quorum.one_of for roles in approvers)
