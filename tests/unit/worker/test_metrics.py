"""The worker's numbers, as a scraper meets them."""

from __future__ import annotations

import subprocess
import sys
from typing import get_args

from workflow_orchestration.store.work import Kind

_SHOW = (
    "from prometheus_client import generate_latest\n"
    "from workflow_orchestration.worker import metrics\n"
    "print(generate_latest().decode())"
)


def test_the_first_failure_of_any_kind_of_work_is_an_increase():
    # in a process of its own: here another test may have counted already
    done = subprocess.run([sys.executable, "-c", _SHOW], check=True, capture_output=True, text=True)
    missing = [
        (kind, outcome)
        for kind in get_args(Kind)
        for outcome in ("failed", "dead")
        if f'wo_worker_items_total{{kind="{kind}",outcome="{outcome}"}} 0.0' not in done.stdout
    ]
    assert get_args(Kind)
    assert not missing
