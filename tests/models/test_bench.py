"""The load engine itself is measured: against a mock server whose latency is known."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from benchmarks.inference import load, results
from benchmarks.inference.config import Limits, Workload
from ci.local.killing import free_port
from ci.models import places, weights

#: Milliseconds until the first token, and until each further one.
FIRST, FURTHER, TOKENS = 400, 50, 4
WHOLE = FIRST + FURTHER * (TOKENS - 1)
WORKLOAD = Workload("plain", output_tokens=TOKENS, prompt_tokens=32)


class Mock:
    """GuideLLM's own mock server, in a session of its own, so that all of it can be stopped at once."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        command = [places.python("guidellm").parent / "guidellm", "mock-server", "--port", self.port, "--model", "tiny",
                   "--ttft-ms", FIRST, "--itl-ms", FURTHER, "--output-tokens", TOKENS]  # fmt: skip
        self.log = folder / "mock.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [str(word) for word in command], stdout=log, stderr=log, start_new_session=True
            )
        end = time.monotonic() + 120
        while not self._answers():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < end, "the mock server did not start"
            time.sleep(0.2)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health", timeout=1).status_code == 200
        except httpx.HTTPError:
            return False

    def send(self, number: int) -> None:
        os.killpg(self.process.pid, number)

    def stall(self, *, after: int, seconds: float) -> None:
        """Stand still for a while, once so many requests have come."""
        end = time.monotonic() + 120
        while time.monotonic() < end and self._asked() < after:
            time.sleep(0.05)
        self.send(signal.SIGSTOP)
        time.sleep(seconds)
        self.send(signal.SIGCONT)

    def _asked(self) -> int:
        """Requests that it has answered, from its access log."""
        return self.log.read_text(errors="replace").count("POST")


@pytest.fixture
def mock(tmp_path: Path) -> Iterator[Mock]:
    found = Mock(tmp_path)
    yield found
    found.send(signal.SIGKILL)
    found.process.wait()


def _measured(mock: Mock, folder: Path, shape: str, rate: float, seconds: int) -> results.Point:
    target = load.Target(mock.url, "tiny", weights.folder())
    measured = load.run(target, WORKLOAD, shape, [rate], seconds=seconds, seed=1, folder=folder)
    return results.point(measured, backend="mock", workload="plain", shape="open", offered=rate,
                         limits=Limits(450, 60), server={})  # fmt: skip


def test_a_known_latency_is_measured_within_five_per_cent(mock, tmp_path):
    found = _measured(mock, tmp_path, "even", 4, 10)
    assert found.errors == found.unfinished == 0
    assert found.answered == 40
    assert found.tokens_out == TOKENS
    assert found.latency.p50 == pytest.approx(WHOLE, rel=0.05)
    assert found.scheduled.p50 == pytest.approx(WHOLE, rel=0.05)
    assert found.first_token.p50 == pytest.approx(FIRST, rel=0.05)
    assert found.output_token.p50 == pytest.approx(FURTHER, rel=0.05)


def test_a_server_that_stands_still_raises_the_p99_and_not_the_median(mock, tmp_path):
    stall = threading.Thread(target=mock.stall, kwargs={"after": 8, "seconds": 3.0})
    stall.start()
    found = _measured(mock, tmp_path, "even", 4, 12)
    stall.join()
    assert found.answered == 48
    assert found.scheduled.p99 > WHOLE + 2000
    assert found.scheduled.p50 < WHOLE + 500
    assert found.goodput < found.requests_per_second
