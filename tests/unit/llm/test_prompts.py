"""What is sent: the bytes that all cases share come first, and everything else is said once, the same way."""

from __future__ import annotations

from decimal import Decimal

import pytest

from workflow_orchestration.llm import prompts

SCHEMA = (
    '{"properties":{"verdict":{"maxLength":20,"type":"string"},"evidence":{"items":{"type":"string"},"maxItems":3,'
    '"minItems":1,"type":"array"}},"required":["verdict","evidence"],"type":"object","additionalProperties":false}'
)


def rendered(messages: prompts.Messages) -> bytes:
    """One string, in order, as chat templates write messages."""
    return "".join(f"<{role}>{text}" for role, text in messages).encode()


def test_the_prompt_byte_by_byte(ask):
    assert rendered(prompts.messages(ask())) == (
        b"<system>Say why.\n\nAnswer with one JSON object of this schema:\n" + SCHEMA.encode() + b"<user>About c1."
    )


def test_two_cases_share_every_byte_up_to_the_facts(ask):
    one, other = rendered(prompts.messages(ask("c1"))), rendered(prompts.messages(ask("zz", facts="Other facts.")))
    shared = one.removesuffix(b"About c1.")
    assert shared.endswith(b"<user>")
    assert other == shared + b"Other facts."


def test_case_desk_and_kind_are_nowhere_in_the_prompt(ask):
    assert prompts.messages(ask(case_id="c9", desk="rates", kind="draft")) == prompts.messages(ask())


def test_asking_again_keeps_the_prompt_and_adds_what_was_wrong(ask):
    before = prompts.messages(ask())
    after = prompts.again(before, "x" * 5000, "verdict: Field required")
    assert after[:2] == before
    assert [role for role, _ in after] == ["system", "user", "assistant", "user"]
    assert (len(after[2][1]), "verdict: Field required" in after[3][1]) == (2000, True)


def test_the_bound_is_sent_under_both_names_and_decisions_are_cold(ask, config):
    body = prompts.body(ask(), config)
    assert (body["max_tokens"], body["max_completion_tokens"], body["temperature"]) == (512, 512, 0.0)
    assert prompts.body(ask(kind="draft"), config)["temperature"] == 0.7


def test_what_is_recorded_of_a_request_says_how_it_was_asked(ask, config):
    found = prompts.parameters(ask(kind="draft"), config)
    assert (found["temperature"], found["max_tokens"]) == (Decimal("0.7"), 512)
    assert found["schema_sha256"] == prompts.schema(ask()).sha256


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ('{"verdict":"late","evidence":["ev1"]}', None),
        ('{"verdict":"late"}', "evidence: Field required"),
        ('{"verdict":"late","evidence":[]}', "evidence: List should have at least 1 item"),
        ('{"verdict":7,"evidence":["e"]}', "verdict: Input should be a valid string"),
        ('{"verdict":"late","evidence":["e"],"amount":"1"}', "amount: Extra inputs are not permitted"),
        ('```json\n{"verdict":"late","evidence":["e"]}\n```', "the answer: Invalid JSON"),
        ('{"verdict":"\\u0000","evidence":["e"]}', "U+0000"),
    ],
)
def test_an_answer_fits_exactly_or_what_is_wrong_is_named(ask, text, wrong):
    found = prompts.misfit(ask().answer, text)
    assert found is None if wrong is None else wrong in found


def test_what_is_wrong_quotes_nothing_of_the_answer(ask):
    assert "secret" not in prompts.misfit(ask().answer, '{"verdict":{"a":"secret"},"evidence":["secret",7]}')
