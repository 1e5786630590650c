"""The bridge to Kafka: nothing of it where it is off; where it is on, credentials by reference, and alerts on numbers
that it has."""

from __future__ import annotations

import json
import re

import pytest
from prometheus_client.metrics import MetricWrapperBase

from tests.chart.render import ENVIRONMENTS, ROOT, Object, environment, find, name, objects, of_kind, text
from tests.chart.test_network import EVERYTHING
from workflow_orchestration import settings
from workflow_orchestration.bridge import config as bridge_config
from workflow_orchestration.bridge import metrics

PAGE = ROOT / "docs" / "howto" / "kafka.md"
TLS = {"KAFKA_SSL_CA_FILE", "KAFKA_SSL_CERTIFICATE_FILE", "KAFKA_SSL_KEY_FILE", "KAFKA_SSL_KEY_PASSWORD"}


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_nothing_of_kafka_is_rendered_where_it_is_off(env: str) -> None:
    watched = environment(env, sets={f"api.monitoring.{k}": True for k in ("serviceMonitor", "rules", "dashboard")})
    assert "wo-api-worker" in text(watched)
    assert "kafka" not in text(watched).lower()
    assert not [name(thing) for thing in objects(watched) if "bridge" in name(thing)]


def _container(**kafka: object) -> Object:
    sets = {**EVERYTHING, **{f"api.kafka.{key}": value for key, value in kafka.items()}}
    deployment = find(objects(environment("minikube", sets=sets)), "Deployment/wo-api-bridge")
    container: Object = deployment["spec"]["template"]["spec"]["containers"][0]
    return container


def _named(container: Object) -> set[str]:
    return {variable["name"] for variable in container["env"] if variable["name"].startswith("KAFKA_")}


@pytest.mark.parametrize(
    ("protocol", "extra"),
    [
        ("PLAINTEXT", set()),
        ("SSL", TLS),
        ("SASL_SSL", {"KAFKA_SSL_CA_FILE", "KAFKA_SASL_PASSWORD", "KAFKA_SASL_MECHANISM", "KAFKA_SASL_USERNAME"}),
    ],
)
def test_each_protocol_gets_what_it_signs_in_by_and_no_more(protocol: str, extra: set[str]) -> None:
    config = {"KAFKA_SECURITY_PROTOCOL": protocol}
    if protocol.startswith("SASL"):
        config |= {"KAFKA_SASL_MECHANISM": "PLAIN", "KAFKA_SASL_USERNAME": "wo"}
    container = _container(config=config, tlsSecretName="kafka-tls" if protocol.endswith("SSL") else "")
    assert _named(container) == {"KAFKA_BOOTSTRAP_SERVERS", "KAFKA_SECURITY_PROTOCOL", *extra}


def test_the_bridge_is_the_same_image_under_another_command() -> None:
    api = find(objects(environment("minikube", sets=EVERYTHING)), "Deployment/wo-api")["spec"]["template"]["spec"]
    container = _container()
    assert container["image"] == api["containers"][0]["image"]
    assert container["args"] == ["wo", "serve", "bridge"]


def test_topics_are_written_as_the_settings_read_them() -> None:
    env = {e["name"]: e.get("value") for e in _container(config={"KAFKA_MESSAGE_TOPICS": ["a", "b"]})["env"]}
    assert env["KAFKA_MESSAGE_TOPICS"] == '["a","b"]'


def test_the_bridge_understands_what_the_chart_tells_it(monkeypatch: pytest.MonkeyPatch) -> None:
    config = {"KAFKA_MESSAGE_TOPICS": ["a", "b"], "KAFKA_GROUP": "one", "KAFKA_SESSION_SECONDS": 15,
              "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "KAFKA_SASL_MECHANISM": "PLAIN",
              "KAFKA_SASL_USERNAME": "wo-bridge"}  # fmt: skip
    told = find(objects(environment("minikube", sets=EVERYTHING)), "ConfigMap/wo-api-config")["data"]
    of_secrets = {"DATABASE_URL": "postgresql://wo_api@db/wo", "KAFKA_SASL_PASSWORD": "from the Secret"}
    env = {e["name"]: e.get("value") or of_secrets[e["name"]] for e in _container(config=config)["env"]}
    for variable, value in {**told, **env}.items():
        monkeypatch.setenv(variable, value)
    bus = bridge_config.of(settings.load())
    assert (bus.servers, bus.message_topics) == ("broker.kafka:9093", ("a", "b"))
    assert (bus.group["group.id"], bus.group["session.timeout.ms"]) == ("one", 15000)
    assert (bus.client["sasl.username"], bus.client["sasl.password"]) == ("wo-bridge", "from the Secret")


def _alerts() -> dict[str, str]:
    """Alert -> its expression."""
    rendered = objects(environment("gke", "all-on"))
    rules = find(rendered, "PrometheusRule/wo-api-bridge")["spec"]["groups"][0]["rules"]
    return {rule["alert"]: rule["expr"] for rule in rules}


def _metrics(expression: str) -> set[str]:
    return set(re.findall(r"\bwo_bridge_\w+", expression))


def _known() -> set[str]:
    """Names of the bridge's series."""
    suffixes = {"counter": "_total", "gauge": "", "histogram": "_bucket"}
    ours = [metric for metric in vars(metrics).values() if isinstance(metric, MetricWrapperBase)]
    return {family.name + suffixes[family.type] for metric in ours for family in metric.describe()}


def test_the_alerts_are_those_of_the_page() -> None:
    table = re.findall(r"^\| `(\w+)` \| (?:sum of )?`(wo_bridge_\w+)", PAGE.read_text(), re.MULTILINE)
    alerts = {alert: _metrics(expression) for alert, expression in _alerts().items()}
    assert alerts
    assert alerts == {alert: {metric} for alert, metric in table}


def test_alerts_and_panels_are_about_numbers_that_the_bridge_has() -> None:
    [dashboard] = [c for c in of_kind(objects(environment("gke", "all-on")), "ConfigMap")
                   if c["metadata"]["name"] == "wo-api-bridge-dashboard"]  # fmt: skip
    panels = json.loads(dashboard["data"]["wo-api-bridge-dashboard.json"])["panels"]
    shown = [target["expr"] for panel in panels for target in panel["targets"]]
    for expression in [*_alerts().values(), *shown]:
        assert _metrics(expression), expression
        assert _metrics(expression) <= _known(), expression


def test_an_alert_does_not_look_at_another_release() -> None:
    assert not [a for a, e in _alerts().items() if e.count('pod=~"wo-api-bridge-.*"') != e.count("wo_bridge_")]


@pytest.mark.parametrize(("replicas", "budgets"), [(1, 0), (2, 1)])
def test_only_several_bridges_have_a_disruption_budget(replicas: int, budgets: int) -> None:
    rendered = objects(environment("minikube", sets={**EVERYTHING, "api.kafka.replicaCount": replicas}))
    found = [b for b in of_kind(rendered, "PodDisruptionBudget") if b["metadata"]["name"] == "wo-api-bridge"]
    assert len(found) == budgets
