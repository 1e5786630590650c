"""The chart stays easy to read: one kind a file, few helpers, short environment files, refusals that help."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.chart.render import ENVIRONMENTS, ROOT

CHARTS = {
    ".": ROOT / "templates",
    **{p.name: p / "templates" for p in sorted((ROOT / "charts").iterdir()) if p.is_dir()},
}


def _files(chart: str, pattern: str = "*.yaml") -> list[Path]:
    return sorted(p for p in CHARTS[chart].rglob(pattern) if p.is_file())


def test_every_chart_has_templates() -> None:
    assert all(_files(chart) for chart in CHARTS)


@pytest.mark.parametrize("chart", CHARTS)
def test_a_template_file_holds_one_kind(chart: str) -> None:
    found = {p.relative_to(ROOT): set(re.findall(r"^kind: (\w+)", p.read_text(), re.MULTILINE)) for p in _files(chart)}
    assert not {path: kinds for path, kinds in found.items() if len(kinds) > 1}


@pytest.mark.parametrize("chart", CHARTS)
def test_a_template_file_fits_on_a_few_screens(chart: str) -> None:
    lines = {p.relative_to(ROOT): len(p.read_text().splitlines()) for p in _files(chart)}
    assert not {path: n for path, n in lines.items() if n > 220}


@pytest.mark.parametrize("chart", CHARTS)
def test_helpers_are_few_short_and_named_after_the_chart(chart: str) -> None:
    text = "\n".join(p.read_text() for p in _files(chart, "*.tpl"))
    defined = re.findall(r'define "([^"]+)"', text)
    prefix = "platform." if chart == "." else f"{chart}."
    assert len(defined) <= 12
    assert len(text.splitlines()) <= 150
    assert not [d for d in defined if not d.startswith(prefix)]


def test_no_helper_holds_a_container() -> None:
    # a container in a helper escapes the eye: it belongs in its workload's file
    assert not [
        p for chart in CHARTS for p in _files(chart, "*.tpl") if re.search(r"^\s*-? ?containers:", p.read_text(), re.M)
    ]


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_an_environment_file_is_short_and_says_why(env: str) -> None:
    lines = (ROOT / "values" / f"{env}.yaml").read_text().splitlines()
    assert len(lines) <= 80
    starts = [n for n, line in enumerate(lines) if re.match(r"[a-z]\w*:", line)]
    assert starts
    ends = [*starts[1:], len(lines)]
    silent = [
        lines[n] for n, end in zip(starts, ends, strict=True) if not any("#" in x for x in lines[max(n - 3, 0) : end])
    ]
    assert not silent, "each block says why, in a comment above or inside"


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_an_environment_file_holds_only_differences(env: str) -> None:
    values = yaml.safe_load((ROOT / "values" / f"{env}.yaml").read_text())
    defaults = yaml.safe_load((ROOT / "values.yaml").read_text())
    for folder in (ROOT / "charts").iterdir():
        own = yaml.safe_load((folder / "values.yaml").read_text())
        defaults[folder.name] = {**own, **(defaults.get(folder.name) or {})}
    assert not list(_same(values, defaults, ""))


def _same(values: dict[str, object], defaults: object, path: str) -> Iterator[str]:
    for key, value in values.items():
        default = defaults.get(key) if isinstance(defaults, dict) else None
        if isinstance(value, dict):
            yield from _same(value, default, f"{path}{key}.")
        elif value == default:
            yield f"{path}{key} is {value!r} by default"


def test_every_refusal_names_a_page_that_exists() -> None:
    found = [(p, said) for chart in CHARTS for p in _files(chart, "*") for said in _refusals(p.read_text())]
    assert found
    assert not [(p.relative_to(ROOT), said) for p, said in found if not _pages(said)]


def _refusals(template: str) -> list[str]:
    return re.findall(r'(?:\bfail|\brequired) (?:\(printf )?"([^"]+)"', template)


def _pages(sentence: str) -> bool:
    pages = re.findall(r"docs/[\w/-]+\.md", sentence)
    return bool(pages) and all((ROOT / page).exists() for page in pages)


def test_scenarios_are_small_and_say_what_they_test() -> None:
    scenarios = sorted((ROOT / "ci").glob("*-values.yaml"))
    assert len(scenarios) >= 5
    for path in scenarios:
        lines = path.read_text().splitlines()
        assert lines[0].startswith("# "), path.name


def test_every_refusal_is_asserted_by_a_test() -> None:
    suites = [*(ROOT / "charts").glob("*/tests/*_test.yaml"), *(ROOT / "tests/chart/unit").glob("*_test.yaml")]
    asserted = "\n".join(p.read_text() for p in suites)
    sentences = [said for chart in CHARTS for p in _files(chart, "*") for said in _refusals(p.read_text())]
    assert sentences
    assert not [said for said in sentences if not _asserted(said, asserted)]


def _asserted(sentence: str, text: str) -> bool:
    """The words between the placeholders, in a row, in one line of a suite."""
    words = [re.escape(part) for part in re.split(r"%[dsv]", sentence)]
    return re.search(".+?".join(words), text) is not None
