"""Airflow's side of the platform: start a case, wait for its end, ask nobody twice.

It speaks to the platform's HTTP API alone and imports nothing of it, so it works in any Airflow 3.1 or newer.
"""

from __future__ import annotations

from typing import Any

_PACKAGE = "workflow_orchestration_provider"
_NAME = "Workflow orchestration"


def provider_info() -> dict[str, Any]:
    """What Airflow asks a provider's entry point: its connection type with the form, and the link of its tasks."""
    return {
        "package-name": "airflow-provider-workflow-orchestration",
        "name": _NAME,
        "description": "Starts cases of the workflow orchestration platform and waits for their end.",
        "operators": [{"integration-name": _NAME, "python-modules": [f"{_PACKAGE}.operator"]}],
        "hooks": [{"integration-name": _NAME, "python-modules": [f"{_PACKAGE}.hook"]}],
        "triggers": [{"integration-name": _NAME, "python-modules": [f"{_PACKAGE}.trigger"]}],
        "extra-links": [f"{_PACKAGE}.link.CaseLink"],
        "notifications": [f"{_PACKAGE}.incident.OpenIncident"],
        "connection-types": [
            {
                "connection-type": "workflow-orchestration",
                "hook-name": _NAME,
                "hook-class-name": f"{_PACKAGE}.hook.PlatformHook",
                "ui-field-behaviour": {
                    "hidden-fields": ["login", "schema", "port"],
                    "relabeling": {"host": "API address", "password": "Token"},
                    "placeholders": {"host": "https://wo.example.com", "password": "empty where a token file is named"},
                },
                "conn-fields": {
                    "token_file": {
                        "label": "Token file",
                        "schema": {"type": ["string", "null"]},
                        "description": "File that holds the token and is read at each request, so that it may rotate.",
                    },
                    "pages": {
                        "label": "Address of the pages",
                        "schema": {"type": ["string", "null"]},
                        "description": "Where people reach the platform; by default the API address.",
                    },
                    "ca_file": {
                        "label": "CA file",
                        "schema": {"type": ["string", "null"]},
                        "description": "Certificates that the API's is checked against; by default the system's.",
                    },
                },
            }
        ],
    }
