"""Kafka is a door that few open: nothing of it is loaded by the processes that everybody runs."""

from __future__ import annotations

import subprocess
import sys

import pytest

_LOADED = (
    "import sys; of_kafka = ('confluent', 'workflow_orchestration.bridge'); "
    "sys.exit(sorted(m for m in sys.modules if m.startswith(of_kafka)) or None)"
)


@pytest.mark.parametrize("module", ["api.server", "console.app", "worker.main", "cli.main"])
def test_the_process_loads_nothing_of_kafka(module):
    command = [sys.executable, "-c", f"import workflow_orchestration.{module}; {_LOADED}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
