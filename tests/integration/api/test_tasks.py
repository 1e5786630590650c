from __future__ import annotations

from tests.integration.api import seeds
from workflow_orchestration.store.db import one


def test_a_completed_task_lets_its_thread_go_on_with_the_result(analyst, live):
    asked = seeds.task(live)
    done = analyst.post(f"/v1/tasks/{asked['id']}/complete", json={"result": {"trade": "WO-1"}, "comment": "by phone"})
    assert (done.status_code, done.json()["state"], done.json()["completed_by"]) == (200, "done", "nina")
    run = live.store(
        lambda conn: one(
            conn,
            "select payload from work_items where case_id = %(c)s and kind = 'run' and status = 'pending'",
            {"c": asked["case_id"]},
        )
    )
    (answer,) = run["payload"]["answers"].values()
    assert answer == {"type": "done", "result": {"trade": "WO-1", "comment": "by phone"}, "by": "nina"}
    assert seeds.entries(live, asked["case_id"])[-1]["type"] == "task.completed"


def test_a_task_ends_once(analyst, live):
    asked = seeds.task(live)
    analyst.post(f"/v1/tasks/{asked['id']}/complete", json={})
    again = analyst.post(f"/v1/tasks/{asked['id']}/complete", json={})
    assert (again.status_code, again.json()["completed_by"]) == (409, "nina")


def test_a_task_is_for_its_role_or_a_supervisor(analyst, supervisor, live):
    asked = seeds.task(live, role="ssi_controller")
    refused = analyst.post(f"/v1/tasks/{asked['id']}/complete", json={})
    assert (refused.status_code, refused.json()["required_roles"]) == (403, ["ssi_controller", "ops_supervisor"])
    assert supervisor.post(f"/v1/tasks/{asked['id']}/complete", json={}).status_code == 200


def test_tasks_are_listed_by_state_role_and_case(analyst, live):
    asked = seeds.task(live, role="compliance")
    found = analyst.get("/v1/tasks", params={"state": "open", "role": "compliance", "case_id": asked["case_id"]})
    assert [t["id"] for t in found.json()["items"]] == [asked["id"]]
    assert analyst.get(f"/v1/tasks/{asked['id']}").json()["text"] == "Which trade is it?"


def test_another_desks_task_does_not_exist(live):
    asked = seeds.task(live, desk="equities")
    stranger = live.client("rita", "ops_analyst", desks="rates")
    assert stranger.get(f"/v1/tasks/{asked['id']}").status_code == 404
    assert stranger.post(f"/v1/tasks/{asked['id']}/complete", json={}).status_code == 404
