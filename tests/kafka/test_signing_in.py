"""TLS and SASL from the settings; a wrong password, certificate or address is one clear line, and nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ci.kafka.broker import Broker
from ci.local.postgres import OWNER, WORKER
from tests.fin import mt548
from tests.kafka.site import site

_JAAS = (
    "listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required "
    'user_bridge="right";\n'
)
_EXTRA = """
advertised.listeners=PLAINTEXT://127.0.0.1:{port},SASL_SSL://127.0.0.1:{sasl}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL
sasl.enabled.mechanisms=PLAIN
listener.name.sasl_ssl.ssl.keystore.type=PEM
listener.name.sasl_ssl.ssl.keystore.location={pem}
"""


def _certificate() -> tuple[bytes, bytes]:
    """A key and a certificate for 127.0.0.1 that is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broker")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private, made.public_bytes(serialization.Encoding.PEM)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory) -> Iterator[tuple[Broker, dict[str, object]]]:
    """A broker whose second listener wants TLS and a password, and the settings that satisfy it."""
    folder = tmp_path_factory.mktemp("guarded")
    key, certificate = _certificate()
    (folder / "broker.pem").write_bytes(key + certificate)
    (folder / "ca.pem").write_bytes(certificate)
    (folder / "other-ca.pem").write_bytes(_certificate()[1])
    extra = _EXTRA.replace("{pem}", str(folder / "broker.pem")) + _JAAS
    broker = Broker(folder / "broker", listeners=",SASL_SSL://127.0.0.1:{sasl}", extra=extra)
    broker.start()
    yield broker, {
        "kafka_bootstrap_servers": f"127.0.0.1:{broker.sasl_port}", "kafka_security_protocol": "SASL_SSL",
        "kafka_sasl_mechanism": "PLAIN", "kafka_sasl_username": "bridge", "kafka_sasl_password": "right",
        "kafka_ssl_ca_file": folder / "ca.pem",
    }  # fmt: skip
    broker.stop()


@pytest.fixture
async def here(guarded, postgres, booked):
    broker, _ = guarded
    with postgres.copy_of(booked) as name:
        async with site(broker, postgres.url(WORKER, name), postgres.url(OWNER, name)) as found:
            yield found


async def test_a_bridge_signs_in_with_tls_and_a_password(guarded, here):
    await here.start(**guarded[1])
    await here.put(mt548("SI-1"))
    await here.until_taken(1)
    await here.until_sent()
    assert len(await here.events_by_case()) >= 1


async def _why_not_ready(here, caplog, **settings) -> str:
    bridge = await here.start(**settings)

    async def told() -> str | None:
        return next((str(r.msg) for r in caplog.records if "Kafka cannot be used" in str(r.msg)), bridge._brokers._why)

    await here.until(lambda: _not_asked(bridge), "the brokers were asked")
    async with httpx.AsyncClient() as client:
        address = f"http://127.0.0.1:{bridge._settings.metrics_port}"
        assert (await client.get(f"{address}/ready")).status_code == 503
        assert (await client.get(f"{address}/health")).status_code == 200
    await here.stop()
    return await told() or ""


async def _not_asked(bridge) -> bool:
    return bridge._brokers._why not in (None, "not asked yet") and "timed out" not in bridge._brokers._why


@pytest.mark.parametrize(("wrong", "said"), [
    ({"kafka_sasl_password": "wrong"}, "uthentication failed"),
    ({"kafka_ssl_ca_file": "other-ca.pem"}, "certificate verify failed"),
    ({"kafka_bootstrap_servers": "127.0.0.1:1"}, "Connection refused"),
    ({"kafka_bootstrap_servers": "no-such-host.invalid:9092"}, "resolve"),
], ids=["password", "certificate", "port", "host"])  # fmt: skip
async def test_what_is_wrong_is_said_and_the_bridge_is_not_ready(guarded, here, caplog, wrong, said):
    settings = {**guarded[1], **wrong}
    if "kafka_ssl_ca_file" in wrong:
        settings["kafka_ssl_ca_file"] = guarded[1]["kafka_ssl_ca_file"].parent / "other-ca.pem"
    why = await _why_not_ready(here, caplog, **settings)
    assert "KAFKA_BOOTSTRAP_SERVERS" in why
    assert said in why


async def test_a_missing_topic_is_named(here):
    bridge = await here.start(kafka_events_topic="not.there")
    await here.until(lambda: _not_asked(bridge), "the brokers were asked")
    assert bridge._brokers._why == "topic not.there is not there: create it"
