"""Tests of the repository itself: they read its files, and small invented trees in a temporary folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ci.tools.source import PACKAGE, Source


@pytest.fixture
def package_file() -> Callable[..., Source]:
    """A source file of the package, from its text."""

    def make(text: str, path: str = "worker/run.py") -> Source:
        return Source(f"{PACKAGE}/{path}", text)

    return make


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    """Write a file into a temporary tree; returns the tree."""

    def put(name: str, text: str) -> Path:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path

    return put
