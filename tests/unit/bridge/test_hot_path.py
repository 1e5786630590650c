"""Kafka costs nothing to who does not bridge: api and worker load nothing of it, whatever the settings say."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

_LOAD = """
import sys
sys.modules["confluent_kafka"] = None  # as where the extra is not installed: to import it fails
from workflow_orchestration import settings
from {module} import {name}
settings.load()
print([m for m in sys.modules if m.startswith("workflow_orchestration.bridge")])
"""


@pytest.mark.parametrize(("module", "name"), [("console.app", "create_app"), ("worker.main", "serve")])
def test_api_and_worker_load_nothing_of_kafka(module, name, tmp_path):
    env = {**os.environ, "DATABASE_URL": "postgresql://wo@/wo", "KAFKA_BOOTSTRAP_SERVERS": "nonsense"}
    code = _LOAD.format(module=f"workflow_orchestration.{module}", name=name)
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr
