"""`make proof N=3000`: thousands of cases through the platform with a model that lies, obeys and breaks; a report.

The platform runs as its own processes; people are played; the judge reads only what anybody outside can read. With
--real or --llm-base-url the model is a real one: it must be heard, and nothing is demanded of how often it goes wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from ci.local.killing import free_port
from ci.local.postgres import API, WORKER, Server
from ci.models import ollama, vllm
from ci.tools.source import ROOT
from tests.adversary import playing
from tests.adversary.cases import Case
from tests.adversary.checker import Tally
from tests.adversary.mixture import MIXTURE, MOODS
from tests.adversary.report import ADVERSARY, page
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
#: Breaches told of each batch.
_SHOWN = 100


@dataclass(frozen=True)
class Pace:
    """How much is asked of a model at a time, and how long its answers are waited for."""

    workers: int = 2
    #: Cases side by side.
    cases: int = 24
    #: Seconds until a case that does not move is judged as it stands.
    patience: float = 180.0
    #: Settings of the platform's processes.
    settings: dict[str, Any] = field(default_factory=dict)


#: A real server on a CPU writes thirty answers a case; more questions than this only wait there until their time is up.
_REAL = Pace(patience=900.0, settings={"llm_concurrency": 4})
#: Ollama reads some 500 tokens of a prompt a second there, one question after the other: up to half a minute each.
_OLLAMA = Pace(workers=1, cases=2, patience=900.0, settings={
    "llm_concurrency": 1, "llm_timeout_seconds": 60.0, "llm_deadline_seconds": 90.0})  # fmt: skip
#: Real servers that this machine can start, each with the chart's own flags, on the tiny model of random numbers.
_SERVERS = {"vllm": (vllm, _REAL), "ollama": (ollama, _OLLAMA)}


@dataclass(frozen=True)
class Real:
    """A model at a real server."""

    #: The title of its section in the report, and what it says there of the model.
    name: str
    what: str
    #: What starts the same again.
    words: str
    base_url: str
    model: str
    key: str = ""
    pace: Pace = _REAL


@dataclass(frozen=True)
class Order:
    cases: int
    seed: int
    #: None: the adversary.
    real: Real | None = None

    @property
    def pace(self) -> Pace:
        return self.real.pace if self.real else Pace()

    def again(self) -> str:
        if self.real is None:
            return f"make proof N={self.cases}"
        return f"python -m tests.adversary.proof --cases {self.cases} {self.real.words}"


@dataclass
class Result:
    order: Order
    tally: Tally
    #: Behaviours as the adversary played them; empty with a real model.
    played: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def wants(self) -> list[str]:
        """Why this run proves nothing, if it does not."""
        if self.order.real is not None:
            least = self.order.cases
            few = [f"only {self.tally.answers} answers of a real model in {least} cases: it was not heard"]
            return few if self.tally.answers < least else []
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
        model_at = order.real or Real(ADVERSARY, "", "", f"http://127.0.0.1:{port}/v1", MODEL, pace=order.pace)
        children = [_child(model_at, server.url(API if kind == "api" else WORKER, name), folder / "run", kind, n)
                    for kind, count in (("api", 1), ("worker", order.pace.workers)) for n in range(count)]  # fmt: skip
        model = context().Process(target=adversary, args=(order.seed, port), daemon=True)
        if order.real is None:
            model.start()
        for child in children:
            child.start()
        api = Api([child.base_url for child in children if child.kind == "api"], KEY)
        try:
            yield api, model_at.base_url, children
        finally:
            await api.close()
            for child in children:
                child.process.terminate()
                await child.gone(15)
            if order.real is None:
                model.terminate()


def _template() -> str:
    """Named by what made it: a migration more is another template."""
    names = sorted(p.name for p in (ROOT / "src/workflow_orchestration/store/migrations").glob("*.sql"))
    return f"proof_{names[-1].removesuffix('.sql')}"


def _child(model: Real, url: str, folder: Path, kind: str, n: int) -> Child:
    chosen: dict[str, Any] = settings(folder, kind, url, f"file:{folder / 'outbox'}")
    chosen.pop("kind")
    chosen |= {"llm_base_url": model.base_url, "llm_model": model.model, "llm_breaker_seconds": 1.0,
               "lease_seconds": 10.0, "heartbeat_seconds": 3.0, "llm_desk_tokens_per_day": 0,
               **model.pace.settings}  # fmt: skip
    if model.key:
        chosen["llm_api_key"] = model.key
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
            known = len(result.tally.breaches)
            await playing.load(api, cases)
            outbox = folder / "run" / "outbox"
            pace = order.pace
            await _while_all_run(
                children,
                playing.play(
                    api, cases, outbox, seed=order.seed, at_once=pace.cases, patience=pace.patience, tally=result.tally
                ),
            )
            done = result.tally
            for breach in done.breaches[known : known + _SHOWN]:
                print(f"  BREACH {breach}")
            print(f"proof: {done.cases} cases, {len(done.breaches)} breaches, {done.by_agent} on an agent's pick, "
                  f"{time.monotonic() - began:.0f} s", flush=True)  # fmt: skip
        if order.real is None:
            async with httpx.AsyncClient() as client:
                result.played.update((await client.get(f"{model.removesuffix('/v1')}/played")).json())
    result.seconds = time.monotonic() - began
    return result


@contextmanager
def _real(asked: argparse.Namespace) -> Iterator[Real | None]:
    """The model to ask, its server started where that is one of ours; None is the adversary."""
    if asked.real:
        server, pace = _SERVERS[asked.real]
        with tempfile.TemporaryDirectory(prefix="proof-") as folder, server.server(Path(folder)).running() as found:
            what = f"{asked.real} {server.VERSION} on a CPU, the tiny model of random numbers (ci/models)"
            words = f"--real {asked.real}"
            yield Real(f"A real server: {asked.real}", what, words, found.base_url, found.model, found.key, pace)
    elif asked.llm_base_url:
        words = f"--llm-base-url {asked.llm_base_url} --llm-model {asked.llm_model}"
        name = f"A real server: {asked.llm_model}"
        yield Real(name, f"{asked.llm_model}, at a server that ran already", words, asked.llm_base_url, asked.llm_model)
    else:
        yield None


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="make proof", description=__doc__)
    parser.add_argument("--cases", type=int, default=_FULL)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--real", choices=_SERVERS, help="start this server and ask it; default: the adversary")
    parser.add_argument("--llm-base-url", help="a running real model's address, with /v1")
    parser.add_argument("--llm-model", default=MODEL)
    parser.add_argument("--report", type=Path, default=REPORT)
    asked = parser.parse_args(argv)
    # a time limit ends this with SIGTERM, which would leave a model's server behind: let it be as Ctrl-C is
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with _real(asked) as real:
        result = asyncio.run(prove(Order(asked.cases, asked.seed, real)))
    for want in result.wants():
        print(f"  PROVES NOTHING: {want}")
    asked.report.parent.mkdir(parents=True, exist_ok=True)
    before = asked.report.read_text(encoding="utf-8") if asked.report.exists() else ""
    asked.report.write_text(page(before, result), encoding="utf-8")
    print(f"proof: report in {asked.report}")
    return 1 if result.tally.breaches or result.wants() else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
