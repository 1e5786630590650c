"""Every place where api or worker commits, read from the code: each is a window to die in, just before and just after.

A window is a call that commits (`retrying(...)`, a router's `use.write(...)`), a node of a graph, one of the saver's
two writes, or one of the queue's statements that commit by themselves. Nothing in the product knows of this.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FrameType

import workflow_orchestration

PACKAGE = Path(workflow_orchestration.__file__).resolve().parent
#: Calls that commit, by the folder in which they count.
_COMMITTING = {"worker": "retrying", "api": "write"}
_SAVER_FILE = "langgraph/checkpoint/postgres/aio.py"
_SAVER = {"aput": "checkpoint aput", "aput_writes": "checkpoint aput_writes"}
_NODE_FILE = "workflows/common/context.py"
#: Single statements that commit by themselves: functions of store/work.py.
STATEMENTS = ("claim", "heartbeat", "release")

#: Windows that no story reaches, and why. A name that is gone from the code fails a test.
UNREACHED = {
    "reconcile reconcile/1": "no commit leaves a thread without its run: only damage from outside does "
    "(tests/integration/worker/test_reconcile.py makes it)",
    "reconcile reconcile/2": "no commit leaves an effect without its delivery: only damage from outside does "
    "(tests/integration/worker/test_reconcile.py makes it)",
    "main _failed": "no message is known that makes a node raise (tests/integration/worker/test_runs.py plants one)",
}


@dataclass(frozen=True)
class Site:
    """Where in the code a window is."""

    name: str
    file: str
    first: int
    last: int


@cache
def sites() -> tuple[Site, ...]:
    """Calls that commit, in api and worker."""
    found: list[Site] = []
    for folder, call in _COMMITTING.items():
        for path in sorted((PACKAGE / folder).rglob("*.py")):
            if path.stem != "migrate":
                found += _sites(path, call, "api " if folder == "api" else "")
    return tuple(found)


def _sites(path: Path, call: str, prefix: str) -> Iterator[Site]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            calls = [node for node in _own(function) if _commits(node, call)]
            for n, node in enumerate(sorted(calls, key=lambda c: c.lineno), 1):
                suffix = f"/{n}" if len(calls) > 1 else ""
                yield Site(
                    f"{prefix}{path.stem} {function.name}{suffix}",
                    str(path),
                    node.lineno,
                    node.end_lineno or node.lineno,
                )


def _own(function: ast.AST) -> Iterator[ast.Call]:
    """Calls of a function, without those of functions inside it."""
    for child in ast.iter_child_nodes(function):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if isinstance(child, ast.Call):
            yield child
        yield from _own(child)


def _commits(node: ast.Call, call: str) -> bool:
    match node.func:
        case ast.Name(id=name):
            return name == call
        case ast.Attribute(attr=attr, value=ast.Name(id=owner)):
            return attr == call == "write" and owner in ("use", "services")
    return False


@cache
def nodes() -> tuple[str, ...]:
    """Nodes of W1 that write: one fenced transaction each. The stories play no sweep and have no model: the nodes of
    jobs and groups (tests/integration/jobs) and agents (tests/integration/agents) are made by the same decorators."""
    found = []
    for path in sorted((PACKAGE / "workflows" / "settlement").glob("*.py")):
        text = path.read_text(encoding="utf-8")
        found += [f"node {name}" for name in re.findall(r"^@node\(\w+\)\nasync def (\w+)", text, re.MULTILINE)]
    return tuple(found)


def moments() -> list[tuple[str, str]]:
    """Every (window, before or after) at which a process must have died."""
    return [
        (name, when)
        for name in every()
        for when in ("before", "after")
        if when == "after" or not name.startswith("queue ")
    ]


@cache
def every() -> dict[str, str]:
    """Every window that must be hit, and in which kind of process it is."""
    names = {site.name: "api" if site.name.startswith("api ") else "worker" for site in sites()}
    names |= dict.fromkeys((*nodes(), *_SAVER.values(), *(f"queue {name}" for name in STATEMENTS)), "worker")
    return {name: kind for name, kind in sorted(names.items()) if name not in UNREACHED}


def here() -> str | None:
    """The window of the running code: of the innermost frame that one is known for; None when none is."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if name := _of(frame):
            return name
        frame = frame.f_back
    return None


def _of(frame: FrameType) -> str | None:
    file, function = frame.f_code.co_filename, frame.f_code.co_name
    if file.endswith(_NODE_FILE) and "function" in frame.f_locals:
        return f"node {frame.f_locals['function'].__name__}"
    if file.endswith(_SAVER_FILE):
        return _SAVER.get(function)
    for site in _by_file().get(file, ()):
        if site.first <= frame.f_lineno <= site.last and function == site.name.split()[-1].split("/")[0]:
            return site.name
    return None


@cache
def _by_file() -> dict[str, list[Site]]:
    found: dict[str, list[Site]] = {}
    for site in sites():
        found.setdefault(site.file, []).append(site)
    return found
