"""The bridge's numbers, as a scraper meets them."""

from __future__ import annotations

import subprocess
import sys

_SHOW = (
    "from prometheus_client import generate_latest\n"
    "from workflow_orchestration.bridge import metrics\n"
    "print(generate_latest().decode())"
)


def test_the_first_refused_record_is_an_increase():
    # in a process of its own: here another test may have counted already
    done = subprocess.run([sys.executable, "-c", _SHOW], check=True, capture_output=True, text=True)
    assert 'wo_bridge_records_total{outcome="refused"} 0.0' in done.stdout
