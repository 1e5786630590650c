import ast

import pytest

from ci.tools import lint_shape
from ci.tools.source import ROOT


def _nested(blocks: int) -> str:
    lines = ["def f(x):"] + [f"{'    ' * (n + 1)}if x:" for n in range(blocks)]
    return "\n".join([*lines, "    " * (blocks + 1) + "pass", ""])


@pytest.mark.parametrize("blocks", [0, 1, 4, 5])
def test_nesting_counts_blocks_inside_each_other(blocks):
    assert lint_shape.nesting(ast.parse(_nested(blocks)).body[0]) == blocks


def test_elif_is_no_deeper_than_if():
    text = "def f(x):\n    if x == 1:\n        a()\n    elif x == 2:\n        b()\n    elif x == 3:\n        c()\n"
    assert lint_shape.nesting(ast.parse(text).body[0]) == 1


def test_an_inner_function_counts_for_itself():
    text = "def f(x):\n    if x:\n        def g(y):\n            if y:\n                h()\n"
    assert lint_shape.nesting(ast.parse(text).body[0]) == 1


def test_five_blocks_deep_is_refused(package_file):
    (problem,) = lint_shape.problems(package_file(_nested(5)))
    assert "f nests 5 deep" in problem.message


def test_a_function_over_100_lines_is_refused(package_file):
    assert not list(lint_shape.problems(package_file("def f():\n" + "    a()\n" * 99)))
    assert len(list(lint_shape.problems(package_file("def f():\n" + "    a()\n" * 100)))) == 1


def test_a_file_over_500_lines_is_refused_unless_it_is_a_table(package_file):
    assert len(list(lint_shape.problems(package_file("a()\n" * 501)))) == 1
    assert not list(lint_shape.problems(package_file("ROWS = [\n" + "    1,\n" * 600 + "]\n")))


def test_a_router_function_stays_short(package_file):
    endpoint = "@router.get('/x')\nasync def read():\n    '''Why.'''\n" + "    a()\n" * 16
    (problem,) = lint_shape.problems(package_file(endpoint, "api/routers/cases.py"))
    assert "16 lines" in problem.message
    assert not list(lint_shape.problems(package_file(endpoint, "worker/run.py")))


def test_a_tenth_folder_and_a_fourth_level_are_refused(tmp_path):
    for name in [f"p{n}" for n in range(10)] + ["p0/a/b/c"]:
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
        (tmp_path / name / "part.py").touch()
    (tmp_path / "sample").mkdir()
    messages = [p.message for p in lint_shape.folder_problems(tmp_path)]
    assert len(messages) == 2
    assert "10 folders" in messages[0]
    assert "4 folders deep" in messages[1]


def test_something_was_measured():
    assert len(lint_shape.python_sources(ROOT)) > 30
