"""`python -m benchmarks.engine.serve api|worker`: our processes, which know one workflow more than the product's.

Everything else is the product's: settings from the environment, the same app, the same worker.
"""

from __future__ import annotations

import sys

import uvloop

from benchmarks.engine import our_workflow
from workflow_orchestration import settings
from workflow_orchestration.domain import workflows


def main(kind: str) -> None:
    workflows.WORKFLOWS[our_workflow.NAME] = "the measured graph"
    loaded = settings.load()
    if kind == "api":
        from workflow_orchestration.api import server
        from workflow_orchestration.console.app import create_app

        uvloop.run(server.serve(loaded, create_app(loaded)))
    else:
        from workflow_orchestration.worker import main as worker
        from workflow_orchestration.workflows.registry import WORKFLOWS

        WORKFLOWS[our_workflow.NAME] = our_workflow.BENCH
        uvloop.run(worker.serve(loaded))


if __name__ == "__main__":
    main(sys.argv[1])
