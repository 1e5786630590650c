"""A setting of the processes, and the value of the chart that carries it, are one list with one default."""

from __future__ import annotations

import json
import re
from typing import Any

import yaml

from tests.chart.render import ROOT
from workflow_orchestration.settings import ClientSettings, Settings

#: Written by the templates themselves: fixed in a pod, tied to another value, or taken from the Secret.
ELSEWHERE = {
    "API_HOST", "API_PORT", "METRICS_PORT", "LOG_FORMAT", "DRAIN_SECONDS", "LOCAL_ISSUER_IN_CLUSTER",
    "DATABASE_URL", "DATABASE_OWNER_URL", "OIDC_ISSUERS", "LOCAL_ISSUER_KEY", "WEBHOOK_SECRET",
}  # fmt: skip
#: The bridge's: its pod alone gets them.
OF_THE_BRIDGE = ("KAFKA_",)
#: The model's and the agents': the worker alone gets them, and only where there is a model.
OF_THE_MODEL = ("LLM_", "AGENTS_")
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
    assert not {name for name in missing if not name.startswith((*OF_THE_BRIDGE, *OF_THE_MODEL))}


def test_every_setting_of_the_bridge_is_one_of_its_values_or_is_set_by_its_template() -> None:
    _check_map("kafka", OF_THE_BRIDGE, "bridge-deployment.yaml", not_written={"KAFKA_SECURITY_PROTOCOL"})


def test_every_setting_of_the_model_is_one_of_its_values_or_is_set_by_its_template() -> None:
    _check_map("llm", OF_THE_MODEL, "_helpers.tpl", not_written=set())


def _check_map(key: str, prefixes: tuple[str, ...], template: str, *, not_written: set[str]) -> None:
    """Each setting stands in the free map of `key`, by its schema, or is written by the template; none in both."""
    schema = json.loads((ROOT / "charts/api/values.schema.json").read_text())
    patterns = schema["properties"][key]["properties"]["config"]["patternProperties"]
    text = (ROOT / "charts/api/templates" / template).read_text()
    ours = {name for name in _settings() if name.startswith(prefixes)}
    given = {name for name in ours if any(re.search(pattern, name) for pattern in patterns)}
    written = set(re.findall(rf"\b(?:{'|'.join(prefixes)})[A-Z_]+\b", text)) - not_written
    assert given
    assert not given & written
    assert given | written == ours


def test_every_value_is_a_setting() -> None:
    assert not set(_config()) - set(_settings())


def test_defaults_are_the_same() -> None:
    settings, compared = _settings(), set(_config()) - DIFFERING
    assert len(compared) > 10
    assert {name: _config()[name] for name in compared} == {name: _plain(settings[name]) for name in compared}


def _plain(default: object) -> object:
    return json.dumps(default) if isinstance(default, list) else default
