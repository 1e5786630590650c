"""A machine's environment file: complete, with fresh secrets, in the form that python-dotenv keeps.

Beside it the rules of the other reader, `kubectl create secret --from-env-file`, which keeps quotes and inline
comments as part of the value and refuses `export`; that file is written by secretfile.py.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from workflow_orchestration.cli.exits import WrongUsage
from workflow_orchestration.domain.errors import SettingsError
from workflow_orchestration.settings import Settings, load_file


class Target(StrEnum):
    """Who reads the file: this machine's processes, or kubectl."""

    LOCAL = "local"
    CLUSTER = "cluster"


@dataclass(frozen=True)
class Variable:
    """One setting as the environment names it; `default` is None where there is none."""

    name: str
    meaning: str
    default: str | None
    required: bool
    secret: bool


#: Secrets that are ours to make.
_FRESH = ("LOCAL_ISSUER_KEY", "WEBHOOK_SECRET")
#: Database users of the two addresses, as the migrations grant them.
_USERS = {"DATABASE_URL": "wo_api", "DATABASE_OWNER_URL": "wo_owner"}
#: A person's own token belongs in no file of the platform.
_NEVER = ("API_TOKEN",)
_LINE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)")


def variables() -> list[Variable]:
    return [_variable(name, field) for name, field in Settings.model_fields.items()]


def _variable(name: str, field: Any) -> Variable:
    there = field.default not in (PydanticUndefined, None)
    default = str(field.default) if there else None
    secret = SecretStr.__name__ in repr(field.annotation)  # however deep in unions and Annotated
    return Variable(name.upper(), field.description, default, field.is_required(), secret)


def complete(given: Mapping[str, str], *, database: str | None) -> dict[str, str]:
    """What is given, and everything that must be there beside it, made fresh."""
    values = {v.name: given[v.name] for v in variables() if v.name in given and v.name not in _NEVER}
    for name in _FRESH:
        values.setdefault(name, secrets.token_urlsafe(48))
    for name, user in _USERS.items():
        if name not in values and database is not None:
            values[name] = f"postgresql://{user}:{secrets.token_urlsafe(32)}@{database}"
    if "DATABASE_URL" not in values:
        raise SettingsError("DATABASE_URL: is not set, and nothing says where PostgreSQL is",
                            fix="Set it, or give --database HOST:PORT/NAME.")  # fmt: skip
    return values


def text(values: Mapping[str, str]) -> str:
    """The file: each variable under its meaning; defaults stand as comments on lines of their own."""
    lines = ["# Environment of this machine, written by `wo env`; holds secrets, belongs in no repository."]
    for variable in variables():
        lines += ["", f"# {variable.meaning}"]
        if variable.name in values:
            lines.append(f"{variable.name}={_written(variable.name, values[variable.name])}")
        else:
            lines.append(f"# {variable.name}={variable.default or ''}")
    return "\n".join(lines) + "\n"


def on_one_line(name: str, value: str) -> str:
    """The value as it is; a line break would end it."""
    if "\n" in value or "\r" in value:
        raise WrongUsage(f"{name} has a line break, which a line of a file cannot keep", "Take it out.")
    return value


def _written(name: str, value: str) -> str:
    if re.fullmatch(r"[\w./:@%+,=?&~*-]*", on_one_line(name, value)):
        return value
    if "'" in value:
        raise WrongUsage(f"{name} has a quote, which .env cannot keep safely", "Choose a value without '.")
    return f"'{value}'"


def read(file: Path) -> dict[str, str]:
    """Values that a file already has, so that a second run keeps its secrets."""
    if not file.exists():
        return {}
    return {k: v for k, v in dotenv_values(file, interpolate=False).items() if v}


def write(file: Path, content: str) -> None:
    """Replace the file at once; only its owner may read it."""
    part = file.with_name(file.name + ".part")
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)
    part.write_text(content, encoding="utf-8")
    part.replace(file)


def faults(file: Path) -> list[str]:
    """What is missing or wrong in a file."""
    try:
        load_file(file)
    except SettingsError as error:
        return error.detail.split("; ")
    return []


def faults_of_form(content: str) -> Iterator[str]:
    """What kubectl would keep as part of a value, or refuse."""
    for number, line in enumerate(content.split("\n"), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield from (f"line {number}: {fault}" for fault in _line_faults(line))


def _line_faults(line: str) -> Iterator[str]:
    if re.match(r"\s*export\s", line):
        yield "`export` is refused by kubectl; leave it out"
        return
    found = _LINE.fullmatch(line)
    if found is None:
        yield f"{line[:20]!r}... is no NAME=value"
        return
    name, value = found.groups()
    if value[:1] in ("'", '"') and value[-1:] == value[:1]:
        yield f"{name}: kubectl keeps the quotes as part of the value; leave them out"
    if re.search(r"\s#", value):
        yield f"{name}: kubectl keeps the comment as part of the value; give it a line of its own"
    if value != value.strip():
        yield f"{name}: kubectl keeps the space around the value; take it out"
