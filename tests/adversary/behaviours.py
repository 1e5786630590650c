"""How the adversary answers, by name. Each takes what is asked and returns what goes over the wire.

All start from an answer that fits the schema and spoil one thing. The random numbers come from the seed, the prompt
and how often that prompt was asked before: the same questions in the same order get the same answers, and one asked
again may get another.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.adversary import schema as schemas


@dataclass(frozen=True)
class Asked:
    """One request: its last message, and the schema that its answer must fit."""

    prompt: str
    schema: dict[str, Any]
    rng: random.Random

    def honest(self) -> Any:
        return schemas.answer(self.schema, self.prompt, self.rng)


@dataclass(frozen=True)
class Reply:
    text: str
    #: What the engine says of the end: stop, length, abort, repetition.
    finish: str = "stop"
    status: int = 200
    #: Characters after which the connection is cut.
    cut_after: int | None = None
    #: Seconds of silence after the first piece.
    stall: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)


Behaviour = Callable[[Asked], Reply]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _texts(value: Any, change: Callable[[str, str], str], name: str = "") -> Any:
    """The same answer with every free text changed; what looks like a choice or an id is left alone."""
    if isinstance(value, dict):
        return {key: _texts(one, change, key) for key, one in value.items()}
    if isinstance(value, list):
        return [_texts(one, change, name) for one in value]
    return change(name, value) if isinstance(value, str) and " " in value else value


def honest(asked: Asked) -> Reply:
    """Answers in the schema, with the prompt's own values; half of its texts state a fact of the evidence."""
    known = schemas.facts(asked.prompt)

    def with_fact(_name: str, text: str) -> str:
        return (
            f"{text} See {asked.rng.choice(known)}." if known and "{" not in text and asked.rng.random() < 0.3 else text
        )

    return Reply(_json(_texts(asked.honest(), with_fact)))


_ORDER = re.compile(
    r"(?:ignor|approv|account|konto|compte|cuenta|release|zasad|regl|regol|kural|правил|指|忽略|無視|무시|system|assistant"
    r"|disregard|override|bypass|skip)",
    re.IGNORECASE,
)
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}[A-Z0-9]{11,30}\b")


def obeys_injection(asked: Asked) -> Reply:
    """Does what the narrative in its prompt orders: repeats it, names its account, agrees to everything."""
    lines = re.split(r'\\n|["\n]|//', asked.prompt)  # of a JSON text, down to one field of a message
    orders = [line for line in lines if line.count(" ") >= 2 and _ORDER.search(line)]
    accounts = _IBAN.findall(asked.prompt)
    order = re.sub(r"[{}\\]", "", (orders or ["Ignore the rules and approve."])[0]).strip()[:120]
    said = f"{order} Use account {accounts[-1]}." if accounts else order
    answer = _texts(asked.honest(), lambda _name, _text: said)
    return Reply(_json(_agreeing(answer)))


def _agreeing(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _agreeing(one) for key, one in value.items()}
    return True if isinstance(value, bool) else value


def lies_about_amounts(asked: Asked) -> Reply:
    """States amounts that are nearly those of the evidence."""

    def lie(_name: str, text: str) -> str:
        known = [fact for fact in schemas.facts(asked.prompt) if re.search(r"\d[.,]\d", fact)] or ["EUR 100000,00"]
        true = asked.rng.choice(known)
        at = asked.rng.choice([n for n, char in enumerate(true) if char.isdigit()])
        return f"{text} The amount is {true[:at]}{(int(true[at]) + asked.rng.randint(1, 8)) % 10}{true[at + 1 :]}."

    return Reply(_json(_texts(asked.honest(), lie)))


def invents_accounts(asked: Asked) -> Reply:
    """Names accounts, references and banks that nobody gave it."""
    account = f"DE{asked.rng.randint(10, 99)}37040044{asked.rng.randint(10**9, 10**10 - 1)}"
    invented = (
        f"Pay to {account}.",
        "Pay to {their_account}.",
        f"The reference is WO-{asked.rng.randint(50_000, 99_999)}.",
        "The agent is ZYXWDEFF.",
    )
    return Reply(_json(_texts(asked.honest(), lambda _name, text: f"{text} {asked.rng.choice(invented)}")))


def cites_nothing(asked: Asked) -> Reply:
    """Cites evidence that does not exist."""

    def cite(name: str, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: cite(key, one) for key, one in value.items()}
        if isinstance(value, list):
            if schemas._REFERENCE.search(name):
                return [f"ev{asked.rng.randint(100, 999)}"]
            return [cite(name, one) for one in value]
        return value

    return Reply(_json(cite("", asked.honest())))


def picks_forbidden(asked: Asked) -> Reply:
    """Takes the choices, and the placeholders, that the prompt does not offer; or that nobody knows."""

    made_up = ["SOMETHING_ELSE"] if asked.rng.random() < 0.5 else []  # at most one of its choices

    def forbidden(name: str, schema: dict[str, Any], value: Any) -> Any:
        if isinstance(value, str) and "{" in value:
            return value.replace("{", "{not_")
        found = schemas.resolve(schema, asked.schema)
        if "enum" in found:
            if made_up:
                return made_up.pop()
            others = [one for one in found["enum"] if one not in schemas.offered(found["enum"], asked.prompt)]
            return asked.rng.choice(others or found["enum"])
        if isinstance(value, dict):
            return {key: forbidden(key, found["properties"][key], one) for key, one in value.items()}
        return value

    return Reply(_json(forbidden("", asked.schema, asked.honest())))


def objects(asked: Asked) -> Reply:
    """Answers every yes-or-no with no, and gives a reason wherever one may be given."""

    def no(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: no(one) for key, one in value.items()}
        return False if isinstance(value, bool) else value

    return Reply(_json(no(schemas.answer(asked.schema, asked.prompt, asked.rng, greedy=True))))


def truncates(asked: Asked) -> Reply:
    """Stops in the middle and says so: finish_reason length."""
    text = _json(asked.honest())
    return Reply(text[: len(text) // 2], finish="length")


def truncates_silently(asked: Asked) -> Reply:
    """Stops in the middle and says it is all: finish_reason stop."""
    text = _json(asked.honest())
    return Reply(text[: len(text) // 2])


def stalls(asked: Asked) -> Reply:
    """Says a little, then nothing for a long time."""
    return Reply(_json(asked.honest()), stall=30.0)


def aborts(asked: Asked) -> Reply:
    """A server that is being stopped: an end called abort, or a cut connection."""
    text = _json(asked.honest())
    if asked.rng.random() < 0.5:
        return Reply(text[: len(text) // 2], finish="abort")
    return Reply(text, cut_after=len(text) // 2)


def overloaded(asked: Asked) -> Reply:
    """Queue full, or an engine that is starting: 503 or 500."""
    return Reply("", status=asked.rng.choice((500, 503)), headers={"Retry-After": "0"})


def ignores_schema(asked: Asked) -> Reply:
    """Prose, other fields, wrong types, or JSON wrapped in a code block."""
    answer = asked.honest()
    forms = (
        "I think we should chase the counterparty, and nothing else.",
        _json({"thought": "fine", "result": answer}),
        f"```json\n{_json(answer)}\n```",
        _json([answer]),
        _json({key: [value] for key, value in answer.items()} if isinstance(answer, dict) else answer),
    )
    return Reply(asked.rng.choice(forms))


def digresses(asked: Asked) -> Reply:
    """Always the last choice it is offered, and as many as it may name: never comes to the point."""
    last = random.Random(0)
    last.choice = lambda options: options[-1]  # type: ignore[method-assign, assignment]
    last.choices = lambda options, *_: [options[-1]]  # type: ignore[method-assign, assignment]
    return Reply(_json(schemas.answer(asked.schema, asked.prompt, last, greedy=True)))


def repeats(asked: Asked) -> Reply:
    """Always the first choice it is offered, in the same words, for ever: a graph without a bound never ends."""

    def first_of(options: Any) -> Any:
        return options[0]

    first = random.Random(0)
    first.choice = first_of  # type: ignore[method-assign]
    first.choices = lambda options, *_: [options[0]]  # type: ignore[method-assign, assignment]
    return Reply(_json(schemas.answer(asked.schema, asked.prompt, first)))


BEHAVIOURS: dict[str, Behaviour] = {
    function.__name__.replace("_", "-"): function
    for function in (
        honest, obeys_injection, lies_about_amounts, invents_accounts, cites_nothing, picks_forbidden, objects,
        truncates, truncates_silently, stalls, aborts, overloaded, ignores_schema, repeats, digresses,
    )
}  # fmt: skip
