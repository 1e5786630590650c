"""One run of a model, as it is recorded: enough to say later which model was asked what, and what it answered."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

#: Why there is no answer. Whatever it is, the case goes on without the model.
Reason = Literal[
    "not_configured",  # LLM_BASE_URL is not set
    "breaker_open",  # the server failed a moment ago; it is asked again by itself
    "budget_spent",  # of the desk's day, or of the case
    "deadline",  # no whole answer within LLM_DEADLINE_SECONDS, retries included
    "refused",  # the server will not answer this, however often it is asked: 400, 401, 403, 404
    "cut_short",  # an end other than "stop" that asking again does not cure: length, repetition
    "schema",  # two answers that do not fit the schema
]
#: A decision is asked for at temperature 0, a draft at LLM_DRAFT_TEMPERATURE.
Kind = Literal["decision", "draft"]


@dataclass(frozen=True)
class ModelRun:
    """One question put to a model, with all its tries. Recorded before its answer is used."""

    #: Who asked: the agent's role, such as "triage".
    agent: str
    kind: Kind
    #: Name and revision of the model that was asked for (LLM_MODEL, LLM_MODEL_REVISION).
    model: str
    revision: str
    #: Of the messages of the first try, as they were sent.
    prompt_sha256: str
    #: Temperature, most output tokens, and the hash of the schema the answer must fit.
    parameters: dict[str, Any]
    #: The last answer as the model wrote it; "" when there was none.
    text: str
    output_sha256: str
    #: How the engine ended the last answer; "" when it did not say.
    finish_reason: str
    #: Tokens as the engine counted them, of all tries together.
    tokens_in: int
    tokens_out: int
    #: In the currency of the LLM_PRICE_* settings.
    cost: Decimal
    #: The X-Request-Id of the last try, and what the engine calls it: both find it in the engine's log.
    request_id: str
    engine_id: str
    #: From the first try to the end, waits between tries included.
    seconds: float
    tries: int
    #: None when the text is an answer.
    failure: Reason | None = None
    #: What happened, in words for the case's page; never part of the prompt.
    detail: str = ""
