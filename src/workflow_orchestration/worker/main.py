"""The worker process: claims items, keeps their leases, and lets go of them cleanly.

SIGTERM: not ready, no new claims, graphs stop at their next step, items go back uncharged, and only then does the
heart stop. What does not reach a step in time is let go of where it is: the next owner repeats that step.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
from collections.abc import AsyncIterator

import httpx
import psycopg
import structlog
from langgraph.errors import GraphDrained
from langgraph.runtime import RunControl
from psycopg_pool import PoolTimeout

from workflow_orchestration import process_log
from workflow_orchestration.domain import calendars
from workflow_orchestration.domain.errors import LeaseLost
from workflow_orchestration.llm.gateway import from_settings
from workflow_orchestration.probes import Probes
from workflow_orchestration.settings import Settings
from workflow_orchestration.store import retention, schema, work
from workflow_orchestration.store.approvals import Policy
from workflow_orchestration.store.db import TRANSIENT, Conn, Row, make_pool, retrying
from workflow_orchestration.store.notify import WORK, Bell, Listener, Notifier, Whisper
from workflow_orchestration.worker import deadlines, runs
from workflow_orchestration.worker.anchor import Anchor
from workflow_orchestration.worker.deliver import Deliverer
from workflow_orchestration.worker.lease import LEASE, Heart, Lease
from workflow_orchestration.worker.metrics import ITEM_SECONDS, ITEMS, RUNNING
from workflow_orchestration.worker.reconcile import reconcile
from workflow_orchestration.worker.runs import Runner
from workflow_orchestration.workflows.common.context import Agents

_logger = structlog.get_logger(__name__)
#: What may cure itself: the item goes back, the attempt is charged, and the next try waits.
_RETRIED = (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout, TimeoutError, httpx.HTTPError, *TRANSIENT)
_RETRY_SECONDS = 2.0
_POLL_SECONDS = 1.0
_RECONCILE_SECONDS = 5.0
_PRUNE_SECONDS = 600.0
#: Of a run's time, for agents: what is left writes down what came of them.
_TALK_SHARE = 0.75


class Worker:
    """One process's worth of work."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        url = settings.database_url.get_secret_value()
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        self._pool = make_pool(url, size=settings.database_pool_size, name="wo-worker")
        # beats never queue behind the work they keep alive
        self._beat_pool = make_pool(url, size=2, name="wo-worker-heart")
        self._notifier = Notifier(self._pool)
        self._whisper = Whisper(self._pool)
        self._bell = Bell()
        self._listener = Listener(url, self._bell.ring)
        self._heart = Heart(self._beat_pool, settings.lease_seconds, settings.heartbeat_seconds)
        self._policy = Policy(
            settings.approval_minutes, settings.approval_warning_minutes, tuple(settings.webhook_urls)
        )
        # by lease, not by item: an item that was lost may be claimed again before its old task has ended
        self._tasks: dict[Lease, tuple[asyncio.Task[None], RunControl]] = {}
        self._stopping: dict[Lease, str] = {}
        self._draining = asyncio.Event()
        self._slot_free = asyncio.Event()
        self._broken: BaseException | None = None
        self._runner: Runner | None = None
        self._deliverer: Deliverer | None = None

    async def run(self) -> None:
        """Work until `drain` is called and the last item has ended."""
        async with self._open():
            helpers = [
                asyncio.create_task(job)
                for job in (
                    self._heart.run(),
                    self._notifier.run(),
                    self._whisper.run(),
                    self._listener.run(),
                    self._every_reconcile(),
                    self._every_anchor(),
                    self._every_prune(),
                )
            ]
            for helper in helpers:
                helper.add_done_callback(self._helper_ended)
            try:
                await self._claim_until_drained()
                await self._finish_items()
                if self._broken is not None:
                    raise self._broken
            finally:
                for helper in helpers:
                    helper.cancel()
                await asyncio.gather(*helpers, return_exceptions=True)

    def _helper_ended(self, helper: asyncio.Task[None]) -> None:
        """A worker without its heart or its reconciler must not go on: it drains, and ends with the error."""
        if not helper.cancelled() and (error := helper.exception()) is not None:
            self._broken = error
            self.drain()

    def drain(self) -> None:
        """Stop claiming, and ask every graph to stop at its next step."""
        self._draining.set()
        for _, control in self._tasks.values():
            control.request_drain("shutdown")

    @contextlib.asynccontextmanager
    async def _open(self) -> AsyncIterator[None]:
        s = self._settings
        secret = s.webhook_secret.get_secret_value() if s.webhook_secret else None
        probes = Probes(s.api_host, s.metrics_port, self._is_ready)
        async with contextlib.AsyncExitStack() as opened:
            for one in (self._pool, self._beat_pool, probes.serving()):
                await opened.enter_async_context(one)
            client = await opened.enter_async_context(httpx.AsyncClient())
            gateway = await asyncio.to_thread(from_settings, s)  # seconds of imports, once: the heart has to beat
            if gateway is not None:
                await opened.enter_async_context(gateway)
            self._runner = Runner(
                self._pool,
                self._notifier,
                self._policy,
                effects_url=s.effects_url,
                run_timeout=s.run_timeout_seconds,
                agents=Agents(gateway, s.agents_shadow, s.run_timeout_seconds * _TALK_SHARE, self._whisper),
            )
            self._deliverer = Deliverer(self._pool, self._notifier, client, self._policy, s.effect_retry_hours, secret)
            yield

    async def _is_ready(self) -> bool:
        if self._draining.is_set():
            return False
        async with asyncio.timeout(2), self._beat_pool.connection() as conn:
            return await schema.current(conn) >= schema.needed()

    # -- claiming ---------------------------------------------------------------------------------------------

    async def _claim_until_drained(self) -> None:
        await asyncio.to_thread(calendars.load)  # seconds, once: not while a heart has to beat
        gc.freeze()  # what is loaded by now stays: 5 % of a worker's time went into looking through it again
        await self._wait_for_schema()
        with self._bell.hear(WORK) as woken:
            while not self._draining.is_set():
                woken.clear()
                self._slot_free.clear()
                claimed = await self._claim()
                for item in claimed:
                    self._start(item)
                if not claimed or len(self._tasks) >= self._settings.worker_concurrency:
                    await self._wait(woken)

    async def _wait_for_schema(self) -> None:
        said = False
        while not self._draining.is_set():
            try:
                if await self._is_ready():
                    return
                why = "the schema is older than this code: run `wo migrate`"
            except (psycopg.Error, PoolTimeout, TimeoutError) as error:
                why = f"the database cannot be reached: {str(error) or type(error).__name__}"
            if not said:
                _logger.warning("waiting", why=why)
                said = True
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._draining.wait(), 0.5)

    async def _claim(self) -> list[Row]:
        free = self._settings.worker_concurrency - len(self._tasks)
        if free <= 0:
            return []
        try:
            async with self._pool.connection() as conn:
                return await work.claim(
                    conn,
                    worker=self.name,
                    limit=free,
                    lease=self._settings.lease_seconds,
                    max_attempts=self._settings.max_attempts,
                )
        except (psycopg.Error, PoolTimeout) as error:
            _logger.warning("cannot claim; trying again", error=str(error))
            return []

    async def _wait(self, woken: asyncio.Event) -> None:
        """Until there may be something to do: a wake-up, a free slot, the drain, or the next timer."""
        waits = [asyncio.ensure_future(e.wait()) for e in (woken, self._slot_free, self._draining)]
        try:
            await asyncio.wait(waits, timeout=_POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    # -- one item -----------------------------------------------------------------------------------------------

    def _start(self, item: Row) -> None:
        control, lease = RunControl(), Lease(str(item["id"]), item["epoch"])
        task = asyncio.create_task(self._work(item, lease, control))
        self._tasks[lease] = (task, control)
        task.add_done_callback(lambda _t: self._ended(lease))
        if self._draining.is_set():
            control.request_drain("shutdown")

    def _ended(self, lease: Lease) -> None:
        self._tasks.pop(lease, None)
        self._stopping.pop(lease, None)
        RUNNING.set(len(self._tasks))
        self._slot_free.set()

    async def _work(self, item: Row, lease: Lease, control: RunControl) -> None:
        LEASE.set(lease)
        RUNNING.set(len(self._tasks))
        task = asyncio.current_task()
        assert task is not None

        def stop(why: str) -> None:
            if lease not in self._stopping:
                self._stopping[lease] = why
                task.cancel()

        self._heart.hold(lease, stop)
        try:
            with ITEM_SECONDS.labels(item["kind"]).time():
                outcome = await self._carry_out(item, control)
        finally:
            self._heart.drop(lease)
        ITEMS.labels(item["kind"], outcome).inc()

    async def _carry_out(self, item: Row, control: RunControl) -> str:
        """Do the item's work; every way it can go wrong ends in a word for the metrics."""
        try:
            await self._dispatch(item, control)
        except GraphDrained:
            await self._give_back(item, charge=False)
            return "drained"
        except LeaseLost:
            _logger.warning("lease lost; another worker has the item", item=str(item["id"]))
            return "lost"
        except asyncio.CancelledError:
            return await self._stopped(item)
        except _RETRIED as error:
            _logger.warning(
                "item failed; it is tried again",
                item=str(item["id"]),
                kind=item["kind"],
                attempt=item["attempt"],
                error=repr(error),
            )
            await self._give_back(item, charge=True, error=repr(error))
            return "retried"
        except Exception as error:  # noqa: BLE001 - a boundary: whatever a node raises ends its case, not the worker
            if _told_to_stop():  # psycopg, cancelled on its way into a pipeline, raises AssertionError instead
                return await self._stopped(item)
            return await self._failed(item, error)
        return "done"

    async def _dispatch(self, item: Row, control: RunControl) -> None:
        assert self._runner is not None
        assert self._deliverer is not None
        match item["kind"]:
            case "run":
                await self._runner.run(item, control)
            case "deliver":
                await self._deliverer.run(item)
            case "deadline":
                await retrying(self._pool, lambda conn: deadlines.run(conn, item, self._policy))
                self._notifier.wake(str(item["case_id"]), WORK)

    async def _stopped(self, item: Row) -> str:
        """The task was cancelled: by a lost lease, by somebody who cancelled the case, or by the end of a drain."""
        why = self._stopping.get(LEASE.get(), "drain")
        if why == "lost":
            return "lost"
        if why == "drain":
            await self._give_back(item, charge=False)
            return "drained"
        try:
            await retrying(self._pool, lambda conn: runs.finish_cancelled(conn, item))
        except (LeaseLost, psycopg.Error, PoolTimeout) as lost:
            _logger.warning("could not record the cancel; the item comes back", item=str(item["id"]), error=repr(lost))
            return "lost"
        self._notifier.wake(str(item["case_id"]), WORK)
        return "cancelled"

    async def _failed(self, item: Row, error: Exception) -> str:
        _logger.error("item failed for good", item=str(item["id"]), kind=item["kind"], exc_info=error)
        if item["kind"] != "run":
            await self._give_back(item, charge=True, error=repr(error))
            return "retried"
        detail = f"{type(error).__name__}: {error}"

        async def end(conn: Conn) -> None:
            await work.lock(conn, str(item["id"]), item["epoch"])
            await runs.fail(conn, item, detail)

        try:
            await retrying(self._pool, end)
        except (LeaseLost, psycopg.Error, PoolTimeout) as lost:
            _logger.warning("could not record the failure; the item comes back", item=str(item["id"]), error=repr(lost))
            return "lost"
        self._notifier.wake(str(item["case_id"]))
        return "failed"

    async def _give_back(self, item: Row, *, charge: bool, error: str | None = None) -> None:
        """Release an item; when even that fails its lease runs out, which comes to the same."""
        delay = _RETRY_SECONDS * item["attempt"] if charge else 0
        try:
            async with self._pool.connection() as conn:
                await work.release(conn, str(item["id"]), item["epoch"], charge=charge, delay=delay, error=error)
        except (psycopg.Error, PoolTimeout) as failure:
            _logger.warning(
                "could not release the item; its lease will run out", item=str(item["id"]), error=repr(failure)
            )
        self._notifier.wake(WORK)

    # -- the end ------------------------------------------------------------------------------------------------

    async def _finish_items(self) -> None:
        """Wait for the graphs to reach a step; cancel what takes too long."""
        tasks = [task for task, _ in self._tasks.values()]
        if not tasks:
            return
        _logger.info("draining", items=len(tasks))
        _, late = await asyncio.wait(tasks, timeout=self._settings.drain_seconds)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        _logger.info("drained", let_go=len(late))

    # -- every few seconds ----------------------------------------------------------------------------------------

    async def _every_reconcile(self) -> None:
        while True:
            await asyncio.sleep(_RECONCILE_SECONDS)
            try:
                if await reconcile(
                    self._pool, max_attempts=self._settings.max_attempts, webhook_urls=self._policy.webhook_urls
                ):
                    self._notifier.wake(WORK)
            except (psycopg.Error, PoolTimeout, *TRANSIENT) as error:
                _logger.warning("reconciler pass failed; the next one repeats it", error=repr(error))

    async def _every_prune(self) -> None:
        days = self._settings.retention_days
        while days > 0:
            await asyncio.sleep(_PRUNE_SECONDS)
            try:
                pruned = 1
                while pruned:
                    pruned = await retrying(self._pool, lambda conn: retention.prune(conn, days=days))
            except (psycopg.Error, PoolTimeout, *TRANSIENT) as error:
                _logger.warning("pruning failed; the next pass goes on with it", error=repr(error))

    async def _every_anchor(self) -> None:
        if self._settings.log_anchor_file is None:
            _logger.warning("no LOG_ANCHOR_FILE: a rewritten chain cannot be detected")
            return
        anchor = Anchor(self._pool, self._settings.log_anchor_file)
        while True:
            try:
                await anchor.write()
            except (psycopg.Error, PoolTimeout, OSError) as error:
                _logger.warning("anchor not written; the next one holds it", error=repr(error))
            await asyncio.sleep(self._settings.log_anchor_seconds)


def _told_to_stop() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def serve(settings: Settings) -> None:
    """Run a worker until SIGTERM or SIGINT."""
    process_log.configure(settings)
    worker = Worker(settings)
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, worker.drain)
    _logger.info("worker starts", worker=worker.name, concurrency=settings.worker_concurrency)
    await worker.run()
    _logger.info("worker ended")
