import pytest

from ci.tools.copies import TIMED_OUT, Run
from tests.mutants import run as mutants

_HEADER = "# test: tests/a.py::test_x tests/b.py::test_y\n# why: one fence\ndiff --git a/x b/x\n# why: not this\n"


@pytest.fixture
def mutant(tmp_path):
    def make(text: str = _HEADER):
        (tmp_path / "fence.patch").write_text(text)
        return mutants.read(tmp_path / "fence.patch")

    return make


def test_the_header_names_tests_and_reason(mutant):
    found = mutant()
    assert found.tests == ("tests/a.py::test_x", "tests/b.py::test_y")
    assert (found.name, found.why, found.hang_ok) == ("fence", "one fence", False)


def test_a_header_without_a_test_is_refused(mutant):
    with pytest.raises(ValueError, match="its header has no `# test"):
        mutant("# why: x\ndiff --git a/x b/x\n")


@pytest.mark.parametrize(
    ("code", "output", "verdict"),
    [
        (1, "=== 1 failed, 3 passed in 2.0s ===", "caught"),
        (0, "4 passed in 2.0s", "survived"),
        (1, "3 passed, 1 error in 2.0s", "broken"),
        (2, "1 error in 0.1s", "broken"),
        (4, "ERROR: not found: tests/a.py::test_x", "broken"),
        (TIMED_OUT, "", "broken"),
    ],
)
def test_only_a_failing_test_catches_a_mutant(code, output, verdict, mutant):
    assert mutants.judge(mutant(), Run(code, output)).verdict == verdict


def test_a_hang_catches_a_mutant_only_where_its_header_allows_it(mutant):
    assert mutants.judge(mutant("# hang-ok\n" + _HEADER), Run(TIMED_OUT, "")).verdict == "caught"
