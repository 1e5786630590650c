"""What a worker without a model never pays for."""

from __future__ import annotations

import subprocess
import sys

_LOADED = "print(sorted(m for m in sys.modules if m in ('langchain_openai', 'openai', 'tiktoken')))"


def test_worker_and_gateway_are_imported_without_the_model_libraries():
    code = f"import sys, workflow_orchestration.worker.main, workflow_orchestration.llm.recorded; {_LOADED}"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
