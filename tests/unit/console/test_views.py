import pytest

from workflow_orchestration.console import views
from workflow_orchestration.domain.roles import Principal, Role

ANN = Principal("ann", frozenset({Role.OPS_APPROVER}))


def _row(**values):
    return {"field": "amount", "trade": None, "ours": None, "theirs": None, "proposed": None, **values}


def _marks(row, *, proposed=True):
    return [cell["mark"] for cell in views.diff([row], proposed=proposed)[0]["cells"]]


@pytest.mark.parametrize(("row", "marks"), [
    (_row(trade="1", ours="2", theirs="1", proposed="1"), ["", "differs", "", "changes"]),
    (_row(trade="1", ours="1", theirs="2", proposed="1"), ["", "", "differs", ""]),
    (_row(ours="1", theirs="2"), ["", "", "differs", ""]),
    (_row(trade="1", ours="1"), ["", "", "", ""]),
])  # fmt: skip
def test_what_differs_from_the_booked_trade_is_marked(row, marks):
    assert _marks(row) == marks


def test_without_a_proposal_there_is_no_proposed_column():
    assert len(_marks(_row(trade="1", ours="2"), proposed=False)) == 3


def _outcome(validator, outcome, stage="proposal"):
    return {"validator": validator, "outcome": outcome, "detail": "", "stage": stage}


def test_checks_that_gate_come_first_and_only_they_block():
    shown = views.checks(
        [_outcome("V02", "FAIL"), _outcome("V09", "NOT_RUN"), _outcome("V11", "PASS")], {"proposal": ["V09", "V11"]}
    )
    assert [(c["id"], c["gates"], c["blocks"]) for c in shown] == [
        ("V09", True, True),
        ("V11", True, False),
        ("V02", False, False),
    ]


@pytest.mark.parametrize(("changes", "told"), [
    ({"requester": "ann"}, "you requested this case"), ({"makers": ["ann"]}, "you made part"),
    ({"decisions": [{"actor": "ann"}]}, "you have decided"), ({}, "it needs one of: Compliance"),
])  # fmt: skip
def test_who_may_not_decide_is_told_why(changes, told):
    row = {"allowed_decisions": [], "requester": "r", "makers": [], "decisions": [], "required_roles": ["compliance"]}
    assert told in views.hindrance({**row, **changes}, ANN)


def test_who_may_decide_is_told_nothing():
    assert views.hindrance({"allowed_decisions": ["approve"]}, ANN) is None


@pytest.mark.parametrize(("assessment", "titles"), [
    ({}, []), ({"stop": True}, ["Legal stop"]),
    ({"suspected_injection": True}, ["A message tries to give instructions"]),
])  # fmt: skip
def test_stops_and_suspicions_come_first(assessment, titles):
    assert [title for title, _ in views.warnings(assessment)] == titles
