"""A setting of the processes, and the value of the chart that carries it, are one list with one default."""

from __future__ import annotations

import json
from typing import Any

import yaml

from tests.chart.render import ROOT
from workflow_orchestration.settings import ClientSettings, Settings

#: Written by the templates themselves: fixed in a pod, tied to another value, or taken from the Secret.
ELSEWHERE = {
    "API_HOST", "API_PORT", "METRICS_PORT", "LOG_FORMAT", "DRAIN_SECONDS", "LOCAL_ISSUER_IN_CLUSTER",
    "DATABASE_URL", "DATABASE_OWNER_URL", "OIDC_ISSUERS", "LOCAL_ISSUER_KEY", "WEBHOOK_SECRET",
}  # fmt: skip
#: The bridge's own, which is no part of the API or the worker.
OF_THE_BRIDGE = "KAFKA_"
#: Where a pod must differ from one machine: its root is read-only, its state lies on a volume.
DIFFERING = {"EFFECTS_URL", "LOG_ANCHOR_FILE"}


def _config() -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load((ROOT / "charts/api/values.yaml").read_text())
    config: dict[str, Any] = values["config"]
    return config


def _settings() -> dict[str, Any]:
    own = {name: field for name, field in Settings.model_fields.items() if name not in ClientSettings.model_fields}
    return {name.upper(): field.default for name, field in own.items()}


def test_every_setting_is_a_value_or_is_set_by_the_chart() -> None:
    missing = set(_settings()) - set(_config()) - ELSEWHERE
    assert not {name for name in missing if not name.startswith(OF_THE_BRIDGE)}


def test_every_value_is_a_setting() -> None:
    assert not set(_config()) - set(_settings())


def test_defaults_are_the_same() -> None:
    settings, compared = _settings(), set(_config()) - DIFFERING
    assert len(compared) > 10
    assert {name: _config()[name] for name in compared} == {name: _plain(settings[name]) for name in compared}


def _plain(default: object) -> object:
    return json.dumps(default) if isinstance(default, list) else default
