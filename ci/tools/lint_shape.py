"""Size and depth: code that a newcomer can hold in the head. What is measured here fails; the rest is review."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from ci.tools.source import PACKAGE, Problem, Source, python_sources

MAX_NESTING = 4
MAX_FUNCTION_LINES = 100
MAX_ROUTER_LINES = 15
MAX_FILE_LINES = 500
MAX_FOLDERS = 9
#: Below the package: console/static/vendor is 3.
MAX_DEPTH = 3

_BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.TryStar, ast.With, ast.AsyncWith, ast.Match)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_HTTP = {"get", "put", "post", "patch", "delete", "head", "options", "api_route"}
Function = ast.FunctionDef | ast.AsyncFunctionDef


def check(root: Path) -> Iterator[Problem]:
    for folder in (PACKAGE, "ci"):
        for source in python_sources(root, folder):
            yield from problems(source)
    yield from folder_problems(root / PACKAGE)


def problems(source: Source) -> Iterator[Problem]:
    lines = source.text.count("\n")
    if lines > MAX_FILE_LINES and not is_table(source):
        yield Problem(source.path, 1, f"{lines} lines, at most {MAX_FILE_LINES}; split it by what it is about")
    for node in ast.walk(source.tree):
        if isinstance(node, _FUNCTIONS):
            yield from _function_problems(source, node)


def _function_problems(source: Source, node: Function) -> Iterator[Problem]:
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    if lines > MAX_FUNCTION_LINES:
        yield source.problem(node, f"{node.name} has {lines} lines, at most {MAX_FUNCTION_LINES}; name its parts")
    if (deep := nesting(node)) > MAX_NESTING:
        yield source.problem(
            node, f"{node.name} nests {deep} deep, at most {MAX_NESTING}; return early or name the inner part"
        )
    if "/api/routers/" in source.path and _is_endpoint(node) and (body := _body_lines(node)) > MAX_ROUTER_LINES:
        yield source.problem(
            node, f"{node.name}'s body has {body} lines, at most {MAX_ROUTER_LINES}: parse, call one function, return"
        )


def nesting(node: ast.AST) -> int:
    """Most control blocks inside each other in one function; `elif` and inner functions do not count."""
    deepest = 0
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (*_FUNCTIONS, ast.ClassDef, ast.Lambda)):
            continue
        is_elif = isinstance(node, ast.If) and isinstance(child, ast.If) and node.orelse == [child]
        deepest = max(deepest, nesting(child) + (isinstance(child, _BLOCKS) and not is_elif))
    return deepest


def is_table(source: Source) -> bool:
    """Whether nearly all of a file is data: top-level assignments."""
    data = sum(
        (n.end_lineno or n.lineno) - n.lineno + 1 for n in source.tree.body if isinstance(n, ast.Assign | ast.AnnAssign)
    )
    return data >= 0.8 * source.text.count("\n")


def _is_endpoint(node: Function) -> bool:
    return any(
        isinstance(d, ast.Call) and isinstance(d.func, ast.Attribute) and d.func.attr in _HTTP
        for d in node.decorator_list
    )


def _body_lines(node: Function) -> int:
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def folder_problems(package: Path) -> Iterator[Problem]:
    folders = sorted(p for p in package.rglob("*") if p.is_dir() and p.name != "__pycache__")
    # a folder of data alone, as the sample's, is no part to know
    top = [p for p in folders if p.parent == package and any(p.rglob("*.py"))]
    if len(top) > MAX_FOLDERS:
        yield Problem(PACKAGE, 1, f"{len(top)} folders, at most {MAX_FOLDERS}: {', '.join(p.name for p in top)}")
    for folder in folders:
        depth = len(folder.relative_to(package).parts)
        if depth > MAX_DEPTH:
            yield Problem(f"{PACKAGE}/{folder.relative_to(package)}", 1, f"{depth} folders deep, at most {MAX_DEPTH}")
