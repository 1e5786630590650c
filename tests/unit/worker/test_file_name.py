from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow_orchestration.worker.receivers import file_name, in_doubt


def effect(**changes):
    return {"source": "s", "step": "1", "kind": "message", "type": "543", "receiver": "file:/x", "tries": 0, **changes}


@pytest.mark.parametrize(
    ("kind", "form", "ending"),
    [("message", "543", "fin"), ("message", "EMAIL", "txt"), ("webhook", "approval.opened", "json")],
)
def test_a_files_ending_says_what_it_holds(kind, form, ending):
    assert file_name(effect(kind=kind, type=form)) == f"s_1.{ending}"


def test_what_every_file_system_takes_stays_as_it_is():
    assert file_name(effect(source="AZaz09.-_", step="Send")) == "AZaz09.-__Send.fin"


@given(st.text(max_size=40), st.text(max_size=40))
def test_a_file_name_cannot_leave_its_folder(source, step):
    assert re.fullmatch(r"[A-Za-z0-9._-]+", file_name(effect(source=source, step=step)))


@pytest.mark.parametrize(
    ("receiver", "tries", "doubt"), [("http://x", 0, False), ("http://x", 1, True), ("file:/x", 1, False)]
)
def test_only_a_receiver_that_was_tried_and_cannot_be_asked_is_in_doubt(receiver, tries, doubt):
    assert in_doubt(effect(receiver=receiver, tries=tries)) is doubt
