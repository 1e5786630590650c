"""`wo serve bridge` as a process, and what the others make of Kafka's settings: nothing."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys

import httpx
import pytest

from ci.local.killing import free_port
from tests.fin import mt548
from tests.integration.api.live import running, settings_for

_SERVE = [sys.executable, "-c", "from workflow_orchestration.cli.main import main; main()", "serve", "bridge"]


def _environment(settings: dict[str, object]) -> dict[str, str]:
    given = {k.upper(): v if isinstance(v, str) else json.dumps(v) for k, v in settings.items()}
    return {**os.environ, **given}


@pytest.mark.parametrize("servers", ["kafka:9092", "nonsense"])
def test_the_api_is_ready_whatever_is_said_of_kafka(database, tmp_path, servers):
    with running(settings_for(database.api, tmp_path, kafka_bootstrap_servers=servers)) as live:
        assert live.anybody().get("/ready").status_code == 200


@pytest.mark.parametrize(("servers", "said"), [
    ("", "KAFKA_BOOTSTRAP_SERVERS: is not set, so there is no Kafka to bridge to"),
    ("kafka", "KAFKA_BOOTSTRAP_SERVERS: 'kafka' is not host:port"),
], ids=["unset", "malformed"])  # fmt: skip
def test_a_bridge_without_a_usable_address_ends_with_the_cause_and_the_fix(database, servers, said):
    env = _environment({"database_url": database.worker, "kafka_bootstrap_servers": servers})
    done = subprocess.run(_SERVE, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.split())


async def test_a_bridge_tells_its_state_takes_records_and_ends_cleanly(here):
    port = free_port()
    env = _environment({**here.settings, "metrics_port": port})
    process = await asyncio.create_subprocess_exec(*_SERVE, env=env)

    async def ready() -> bool:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            try:
                return (await client.get("/ready")).status_code == 200
            except httpx.HTTPError:
                return False

    await here.until(ready, "the bridge is ready")
    await here.put(mt548("PR-1"), "poison")
    await here.until_taken(2)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        metrics = (await client.get("/metrics")).text
    assert 'wo_bridge_records_total{outcome="accepted"} 1.0' in metrics
    assert 'wo_bridge_records_total{outcome="refused"} 1.0' in metrics
    assert "wo_bridge_broker_reachable 1.0" in metrics
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 15) == 0
    assert await here.committed() == 2
