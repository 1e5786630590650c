"""A page's code is the code that runs: a block follows its definition, and one that names nothing is refused."""

from __future__ import annotations

import pytest

from ci.tools import snippets

SOURCE = '''
class Node:
    # why
    @property
    def key(self):
        return 1


def key(x):
    """Two."""
    return 2


async def ask():
    pass
'''


def test_a_definition_is_found_by_its_name_with_what_stands_above_it():
    assert snippets.definition(SOURCE, "key") == 'def key(x):\n    """Two."""\n    return 2'
    assert snippets.definition(SOURCE, "Node.key") == "# why\n@property\ndef key(self):\n    return 1"
    assert snippets.definition(SOURCE, "ask") == "async def ask():\n    pass"
    assert snippets.definition(SOURCE, "nobody") is None
    assert snippets.definition(SOURCE, "Node.ask") is None


def test_a_stale_block_is_written_anew_and_the_words_around_it_stay():
    block = "before\n<!-- code: ci/tools/snippets.py fresh -->\n```python\nold\n```\nafter"
    page = snippets.fresh(block)
    assert "def fresh(page: str) -> str:" in page
    assert "old" not in page
    assert page.startswith("before\n<!-- code: ci/tools/snippets.py fresh -->")
    assert page.endswith("```\nafter")
    assert snippets.fresh(page) == page


def test_a_block_that_names_nothing_is_refused():
    with pytest.raises(ValueError, match="defines no nobody"):
        snippets.fresh("<!-- code: ci/tools/snippets.py nobody -->\n```python\n```")


def test_every_block_of_the_guide_names_its_source():
    page = snippets.patterns()
    assert page.count("```python") == page.count("<!-- code: ") >= 12
