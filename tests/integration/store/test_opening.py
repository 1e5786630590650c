"""How people and schedulers open a case without a message: on which desk, found by which references, or why not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.store.scene import SUE
from workflow_orchestration.domain import book as books
from workflow_orchestration.domain.errors import Forbidden, InvalidRequest, NotFound
from workflow_orchestration.domain.roles import Principal, Role
from workflow_orchestration.store import book, cases, casework
from workflow_orchestration.store.casework import Opening
from workflow_orchestration.store.db import retrying, transaction

NINA = Principal("nina", frozenset({Role.OPS_ANALYST}), frozenset({"equities"}))
BOTH = Principal("bo", frozenset({Role.OPS_ANALYST}), frozenset({"equities", "bonds"}))
SOON = datetime.now(UTC) + timedelta(hours=1)


def account(name, desk):
    return books.Account(
        account=name, desk=desk, contact="c", own_bic="WOTRDEFFXXX", custodian_bic="CUSTDEFFXXX", market="XETR"
    )


def instruction(our_ref, name="ACC-1", **more):
    return books.Instruction(
        our_ref=our_ref,
        account=name,
        message_type="541",
        isin="DE0007164600",
        quantity={"type": "UNIT", "value": "1"},
        settlement_date="2026-11-24",
        **more,
    )


def trade(ref, name="ACC-1"):
    return books.Trade(
        trade_ref=ref,
        account=name,
        isin="DE0007164600",
        movement="RECE",
        payment="FREE",
        quantity={"type": "UNIT", "value": "1"},
        trade_date="2026-11-20",
        settlement_date="2026-11-24",
        counterparty_bic="CPTYGB2LXXX",
    )


@pytest.fixture
async def loaded(scene):
    """Two accounts of two desks; an instruction with every reference, and a trade, on the first."""
    found = [
        account("ACC-1", "equities"),
        account("ACC-2", "bonds"),
        instruction("WO-1", csd_ref="CSD-1", common_ref="COM-1"),
        instruction("WO-2", "ACC-2"),
        trade("TRD-1"),
        trade("TRD-2", "ACC-2"),
    ]
    async with transaction(scene.pool) as conn:
        for row in found:
            await book.put(conn, row.kind, [row], SUE.actor())
    return scene


async def do(scene, work):
    return await retrying(scene.pool, work)


async def open_for_book(scene, reference="WO-1", *, principal=NINA, **more):
    opening = Opening(**{"workflow": "settlement", "account": "ACC-1", "reference": reference, **more})
    return await do(scene, lambda c: casework.open_for_book(c, opening, principal))


async def references(scene, case):
    return await do(scene, lambda c: cases.references(c, str(case["id"])))


# -- opened for the book ------------------------------------------------------------------------------------


async def test_a_case_for_an_instruction_says_whose_it_is_and_is_found_by_every_reference(loaded):
    case, fresh = await open_for_book(loaded, title="late again", expires_at=SOON)
    said = {name: case[name] for name in ("workflow", "key", "desk", "requester", "account", "reference", "title")}
    assert fresh
    assert said == {
        "workflow": "settlement",
        "key": "ACC-1/WO-1",
        "desk": "equities",
        "requester": "nina",
        "account": "ACC-1",
        "reference": "WO-1",
        "title": "late again",
    }
    assert case["expires_at"] == SOON
    assert await references(loaded, case) == ["COM-1", "CSD-1", "WO-1"]
    entry = (await loaded.entries(str(case["id"])))[0]
    assert (entry["type"], entry["actor"]) == ("case.opened", NINA.actor())


async def test_it_is_found_by_the_csds_reference_it_was_opened_with(loaded):
    case, _ = await open_for_book(loaded, "CSD-1")
    assert (case["key"], case["title"]) == ("ACC-1/CSD-1", "opened by nina")
    assert await references(loaded, case) == ["COM-1", "CSD-1", "WO-1"]


async def test_a_case_for_a_trade_is_found_by_its_reference_alone(loaded):
    case, _ = await open_for_book(loaded, "TRD-1")
    assert await references(loaded, case) == ["TRD-1"]


async def test_opening_it_again_returns_the_case_there_is(loaded):
    first, _ = await open_for_book(loaded)
    again, fresh = await open_for_book(loaded, principal=BOTH)
    assert (again["id"], again["requester"], fresh) == (first["id"], "nina", False)


async def test_a_case_that_was_moved_to_another_desk_is_not_told_of(loaded):
    first, _ = await open_for_book(loaded)
    await do(loaded, lambda c: cases.update(c, str(first["id"]), desk="bonds"))
    with pytest.raises(NotFound, match="no case ACC-1/WO-1 of your desks"):
        await open_for_book(loaded)


@pytest.mark.parametrize(
    ("asked", "error", "words"),
    [
        ({"account": "ACC-9"}, NotFound, "no account 'ACC-9' of your desks"),
        ({"account": "ACC-2", "reference": "WO-2"}, NotFound, "no account 'ACC-2' of your desks"),
        ({"desk": "bonds"}, Forbidden, "desk bonds is not one of yours"),
        ({"reference": "WO-2"}, InvalidRequest, "account ACC-1 has no instruction or trade 'WO-2'"),
        ({"reference": "TRD-2"}, InvalidRequest, "account ACC-1 has no instruction or trade 'TRD-2'"),
        ({"reference": "NONE"}, InvalidRequest, "account ACC-1 has no instruction or trade 'NONE'"),
    ],
)
async def test_no_case_is_opened_for_what_the_book_or_the_desk_does_not_have(asked, error, words, loaded):
    with pytest.raises(error, match=words):
        await open_for_book(loaded, **asked)
    assert await loaded.sql("select 1 from cases") == []


async def test_a_refused_opening_names_the_field_and_what_to_do(loaded):
    with pytest.raises(InvalidRequest) as caught:
        await open_for_book(loaded, "NONE")
    assert caught.value.extra["errors"] == [{"field": "reference", "cause": caught.value.detail}]
    with pytest.raises(NotFound) as caught:
        await open_for_book(loaded, account="ACC-9")
    assert caught.value.fix == "Load it, or ask its desk."


async def test_who_sees_both_desks_opens_it_on_either(loaded):
    case, _ = await open_for_book(loaded, principal=BOTH, desk="bonds")
    assert case["desk"] == "bonds"


# -- a scheduler's --------------------------------------------------------------------------------------------


def asked(**more):
    return {"workflow": "settlement", "key": "daily", "owner": "dag/1", "desk": None, **more}


def scheduler(*desks):
    return Principal("airflow", frozenset({Role.AIRFLOW}), frozenset(desks))


def test_a_schedulers_case_is_on_the_desk_it_names_and_titled_by_its_key():
    new = casework.ensured(asked(desk="bonds"), scheduler("*"))
    assert (new.desk, new.requester, new.title, new.owner, new.key) == ("bonds", "airflow", "daily", "dag/1", "daily")


@pytest.mark.parametrize("desks", [("bonds",), ("bonds", "unassigned"), ("*", "bonds")])
def test_a_schedulers_case_is_on_its_only_desk_when_it_names_none(desks):
    assert casework.ensured(asked(), scheduler(*desks)).desk == "bonds"


@pytest.mark.parametrize("desks", [(), ("*",), ("bonds", "equities"), ("unassigned",)])
def test_a_scheduler_without_exactly_one_desk_must_name_it(desks):
    with pytest.raises(InvalidRequest, match=r"^desk: you have not exactly one, so name the case's$") as caught:
        casework.ensured(asked(), scheduler(*desks))
    assert caught.value.extra["errors"] == [{"field": "desk", "cause": "required, because you do not have exactly one"}]


def test_a_scheduler_names_no_desk_that_is_not_its_own():
    with pytest.raises(Forbidden, match="desk equities is not one of yours"):
        casework.ensured(asked(desk="equities"), scheduler("bonds"))


def test_a_job_that_cannot_be_carried_out_is_refused_when_it_is_asked_for():
    incident = {"job": "incident", "about": "the CSD is down"}
    assert casework.ensured(asked(workflow="job", input=incident), scheduler("bonds")).input == incident
    with pytest.raises(InvalidRequest):
        casework.ensured(asked(workflow="job", input={"job": "tea"}), scheduler("bonds"))


def test_the_input_of_another_workflow_is_its_own_matter():
    assert casework.ensured(asked(input={"job": "tea"}), scheduler("bonds")).input == {"job": "tea"}
