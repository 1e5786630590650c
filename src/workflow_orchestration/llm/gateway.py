"""Ask the model, with retries, a deadline, a breaker and a schema; every way it can fail is one ModelUnavailable.

One layer retries, and it is here: langchain-openai's and its client's own are off, since layers multiply.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import Any

import structlog

from workflow_orchestration.domain.errors import ModelUnavailable
from workflow_orchestration.domain.model_run import ModelRun, Reason
from workflow_orchestration.llm import batch, config, metrics, prompts
from workflow_orchestration.llm.breaker import Breaker
from workflow_orchestration.llm.config import ModelConfig
from workflow_orchestration.llm.contract import Answer, OnToken, Question, T
from workflow_orchestration.llm.course import Course, answer_of
from workflow_orchestration.llm.engine import END, Engine, Reply, TryError, check_end, http_client
from workflow_orchestration.settings import Settings

_logger = structlog.get_logger(__name__)
#: Seconds before the second try at most, doubled for each further one up to the longest.
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 8.0
#: How often an answer that does not fit its schema is asked for.
_ASKED = 2


class _GivenUpError(Exception):
    """There will be no answer to this question."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason: Reason = reason
        self.detail = detail


class Gateway:
    """One a process: it holds the breaker, the connections and the bound on questions at once; `async with` ends it."""

    def __init__(self, config: ModelConfig) -> None:
        self.config = config
        self.breaker = Breaker(config.breaker)
        self._slots = asyncio.Semaphore(config.at_once)
        self._client = http_client(config)
        self._engine = Engine(config, self._client)

    async def __aenter__(self) -> Gateway:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def ask(self, question: Question[T], *, on_token: OnToken | None = None) -> Answer[T]:
        """An answer, or ModelUnavailable. Nothing is recorded and no budget asked: `Recorded` does both."""
        return answer_of(await self.run(question, on_token=on_token), question)

    async def ask_many(
        self, questions: Sequence[Question[T]], *, at_once: int | None = None
    ) -> list[Answer[T] | ModelUnavailable]:
        """Answers and named failures in the questions' order, at most `at_once` in flight."""
        return await batch.ask_many(
            lambda question, _: self.ask(question), questions, at_once=at_once or self.config.at_once
        )

    async def run(self, question: Question[Any], *, on_token: OnToken | None = None) -> ModelRun:
        """Ask, and say what came of it; a failure is a run too. The deadline counts from when there is a slot."""
        async with self._slots:
            metrics.RUNNING.inc()
            course = Course(question, self.config, on_token)
            try:
                failure, detail = await self._to_its_end(course)
            finally:
                metrics.RUNNING.dec()
        run = course.run(failure, detail)
        _count(run)
        return run

    def expected(self, question: Question[Any]) -> ModelRun:
        """The run before it is asked, with what it may come to."""
        return Course(question, self.config).expected()

    async def _to_its_end(self, course: Course) -> tuple[Reason | None, str]:
        try:
            async with asyncio.timeout(self.config.deadline) as limit:
                await self._converse(course)
        except TimeoutError:
            if not limit.expired():
                raise
            if course.asking:  # silence, or an answer without end
                self.breaker.failed()
            trouble = course.trouble or "the server did not answer"
            return "deadline", f"no whole answer within {self.config.deadline:g} s: {trouble}"
        except _GivenUpError as end:
            return end.reason, end.detail
        return None, ""

    async def _converse(self, course: Course) -> None:
        """Until an answer fits its schema; asked twice at most."""
        prompt, misfit = course.prompt, None
        for _ in range(_ASKED):
            reply = await self._whole_answer(course, prompt)
            misfit = prompts.misfit(course.question.answer, reply.text)
            if misfit is None:
                return
            prompt = prompts.again(course.prompt, reply.text, misfit)
        raise _GivenUpError("schema", f"{_ASKED} answers did not fit the schema; the last: {misfit}")

    async def _whole_answer(self, course: Course, prompt: prompts.Messages) -> Reply:
        """Try until the engine ends an answer by itself, or it is clear that it will not."""
        while True:
            try:
                return await self._try(course, prompt)
            except TryError as failed:
                wait = max(failed.wait, _backoff(course.tries))
                if not failed.again or wait >= course.seconds_left():
                    raise _GivenUpError(_reason(failed), failed.detail) from None
            await asyncio.sleep(wait)

    async def _try(self, course: Course, prompt: prompts.Messages) -> Reply:
        if not self.breaker.admits():
            why = course.trouble or "it failed three times in a row"
            raise _GivenUpError("breaker_open", f"the model server is left alone for a while: {why}")
        course.tries += 1
        course.asking, outcome = True, "abandoned"
        try:
            options = prompts.options(course.question, self.config)
            reply = await self._engine.send(
                prompt, options, course.request_id, on_token=course.on_token, number=course.tries
            )
            course.add(reply)
            check_end(reply)
            course.asking, outcome = False, "whole"
            self.breaker.succeeded()
            return reply
        except TryError as failed:
            course.asking, course.trouble, outcome = False, failed.detail, failed.outcome
            (self.breaker.failed if failed.blames_server else self.breaker.succeeded)()
            raise
        finally:
            if outcome == "abandoned":  # by the deadline, or by the end of this task
                self.breaker.abandoned()
            metrics.TRIES.labels(outcome).inc()


def from_settings(settings: Settings) -> Gateway | None:
    """The gateway to LLM_BASE_URL; None when that is not set."""
    found = config.of(settings)
    return None if found is None else Gateway(found)


def _reason(failed: TryError) -> Reason:
    """Why the last failure was the last: the next try would have come too late, or would have been in vain."""
    if failed.again:
        return "deadline"
    return "cut_short" if failed.outcome.startswith(END) else "refused"


def _backoff(tries: int) -> float:
    """Seconds to the next try: random, so that many workers do not come back together."""
    return random.uniform(0, min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (tries - 1)))  # noqa: S311 - jitter, not a secret


def _count(run: ModelRun) -> None:
    metrics.QUESTIONS.labels(run.agent, run.failure or "answered").inc()
    metrics.SECONDS.labels(run.agent).observe(run.seconds)
    metrics.TOKENS.labels(run.agent, "in").inc(run.tokens_in)
    metrics.TOKENS.labels(run.agent, "out").inc(run.tokens_out)
    metrics.COST.labels(run.agent).inc(float(run.cost))
    if run.failure is not None:  # never what was asked or answered: prompts hold what the messages hold
        _logger.warning("no answer from the model", agent=run.agent, reason=run.failure, request=run.request_id)
