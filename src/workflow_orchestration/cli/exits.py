"""How `wo` ends: the exit codes, and the failures that lead to them.

A failure is told as what, cause and fix, whether the platform named it (problem+json) or we met it here.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any

from workflow_orchestration.domain.errors import NotReady, PlatformError, SettingsError


class Code(IntEnum):
    """An exit code; its docstring in MEANINGS is what `wo --help` says."""

    OK = 0
    REFUSED = 1
    USAGE = 2
    UNREACHABLE = 3
    CHECK_FAILED = 4
    INTERRUPTED = 130


MEANINGS: dict[Code, str] = {
    Code.OK: "done",
    Code.REFUSED: "the platform refused it (4xx); the problem's type is printed",
    Code.USAGE: "wrong usage, or a setting is missing or wrong",
    Code.UNREACHABLE: "the platform cannot be reached or is not ready (5xx); try again",
    Code.CHECK_FAILED: "a check failed: the log is invalid, the environment incomplete, an export cut",
    Code.INTERRUPTED: "interrupted (Ctrl-C)",
}


class Failure(Exception):  # noqa: N818 - the base of Refused, Unreachable ..., which say it all
    """Something that ends a command: its type's name, the cause, the fix, and further facts."""

    def __init__(self, code: Code, kind: str, cause: str, fix: str, *, facts: Mapping[str, Any] | None = None) -> None:
        self.code = code
        self.kind = kind
        self.cause = cause
        self.fix = fix
        self.facts = dict(facts or {})
        super().__init__(f"{kind}: {cause}")

    def as_dict(self) -> dict[str, Any]:
        """As written beside a refused file."""
        return {"type": self.kind, "cause": self.cause, "fix": self.fix, **self.facts}


class Refused(Failure):
    """The API answered with an error; `status` is its HTTP status."""

    def __init__(self, status: int, kind: str, cause: str, fix: str, *, facts: Mapping[str, Any] | None = None) -> None:
        self.status = status
        super().__init__(Code.REFUSED if status < 500 else Code.UNREACHABLE, kind, cause, fix, facts=facts)

    def as_dict(self) -> dict[str, Any]:
        return {"status": self.status, **super().as_dict()}


class Unreachable(Failure):
    """No answer came from the API, or from the database."""

    def __init__(self, cause: str, fix: str) -> None:
        super().__init__(Code.UNREACHABLE, "Unreachable", cause, fix)


class CheckFailed(Failure):
    """A check that the command makes came out wrong."""

    def __init__(self, cause: str, fix: str) -> None:
        super().__init__(Code.CHECK_FAILED, "CheckFailed", cause, fix)


class WrongUsage(Failure):
    """The command line asks for something that cannot be."""

    def __init__(self, cause: str, fix: str) -> None:
        super().__init__(Code.USAGE, "WrongUsage", cause, fix)


def of_platform_error(error: PlatformError) -> Failure:
    """A failure that our own code met before anything was sent."""
    code = {SettingsError: Code.USAGE, NotReady: Code.UNREACHABLE}.get(type(error), Code.REFUSED)
    return Failure(code, type(error).__name__, error.detail, error.fix, facts=error.extra)
