"""A render is a function of the values alone: the same twice, the same under Helm 3, and quick."""

from __future__ import annotations

import re
import time

import pytest

from tests.chart.render import ENVIRONMENTS, KUBES, ROOT, Case, environment, name, objects, parse, text

#: Functions whose result differs from render to render, or between an install and a dry run.
FORBIDDEN = (
    "randAlphaNum",
    "randAlpha",
    "randAscii",
    "randNumeric",
    "randBytes",
    "genCA",
    "genSelfSignedCert",
    "genSignedCert",
    "genPrivateKey",
    "uuidv4",
    "lookup",
    "now",
    "htpasswd",
    "bcrypt",
    ".Release.Revision",
    ".Release.IsUpgrade",
    ".Release.IsInstall",
)


def test_two_renders_are_byte_identical(each: Case) -> None:
    assert text(each) == text(each)


@pytest.mark.parametrize("kube", KUBES)
@pytest.mark.parametrize("scenario", [None, "all-on", "all-off"])
@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_helm_3_renders_the_same_objects(env: str, scenario: str | None, kube: str) -> None:
    old = {name(t): t for t in parse(text(environment(env, scenario, kube=kube, helm="helm3")))}
    new = {name(t): t for t in objects(environment(env, scenario, kube=kube))}
    assert new
    assert old.keys() == new.keys()
    assert not [n for n in new if old[n] != new[n]]


def test_no_template_calls_what_differs_from_render_to_render() -> None:
    templates = [
        p for folder in ("templates", "charts") for p in (ROOT / folder).rglob("templates/**/*") if p.is_file()
    ]
    templates += [p for p in (ROOT / "templates").rglob("*") if p.is_file()]
    assert templates
    actions = [(p, a) for p in templates for a in re.findall(r"\{\{-?(.*?)-?\}\}", p.read_text(), re.DOTALL)]
    calls = [
        (p.relative_to(ROOT), f)
        for p, a in actions
        if not a.lstrip().startswith("/*")
        for f in FORBIDDEN
        if re.search(rf"(?<![\w.\"-]){re.escape(f)}(?![\w\"-])", a)
    ]
    assert not calls


def test_everything_renders_in_under_two_seconds() -> None:
    took = []
    for _ in range(2):
        begun = time.perf_counter()
        text(environment("gke", "all-on"))
        took.append(time.perf_counter() - begun)
    assert min(took) < 2, took
