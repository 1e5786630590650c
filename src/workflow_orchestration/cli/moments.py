"""Times as typed on a command line: ISO 8601, UTC unless it says otherwise."""

from __future__ import annotations

from datetime import UTC, datetime

from workflow_orchestration.cli.exits import WrongUsage


def moment(text: str, *, option: str) -> str:
    """`2026-11-01` or `2026-11-01T09:30` as the API takes it, with its offset."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise WrongUsage(f"{option} {text!r} is no time", "Write 2026-11-24 or 2026-11-24T17:00:00Z.") from None
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).isoformat()
