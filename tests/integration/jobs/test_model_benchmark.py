"""The nightly look at the model, against a scripted server at a real socket."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Database
from tests.integration.jobs.test_jobs import start
from tests.integration.llm.server import ModelServer, Say, Socket
from tests.platform import Platform, platform

RIGHT = [Say(f'{{"sum": {n}}}') for n in (42, 42, 49, 82, 86)]


async def benchmark(here: Platform, server: ModelServer, *says: Say, most_seconds: int = 20) -> dict[str, Any]:
    """Run one; returns its findings and its task's text, if there is one."""
    case_id = await start(here, "model-benchmark/1", job="model_benchmark", most_seconds=most_seconds)
    server.script(case_id, *says)
    await here.start_worker()

    async def worked() -> Any:
        return (await here.case(case_id))["findings"].get("job")

    found = await here.wait_for(worked, "the benchmark", seconds=60)
    return {**found, "tasks": [t["text"] for t in await here.open_tasks(case_id)]}


@pytest.mark.parametrize(
    ("says", "most_seconds", "right", "task"),
    [
        (RIGHT, 20, 5, None),
        ([*RIGHT[:4], Say('{"sum": 1}')], 20, 4, "answered 5 of 5 questions, 4 rightly"),
        ([*RIGHT[:4], Say("no", status=400)], 20, 4, "answered 4 of 5 questions"),
        ([*RIGHT[:4], Say('{"sum": 86}', after=1.2)], 1, 5, "where 1 s are allowed"),
    ],
    ids=["well", "wrong", "refused", "slow"],
)
async def test_a_person_looks_only_when_an_answer_is_missing_wrong_or_slow(
    database: Database, tmp_path: Path, says: list[Say], most_seconds: int, right: int, task: str | None
) -> None:
    with Socket().serving() as socket:
        server = socket.fresh()
        model = {"llm_base_url": server.url, "llm_model": "m"}
        async with platform(database.worker, tmp_path, start=False, **model) as here:
            found = await benchmark(here, server, *says, most_seconds=most_seconds)
        assert (found["asked"], found["right"]) == (5, right)
        assert found["tasks"] == [] if task is None else task in found["tasks"][0]


async def test_without_a_model_there_is_nothing_to_look_at(database: Database, tmp_path: Path) -> None:
    async with platform(database.worker, tmp_path) as here:
        case_id = await start(here, "model-benchmark/1", job="model_benchmark", most_seconds=1)
        assert (await here.ended(case_id, "resolved"))["findings"]["job"] == {"model": None, "asked": 0}
