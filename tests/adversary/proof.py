"""`make proof N=3000`: thousands of cases through the platform with a model that lies, obeys and breaks; a report.

The platform runs as its own processes; people are played; the judge reads only what anybody outside can read. With
--llm-base-url the model is a real one, and nothing is demanded of how often it goes wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from ci.local.killing import free_port
from ci.local.postgres import API, WORKER, Server
from ci.tools.source import ROOT
from tests.adversary import playing
from tests.adversary.cases import Case
from tests.adversary.checker import Tally
from tests.adversary.mixture import MIXTURE, MOODS
from tests.adversary.report import markdown
from tests.adversary.server import MODEL, Adversary
from tests.failure.harness.child import context
from tests.failure.harness.driver import Api
from tests.failure.harness.site import KEY, Child, settings

FOLDER = ROOT / ".state" / "proof"
REPORT = ROOT / "docs" / "reports" / "proof.md"
#: Below these the proof proves nothing: cases that people were asked about on an agent's pick, and refusals a rule.
SHARE_BY_AGENT, REFUSALS = 0.3, 100
RULES = ("V10", "CITED", "V11", "V15", "HANDOFF", "CAUSE", "SLOTS", "HOPS")
_FULL = 3000
_BATCH = 250
_PATIENCE = 180.0


@dataclass(frozen=True)
class Order:
    cases: int
    seed: int
    workers: int
    #: A real model's address and name; None: the adversary.
    base_url: str | None
    model: str


@dataclass
class Result:
    order: Order
    tally: Tally
    #: Behaviours as the adversary played them; empty with a real model.
    played: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def wants(self) -> list[str]:
        """Why this run proves nothing, if it does not."""
        if self.order.base_url is not None:
            return []
        found = []
        if self.tally.by_agent < SHARE_BY_AGENT * self.tally.cases:
            found.append(f"only {self.tally.by_agent} cases reached people on an agent's pick")
        least = REFUSALS * self.order.cases / _FULL
        found += [f"{rule} refused only {n} times" for rule in RULES if (n := self.tally.refusals[rule]) < least]
        return found


def adversary(seed: int, port: int) -> None:
    """The model, in a process of its own."""

    async def serve() -> None:
        async with Adversary(MIXTURE, seed=seed, moods=MOODS, stall=2.0).serving(port):
            await asyncio.Event().wait()

    asyncio.run(serve())


@asynccontextmanager
async def site(order: Order, folder: Path) -> AsyncIterator[tuple[Api, str, list[Child]]]:
    """A fresh database, one api, workers and the model; gives how to ask the api, where the model is, and who runs."""
    shutil.rmtree(folder / "run", ignore_errors=True)
    (folder / "run").mkdir(parents=True)
    server = await asyncio.to_thread(Server, folder / "postgres")
    with server.copy_of(await asyncio.to_thread(server.migrated, _template())) as name:
        port = free_port()
        url = order.base_url or f"http://127.0.0.1:{port}/v1"
        children = [_child(order, server.url(API if kind == "api" else WORKER, name), folder / "run", kind, n, url)
                    for kind, count in (("api", 1), ("worker", order.workers)) for n in range(count)]  # fmt: skip
        model = context().Process(target=adversary, args=(order.seed, port), daemon=True)
        if order.base_url is None:
            model.start()
        for child in children:
            child.start()
        api = Api([child.base_url for child in children if child.kind == "api"], KEY)
        try:
            yield api, url, children
        finally:
            await api.close()
            for child in children:
                child.process.terminate()
                await child.gone(15)
            if order.base_url is None:
                model.terminate()


def _template() -> str:
    """Named by what made it: a migration more is another template."""
    names = sorted(p.name for p in (ROOT / "src/workflow_orchestration/store/migrations").glob("*.sql"))
    return f"proof_{names[-1].removesuffix('.sql')}"


def _child(order: Order, url: str, folder: Path, kind: str, n: int, model: str) -> Child:
    chosen: dict[str, Any] = settings(folder, kind, url, f"file:{folder / 'outbox'}")
    chosen.pop("kind")
    chosen |= {"llm_base_url": model, "llm_model": order.model, "llm_breaker_seconds": 1.0, "lease_seconds": 10.0,
               "heartbeat_seconds": 3.0, "llm_desk_tokens_per_day": 0}  # fmt: skip
    return Child(kind, n, chosen, folder)


async def _while_all_run(children: list[Child], work: Coroutine[Any, Any, None]) -> None:
    """Do it, or say at once which process has ended."""
    task = asyncio.create_task(work)
    while not task.done():
        await asyncio.wait({task}, timeout=1)
        dead = [f"{child.kind}-{child.n}" for child in children if not child.alive]
        if dead and not task.done():
            task.cancel()
            raise RuntimeError(f"{', '.join(dead)} ended; see {children[0].folder}")
    await task


async def prove(order: Order, folder: Path = FOLDER) -> Result:
    result, began = Result(order, Tally()), time.monotonic()
    async with site(order, folder) as (api, model, children):
        for first in range(0, order.cases, _BATCH):
            cases = [Case(n) for n in range(first, min(first + _BATCH, order.cases))]
            await playing.load(api, cases)
            outbox = folder / "run" / "outbox"
            await _while_all_run(
                children,
                playing.play(api, cases, outbox, seed=order.seed, at_once=24, patience=_PATIENCE, tally=result.tally),
            )
            done = result.tally
            print(f"proof: {done.cases} cases, {len(done.breaches)} breaches, {done.by_agent} on an agent's pick, "
                  f"{time.monotonic() - began:.0f} s", flush=True)  # fmt: skip
        if order.base_url is None:
            async with httpx.AsyncClient() as client:
                result.played.update((await client.get(f"{model.removesuffix('/v1')}/played")).json())
    result.seconds = time.monotonic() - began
    return result


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="make proof", description=__doc__)
    parser.add_argument("--cases", type=int, default=_FULL)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--llm-base-url", help="a real model's address, with /v1; default: the adversary")
    parser.add_argument("--llm-model", default=MODEL)
    parser.add_argument("--report", type=Path, default=REPORT)
    asked = parser.parse_args(argv)
    order = Order(asked.cases, asked.seed, asked.workers, asked.llm_base_url, asked.llm_model)
    result = asyncio.run(prove(order))
    for breach in result.tally.breaches[:100]:
        print(f"  BREACH {breach}")
    for want in result.wants():
        print(f"  PROVES NOTHING: {want}")
    asked.report.parent.mkdir(parents=True, exist_ok=True)
    asked.report.write_text(markdown(result), encoding="utf-8")
    print(f"proof: report in {asked.report}")
    return 1 if result.tally.breaches or result.wants() else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
