"""Two or twenty at one door at once, hundreds of times each: one outcome, and everybody else is told which."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.fin import MATCHED, mt548
from tests.integration.store.scene import ANN, DESK, POLICY, SUE, Opened, Scene
from tests.integration.worker import toy
from workflow_orchestration.domain import messages
from workflow_orchestration.domain.errors import AlreadyDecided, Conflict, Superseded
from workflow_orchestration.domain.facts import Tier
from workflow_orchestration.domain.roles import Principal, Role
from workflow_orchestration.store import cases, decide, kill, lifecycle, schema, threads, work
from workflow_orchestration.store import messages as message_store
from workflow_orchestration.store.db import make_pool, retrying, rows, transaction
from workflow_orchestration.store.notify import Notifier
from workflow_orchestration.worker import deadlines, runs
from workflow_orchestration.worker.deliver import Deliverer
from workflow_orchestration.worker.migrate import migrate
from workflow_orchestration.worker.reconcile import reconcile

ROUNDS = 200
#: Rounds that run beside each other, each on a case of its own.
_AT_ONCE = 8
_PEOPLE = [Principal(f"p{n}", frozenset({Role.OPS_APPROVER}), frozenset({"*"})) for n in range(20)]
_SAID: list[dict[str, Any]] = [
    {"decision": "approve"},
    {"decision": "reject", "reason_code": "NO", "comment": "no"},
    {"decision": "escalate", "comment": "not mine"},
    {"decision": "request_info", "comment": "why?"},
]


@pytest.fixture
async def scene(database):
    async with make_pool(database.worker, size=20, name="test") as pool:
        yield Scene(pool)


async def many(one: Callable[[int], Awaitable[str]], count: int = ROUNDS) -> Counter[str]:
    """Play so many rounds; each says who won."""
    won: Counter[str] = Counter()
    for begin in range(0, count, _AT_ONCE):
        won.update(await asyncio.gather(*(one(n) for n in range(begin, min(begin + _AT_ONCE, count)))))
    assert won.total() == count
    return won


async def race(*runners: Awaitable[Any]) -> list[Any]:
    """All at once, the first to start by chance; failures are answers too."""

    async def after_a_moment(runner: Awaitable[Any]) -> Any:
        await asyncio.sleep(random.uniform(0, 0.004))
        return await runner

    return await asyncio.gather(*(after_a_moment(r) for r in runners), return_exceptions=True)


def unexpected(answers: list[Any], *expected: type[Exception]) -> list[Any]:
    return [a for a in answers if isinstance(a, BaseException) and not isinstance(a, expected)]


# -- decisions ------------------------------------------------------------------------------------------------


async def test_twenty_people_who_decide_differently_at_once_get_one_outcome(scene):
    async def one(n: int) -> str:
        approval = await scene.approval(await scene.open(), tier=Tier.T2)
        said = [random.Random(f"{n}/{k}").choice(_SAID) for k in range(20)]
        answers = await race(*(decided(scene, approval, who, **body) for who, body in zip(_PEOPLE, said, strict=True)))
        assert not unexpected(answers, AlreadyDecided, Superseded)
        closing = [k for k, a in enumerate(answers) if isinstance(a, dict) and a["state"] != "pending"]
        assert len(closing) == 1, answers
        await one_outcome(scene, approval, answers, _PEOPLE[closing[0]].id)
        return str(said[closing[0]]["decision"])

    assert len(await many(one)) == len(_SAID)


async def decided(scene: Scene, approval: Any, who: Principal, **body: Any) -> Any:
    sent = {"payload_hash": approval["payload_hash"], **body}
    return await retrying(scene.pool, lambda c: decide.decide(c, str(approval["id"]), sent, who, POLICY))


async def one_outcome(scene: Scene, approval: Any, answers: list[Any], winner: str) -> None:
    """Stored is what was answered; who came late was told who, when, or where it went."""
    stored = await scene.sql("select actor from decisions where approval_id = %(a)s", a=approval["id"])
    assert len(stored) == sum(isinstance(a, dict) for a in answers)
    [now] = await scene.sql("select * from approvals where id = %(a)s", a=approval["id"])
    pending = await scene.sql(
        "select id from approvals where thread_id = %(t)s and state = 'pending'", t=approval["thread_id"]
    )
    raised = now["superseded_by_what"] == "escalate"
    assert [p["id"] for p in pending] == ([now["successor"]] if raised else [])
    assert len(await scene.live_runs(str(approval["thread_id"]))) == (0 if raised else 1)
    for late in answers:
        if isinstance(late, AlreadyDecided):
            assert late.extra["decided_by"] == winner == now["decided_by"]
            assert late.extra["decided_at"] == now["decided_at"].isoformat()
        if isinstance(late, Superseded):
            assert late.extra["successor"] == (str(now["successor"]) if raised else None)


async def test_an_expiry_and_a_decision_have_one_outcome(scene):
    async def one(n: int) -> str:
        approval = await scene.approval(await scene.open())
        timer = await claimed_timer(scene, approval)
        answers = await race(
            decided(scene, approval, ANN, decision="approve"),
            retrying(scene.pool, lambda c: deadlines.run(c, timer, POLICY)),
        )
        assert not unexpected(answers, Superseded)
        states = await scene.sql(
            "select state, successor from approvals where thread_id = %(t)s order by opened_at", t=approval["thread_id"]
        )
        if isinstance(answers[0], Superseded):
            assert [s["state"] for s in states] == ["superseded", "pending"]
            return "expiry"
        assert [s["state"] for s in states] == ["approved"]
        assert len(await scene.live_runs(str(approval["thread_id"]))) == 1
        return "decision"

    assert set(await many(one)) == {"expiry", "decision"}


async def claimed_timer(scene: Scene, approval: Any) -> Any:
    [timer] = await scene.sql(
        "update work_items set status = 'running', epoch = 1, attempt = 1, lease_until = now() + interval '1 min' "
        "where payload ->> 'ref' = %(a)s and payload ->> 'what' = 'approval_expiry' returning *",
        a=str(approval["id"]),
    )
    return timer


async def test_a_new_status_and_a_decision_have_one_outcome(scene):
    async def one(n: int) -> str:
        opened = await told(scene, f"R{n:05d}")
        approval = await scene.approval(opened)
        answers = await race(
            decided(scene, approval, _PEOPLE[0], decision="approve"), hand_in(scene, f"R{n:05d}", **MATCHED)
        )
        assert not unexpected(answers, Superseded)
        [run] = await scene.live_runs(opened.thread)
        [answer] = run["payload"]["answers"].values()
        [state] = [
            a["state"] for a in await scene.sql("select state from approvals where id = %(a)s", a=approval["id"])
        ]
        if isinstance(answers[0], Superseded):
            assert (state, answer["type"]) == ("superseded", "refresh")
            return "message"
        assert (state, answer["type"]) == ("approved", "approve")
        return "decision"

    assert set(await many(one)) == {"message", "decision"}


async def hand_in(scene: Scene, reference: str, **status: Any) -> message_store.Accepted:
    text = mt548(reference, **(status or {"reason": "NMAT//DMON"}))
    return await retrying(scene.pool, lambda c: message_store.accept(c, messages.parse(text), text, DESK))


async def told(scene: Scene, reference: str) -> Opened:
    """A case as its first message leaves it."""
    case = (await hand_in(scene, reference)).items[0]["case_id"]
    [run] = await scene.sql("select id, thread_id from work_items where case_id = %(c)s and kind = 'run'", c=case)
    return Opened(case, str(run["thread_id"]), str(run["id"]))


# -- what begins a case -----------------------------------------------------------------------------------------


async def test_two_ensures_of_one_key_make_one_case(scene):
    async def one(n: int) -> str:
        answers = await race(*(ensured(scene, f"eod/{n}", owner) for owner in ("ti-1", "ti-2")))
        assert not unexpected(answers)
        assert sorted(a.what for a in answers) == ["attached", "created"]
        assert len({a.case["id"] for a in answers}) == 1
        case = answers[0].case["id"]
        assert len(await scene.sql("select 1 from work_items where case_id = %(c)s and kind = 'run'", c=case)) == 1
        assert len(await scene.sql("select 1 from threads where case_id = %(c)s", c=case)) == 1
        return next(owner for owner, a in zip(("ti-1", "ti-2"), answers, strict=True) if a.what == "created")

    assert len(await many(one)) == 2


async def ensured(scene: Scene, key: str, owner: str) -> lifecycle.Ensured:
    new = cases.NewCase(workflow="settlement", key=key, desk="equities", requester="eod", owner=owner)
    return await retrying(scene.pool, lambda c: lifecycle.ensure(c, new, restart_on=["failed"], principal=SUE))


async def test_two_restarts_of_an_ended_case_open_one_thread(scene):
    async def one(n: int) -> str:
        opened = await scene.open(f"eod/{n}")
        await scene.run_done(opened)
        await retrying(scene.pool, lambda c: ended(c, opened, "failed"))
        answers = await race(*(ensured(scene, f"eod/{n}", owner) for owner in ("ti-1", "ti-2")))
        assert not unexpected(answers)
        assert sorted(a.what for a in answers) == ["attached", "restarted"]
        assert len(await scene.sql("select 1 from threads where case_id = %(c)s", c=opened.case)) == 2
        return "one"

    await many(one)


async def ended(conn: Any, opened: Opened, status: str) -> None:
    await threads.lock(conn, opened.thread)
    await lifecycle.end(conn, opened.case, opened.thread, status, DESK.actor())


async def test_two_messages_about_one_instruction_make_one_case(scene):
    async def one(n: int) -> str:
        answers = await race(hand_in(scene, f"M{n:05d}"), hand_in(scene, f"M{n:05d}"))
        assert not unexpected(answers)
        [case] = {a.items[0]["case_id"] for a in answers}
        assert len(await scene.sql("select 1 from message_items where case_id = %(c)s", c=case)) == 2
        assert len(await scene.sql("select 1 from work_items where case_id = %(c)s and kind = 'run'", c=case)) == 1
        return "one"

    await many(one)


async def test_the_same_bytes_at_two_doors_are_one_message(scene):
    async def one(n: int) -> str:
        text = mt548(f"B{n:05d}", reason="NMAT//DMON")
        parsed = messages.parse(text)
        answers = await race(
            *(retrying(scene.pool, lambda c: message_store.accept(c, parsed, text, DESK)) for _ in range(2))
        )
        assert not unexpected(answers)
        assert sorted(a.duplicate for a in answers) == [False, True]
        assert answers[0].items == answers[1].items
        return "one"

    await many(one)


async def test_two_migrators_apply_each_migration_once(postgres, template, tmp_path, monkeypatch):
    """One small migration a round, on four databases beside each other."""
    stock = schema.available()
    first = stock[-1][0] + 1
    files = [(first + n, tmp_path / f"{first + n:04d}_round.sql") for n in range(ROUNDS // 4)]
    for version, path in files:
        path.write_text(f"create table round_{version} (n int)")

    async def on_one(url: str) -> int:
        return sum([sorted(await asyncio.gather(migrate(url), migrate(url))) == [0, 1] for _ in rounds(files)])

    shown = {"count": 0}
    monkeypatch.setattr(schema, "available", lambda: [*stock, *files[: shown["count"]]])

    def rounds(all_files: list[Any]) -> Any:
        for n in range(len(all_files)):
            shown["count"] = n + 1
            yield n

    with postgres.copy_of(template) as name:
        assert await on_one(postgres.url("wo_owner", name)) == len(files)


# -- workers ------------------------------------------------------------------------------------------------------


async def test_two_reconcilers_mend_each_thing_once(scene, monkeypatch):
    toy.install(monkeypatch)
    for _ in range(ROUNDS // 4):
        live, undelivered, exhausted = [await scene.open() for _ in range(3)]
        await scene.sql("delete from work_items where id = %(r)s", r=live.run)
        effect = await scene.effect(undelivered, "file:/nowhere")
        await scene.sql("update work_items set status = 'done' where effect_id = %(e)s", e=effect["id"])
        await scene.sql("update work_items set attempt = 5 where id = %(r)s", r=exhausted.run)
        mended = await race(*(reconcile(scene.pool, max_attempts=5) for _ in range(4)))
        assert not unexpected(mended)
        assert sum(mended) == 3
        assert len(await scene.live_runs(live.thread)) == 1
        assert (
            len(
                await scene.sql(
                    "select 1 from work_items where effect_id = %(e)s and status = 'pending'", e=effect["id"]
                )
            )
            == 1
        )
        assert (await scene.case(exhausted.case))["status"] == "failed"
        assert len(await scene.sql("select 1 from tasks where case_id = %(c)s", c=exhausted.case)) == 1
        await scene.sql("update work_items set status = 'done'")
        await scene.sql("update effects set state = 'cancelled'")
        await scene.sql("update threads set state = 'ended'")


async def test_a_cancel_and_the_finish_of_a_run_have_one_outcome(scene):
    """A run that ends, and one that pauses: a cancel is never left standing for a run that is over."""

    async def one(n: int) -> str:
        opened = await scene.open()
        await scene.sql(
            "update work_items set status = 'running', epoch = 1, attempt = 1, "
            "lease_until = now() + interval '1 min' where id = %(r)s",
            r=opened.run,
        )
        await scene.sql("update cases set phase = 'RESOLVED' where id = %(c)s", c=opened.case)  # as `close` leaves it
        item, case = await scene.item(opened.run), await scene.case(opened.case)
        pauses = runs.Paused((threads.Wait(uuid4().hex, "task", None, 0),))
        result = pauses if n % 2 else runs.Ended("resolved", "done")
        answers = await race(
            retrying(scene.pool, lambda c: runs.finish(c, item, case, result, POLICY)),
            retrying(scene.pool, lambda c: lifecycle.cancel(c, opened.case, actor=SUE.actor())),
        )
        assert not unexpected(answers, Conflict)
        status = (await scene.case(opened.case))["status"]
        assert (await scene.thread(opened.thread))["outcome"] == status
        assert status == ("resolved" if isinstance(answers[1], Conflict) else "cancelled")
        assert [e["type"] for e in await scene.entries(opened.case)].count("case.ended") == 1
        return f"{status} {'at its pause' if n % 2 else 'at its end'}"

    assert set(await many(one)) == {"resolved at its end", "cancelled at its end", "cancelled at its pause"}


async def test_a_kill_switch_and_a_delivery_have_one_outcome_and_afterwards_nothing_leaves(
    scene, monkeypatch, tmp_path
):
    toy.install(monkeypatch)

    async def one(n: int) -> str:
        scope = f"action:RACE_{'ABCDEFGHIJ'[n // 100]}{'ABCDEFGHIJ'[n // 10 % 10]}{'ABCDEFGHIJ'[n % 10]}"
        effect = await scene.effect(await scene.open(), f"file:{tmp_path}", action=scope.removeprefix("action:"))
        item = await claimed_delivery(scene, effect)
        answers = await race(
            deliver(scene, item),
            retrying(scene.pool, lambda c: kill.put(c, scope, engaged=True, reason="race", principal=SUE)),
        )
        assert not unexpected(answers)
        now = await scene.effect_now(effect["id"])
        there = (tmp_path / f"{effect['source']}_send.fin").exists()
        assert (now["state"], there) in (("delivered", True), ("refused", False))
        return str(now["state"])

    assert set(await many(one)) == {"delivered", "refused"}


async def claimed_delivery(scene: Scene, effect: Any) -> Any:
    [item] = await scene.sql(
        "update work_items set status = 'running', epoch = 1, attempt = 1, lease_until = now() + interval '1 min' "
        "where effect_id = %(e)s returning *",
        e=effect["id"],
    )
    return item


async def deliver(scene: Scene, item: Any) -> None:
    async with httpx.AsyncClient() as client:
        await Deliverer(scene.pool, Notifier(scene.pool), client, POLICY, 24.0).run(item)


async def test_ten_workers_claim_each_item_once(scene):
    opened = [await scene.open() for _ in range(ROUNDS)]
    claimed = Counter[str]()

    async def worker(name: str) -> None:
        while True:
            async with transaction(scene.pool) as conn:
                found = await work.claim(conn, worker=name, limit=3, lease=30, max_attempts=5)
            claimed.update(str(item["id"]) for item in found)
            if not found:
                return

    await asyncio.gather(*(worker(f"w{n}") for n in range(10)))
    assert claimed == Counter(o.run for o in opened)
    async with scene.pool.connection() as conn:
        assert not await rows(conn, "select 1 from work_items where epoch > 1")
