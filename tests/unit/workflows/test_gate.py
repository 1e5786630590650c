from __future__ import annotations

import pytest

from workflow_orchestration.domain.errors import HashMismatch
from workflow_orchestration.workflows.common import gate

ASKED = {"proposal_id": "p", "payload_hash": "sha256:a", "tier": "T1", "seen_seq": 3}


@pytest.fixture
def answered(monkeypatch):
    """What the graph is resumed with; returns what was asked."""

    def resume_with(answer):
        asked = []
        monkeypatch.setattr(gate, "interrupt", lambda value: asked.append(value) or answer)
        return asked

    return resume_with


def test_the_gate_says_what_it_waits_for(answered):
    asked = answered({"type": "refresh"})
    gate.approval(**ASKED)
    assert asked == [
        {"kind": "approval", "ref": "p", "seen_seq": 3, "payload": {"tier": "T1", "payload_hash": "sha256:a"}}
    ]


def test_an_approval_of_exactly_this_payload_passes(answered):
    answered({"type": "approve", "payload_hash": "sha256:a"})
    assert gate.approval(**ASKED)["type"] == "approve"


@pytest.mark.parametrize("answer", [{"type": "approve", "payload_hash": "sha256:b"}, {"type": "approve"}])
def test_an_approval_of_another_payload_is_refused(answer, answered):
    answered(answer)
    with pytest.raises(HashMismatch, match="what was approved"):
        gate.approval(**ASKED)


@pytest.mark.parametrize("answer", [None, "yes", True, {}, {"decision": "approve"}])
def test_an_answer_that_says_nothing_is_refused(answer, answered):
    answered(answer)
    with pytest.raises(TypeError, match="an answer is a dict with a type"):
        gate.pause("task", ref="t", seen_seq=0)
