from __future__ import annotations

import pytest
import typer

from ci.tools.clidoc import FILES, cli_md, commands
from ci.tools.source import ROOT
from workflow_orchestration.cli.exits import MEANINGS
from workflow_orchestration.cli.main import app

COMMANDS = [path for path, _ in commands(typer.main.get_command(app))]
#: What the command line promises to have.
PROMISED = """wo serve api, wo serve worker, wo migrate, wo token, wo env, wo book load, wo book get, wo messages post,
wo messages watch, wo messages show, wo cases list, wo cases show, wo cases events, wo cases open, wo cases cancel,
wo cases reopen, wo cases assign, wo cases comment, wo approvals list, wo approvals show, wo approvals decide,
wo tasks list, wo tasks complete, wo effects list, wo effects retry, wo effects cancel, wo kill-switch list,
wo kill-switch engage, wo kill-switch release, wo log verify, wo log export, wo log tamper-test"""


def test_every_promised_command_is_there():
    assert set(" ".join(PROMISED.split()).split(", ")) <= set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command_says_what_it_does_and_shows_an_example(wo, command):
    ended = wo(*command.split()[1:], "--help", token=None)
    assert ended.code == 0
    example = ended.out.partition("Example:")[2]
    assert f"wo {command.split()[1]}" in example or f" {' '.join(command.split()[1:])} " in example
    assert wo.requests == []


@pytest.mark.parametrize("path", [c for c in COMMANDS if c.split()[-1] in ("list", "show", "get", "verify", "events")])
def test_every_reading_command_speaks_json(path):
    command = dict(commands(typer.main.get_command(app)))[path]
    assert any("--json" in param.opts for param in command.params)


def test_root_help_documents_every_exit_code(wo):
    out = " ".join(wo("--help", token=None).out.split())
    for code, meaning in MEANINGS.items():
        assert f"{code.value} {meaning}" in out


def test_the_reference_page_is_what_the_command_line_says():
    [path] = FILES
    assert (ROOT / path).read_text(encoding="utf-8") == cli_md()
