"""Which metrics a real vLLM exposes: names and labels, captured, so that nothing watches a metric that is not there.

python -m ci.models.metrics        captures them anew
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import httpx

from ci.models import places, vllm

CAPTURED = places.ROOT / "tests" / "models" / "vllm-metrics.txt"
_LINE = re.compile(r"^(vllm:[a-z_]+)(?:\{(.*)\})? ", re.MULTILINE)


def series(exposed: str) -> list[str]:
    """vLLM's own series, each once, with its labels: `vllm:kv_cache_usage_perc{engine,model_name}`."""
    found = ((name, sorted(re.findall(r'(\w+)="', labels))) for name, labels in _LINE.findall(exposed))
    return sorted({f"{name}{{{','.join(labels)}}}" for name, labels in found if not name.endswith("_created")})


def captured() -> dict[str, set[str]]:
    """The labels of each captured series."""
    lines = [line for line in CAPTURED.read_text().splitlines() if not line.startswith("#")]
    pairs = (line.rstrip("}").split("{") for line in lines)
    return {name: set(labels.split(",")) for name, labels in pairs}


def capture() -> str:
    """What a server says that has answered once."""
    with tempfile.TemporaryDirectory(prefix="vllm-") as folder, vllm.server(Path(folder)).running() as server:
        asked = {"model": server.model, "prompt": "why", "max_tokens": 2}
        httpx.post(f"{server.base_url}/completions", json=asked, headers=server.headers, timeout=60).raise_for_status()
        return "\n".join(series(httpx.get(f"{server.url}/metrics").text))


if __name__ == "__main__":
    CAPTURED.write_text(f"# vLLM {vllm.VERSION}, captured by python -m ci.models.metrics\n{capture()}\n")
