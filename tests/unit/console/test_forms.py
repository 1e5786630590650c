import pytest

from workflow_orchestration.console import forms
from workflow_orchestration.domain.actions import ACTIONS

SHOWN = {"decision": "approve", "payload_hash": "sha256:shown"}


def test_an_approval_sends_the_hash_it_was_given_and_nothing_empty():
    body = forms.decision({**SHOWN, "comment": "  ", "reason_code": "OTHER"}, "CHASE", {})
    assert body == SHOWN


def test_a_form_without_a_hash_gets_none_from_anywhere():
    assert forms.decision({"decision": "approve"}, "CHASE", {})["payload_hash"] == ""


def test_an_edit_sends_only_what_was_changed_as_its_type():
    params = {"reply_within_minutes": 60, "note": ""}
    form = {**SHOWN, "decision": "edit", "comment": "sooner", "param.reply_within_minutes": "30", "param.note": ""}
    assert forms.decision(form, "CHASE", params)["edited_params"] == {"reply_within_minutes": 30}


def test_a_value_that_is_no_number_stays_text_for_the_platform_to_refuse():
    form = {**SHOWN, "decision": "edit", "comment": "x", "param.reply_within_minutes": "soon"}
    body = forms.decision(form, "CHASE", {"reply_within_minutes": 60})
    assert body["edited_params"] == {"reply_within_minutes": "soon"}


@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_every_editable_parameter_of_every_action_has_a_control(name):
    action = ACTIONS[name]
    controls = forms.edits(name, {}, action.editable)
    assert [c["name"] for c in controls] == list(action.editable)
    for control in controls:
        assert control["kind"] in ("text", "number", "choice")
        assert (control["kind"] != "choice") or len(control["choices"]) > 1


def test_the_choice_in_force_is_selected():
    (control,) = forms.edits("CANCEL_REPLACE", {"reason_code": "TRADE_CORRECTED"}, ["reason_code"])
    assert [c["value"] for c in control["choices"] if c["selected"]] == ["TRADE_CORRECTED"]
