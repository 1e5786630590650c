"""No file names a developer's machine or a package registry: both break where the project is used."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ci.tools.source import Problem, repository_files, text_of

# put together here, so that this file does not name what it forbids
_MACHINE = re.compile(r"(?<![\w.~-])/(?:" + "|".join(("home", "Users", "root", "work", "builds")) + r")/[\w.@-]+")
_REGISTRIES = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"), ("pythonhosted", "org"), ("anaconda", "org"), ("npmjs", "org"), ("npmjs", "com"),
        ("docker", "io"), ("ghcr", "io"), ("quay", "io"), ("gcr", "io"), ("crates", "io"), ("unpkg", "com"),
        ("jsdelivr", "net"), ("debian", "org"),
    )
]  # fmt: skip
_REGISTRY = re.compile(r"(?<![\w-])(?:[\w-]+\.)*(?:" + "|".join(map(re.escape, _REGISTRIES)) + r")\b")


def check(root: Path) -> Iterator[Problem]:
    for name in repository_files(root):
        text = text_of(root / name)
        if text is not None:
            yield from problems(name, text, checkout=str(root))


def problems(name: str, text: str, *, checkout: str) -> Iterator[Problem]:
    for number, line in enumerate(text.splitlines(), start=1):
        for found in _MACHINE.findall(line):
            yield Problem(name, number, f"{found} is a path of one machine; make it relative to the repository")
        if checkout in line:
            yield Problem(name, number, f"{checkout} is where this checkout lies; make it relative to the repository")
        for found in _REGISTRY.findall(line):
            yield Problem(name, number, f"{found} is a registry's host; let the tool's own configuration name it")
