"""What tests/mutants/survivors.toml and docs/reports/mutmut.md say holds for the source there is."""

from __future__ import annotations

import json

import pytest

from ci.tools import mutmut_report, mutmut_run, mutmut_survivors
from ci.tools.mutmut_report import Line
from ci.tools.mutmut_survivors import Explained, Survivor
from ci.tools.source import PACKAGE, ROOT

EXPLAINED = mutmut_survivors.read(ROOT / mutmut_survivors.FILE)
REPORT = mutmut_report.read((ROOT / mutmut_report.FILE).read_text(encoding="utf-8"))

_SOURCE = '''
class Heart:
    def beat(self):
        """Say that we live."""
        return 1


async def claim():
    return 2  # items
'''


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout whose copy an earlier run has filled: a mutant that a test caught, and two that none did."""
    root, copy = tmp_path / "root", tmp_path / "copy"
    files = {
        "pyproject.toml": "[tool.mutmut]\nonly_mutate = []\n",
        "src/a.py": "",
        "src/a.sql": "select 1",
        "tests/test_a.py": "",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    monkeypatch.setattr(mutmut_run, "ROOT", root)
    monkeypatch.setattr(mutmut_run, "COPY", copy)
    monkeypatch.setattr(mutmut_run, "MUTANTS", copy / "mutants")
    monkeypatch.setattr(mutmut_run, "repository_files", lambda _: sorted(files))
    mutmut_run.prepare(keep=False)
    (copy / "mutants/src/a.py.meta").write_text(json.dumps({"exit_code_by_key": {"caught": 1, "lived": 0, "far": 33}}))
    (copy / "mutants/src/a.sql").write_text("select 1")
    return root, copy


def results(copy):
    file = copy / "mutants/src/a.py.meta"
    return json.loads(file.read_text())["exit_code_by_key"] if file.exists() else None


@pytest.fixture
def repository(tmp_path):
    """A repository with one module; `write` gives it another source."""
    file = tmp_path / PACKAGE / "worker" / "lease.py"
    file.parent.mkdir(parents=True)

    def write(source: str = _SOURCE):
        file.write_text(source)
        return tmp_path

    write()
    return write


def explained(root, function="Heart.beat", **why):
    found = mutmut_survivors.functions(root / PACKAGE / "worker/lease.py")[function]
    return Explained("worker/lease.py", function, mutmut_survivors.source_of(found), why or {"a -> b": "log text"})


def line(module="worker/lease.py", source="", **counts):
    none = {"mutants": 0, "types": 0, "caught": 0, "timeouts": 0, "survived": 0, "no_tests": 0}
    return Line(module=module, source=source, **{**none, **counts})


def test_every_explanation_is_of_a_function_that_is_as_it_was():
    assert mutmut_survivors.stale(ROOT, EXPLAINED) == []


def test_every_explanation_says_something():
    assert [(e.function, change) for e in EXPLAINED for change, why in e.why.items() if len(why.split()) < 3] == []


def test_every_module_of_the_report_is_as_it_was_measured():
    assert mutmut_report.stale(ROOT, REPORT, mutmut_run.modules()) == []


def test_the_report_shows_the_share_that_is_asked_for():
    assert mutmut_report.share(REPORT.values()) >= mutmut_report.AT_LEAST


def test_a_module_with_survivors_has_explanations_and_no_more_of_them_than_survivors():
    alive = {module: found.survived + found.no_tests for module, found in REPORT.items()}
    told = {module: sum(len(e.why) for e in EXPLAINED if e.module == module) for module in REPORT}
    assert {module: (alive[module], told[module]) for module in alive if alive[module] < told[module]} == {}
    assert [module for module in alive if alive[module] and not told[module]] == []


def test_a_function_that_changed_makes_its_own_explanation_stale_and_no_other(repository):
    root = repository()
    both = [explained(root), explained(root, "claim")]
    repository(_SOURCE.replace("return 1", "return 3"))
    [said] = mutmut_survivors.stale(root, both)
    assert said == (
        "worker/lease.py Heart.beat changed since its survivors were explained: "
        "run `make mutmut ONLY=worker/lease.py` and put what it prints into tests/mutants/survivors.toml"
    )


def test_words_and_layout_make_nothing_stale(repository):
    root = repository()
    both = [explained(root), explained(root, "claim")]
    repository(_SOURCE.replace("Say that we live.", "Beat.").replace("  # items", "").replace("\n\n\n", "\n\n# so\n"))
    assert mutmut_survivors.stale(root, both) == []


def test_an_explanation_of_a_function_that_is_gone_is_stale(repository):
    gone = Explained("worker/lease.py", "Heart.stop", "0" * 12, {"a -> b": "log text"})
    assert mutmut_survivors.stale(repository(), [gone]) == [
        "worker/lease.py has no function Heart.stop: take its entry out of tests/mutants/survivors.toml"
    ]


def test_a_module_that_changed_makes_its_line_stale(repository):
    root = repository()
    mark = mutmut_survivors.source_of_module(root / PACKAGE / "worker/lease.py")
    lines = {"worker/lease.py": line(source=mark)}
    assert mutmut_report.stale(root, lines, ["worker/lease.py"]) == []
    repository(_SOURCE.replace("return 2", "return 3"))
    assert mutmut_report.stale(root, lines, ["worker/lease.py"]) == [
        "worker/lease.py changed since docs/reports/mutmut.md was written: run `make mutmut ONLY=worker/lease.py`"
    ]


def test_a_line_that_is_missing_or_too_many_is_seen(repository):
    said = mutmut_report.stale(repository(), {"store/old.py": line("store/old.py")}, ["worker/lease.py"])
    assert [text.split(":")[0] for text in said] == [
        "docs/reports/mutmut.md has a line for store/old.py, which is not mutated",
        "docs/reports/mutmut.md has no line for worker/lease.py",
    ]


def test_what_is_printed_for_a_survivor_is_read_back_with_the_reasons_that_are_known(repository, tmp_path):
    root = repository()
    found = [Survivor("worker/lease.py", "Heart.beat", change) for change in ('return "1" -> return 2', "x -> nothing")]
    known = explained(root, **{"x -> nothing": "only speed"})
    file = tmp_path / "survivors.toml"
    file.write_text(mutmut_survivors.as_toml(root, found, [known]))
    [again] = mutmut_survivors.read(file)
    assert again == explained(root, **{'return "1" -> return 2': "", "x -> nothing": "only speed"})
    assert mutmut_survivors.unexplained(found, [again]) == found[:1]


def test_an_explanation_of_what_no_longer_lives_is_seen(repository):
    known = explained(repository(), **{"a -> b": "log text", "c -> d": "log text"})
    alive = [Survivor("worker/lease.py", "Heart.beat", "a -> b")]
    assert mutmut_survivors.gone(alive, [known]) == [Survivor("worker/lease.py", "Heart.beat", "c -> d")]


def test_a_report_is_read_back_as_it_was_written():
    lines = {
        m: line(m, "ab12", mutants=10, types=4, caught=5, timeouts=1, survived=1) for m in ("store/a.py", "store/b.py")
    }
    text = mutmut_report.written(lines, {"took": "1 min"})
    assert (mutmut_report.read(text), mutmut_report.facts(text)) == (lines, {"took": "1 min"})
    assert "| all |  | 20 | 8 | 10 | 2 | 2 | 0 | 83.3% |" in text


def test_what_the_types_refuse_is_not_counted_as_caught():
    assert mutmut_report.share([line(mutants=100, types=90, caught=5, survived=4, no_tests=1)]) == 0.5


def test_a_diff_is_told_in_one_line():
    diff = "--- a.py\n+++ a.py\n@@ -1,3 +1,3 @@\n def f():\n-    return g(\n-        1)\n+    return g(None)\n"
    assert mutmut_run.change_in(diff) == "return g( 1) -> return g(None)"
    assert mutmut_run.change_in(diff.rsplit("+", 1)[0]) == "return g( 1) -> nothing"


def test_each_way_a_mutant_can_end_is_counted_once():
    codes = {"a": 1, "b": 0, "c": 33, "d": 37, "e": 36, "f": 3}
    found = mutmut_run.line_of("worker/lease.py", codes, source="ab12")
    assert found == Line("worker/lease.py", "ab12", 6, 1, 3, 1, 1, 1)


def test_a_run_that_goes_on_keeps_all_results_while_nothing_changed(checkout):
    _, copy = checkout
    mutmut_run.prepare(keep=True)
    assert results(copy) == {"caught": 1, "lived": 0, "far": 33}


def test_a_run_that_goes_on_tries_again_what_lived_when_a_test_changed(checkout):
    root, copy = checkout
    (root / "tests/test_a.py").write_text("assert 1")
    mutmut_run.prepare(keep=True)
    assert results(copy) == {"caught": 1, "lived": None, "far": None}


def test_a_run_that_goes_on_sees_data_that_changed(checkout):
    root, copy = checkout
    (root / "src/a.sql").write_text("select 2")
    mutmut_run.prepare(keep=True)
    assert (copy / "mutants/src/a.sql").read_text() == "select 2"


def test_a_run_under_other_settings_and_a_fresh_one_keep_nothing(checkout):
    root, copy = checkout
    (root / "pyproject.toml").write_text("[tool.mutmut]\nonly_mutate = ['a']\n")
    mutmut_run.prepare(keep=True)
    assert results(copy) is None


def test_a_report_of_which_a_module_was_done_anew_is_read_as_before():
    lines = mutmut_report.read((ROOT / mutmut_report.FILE).read_text(encoding="utf-8"))
    facts = mutmut_run._renewed({"command": "`make mutmut`"}, ["store/db.py"])
    facts = mutmut_run._renewed(facts, ["store/work.py"])
    facts = mutmut_run._renewed(facts, ["store/db.py"])
    text = mutmut_report.written(lines, facts)
    assert mutmut_report.read(text) == lines
    assert mutmut_report.facts(text)["done anew"].count("store/") == 2
