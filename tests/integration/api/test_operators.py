"""Effects and kill switches: what operators do."""

from __future__ import annotations

import pytest

from tests.integration.api import seeds
from workflow_orchestration.store import work
from workflow_orchestration.store.db import one


def delivery(live, effect_id):
    return live.store(
        lambda conn: one(
            conn,
            "select status from work_items where effect_id = %(e)s order by created_at desc limit 1",
            {"e": effect_id},
        )
    )["status"]


def test_a_refused_effect_is_tried_again_with_the_same_key(operator, live):
    refused = seeds.effect(live, refused=True)
    before = next(
        e for e in operator.get("/v1/effects", params={"state": "refused"}).json()["items"] if e["id"] == refused["id"]
    )
    after = operator.post(f"/v1/effects/{refused['id']}/retry", json={"comment": "switch released"}).json()
    assert (before["refusal"], after["state"], after["refusal"]) == ({"rule": "kill_switch"}, "pending", None)
    assert (after["source"], after["step"]) == (before["source"], before["step"])
    assert delivery(live, refused["id"]) == "pending"
    assert seeds.entries(live, refused["case_id"])[-1]["type"] == "effect.retried"


def test_only_a_refused_effect_is_retried(operator, live):
    pending = seeds.effect(live)
    answer = operator.post(f"/v1/effects/{pending['id']}/retry", json={})
    assert (answer.status_code, answer.json()["state"]) == (409, "pending")


@pytest.mark.parametrize("refused", [True, False])
def test_a_cancelled_effect_lets_its_thread_go_on(operator, live, refused):
    effect = seeds.effect(live, refused=refused)
    answer = operator.post(f"/v1/effects/{effect['id']}/cancel", json={"comment": "wrong recipient"})
    assert (answer.json()["state"], answer.json()["delivery_in_progress"]) == ("cancelled", False)
    run = live.store(
        lambda conn: one(
            conn,
            "select payload from work_items where case_id = %(c)s and kind = 'run' and status = 'pending'",
            {"c": effect["case_id"]},
        )
    )
    assert list(run["payload"]["answers"].values()) == [{"type": "cancelled"}]
    assert operator.post(f"/v1/effects/{effect['id']}/cancel", json={}).status_code == 409


def test_a_delivery_in_progress_is_said_to_be_one(operator, live):
    effect = seeds.effect(live)
    live.store(lambda conn: work.claim(conn, worker="w", limit=50, lease=60, max_attempts=5))
    answer = operator.post(f"/v1/effects/{effect['id']}/cancel", json={})
    assert answer.json()["delivery_in_progress"] is True


def test_another_desks_effect_does_not_exist(live):
    effect = seeds.effect(live, desk="equities")
    stranger = live.client("oto", "operator", desks="rates")
    assert stranger.post(f"/v1/effects/{effect['id']}/cancel", json={}).status_code == 404
    assert stranger.get("/v1/effects", params={"case_id": effect["case_id"]}).json()["items"] == []


def test_a_kill_switch_is_engaged_released_and_logged(operator, live):
    for engaged, entry in ((True, "kill_switch.engaged"), (False, "kill_switch.released")):
        answer = operator.put("/v1/kill-switches/action:CHASE", json={"engaged": engaged, "reason": "wrong chasers"})
        assert (answer.status_code, answer.json()["engaged"], answer.json()["set_by"]) == (200, engaged, "otto")
        assert seeds.entries(live, "system")[-1]["type"] == entry
    assert [s["scope"] for s in operator.get("/v1/kill-switches").json()["items"]] == ["action:CHASE"]


@pytest.mark.parametrize(
    ("scope", "body"),
    [
        ("everything", {"engaged": True, "reason": "x"}),
        ("all", {"engaged": "yes", "reason": "x"}),
        ("all", {"engaged": True}),
        ("all", {"engaged": True, "reason": ""}),
    ],
)
def test_a_kill_switch_that_is_unclear_is_refused(operator, scope, body):
    assert operator.put(f"/v1/kill-switches/{scope}", json=body).status_code == 422
