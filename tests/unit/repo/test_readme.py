from ci.tools.source import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readme_is_at_most_250_lines():
    assert README.count("\n") <= 250


def test_the_first_screen_says_what_it_never_does_and_how_to_start():
    assert "never" in "\n".join(README.splitlines()[:40])
    assert "make up" in README
    assert "make demo" in README


def test_each_decision_is_one_page():
    pages = sorted((ROOT / "docs/decisions").glob("[0-9]*.md"))
    assert len(pages) >= 6
    assert [p.name for p in pages if p.read_text(encoding="utf-8").count("\n") > 80] == []
    numbers = [p.name[:4] for p in pages]
    assert numbers == sorted(set(numbers))
