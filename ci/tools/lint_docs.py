"""Documents do not lie: every setting, `make` target, `wo` command, path and link they name exists, and every setting
and target is named somewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import typer.main

from ci.tools.howto import touched
from ci.tools.source import PACKAGE, Problem, repository_files
from workflow_orchestration.settings import Settings

_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_UPPER = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
_ASSIGNED = re.compile(r"^([A-Z][A-Z0-9_]{2,})=")
_MAKE = re.compile(r"(?:^|[\s`(])make ([a-z][a-z-]*)(?=$|[\s`),.;:])")
#: Where a command can stand: elsewhere `wo` is a release's or a database's name.
_WO = re.compile(r"(?:^|bin/|[(;|&$] ?|-- )wo((?: [a-z][a-z-]*[a-z])+)(?![\w-])")
_PATH = re.compile(r"^\.{0,2}/?[\w.*-]+(?:/[\w.*{},-]+)*/?$")
_SKIPPED = re.compile(r"[<>{]|NNNN")

_SOURCES = ("src/", "ci/", "charts/", "templates/", "images/")
_SOURCE_ENDINGS = (".py", ".sql", ".csv", ".yaml", ".tpl", ".sh")

#: Variables of the Makefile, the set-up and `.ci/run`: they are no settings.
OTHER_VARIABLES = {"FORCE", "PYTHON", "PIP_INDEX_URL", "PIP_CERT", "PYTHONPATH", "CI", "UNIT_WORKERS", "USER"}


#: {command: its own commands}, down to those that have none.
Commands = dict[str, "Commands"]


@dataclass(frozen=True)
class Known:
    """What documents may name."""

    settings: frozenset[str]
    targets: frozenset[str]
    commands: Commands
    #: Every path of the repository, folders too, relative to it; and what a how-to's patch would add.
    paths: frozenset[str]
    #: All source text: a word in capitals is an action, a code or a state there.
    source: str


def known(root: Path) -> Known:
    files = repository_files(root)
    folders = {parent.as_posix() for name in files for parent in Path(name).parents}
    added = {path for name in files if name.endswith(".patch") for path in touched((root / name).read_text())}
    sources = [name for name in files if name.startswith(_SOURCES) and name.endswith(_SOURCE_ENDINGS)]
    return Known(
        settings=frozenset(name.upper() for name in Settings.model_fields),
        targets=frozenset(re.findall(r"^([a-z][a-z-]*):.*## ", (root / "Makefile").read_text(), re.MULTILINE)),
        commands=commands(),
        paths=frozenset(files) | folders | added,
        source="\n".join((root / name).read_text(encoding="utf-8") for name in sources),
    )


def commands() -> Commands:
    # imported here: the linters of source need no command line
    from workflow_orchestration.cli.main import app

    return _tree(typer.main.get_command(app))


def _tree(command: object) -> Commands:
    return {name: _tree(child) for name, child in getattr(command, "commands", {}).items()}


def check(root: Path) -> Iterator[Problem]:
    things = known(root)
    pages = {name: (root / name).read_text(encoding="utf-8") for name in repository_files(root) if name.endswith(".md")}
    for name, text in pages.items():
        yield from problems(name, text, things, root)
    yield from unnamed("\n".join(pages.values()), things)


def unnamed(text: str, things: Known) -> Iterator[Problem]:
    for name in sorted(things.settings):
        if f"`{name}`" not in text:
            yield Problem("docs/reference/environment.md", 1, f"{name} is a setting that no page names")
    for target in sorted(things.targets):
        if not re.search(rf"make {target}(?![\w-])", text):
            yield Problem("README.md", 1, f"`make {target}` is a target that no page names")


def problems(name: str, text: str, things: Known, root: Path) -> Iterator[Problem]:
    fenced = False
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
            continue
        spans = [line.strip()] if fenced else _CODE.findall(line)
        found = [cause for span in spans for cause in _span_causes(span, things, fenced=fenced)]
        if not fenced:
            found += [cause for target in _LINK.findall(line) for cause in _link_causes(name, target, root)]
        for cause in found:
            yield Problem(name, number, cause)


def _span_causes(span: str, things: Known, *, fenced: bool) -> Iterator[str]:
    for target in _MAKE.findall(span):
        if target not in things.targets:
            yield f"`make {target}` is no target of the Makefile"
    for match in _WO.finditer(span):
        if cause := _command_cause(things.commands, match[1].split()):
            yield cause
    for variable in sorted({*_UPPER.findall(span), *_ASSIGNED.findall(span)}):
        known_name = variable in things.settings or variable in OTHER_VARIABLES
        # a code or state stands in the source as it is; a command's argument in small letters
        if not known_name and not re.search(rf"\b({variable}|{variable.lower()})\b", things.source):
            yield f"{variable} is neither a setting nor anything in the source"
    if not fenced and (cause := _path_cause(span, things)):
        yield cause


def _command_cause(there: Commands, words: list[str]) -> str | None:
    """Follow the words down the groups; what follows a command is its arguments."""
    path = "wo"
    for word in words:
        if there and word not in there:
            return f"`{path} {word}` is no command; there are: {', '.join(sorted(there))}"
        there, path = there.get(word, {}), f"{path} {word}"
    return None


def _path_cause(span: str, things: Known) -> str | None:
    """A code span that looks like a path of ours must be one; folders of the package may be named without it."""
    span = span.split("::")[0]
    if "/" not in span or _SKIPPED.search(span) or not _PATH.match(span):
        return None
    wanted = span.strip("/").removeprefix("./")
    first = wanted.split("/")[0]
    for base in ("", f"{PACKAGE}/"):
        if base + first in things.paths and _exists(base + wanted, things.paths):
            return None
        if base + first in things.paths:
            return f"{span} does not exist"
    return None


def _exists(wanted: str, paths: frozenset[str]) -> bool:
    if "*" not in wanted:
        return wanted in paths
    pattern = re.compile(re.escape(wanted).replace(r"\*", "[^/]*"))
    return any(pattern.fullmatch(path) for path in paths)


def _link_causes(name: str, target: str, root: Path) -> Iterator[str]:
    if "://" in target or target.startswith("mailto:"):
        return
    path, _, anchor = target.partition("#")
    file = (root / name).parent / path if path else root / name
    if not file.exists():
        yield f"the link to {target} leads nowhere"
    elif anchor and file.suffix == ".md" and anchor not in _anchors(file.read_text(encoding="utf-8")):
        yield f"{path or name} has no heading #{anchor}"


def _anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
