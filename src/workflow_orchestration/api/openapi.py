"""The API's description: generated from the endpoints, completed by what FastAPI cannot know."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from workflow_orchestration.api.schemas.common import Problem

DESCRIPTION = """
Settlement exceptions come in as messages, code investigates, one action from a closed list is proposed, people
approve exactly what they were shown, and the effect happens once.

Failures are `application/problem+json`: `type` is the kind, `fix` what to do. Every answer carries `X-Request-ID`.
A thing that your desks may not see does not exist (404). `x-operation` names the permission an endpoint needs.
"""
_TAGS = {
    "messages": "The inbound door.",
    "cases": "Exceptions and jobs, and each one's story.",
    "approvals": "What waits for people.",
    "tasks": "What people are asked to do.",
    "book": "Reference data, versioned.",
    "effects": "What is done to the outside.",
    "kill switches": "Stop effects at once.",
    "log": "For auditors.",
    "probes": "For the machine that runs it.",
}


def describe(app: FastAPI) -> dict[str, Any]:
    """The document, made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=DESCRIPTION.strip(),
            routes=app.routes,
            tags=[{"name": name, "description": about} for name, about in _TAGS.items()],
        )
        document["components"]["schemas"]["Problem"] = Problem.model_json_schema(
            ref_template="#/components/schemas/{model}"
        )
        document["components"]["schemas"].update(document["components"]["schemas"]["Problem"].pop("$defs"))
        app.openapi_schema = document
    return app.openapi_schema
