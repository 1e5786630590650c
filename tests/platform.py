"""The platform inside one test: a real worker in this process, and the doors people and desks use; a real database."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ci.local.killing import free_port
from workflow_orchestration.domain import book as books
from workflow_orchestration.domain import messages
from workflow_orchestration.domain.roles import Principal, Role
from workflow_orchestration.settings import Settings
from workflow_orchestration.store import approvals, book, cases, decide, effects, log, tasks
from workflow_orchestration.store import messages as message_store
from workflow_orchestration.store.approvals import Policy
from workflow_orchestration.store.db import Pool, Row, make_pool, retrying, rows
from workflow_orchestration.store.notify import CHANNEL, WORK
from workflow_orchestration.worker.main import Worker

SAMPLE = Path(__file__).resolve().parents[1] / "src" / "workflow_orchestration" / "sample"
DESK = Principal("u_desk", frozenset({Role.REQUESTER}), frozenset({"*"}))
ANN = Principal("ann", frozenset({Role.OPS_APPROVER}), frozenset({"*"}))
BEN = Principal("ben", frozenset({Role.OPS_APPROVER}), frozenset({"*"}))
SUE = Principal("sue", frozenset({Role.OPS_SUPERVISOR, Role.OPS_ANALYST}), frozenset({"*"}))
POLICY = Policy(approval_minutes=60, warning_minutes=15)


@dataclass
class Platform:
    """Doors and views. `wait_for` is how a test waits: for a condition, never for a time."""

    pool: Pool
    settings: Settings
    worker: Worker | None = None
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    #: Seconds that `wait_for` waits unless it is told otherwise.
    patience: float = 15

    async def do(self, work: Callable[[Any], Any]) -> Any:
        """A door's transaction, and the wake-up that the api sends after it."""
        done = await retrying(self.pool, work)
        async with self.pool.connection() as conn:
            await conn.execute("select pg_notify(%s, %s)", (CHANNEL, WORK))
        return done

    async def load_book(self) -> None:
        found = json.loads((SAMPLE / "book.json").read_text())
        for kind, values in found.items():
            parsed = [books.KINDS[kind].model_validate(v) for v in values]
            await retrying(self.pool, lambda c, k=kind, p=parsed: book.put(c, k, p, DESK.actor()))

    async def post(self, text: str, principal: Principal = DESK) -> message_store.Accepted:
        parsed = messages.parse(text)
        return await self.do(lambda c: message_store.accept(c, parsed, text, principal))

    async def post_sample(self, name: str, principal: Principal = DESK) -> str:
        """Post a shipped sample; returns the case of its first item."""
        text = (SAMPLE / "messages" / f"{name}.fin").read_bytes().decode()
        accepted = await self.post(text, principal)
        return str(accepted.items[0]["case_id"])

    async def decide(
        self, approval: Row, principal: Principal, decision: str = "approve", **body: Any
    ) -> dict[str, Any]:
        sent = {"decision": decision, "payload_hash": approval["payload_hash"], **body}
        return await self.do(lambda c: decide.decide(c, str(approval["id"]), sent, principal, POLICY))

    async def case(self, case_id: str) -> Row:
        async with self.pool.connection() as conn:
            return await cases.get(conn, case_id)

    async def approvals(self, case_id: str, state: str | None = "pending") -> list[Row]:
        async with self.pool.connection() as conn:
            return await approvals.page(conn, SUE, state=state, case_id=case_id)

    async def effects(self, case_id: str, kind: str = "message") -> list[Row]:
        async with self.pool.connection() as conn:
            found = await effects.page(conn, SUE, kind=kind, case_id=case_id)
        return sorted(found, key=lambda e: e["created_at"])

    async def open_tasks(self, case_id: str) -> list[Row]:
        async with self.pool.connection() as conn:
            return await tasks.page(conn, SUE, state="open", case_id=case_id)

    async def entries(self, case_id: str) -> list[Row]:
        async with self.pool.connection() as conn:
            return await log.read(conn, case_id)

    async def sql(self, statement: str, **params: Any) -> list[Row]:
        async with self.pool.connection() as conn:
            return await rows(conn, statement, params)

    async def approval(self, case_id: str) -> Row:
        return (await self.wait_for(lambda: self.approvals(case_id), f"an approval of {case_id}"))[0]

    async def ended(self, case_id: str, status: str) -> Row:
        async def look() -> Row | None:
            case = await self.case(case_id)
            return case if case["status"] != "open" else None

        case = await self.wait_for(look, f"the end of {case_id}")
        assert case["status"] == status, (case["status"], [e["data"] for e in (await self.entries(case_id))[-2:]])
        return case

    async def delivered(self, case_id: str, count: int) -> list[Row]:
        async def look() -> list[Row]:
            found = [e for e in await self.effects(case_id) if e["state"] == "delivered"]
            return found if len(found) >= count else []

        return await self.wait_for(look, f"{count} delivered effects of {case_id}")

    async def phase(self, case_id: str, phase: str) -> Row:
        async def look() -> Row | None:
            case = await self.case(case_id)
            return case if case["phase"] == phase else None

        return await self.wait_for(look, f"phase {phase} of {case_id}")

    async def wait_for(self, look: Callable[[], Any], what: str, *, seconds: float | None = None) -> Any:
        async with asyncio.timeout(seconds or self.patience):
            while True:
                found = await look()
                if found:
                    return found
                await asyncio.sleep(0.02)
        raise AssertionError(what)

    def outbox(self) -> list[Path]:
        folder = Path(self.settings.effects_url.removeprefix("file:"))
        return sorted(p for p in folder.glob("*") if not p.name.startswith(".")) if folder.exists() else []

    async def start_worker(self) -> Worker:
        self.worker = Worker(self.settings)
        self.tasks.append(asyncio.create_task(self.worker.run()))
        return self.worker

    async def stop_worker(self) -> None:
        assert self.worker is not None
        self.worker.drain()
        await asyncio.gather(*self.tasks)
        self.tasks.clear()


@contextlib.asynccontextmanager
async def platform(worker_url: str, folder: Path, **overrides: Any) -> AsyncIterator[Platform]:
    """A platform with the sample book and a running worker (unless `start=False`)."""
    start = overrides.pop("start", True)
    settings = Settings(
        **{  # type: ignore[arg-type]
            "database_url": worker_url,
            "effects_url": f"file:{folder / 'outbox'}",
            "log_anchor_file": folder / "anchor.jsonl",
            "metrics_port": free_port(),
            "log_anchor_seconds": 0.5,
            **overrides,
        }
    )
    async with make_pool(worker_url, size=8, name="test") as pool:
        found = Platform(pool, settings)
        await found.load_book()
        if start:
            await found.start_worker()
        try:
            yield found
        finally:
            if found.tasks:
                await found.stop_worker()
