"""domain/roles.py as docs/reference/roles.md: who may do what, and what an approval needs."""

from __future__ import annotations

from pathlib import Path

from workflow_orchestration.domain.facts import Tier
from workflow_orchestration.domain.roles import NEXT_TIER, PERMISSIONS, QUORUMS, Operation, Role

_HEAD = """\
# Roles

<!-- Written by `make fix` from src/workflow_orchestration/domain/roles.py; change it there. -->

A token names a person's roles and desks. A role allows operations; a desk says on which cases. What belongs to another
desk does not exist for the caller (404). No role is held by code: nothing the platform computes is ever one of the
four eyes.

## Who may do what

"""
_QUORUM_HEAD = """
## What an approval needs

Different people, never the requester, never who made part of what is proposed, never twice the same person. When nobody
decides in time, the approval is opened again at the next tier; a timer never approves or rejects.

| tier | people | of these roles | at least one of | when nobody decides |
|---|---|---|---|---|
"""


def roles_md() -> str:
    roles = list(Role)
    table = [f"| operation | {' | '.join(f'`{r}`' for r in roles)} |", "|---|" + "---|" * len(roles)]
    for operation in Operation:
        cells = " | ".join("yes" if operation in PERMISSIONS[role] else "" for role in roles)
        table.append(f"| `{operation}` | {cells} |")
    return _HEAD + "\n".join(table) + "\n" + _QUORUM_HEAD + "".join(_quorum_row(t) for t in QUORUMS)


def _quorum_row(tier: Tier) -> str:
    quorum = QUORUMS[tier]
    listed = (", ".join(f"`{r}`" for r in sorted(some)) or "-" for some in (quorum.roles, quorum.one_of))
    return f"| {tier} | {quorum.needed} | {' | '.join(listed)} | {NEXT_TIER[tier]} |\n"


FILES = {Path("docs/reference/roles.md"): roles_md}
