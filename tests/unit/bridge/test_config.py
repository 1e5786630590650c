"""Kafka's settings: each wrong one is named with its cause and fix, before anything connects."""

from __future__ import annotations

import pytest

from workflow_orchestration.bridge import config
from workflow_orchestration.domain.errors import SettingsError
from workflow_orchestration.settings import Settings

_PLAIN = {"database_url": "postgresql://wo_api@/wo", "kafka_bootstrap_servers": "a:9092, b.example.com:9093"}
_SASL = {**_PLAIN, "kafka_security_protocol": "SASL_SSL", "kafka_sasl_mechanism": "SCRAM-SHA-512",
         "kafka_sasl_username": "bridge", "kafka_sasl_password": "secret-word"}  # fmt: skip


def _of(**given):
    return config.of(Settings(**{**_PLAIN, **given}))


def test_addresses_are_handed_on_without_spaces():
    assert _of().client["bootstrap.servers"] == "a:9092,b.example.com:9093"


def test_an_ipv6_address_is_an_address():
    assert _of(kafka_bootstrap_servers="[::1]:9092").servers == "[::1]:9092"


def test_credentials_go_to_every_client():
    client = _of(**_SASL).client
    assert (client["sasl.username"], client["sasl.password"]) == ("bridge", "secret-word")
    assert (client["security.protocol"], client["sasl.mechanism"]) == ("SASL_SSL", "SCRAM-SHA-512")


def test_credentials_are_not_used_without_sasl():
    assert "sasl.password" not in _of(kafka_sasl_password="x", kafka_sasl_username="y").client


def test_files_of_tls_are_handed_on(tmp_path):
    for name in ("ca", "cert", "key"):
        (tmp_path / name).write_text("pem")
    client = _of(kafka_security_protocol="SSL", kafka_ssl_ca_file=tmp_path / "ca",
                 kafka_ssl_certificate_file=tmp_path / "cert", kafka_ssl_key_file=tmp_path / "key",
                 kafka_ssl_key_password="pw").client  # fmt: skip
    assert client["ssl.ca.location"] == str(tmp_path / "ca")
    assert client["ssl.key.password"] == "pw"


def test_the_heart_beats_three_times_a_session():
    group = _of(kafka_session_seconds=6).group
    assert (group["session.timeout.ms"], group["heartbeat.interval.ms"]) == (6000, 2000)


@pytest.mark.parametrize(("given", "said"), [
    ({"kafka_bootstrap_servers": None}, "KAFKA_BOOTSTRAP_SERVERS: is not set"),
    ({"kafka_bootstrap_servers": "kafka"}, "KAFKA_BOOTSTRAP_SERVERS: 'kafka' is not host:port"),
    ({"kafka_bootstrap_servers": "a:9092,b:99999"}, "KAFKA_BOOTSTRAP_SERVERS: 'b:99999' is not host:port"),
    ({"kafka_bootstrap_servers": "kafka://a:9092"}, "'kafka://a:9092' is not host:port"),
    ({"kafka_bootstrap_servers": "a:9092,"}, "'' is not host:port"),
    ({"kafka_security_protocol": "TLS"}, "KAFKA_SECURITY_PROTOCOL: 'TLS' is not known"),
    ({**_SASL, "kafka_sasl_mechanism": None}, "KAFKA_SASL_MECHANISM: is not set"),
    ({**_SASL, "kafka_sasl_mechanism": "MD5"}, "KAFKA_SASL_MECHANISM: 'MD5' is not known"),
    ({**_SASL, "kafka_sasl_username": None}, "KAFKA_SASL_USERNAME: is not set"),
    ({**_SASL, "kafka_sasl_password": None}, "KAFKA_SASL_PASSWORD: is not set"),
    ({"kafka_security_protocol": "SSL", "kafka_ssl_ca_file": "nowhere.pem"}, "KAFKA_SSL_CA_FILE: nowhere.pem is not"),
    ({"kafka_events_topic": "no topic"}, "'no topic' is no topic's name"),
    ({"kafka_message_topics": ["wo.case-events"]}, "are not all different"),
])  # fmt: skip
def test_a_wrong_setting_is_named(given, said):
    with pytest.raises(SettingsError) as refused:
        _of(**given)
    assert said in refused.value.detail
    assert refused.value.fix


def test_a_certificate_without_its_key_is_refused(tmp_path):
    (tmp_path / "cert").write_text("pem")
    with pytest.raises(SettingsError, match="go together"):
        _of(kafka_security_protocol="SSL", kafka_ssl_certificate_file=tmp_path / "cert")


def test_no_message_topics_is_a_bridge_that_only_sends():
    assert _of(kafka_message_topics=[]).topics == ("wo.messages.dead", "wo.case-events")


def test_a_wrong_setting_stops_nobody_but_the_bridge():
    assert Settings(**{**_PLAIN, "kafka_bootstrap_servers": "nonsense"}).kafka_bootstrap_servers == "nonsense"


def test_an_error_never_shows_the_password():
    with pytest.raises(SettingsError) as refused:
        _of(**{**_SASL, "kafka_sasl_username": None})
    assert "secret-word" not in str(refused.value) + refused.value.fix
