"""Code that a page shows is code that runs: each block under a `<!-- code: PATH NAME -->` line is that definition.

`make fix` writes the blocks anew; a page whose block is another text fails the lint.
"""

from __future__ import annotations

import ast
import re
import textwrap
from pathlib import Path

from ci.tools.source import ROOT

PATTERNS = Path("docs/langgraph-patterns.md")
_BLOCK = re.compile(r"<!-- code: (?P<path>\S+) (?P<name>\S+) -->\n```python\n.*?```", re.DOTALL)


def patterns() -> str:
    """The patterns guide with every block as its source says."""
    return fresh((ROOT / PATTERNS).read_text(encoding="utf-8"))


def fresh(page: str) -> str:
    return _BLOCK.sub(_shown, page)


def _shown(block: re.Match[str]) -> str:
    code = definition((ROOT / block["path"]).read_text(encoding="utf-8"), block["name"])
    if code is None:
        raise ValueError(f"{PATTERNS}: {block['path']} defines no {block['name']}; name another, or take the block out")
    return f"<!-- code: {block['path']} {block['name']} -->\n```python\n{code}\n```"


def definition(source: str, name: str) -> str | None:
    """The text of a function, class or method (`Class.method`), decorators and comments above it included."""
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and _called(node, name, source):
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)]) - 1
            while first and lines[first - 1].lstrip().startswith("#"):
                first -= 1
            return textwrap.dedent("\n".join(lines[first : node.end_lineno]))
    return None


def _called(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, name: str, source: str) -> bool:
    owner, _, own = name.rpartition(".")
    if node.name != own:
        return False
    if not owner:
        return node.col_offset == 0
    owners = (n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.ClassDef) and n.name == owner)
    return any(own == part.name and part.lineno == node.lineno for n in owners for part in n.body
               if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef))  # fmt: skip


FILES = {PATTERNS: patterns}
