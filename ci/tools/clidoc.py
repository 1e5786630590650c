"""The `wo` command line as docs/reference/cli.md: what `--help` says, on one page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from workflow_orchestration.cli.exits import MEANINGS
from workflow_orchestration.cli.main import HELP, app

_HEAD = """# The command line

<!-- Written by `make fix` from src/workflow_orchestration/cli/; change it there. -->

`wo` (long: `workflow-orchestration`) speaks HTTP to the API, except `serve`, `migrate`, `env`, `token` and
`log tamper-test`. Results go to stdout, everything else to stderr. Who acts is said by `API_TOKEN`, or on one machine
by `--as`. `wo COMMAND --help` says what this page says.
"""


def cli_md() -> str:
    root: Any = typer.main.get_command(app)
    lines = [_HEAD, "## Exit codes", "", "| code | meaning |", "|---|---|"]
    lines += [f"| {code.value} | {meaning} |" for code, meaning in MEANINGS.items()]
    lines += ["", "## wo", "", HELP.split("\n")[0], "", *_options(root), *_examples(root)]
    for path, command in commands(root):
        level = "##" if hasattr(command, "commands") else "###"
        lines += [f"{level} {path}", "", _text(command.help), ""]
        lines += [f"`{_usage(path, command)}`", "", *_options(command), *_examples(command)]
    return "\n".join(lines).rstrip() + "\n"


def commands(group: Any, path: str = "wo") -> Iterator[tuple[str, Any]]:
    """Every command below a group as (its words, itself), groups before their commands."""
    for name, command in group.commands.items():
        yield f"{path} {name}", command
        if hasattr(command, "commands"):
            yield from commands(command, f"{path} {name}")


def _usage(path: str, command: Any) -> str:
    if hasattr(command, "commands"):
        return f"{path} COMMAND"
    arguments = [a.name.upper() + ("..." if a.nargs == -1 else "") for a in _arguments(command)]
    return " ".join([path, *arguments, "[options]"])


def _arguments(command: Any) -> list[Any]:
    return [p for p in command.params if p.param_type_name == "argument"]


def _options(command: Any) -> list[str]:
    """Arguments and options as a table; completion and help are the same everywhere."""
    known = [p for p in command.params if p.name not in ("help", "install_completion", "show_completion")]
    if not known:
        return []
    lines = ["| | meaning | default |", "|---|---|---|"]
    return [*lines, *(f"| `{_names(p)}` | {_text(p.help)} | {_default(p)} |" for p in known), ""]


def _names(param: Any) -> str:
    if param.param_type_name == "argument":
        return str(param.name.upper())
    value = "" if param.is_flag else f" {param.metavar or param.name.upper()}"
    return (", ".join(param.opts) + value).replace("|", "\\|")


def _default(param: Any) -> str:
    if param.required:
        return "required"
    return "" if param.default in (None, False, ()) else f"`{param.default}`"


def _examples(command: Any) -> list[str]:
    shown = [line[2:] for line in (command.epilog or "").split("\n\n") if line.startswith("$ ")]
    return ["```sh", *(line.replace(r"\[", "[") for line in shown), "```", ""]


def _text(text: str | None) -> str:
    """Help text as one Markdown paragraph a paragraph; a bar would end a table's cell."""
    paragraphs = re.split(r"\n\s*\n", (text or "").strip())
    return "\n\n".join(" ".join(p.split()) for p in paragraphs).replace("|", "\\|")


FILES = {Path("docs/reference/cli.md"): cli_md}

if __name__ == "__main__":
    for path, text in FILES.items():
        path.write_text(text(), encoding="utf-8")
