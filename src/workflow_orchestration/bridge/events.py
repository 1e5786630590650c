"""A log entry as a CloudEvent (1.0, structured JSON): what consumers of the events topic get.

Its fields and their promises are docs/reference/asyncapi.yaml, which a test holds against real events. A new field
in `data.data` is no new version; a changed or removed one is.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from workflow_orchestration.store import log
from workflow_orchestration.store.db import Row

VERSION = "v1"
SCHEMA = f"urn:workflow-orchestration:log-entry:{VERSION}"
CONTENT_TYPE = b"application/cloudevents+json; charset=UTF-8"
#: Kafka's default limit of a record is 1 MiB; what is longer goes without its facts, which the API still has.
MAX_BYTES = 900_000


@dataclass(frozen=True)
class Outgoing:
    """A record to send; records of one key keep their order."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]] = field(default_factory=list)


def event_of(entry: Row) -> Outgoing:
    """The record of one entry: its key is the case, its id the entry's number in the case."""
    event = _event(log.as_told(entry))
    value = _json(event)
    if len(value) > MAX_BYTES:
        value = _json({**event, "truncated": True, "data": {**event["data"], "data": {}}})
    return Outgoing(str(entry["stream"]).encode(), value, [("content-type", CONTENT_TYPE)])


def _event(told: dict[str, Any]) -> dict[str, Any]:
    stream = told["stream"]
    return {
        "specversion": "1.0",
        "id": str(told["seq"]),
        "source": "/v1/log" if stream == log.SYSTEM else f"/v1/log/cases/{stream}",
        "type": f"workflow-orchestration.{told['type']}.{VERSION}",
        "time": told["at"],
        "subject": stream,
        "partitionkey": stream,
        "datacontenttype": "application/json",
        "dataschema": SCHEMA,
        "data": told,
    }


def _json(event: dict[str, Any]) -> bytes:
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()
