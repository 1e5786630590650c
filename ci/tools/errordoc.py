"""domain/errors.py as docs/reference/errors.md: what a problem's `type` means, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from workflow_orchestration.domain.errors import PlatformError

_HEAD = """\
# Errors

<!-- Written by `make fix` from src/workflow_orchestration/domain/errors.py; change it there. -->

Every failure is `application/problem+json` (RFC 9457): `type` is a class name of this table, `status` the HTTP status,
`title` what it means, `detail` what happened this time, `fix` what to do, `instance` the request. Further members name
fields, ids and times. A class set in by `>` is a special case of the one above it.

| type | status | meaning | what to do |
|---|---|---|---|
"""


def errors_md() -> str:
    return _HEAD + "".join(_row(error, depth) for error, depth in _tree(PlatformError, 0))


def _tree(error: type[PlatformError], depth: int) -> Iterator[tuple[type[PlatformError], int]]:
    yield error, depth
    for child in error.__subclasses__():
        if child.__module__ == PlatformError.__module__:
            yield from _tree(child, depth + 1)


def _row(error: type[PlatformError], depth: int) -> str:
    indent = "> " * max(0, depth - 1)
    title = (error.__doc__ or "").strip().splitlines()[0]
    return f"| {indent}`{error.__name__}` | {error.status} | {title} | {error.fix} |\n"


FILES = {Path("docs/reference/errors.md"): errors_md}
