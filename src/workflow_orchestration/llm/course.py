"""What has happened to one question so far: enough to record it, however it ends."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any
from uuid import uuid4

from workflow_orchestration.domain.canonical import sha256
from workflow_orchestration.domain.errors import ModelUnavailable
from workflow_orchestration.domain.model_run import ModelRun, Reason
from workflow_orchestration.llm import prompts
from workflow_orchestration.llm.config import ModelConfig
from workflow_orchestration.llm.contract import Answer, OnToken, Question, T
from workflow_orchestration.llm.engine import Reply

_NOTHING = Reply(text="", finish_reason="", tokens_in=0, tokens_out=0, engine_id="")


class Course:
    """One question on its way: its prompt, its tries, and what they used."""

    def __init__(self, question: Question[Any], config: ModelConfig, on_token: OnToken | None = None) -> None:
        self.question = question
        self.on_token = on_token
        self.prompt = prompts.messages(question)
        self.began = time.monotonic()
        self.tries = 0
        #: A request is out.
        self.asking = False
        #: The last failure, for whoever has to know why the deadline came.
        self.trouble = ""
        self._config = config
        self._last = _NOTHING
        self._tokens_in = self._tokens_out = 0
        self._name = f"{question.case_id}-{question.agent}-{uuid4().hex[:8]}"

    @property
    def request_id(self) -> str:
        """The current try's name in the engine's log; all tries of a case begin with the case's id."""
        return f"{self._name}-{self.tries}"

    def seconds_left(self) -> float:
        return self.began + self._config.deadline - time.monotonic()

    def add(self, reply: Reply) -> None:
        self._last = reply
        self._tokens_in += reply.tokens_in
        self._tokens_out += reply.tokens_out

    def run(self, failure: Reason | None, detail: str) -> ModelRun:
        """The question as it is recorded at its end."""
        return ModelRun(
            agent=self.question.agent,
            kind=self.question.kind,
            model=self._config.model,
            revision=self._config.revision,
            prompt_sha256=prompts.prompt_sha256(self.prompt),
            parameters=prompts.parameters(self.question, self._config),
            text=self._last.text,
            output_sha256=sha256(self._last.text.encode()),
            finish_reason=self._last.finish_reason,
            tokens_in=self._tokens_in,
            tokens_out=self._tokens_out,
            cost=self._config.cost(self._tokens_in, self._tokens_out),
            request_id=self.request_id,
            engine_id=self._last.engine_id,
            seconds=time.monotonic() - self.began,
            tries=self.tries,
            failure=failure,
            detail=detail,
        )

    def expected(self) -> ModelRun:
        """The question as it is recorded before it is asked: with what one try may come to."""
        tokens_in, tokens_out = prompts.estimated_tokens(self.prompt), self._config.max_output_tokens
        cost = self._config.cost(tokens_in, tokens_out)
        return replace(self.run(None, ""), tokens_in=tokens_in, tokens_out=tokens_out, cost=cost)


def answer_of(run: ModelRun, question: Question[T], *, replayed: bool = False) -> Answer[T]:
    """What a run says to its question: an answer, or ModelUnavailable."""
    if run.failure is not None:
        raise ModelUnavailable(run.detail, reason=run.failure)
    if (misfit := prompts.misfit(question.answer, run.text)) is not None:  # recorded by a release with another schema
        raise ModelUnavailable(f"the recorded answer does not fit the schema: {misfit}", reason="schema")
    return Answer(prompts.read(question.answer, run.text), run, replayed)
