"""The seed specification's own measurement: one prompt, one after the other; mean, p95, p99 and throughput.

It is the shortest look at two servers, and says nothing of load: `make bench-llm` does.

    .venv/bin/python -m benchmarks.inference.seed
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.inference.config import read
from benchmarks.inference.servers import Machine
from ci.models.server import Server

if TYPE_CHECKING:
    from langchain_openai import ChatOpenAI

_PROMPTS = ("Why did the settlement fail? Ours says EUR 100,00, theirs EUR 100,50.",)
_WARM_UP = 3


def benchmark_llm(llm: ChatOpenAI, prompts: Sequence[str], iterations: int = 10) -> dict[str, float]:
    """As the specification writes it."""
    latencies = []
    for _ in range(iterations):
        start = time.time()
        llm.invoke(prompts[0])
        latencies.append(time.time() - start)
    return {
        "mean_latency": statistics.mean(latencies),
        "p95_latency": statistics.quantiles(latencies, n=20)[18],
        "p99_latency": statistics.quantiles(latencies, n=100)[98],
        "throughput": iterations / sum(latencies),
    }


def client(server: Server) -> ChatOpenAI:
    from langchain_openai import ChatOpenAI
    from pydantic import SecretStr

    return ChatOpenAI(
        model=server.model,
        base_url=server.base_url,
        api_key=SecretStr(server.key or "none"),
        extra_body={"max_tokens": 64},
        max_retries=0,
        use_responses_api=False,
    )


def main() -> None:
    machine = Machine.of("")
    for backend in read().backends:
        if backend.name not in ("ollama", "vllm"):
            continue
        with (
            tempfile.TemporaryDirectory(prefix="bench-") as folder,
            machine.server(backend, Path(folder)).running() as server,
        ):
            llm = client(server)
            benchmark_llm(llm, _PROMPTS, _WARM_UP)
            found = benchmark_llm(llm, _PROMPTS)
        print(f"{backend.label}: " + ", ".join(f"{name} {value:.4g}" for name, value in found.items()), flush=True)
    print(machine.label)


if __name__ == "__main__":
    main()
