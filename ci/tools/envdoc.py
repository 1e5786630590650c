"""settings.py as `.env.example` and docs/reference/environment.md: a variable is explained in one place."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic_core import PydanticUndefined

from ci.tools.source import PACKAGE, ROOT
from workflow_orchestration.settings import Settings

_SETTINGS_FILE = f"{PACKAGE}/settings.py"


@dataclass(frozen=True)
class Variable:
    """One setting as people see it."""

    name: str
    #: The comment in settings.py that it stands under.
    group: str
    meaning: str
    #: As it is written in the environment; None when it must be set or has no default.
    default: str | None
    required: bool
    #: What stands in `.env.example`.
    placeholder: str
    #: Bounds, as words.
    limits: str


def variables() -> list[Variable]:
    groups = _groups((ROOT / _SETTINGS_FILE).read_text(encoding="utf-8"))
    return [_variable(name, field, groups[name]) for name, field in Settings.model_fields.items()]


def _groups(source: str) -> dict[str, str]:
    """{field: heading}, from the `# -- heading` comments."""
    group, found = "", {}
    for line in source.splitlines():
        if heading := re.match(r"    # -- (.+)", line):
            group = heading[1]
        elif field := re.match(r"    (\w+): ", line):
            found[field[1]] = group
    return found


def _variable(name: str, field: Any, group: str) -> Variable:
    default = None if field.default in (PydanticUndefined, None) else _written(field.default)
    extra = field.json_schema_extra or {}
    return Variable(
        name=name.upper(),
        group=group,
        meaning=field.description,
        default=default,
        required=field.is_required(),
        placeholder=extra.get("example", default or ""),
        limits=_limits(field.metadata),
    )


def _written(value: Any) -> str:
    return json.dumps(value) if isinstance(value, list | dict | bool) else str(value)


def _limits(metadata: list[Any]) -> str:
    words = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than", "min_length": "characters >="}
    found = [f"{text} {getattr(m, key)}" for m in metadata for key, text in words.items() if hasattr(m, key)]
    return ", ".join(found)


def env_example() -> str:
    lines = [
        "# Every setting, with its meaning and its default or a placeholder. Written by `make fix` from settings.py.",
        "# `make up` makes a working .env by itself; to write one by hand, copy this file to .env.",
    ]
    group = ""
    for variable in variables():
        if variable.group != group:
            group = variable.group
            lines += ["", f"# -- {group}"]
        lines += [f"# {variable.meaning}", f"{variable.name}={variable.placeholder}"]
    return "\n".join(lines) + "\n"


def environment_md() -> str:
    lines = [
        "# Environment",
        "",
        f"<!-- Written by `make fix` from {_SETTINGS_FILE}; change it there. -->",
        "",
        "Every setting is one variable. A value comes from the environment, else from `.env` in the working directory, "
        "else it is the default. [`.env.example`](../../.env.example) is this list as a file. A wrong value stops the "
        "process at its start with the variable's name, the cause and the fix.",
    ]
    group = ""
    for variable in variables():
        if variable.group != group:
            group = variable.group
            lines += ["", f"## {group.capitalize()}", "", "| variable | meaning | default |", "|---|---|---|"]
        lines.append(f"| `{variable.name}` | {_meaning(variable)} | {_default(variable)} |")
    return "\n".join(lines) + "\n"


def _meaning(variable: Variable) -> str:
    limits = f" ({variable.limits})" if variable.limits else ""
    return (variable.meaning + limits).replace("|", "\\|")


def _default(variable: Variable) -> str:
    if variable.required:
        return f"must be set, as `{variable.placeholder}`"
    return f"`{variable.default}`" if variable.default else "none"


FILES = {Path(".env.example"): env_example, Path("docs/reference/environment.md"): environment_md}
