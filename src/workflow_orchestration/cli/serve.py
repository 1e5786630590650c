"""`wo serve api`, `worker` and `bridge`: the long-running processes. Only what is served is imported."""

from __future__ import annotations

import typer

from workflow_orchestration.cli.examples import example

group = typer.Typer(help="Run a process of the platform in the foreground.", no_args_is_help=True,
                    epilog=example("wo serve api"))  # fmt: skip


def add_to(app: typer.Typer) -> None:
    app.add_typer(group, name="serve")


@group.command(epilog=example("wo serve api"))
def api() -> None:
    """The API and its pages (API_HOST, API_PORT) and its metrics (METRICS_PORT). SIGTERM stops it cleanly."""
    import uvloop

    from workflow_orchestration import settings
    from workflow_orchestration.api import server
    from workflow_orchestration.console.app import create_app

    loaded = settings.load()
    uvloop.run(server.serve(loaded, create_app(loaded)))


@group.command(epilog=example("METRICS_PORT=9091 wo serve worker"))
def worker() -> None:
    """A worker: runs the graphs, delivers effects, watches deadlines. SIGTERM lets it drain (DRAIN_SECONDS)."""
    import uvloop

    from workflow_orchestration import settings
    from workflow_orchestration.worker import main as worker_main

    uvloop.run(worker_main.serve(settings.load()))


@group.command(epilog=example("KAFKA_BOOTSTRAP_SERVERS=kafka:9092 METRICS_PORT=9092 wo serve bridge"))
def bridge() -> None:
    """The bridge to Kafka (extra `kafka`): messages in, the log out. SIGTERM leaves the consumer group cleanly."""
    import uvloop

    from workflow_orchestration import settings
    from workflow_orchestration.cli.kafka import load_bridge

    uvloop.run(load_bridge().main.serve(settings.load()))
