"""Whatever a server or a file says, the readers give a value or one named refusal, never another exception."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.llm.conftest import Verdict
from workflow_orchestration.domain.errors import InvalidRequest
from workflow_orchestration.llm import bulk, engine, prompts
from workflow_orchestration.llm.config import ModelConfig
from workflow_orchestration.llm.contract import Answer, ModelUnavailable, Question

CONFIG = ModelConfig(base_url="http://model/v1", model="m")
QUESTIONS = [Question("triage", f"c{n}", "equities", "Say why.", "Facts.", Verdict) for n in range(2)]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
PARTS = st.fixed_dictionaries(
    {"custom_id": st.sampled_from(["0:c0:triage", "1:c1:triage", "x"])},
    optional={
        "error": JSON,
        "response": JSON
        | st.fixed_dictionaries(
            {"status_code": st.sampled_from([200, 400]) | JSON},
            optional={"body": JSON | st.fixed_dictionaries({"choices": st.lists(JSON, max_size=2)})},
        ),
    },
)


NUMBERS = st.from_regex(r"\A[0-9.eE+-]{1,12}\Z")
DATES = st.from_regex(r"\A(Mon|Xyz), [0-9]{1,2} (Nov|Xyz) [0-9]{1,9} [0-9:]{1,9} (GMT|[+-][0-9]{4})\Z")


@given(st.text() | NUMBERS | DATES)
def test_any_retry_after_is_a_time_to_wait(value):
    assert engine.retry_after(value) >= 0


@given(st.text() | JSON.map(json.dumps))
def test_any_answer_fits_or_is_told_what_is_wrong(text):
    if (misfit := prompts.misfit(Verdict, text)) is None:
        assert prompts.read(Verdict, text).evidence
    else:
        assert misfit


@given(st.text(st.characters()))  # half characters too
def test_any_text_becomes_one_that_can_be_stored(text):
    stored = engine.printable(text)
    assert "\x00" not in stored
    assert stored.encode().decode() == stored


def read(lines: list[str]) -> list[Answer[Verdict] | ModelUnavailable] | str:
    try:
        return bulk.answers(lines, QUESTIONS, CONFIG)
    except InvalidRequest as refused:
        return refused.detail


@given(st.lists(st.text() | PARTS.map(json.dumps), max_size=3))
def test_any_file_of_results_is_read_or_refused_by_line(lines):
    found = read(lines)
    if isinstance(found, str):
        assert found.startswith("line ")
    else:
        assert len(found) == len(QUESTIONS)
