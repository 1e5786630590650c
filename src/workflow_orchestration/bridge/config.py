"""What the settings say, as the client library wants it; a wrong one is named with its cause and fix.

It is checked here and not in settings.py, because a wrong one must stop the bridge and nobody else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from workflow_orchestration.domain.errors import SettingsError
from workflow_orchestration.settings import Settings

_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9._-]+):(\d{1,5})")
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_SEE = "docs/howto/kafka.md explains it."


@dataclass(frozen=True)
class Bus:
    """Where Kafka is, how to sign in, and which topics are ours."""

    #: For every client: addresses and credentials.
    client: dict[str, Any]
    #: For the consumer: the group and how fast its members miss each other.
    group: dict[str, Any]
    servers: str
    message_topics: tuple[str, ...]
    dead_letter_topic: str
    events_topic: str

    @property
    def topics(self) -> tuple[str, ...]:
        """All that must be there."""
        return (*self.message_topics, self.dead_letter_topic, self.events_topic)


def of(settings: Settings) -> Bus:
    """The bus of these settings, or SettingsError."""
    servers = _servers(settings.kafka_bootstrap_servers)
    client = {"bootstrap.servers": servers, "client.id": "workflow-orchestration", **_security(settings)}
    session = int(settings.kafka_session_seconds * 1000)
    group = {"group.id": settings.kafka_group, "session.timeout.ms": session, "heartbeat.interval.ms": session // 3}
    bus = Bus(
        client=client, group=group, servers=servers, message_topics=tuple(settings.kafka_message_topics),
        dead_letter_topic=settings.kafka_dead_letter_topic, events_topic=settings.kafka_events_topic,
    )  # fmt: skip
    _check_topics(bus)
    return bus


def _servers(given: str | None) -> str:
    if not given:
        raise SettingsError("KAFKA_BOOTSTRAP_SERVERS: is not set, so there is no Kafka to bridge to",
                            fix=f"Set it to host:port of your brokers, or do not run the bridge. {_SEE}")  # fmt: skip
    for address in given.split(","):
        found = _ADDRESS.fullmatch(address.strip())
        if found is None or not 0 < int(found[2]) < 65536:
            raise SettingsError(f"KAFKA_BOOTSTRAP_SERVERS: {address.strip()!r} is not host:port",
                                fix="Write host:port,host:port, without a scheme.")  # fmt: skip
    return ",".join(address.strip() for address in given.split(","))


def _security(s: Settings) -> dict[str, Any]:
    protocol = _one_of("KAFKA_SECURITY_PROTOCOL", s.kafka_security_protocol, _PROTOCOLS)
    found: dict[str, Any] = {"security.protocol": protocol}
    if protocol.startswith("SASL"):
        found["sasl.mechanism"] = _one_of("KAFKA_SASL_MECHANISM", s.kafka_sasl_mechanism, _MECHANISMS)
        found["sasl.username"] = _needed("KAFKA_SASL_USERNAME", s.kafka_sasl_username, protocol)
        password = s.kafka_sasl_password.get_secret_value() if s.kafka_sasl_password else None
        found["sasl.password"] = _needed("KAFKA_SASL_PASSWORD", password, protocol)
    if protocol.endswith("SSL"):
        found |= _tls(s)
    return found


def _tls(s: Settings) -> dict[str, Any]:
    files = {
        "KAFKA_SSL_CA_FILE": ("ssl.ca.location", s.kafka_ssl_ca_file),
        "KAFKA_SSL_CERTIFICATE_FILE": ("ssl.certificate.location", s.kafka_ssl_certificate_file),
        "KAFKA_SSL_KEY_FILE": ("ssl.key.location", s.kafka_ssl_key_file),
    }
    found = {}
    for variable, (option, path) in files.items():
        if path is not None and not path.is_file():
            raise SettingsError(f"{variable}: {path} is not a file", fix=f"Mount it, or correct the path. {_SEE}")
        if path is not None:
            found[option] = str(path)
    if ("ssl.certificate.location" in found) != ("ssl.key.location" in found):
        raise SettingsError("KAFKA_SSL_KEY_FILE: a certificate and its key go together", fix="Set both, or neither.")
    if s.kafka_ssl_key_password is not None:
        found["ssl.key.password"] = s.kafka_ssl_key_password.get_secret_value()
    return found


def _one_of(variable: str, value: str | None, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        what = f"{value!r} is not known" if value else "is not set"
        raise SettingsError(f"{variable}: {what}", fix=f"Use one of {', '.join(allowed)}. {_SEE}")
    return value


def _needed(variable: str, value: str | None, protocol: str) -> str:
    if not value:
        raise SettingsError(f"{variable}: is not set, and KAFKA_SECURITY_PROTOCOL={protocol} needs it",
                            fix=f"Put it into the Secret. {_SEE}")  # fmt: skip
    return value


def _check_topics(bus: Bus) -> None:
    for topic in bus.topics:
        if not _TOPIC.fullmatch(topic):
            raise SettingsError(f"KAFKA_*_TOPIC(S): {topic!r} is no topic's name",
                                fix="Use letters, digits, dot, dash and underscore.")  # fmt: skip
    if len(set(bus.topics)) != len(bus.topics):
        raise SettingsError(f"KAFKA_*_TOPIC(S): {', '.join(bus.topics)} are not all different",
                            fix="A topic has one direction: give each its own.")  # fmt: skip
