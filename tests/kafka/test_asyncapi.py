"""docs/reference/asyncapi.yaml against what really lies on the topics after a whole story."""

from __future__ import annotations

import json

import jsonschema_rs
import pytest
import yaml

from ci.local import story
from ci.local.killing import Workers
from tests.conftest import ROOT
from workflow_orchestration.settings import Settings

DOCUMENT = yaml.safe_load((ROOT / "docs" / "reference" / "asyncapi.yaml").read_text(encoding="utf-8"))


def _validator(name: str) -> jsonschema_rs.Validator:
    schema = {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
    return jsonschema_rs.validator_for(schema, validate_formats=True)


async def test_every_event_of_a_whole_story_is_as_documented(here, tmp_path):
    await here.start()
    workers = Workers(story.worker_settings(here.settings["database_url"], tmp_path))
    workers.start()
    try:
        await story.Player(here.pool, workers).play(tmp_path / "outbox")
    finally:
        await workers.stop()
    await here.until_sent()
    validator = _validator("event")
    records = await here.read(here.events)
    types = set()
    for record in records:
        event = json.loads(record.value())
        validator.validate(event)
        assert event["subject"] == event["partitionkey"] == event["data"]["stream"] == record.key().decode()
        assert event["id"] == str(event["data"]["seq"])
        assert dict(record.headers()) == {"content-type": b"application/cloudevents+json; charset=UTF-8"}
        types.add(event["data"]["type"])
    assert len(records) > 20
    assert {"case.opened", "message.received", "approval.opened", "effect.delivered"} <= types


async def test_dead_letters_are_as_documented(here):
    await here.start()
    await here.put("no message", b"\xff", None)
    await here.until_taken(3)
    validator = _validator("deadLetterHeaders")
    for letter in await here.read(here.dead):
        validator.validate({name: value.decode() for name, value in letter.headers()})


@pytest.mark.parametrize("change", [{"id": "0"}, {"id": 7}, {"type": "other.v1"}, {"extra": 1}, {"specversion": "0.3"}])
async def test_the_schema_refuses_what_is_not_documented(here, change):
    await here.start()
    await here.post(story.sample("mt548-nmat-dmon-WO-1002"))
    await here.until_sent()
    event = json.loads((await here.read(here.events))[0].value())
    assert _validator("event").is_valid(event)
    assert not _validator("event").is_valid({**event, **change})


def test_the_documented_topics_are_the_settings_defaults():
    defaults = Settings(database_url="postgresql://wo_api@/wo")
    channels = {name: channel["address"] for name, channel in DOCUMENT["channels"].items()}
    assert channels == {"messages": defaults.kafka_message_topics[0], "deadLetters": defaults.kafka_dead_letter_topic,
                        "caseEvents": defaults.kafka_events_topic}  # fmt: skip


def test_every_reference_of_the_document_leads_somewhere():
    found = []

    def look(node: object) -> None:
        if isinstance(node, dict):
            if isinstance(target := node.get("$ref"), str):
                found.append(target)
            for value in node.values():
                look(value)
        elif isinstance(node, list):
            for value in node:
                look(value)

    look(DOCUMENT)
    assert len(found) >= 8
    for target in found:
        at = DOCUMENT
        for part in target.removeprefix("#/").split("/"):
            at = at[part]
