"""A settlement case that a scheduler ensured by its key alone, and the messages that join it."""

from __future__ import annotations

import pytest

from tests.fin import CANCELLED, mt548
from tests.platform import DESK, SUE, platform
from workflow_orchestration.domain import book as books
from workflow_orchestration.store import book, cases, lifecycle, messages


@pytest.fixture
async def p(database, tmp_path):
    async with platform(database.worker, tmp_path) as found:
        yield found


async def ensured(p, key, desk="operations"):
    asked = cases.NewCase(workflow="settlement", key=key, desk=desk, requester="airflow", owner="ti-1")

    async def work(conn):
        new = await messages.with_account(conn, asked, SUE)
        return await lifecycle.ensure(conn, new, restart_on=(), principal=SUE)

    return (await p.do(work)).case


async def joined(p, text):
    """The case that this message's only item joined."""
    return (await p.post(text)).items[0]["case_id"]


async def test_a_case_of_a_known_account_is_that_accounts_from_the_start(p):
    case = await ensured(p, "SAFE-0002/WO-9001")
    assert (case["account"], case["reference"], case["desk"]) == ("SAFE-0002", "WO-9001", "operations")
    assert await joined(p, mt548("WO-9001")) == str(case["id"])
    assert (await p.case(str(case["id"])))["desk"] == "operations"  # who ensured it sees both desks, and chose


@pytest.mark.parametrize("key", ["daily", "nobody/WO-1"])
async def test_a_key_that_names_no_account_of_the_book_gives_none(p, key):
    assert (await ensured(p, key))["account"] is None


async def test_every_message_after_the_first_finds_the_case_by_its_reference(p):
    """A cancelled status opens no case: it would be stored beside the case that it ends."""
    case = await ensured(p, "SAFE-0009/WO-9002")
    assert await joined(p, mt548("WO-9002", account="SAFE-0009")) == str(case["id"])
    assert await joined(p, mt548("WO-9002", account="SAFE-0009", **CANCELLED)) == str(case["id"])
    now = await p.case(str(case["id"]))
    assert (now["account"], now["desk"]) == ("SAFE-0009", "operations")


async def test_an_account_that_came_into_the_book_later_takes_its_case_to_its_desk(p):
    case = await ensured(p, "SAFE-0009/WO-9003")
    late = books.Account(
        account="SAFE-0009",
        desk="bonds",
        contact="c",
        own_bic="WOTRDEFFXXX",
        custodian_bic="CUSTDEFFXXX",
        market="XETR",
    )
    await p.do(lambda c: book.put(c, books.Account.kind, [late], DESK.actor()))
    assert await joined(p, mt548("WO-9003", account="SAFE-0009")) == str(case["id"])
    assert (await p.case(str(case["id"])))["desk"] == "bonds"
    [entry] = [e for e in await p.entries(str(case["id"])) if e["type"] == "case.account_known"]
    assert (entry["data"]["account"], entry["data"]["desk"]) == ("SAFE-0009", "bonds")
