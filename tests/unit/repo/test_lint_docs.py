import pytest

from ci.tools import lint_docs
from ci.tools.lint_docs import Known

KNOWN = Known(
    settings=frozenset({"API_PORT"}),
    targets=frozenset({"up", "test"}),
    commands={"log": {"verify": {}}, "token": {}},
    paths=frozenset(
        {"docs", "docs/a.md", "src/workflow_orchestration/store", "src/workflow_orchestration/store/work.sql"}
    ),
    source="CANCEL_REPLACE = 1",
)


def _messages(line, tmp_path):
    return [p.message for p in lint_docs.problems("docs/a.md", line, KNOWN, tmp_path)]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("set `API_PROT`", "API_PROT is neither a setting"),
        ("set `API_PROT=1`", "API_PROT is neither"),
        ("run `make upp`", "`make upp` is no target"),
        ("run `API_PORT=$(wo tokens)`", "`wo tokens` is no command"),
        ("run `wo log verfy`", "`wo log verfy` is no command; there are: verify"),
        ("run `.venv/bin/wo tokens --user x`", "`wo tokens` is no command"),
        ("see `store/wrok.sql`", "store/wrok.sql does not exist"),
        ("see `docs/b.md`", "docs/b.md does not exist"),
        ("see [b](b.md)", "the link to b.md leads nowhere"),
    ],
)
def test_what_does_not_exist_is_named(line, said, tmp_path):
    (message,) = _messages(line, tmp_path)
    assert message.startswith(said)


@pytest.mark.parametrize(
    "line",
    [
        "`API_PORT`, `CANCEL_REPLACE`, `make up`, `wo log verify --json`, `wo token --user x`",
        "`store/work.sql`, `store/*.sql`, `docs/<page>.md`, `text/event-stream`, `store/work.sql::claim`",
        "we make no promise; `wo` is short",
        "`helm install wo workflow-orchestration/chart -n x`, `create database wo owner wo_owner`",
        "[outside](https://example.com/x)",
    ],
)
def test_what_exists_is_fine(line, tmp_path):
    assert not _messages(line, tmp_path)


def test_commands_in_a_code_block_are_checked_too(tmp_path):
    assert len(_messages("```\nmake nothing\nmake up\n```", tmp_path)) == 1


def test_a_link_to_a_missing_heading_is_refused(write):
    root = write("docs/a.md", "# Two words\n")
    assert not list(lint_docs.problems("docs/a.md", "[x](#two-words)", KNOWN, root))
    assert len(list(lint_docs.problems("docs/a.md", "[x](a.md#three)", KNOWN, root))) == 1


def test_a_setting_or_target_that_no_page_names_is_refused():
    assert [p.message.split()[0] for p in lint_docs.unnamed("`API_PORT`, make up", KNOWN)] == ["`make"]
