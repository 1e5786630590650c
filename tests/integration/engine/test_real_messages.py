"""Real messages that nobody here wrote, from the door to the effect. Their makers masked their ISINs and accounts."""

from __future__ import annotations

import pytest

from tests.platform import ANN, BEN, SUE, platform
from workflow_orchestration.domain import messages


@pytest.fixture
async def p(database, tmp_path):
    async with platform(database.worker, tmp_path) as found:
        yield found


async def _take_to_its_effect(p, case_id: str) -> dict:
    approval = await p.approval(case_id)
    await p.decide(approval, ANN)
    if approval["tier"] != "T1":
        await p.decide(approval, BEN)  # two approvers are not enough at T3: one must be senior
        assert not await p.effects(case_id)
        await p.decide(approval, SUE)
    [effect] = await p.delivered(case_id, 1)
    return {"approval": approval, "effect": effect, "case": await p.case(case_id)}


async def test_each_failing_transaction_of_the_real_mt537_is_chased_to_its_effect(p, shared_data):
    text = (shared_data / "prowide-core" / "mt537_csdr_penalties.rje").read_bytes().decode()
    accepted = await p.post(text)
    cases = [item["case_id"] for item in accepted.items]
    assert len(set(cases)) == 4
    assert None not in cases
    done = [await _take_to_its_effect(p, case_id) for case_id in cases]
    assert {d["case"]["root_cause"] for d in done} == {"CPTY_STOCK"}
    assert {d["approval"]["action"] for d in done} == {"CHASE"}
    assert [d["approval"]["tier"] for d in done] == ["T1", "T3", "T3", "T3"]
    assert {d["effect"]["recipient"] for d in done} == {"CUSTDEFFXXX"}
    assert len(p.outbox()) == 4


async def test_the_real_mt548_and_mt540s_open_cases_that_show_what_is_wrong_with_them(p, shared_data):
    fin = (shared_data / "prowide-core-examples" / "mt548.fin").read_bytes().decode()
    rje = (shared_data / "prowide-core" / "mt540.rje").read_bytes().decode()
    shown = {}
    for text in (fin, *messages.split_rje(rje)):
        accepted = await p.post(text)
        for item in accepted.items:
            assert item["case_id"], item
            await p.wait_for(lambda c=item["case_id"]: _waits(p, c), "what people are asked")
            shown[accepted.message_id, item["n"]] = await _faults(p, item["case_id"])
    assert len(shown) == 3
    assert all("V02" in faults for faults in shown.values()), shown


async def _waits(p, case_id):
    return await p.open_tasks(case_id) or await p.approvals(case_id)


async def _faults(p, case_id) -> set[str]:
    found = await p.sql(
        "select validator from validations v join proposals p on p.id = v.proposal_id "
        "where p.case_id = %(id)s and outcome = 'FAIL'",
        id=case_id,
    )
    return {row["validator"] for row in found}
