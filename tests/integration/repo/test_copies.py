import subprocess

import pytest

from ci.tools import copies

_PATCH = "diff --git a/src/a.py b/src/a.py\n--- a/src/a.py\n+++ b/src/a.py\n@@ -1 +1 @@\n-ANSWER = 42\n+ANSWER = 0\n"


@pytest.fixture
def repository(tmp_path):
    files = {
        "src/a.py": "ANSWER = 42\n",
        "tests/test_a.py": "def test_a():\n    import a\n    assert a.ANSWER == 42\n",
        ".gitignore": ".state/\n.cache/\n",
        ".cache/big": "not copied",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    return tmp_path


def test_a_copy_holds_what_git_would_commit(repository):
    with copies.copy_of(repository) as copy:
        assert (copy / "src/a.py").exists()
        assert not (copy / ".cache").exists()
    assert not copy.exists()


@pytest.mark.slow
def test_a_patched_copy_is_tested_with_its_own_source(repository):
    (repository / "x.patch").write_text(_PATCH)
    with copies.copy_of(repository) as copy:
        assert copies.run_tests(copy, ["tests/test_a.py"], seconds=60).code == 0
        assert copies.apply(repository / "x.patch", copy) is None
        assert copies.run_tests(copy, ["tests/test_a.py"], seconds=60).code == copies.FAILED
    assert (repository / "src/a.py").read_text() == "ANSWER = 42\n"


def test_a_patch_that_does_not_fit_says_so(repository):
    (repository / "x.patch").write_text(_PATCH.replace("42", "41"))
    with copies.copy_of(repository) as copy:
        assert "src/a.py" in copies.apply(repository / "x.patch", copy)


@pytest.mark.slow
def test_tests_that_hang_are_ended(repository):
    (repository / "tests/test_a.py").write_text("import time\ndef test_a():\n    time.sleep(60)\n")
    with copies.copy_of(repository) as copy:
        assert copies.run_tests(copy, ["tests/test_a.py"], seconds=2).code == copies.TIMED_OUT
