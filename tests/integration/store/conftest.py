"""One database for all tests of the store and the worker's parts, emptied before each; a copy each costs 4x as much."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest

from ci.local.postgres import API, OWNER, WORKER
from tests.conftest import Database
from tests.integration.store.scene import Scene
from workflow_orchestration.store.db import Pool, make_pool

#: Deletes without foreign keys' triggers, then what the migrations themselves insert.
_EMPTY = """
set session_replication_role = replica;
do $$ declare name text; begin
    for name in select tablename from pg_tables
                where schemaname = 'public' and tablename not in ('schema_migrations', 'checkpoint_migrations') loop
        execute format('delete from %I', name);
    end loop;
end $$;
insert into log_streams (stream) values ('system');
"""


@pytest.fixture(scope="session")
def shared_database(postgres, template) -> Iterator[Database]:
    with postgres.copy_of(template) as name:
        yield Database(
            api=postgres.url(API, name), worker=postgres.url(WORKER, name), owner=postgres.url(OWNER, name), name=name
        )


@pytest.fixture
def database(postgres, shared_database) -> Database:
    with psycopg.connect(postgres.url("postgres", shared_database.name), autocommit=True) as conn:
        conn.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() "
            "and pid <> pg_backend_pid()"
        )
        conn.execute(_EMPTY)
    return shared_database


@pytest.fixture
async def pool(database) -> AsyncIterator[Pool]:
    """As a worker has it."""
    async with make_pool(database.worker, size=8, name="test") as opened:
        yield opened


@pytest.fixture
def scene(pool) -> Scene:
    return Scene(pool)
