"""W1 end to end, with a real worker and a real database: from a message to the effects and the end of the case."""

from __future__ import annotations

from tests.platform import ANN, BEN, platform


async def test_a_chaser_is_sent_once_after_one_approval_and_the_match_resolves_the_case(database, tmp_path):
    async with platform(database.worker, tmp_path) as p:
        await p.post_sample("mt578-allegement-WO-1001")
        case_id = await p.post_sample("mt548-nmat-dmon-WO-1001")
        approval = await p.approval(case_id)
        assert (approval["action"], approval["tier"]) == ("CHASE", "T1")
        await p.decide(approval, ANN)
        [effect] = await p.delivered(case_id, 1)
        assert [f.read_bytes().decode() for f in p.outbox()] == [effect["payload"]]
        await p.phase(case_id, "AWAITING_EXTERNAL")
        await p.post_sample("mt548-mach-WO-1001")
        await p.ended(case_id, "resolved")
    assert len(p.outbox()) == 1


async def test_cancel_and_replace_are_two_effects_in_order_once_each(database, tmp_path):
    async with platform(database.worker, tmp_path) as p:
        case_id = await p.post_sample("mt548-nmat-dmon-WO-1002")
        approval = await p.approval(case_id)
        assert (approval["action"], approval["tier"]) == ("CANCEL_REPLACE", "T2")
        await p.decide(approval, ANN)
        assert not await p.effects(case_id)
        await p.decide(approval, BEN)
        [cancel] = await p.delivered(case_id, 1)
        assert ":23G:CANC" in cancel["payload"]
        await p.post_sample("mt548-cand-WO-1002")
        _, replacement = await p.delivered(case_id, 2)
        assert ":23G:NEWM" in replacement["payload"]
        assert "EUR250000," in replacement["payload"]
        await p.phase(case_id, "AWAITING_EXTERNAL")
        await p.post(_matched("WO-1002-R1"))
        await p.ended(case_id, "resolved")
    assert len(p.outbox()) == 2


def _matched(reference: str) -> str:
    from tests.platform import SAMPLE

    text = (SAMPLE / "messages" / "mt548-mach-WO-1001.fin").read_bytes().decode()
    return text.replace("WO-1001", reference).replace("CSD261120001001", "CSD261120001009")
