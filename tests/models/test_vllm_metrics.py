"""The captured list of metrics, which dashboard and alerts are checked against, is still what a real vLLM says."""

import httpx

from ci.models import metrics
from ci.models.vllm import VERSION
from tests.models.conftest import chat


def test_the_capture_is_what_the_server_says_today(vllm, client):
    client.post("/v1/chat/completions", json=chat()).raise_for_status()
    found = metrics.series(httpx.get(f"{vllm.url}/metrics").text)
    captured = [line for line in metrics.CAPTURED.read_text().splitlines() if not line.startswith("#")]
    assert found == captured, "python -m ci.models.metrics captures them anew"


def test_the_servers_version_is_the_charts(vllm):
    assert f"version {VERSION}" in vllm.log.read_text(errors="replace")
