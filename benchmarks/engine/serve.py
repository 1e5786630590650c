"""`python -m benchmarks.engine.serve api|worker`: our processes, which know two workflows more than the product's.

Everything else is the product's: settings from the environment, the same app, the same worker.
"""

from __future__ import annotations

import sys

import uvloop

from benchmarks.engine.our_workflow import BENCH
from benchmarks.engine.our_workflow import NAME as BENCH_NAME
from benchmarks.torture.our_workflow import NAME as TORTURE_NAME
from benchmarks.torture.our_workflow import TORTURE
from workflow_orchestration import settings
from workflow_orchestration.domain import workflows


def main(kind: str) -> None:
    workflows.WORKFLOWS |= {BENCH_NAME: "the measured graph", TORTURE_NAME: "the tortured graph"}
    loaded = settings.load()
    if kind == "api":
        from workflow_orchestration.api import server
        from workflow_orchestration.console.app import create_app

        uvloop.run(server.serve(loaded, create_app(loaded)))
    else:
        from workflow_orchestration.worker import main as worker
        from workflow_orchestration.workflows.registry import WORKFLOWS

        WORKFLOWS.update({BENCH_NAME: BENCH, TORTURE_NAME: TORTURE})
        uvloop.run(worker.serve(loaded))


if __name__ == "__main__":
    main(sys.argv[1])
