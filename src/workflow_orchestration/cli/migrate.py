"""`wo migrate`: the database's schema, brought up to date by its owner."""

from __future__ import annotations

import typer

from workflow_orchestration.cli.examples import example
from workflow_orchestration.cli.exits import Unreachable


def add_to(app: typer.Typer) -> None:
    app.command(epilog=example("DATABASE_OWNER_URL=postgresql://... wo migrate"))(migrate)


def migrate() -> None:
    """Bring the database up to date, as its owner (DATABASE_OWNER_URL). Safe to run again, and twice at once."""
    import asyncio

    import psycopg

    from workflow_orchestration import settings
    from workflow_orchestration.store import schema
    from workflow_orchestration.worker import migrate as migrations

    url = settings.load().owner_url()
    try:
        applied = asyncio.run(migrations.migrate(url, print))
    except (psycopg.OperationalError, TimeoutError) as error:
        raise Unreachable(str(error).strip(), "Start PostgreSQL, or correct DATABASE_OWNER_URL.") from None
    print(f"schema: version {schema.needed()}, {applied or 'nothing'} applied")
