from ci.tools import howto

_PAGE = """\
# Add a thing
## Proof
- `tests/unit/test_a.py::test_x`
## Touches
| path | what |
|---|---|
| `src/domain/actions/<action>.py` | the action |
| `src/domain/actions/__init__.py` | one line |
"""
_TOUCHED = ["src/domain/actions/__init__.py", "src/domain/actions/recall.py"]


def test_a_page_names_its_tests_and_paths(tmp_path):
    (tmp_path / "add-thing.md").write_text(_PAGE)
    page = howto.read(tmp_path / "add-thing.md")
    assert page.tests == ("tests/unit/test_a.py::test_x",)
    assert page.touches == ("src/domain/actions/<action>.py", "src/domain/actions/__init__.py")
    assert page.patch == tmp_path / "patches" / "add-thing.patch"


def test_a_patch_that_touches_what_the_table_names_is_fine(tmp_path):
    (tmp_path / "add-thing.md").write_text(_PAGE)
    assert not list(howto.differences(howto.read(tmp_path / "add-thing.md").touches, _TOUCHED))


def test_a_path_too_many_or_too_few_is_named():
    (too_few,) = howto.differences(["a.py", "b.py"], ["a.py"])
    (too_many,) = howto.differences(["a.py"], ["a.py", "b.py"])
    assert "b.py, which the patch does not touch" in too_few
    assert "b.py, which the table does not name" in too_many


def test_touched_paths_are_read_from_the_patch():
    patch = "diff --git a/x.py b/x.py\n--- a/x.py\n+++ b/x.py\ndiff --git a/y.py b/y.py\nnew file mode 100644\n"
    assert howto.touched(patch) == ["x.py", "y.py"]
