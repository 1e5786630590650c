"""Who plays: each person and service with the roles of their token. The checker judges decisions by this very list."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import jwt

CAST: dict[str, tuple[str, ...]] = {
    "desk": ("requester",),
    "ann": ("ops_approver",),
    "ben": ("ops_approver",),
    "cat": ("ops_approver",),
    "sue": ("ops_supervisor",),
    "ali": ("ops_analyst",),
    "eod": ("airflow",),
    "ops": ("operator",),
    "aud": ("auditor", "compliance"),
}


def tokens(key: str) -> dict[str, str]:
    """A token each, for longer than any run."""
    now = datetime.now(UTC)
    common = {"iss": "wo-local", "aud": "workflow-orchestration", "iat": now, "exp": now + timedelta(days=2),
              "desks": ["*"]}  # fmt: skip
    return {
        who: jwt.encode({**common, "sub": who, "roles": list(roles)}, key, algorithm="HS256")
        for who, roles in CAST.items()
    }
