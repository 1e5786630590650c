"""LangGraph pauses a node by an exception: a node that catches everything around interrupt() never pauses."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from ci.tools.source import Problem, Source, called, python_sources

_TOO_WIDE = {"Exception", "BaseException"}


def check(root: Path) -> Iterator[Problem]:
    for source in python_sources(root):
        yield from problems(source)


def problems(source: Source) -> Iterator[Problem]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Try | ast.TryStar) and _interrupts(node.body):
            for handler in node.handlers:
                if _catches_all(handler):
                    yield source.problem(
                        handler, "this handler swallows interrupt()'s pause; name the exceptions that are meant"
                    )
        elif isinstance(node, ast.With | ast.AsyncWith) and _suppresses(node) and _interrupts(node.body):
            yield source.problem(node, "suppress(Exception) swallows interrupt()'s pause; move interrupt() out of it")


def _interrupts(body: list[ast.stmt]) -> bool:
    return any(isinstance(n, ast.Call) and called(n) == "interrupt" for stmt in body for n in ast.walk(stmt))


def _catches_all(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    return any(isinstance(n, ast.Name) and n.id in _TOO_WIDE for n in ast.walk(handler.type))


def _suppresses(node: ast.With | ast.AsyncWith) -> bool:
    calls = [i.context_expr for i in node.items if isinstance(i.context_expr, ast.Call)]
    return any(
        called(c) == "suppress" and any(isinstance(a, ast.Name) and a.id in _TOO_WIDE for a in c.args) for c in calls
    )
