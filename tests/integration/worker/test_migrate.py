"""Migrations: once, in order, by whoever comes first; and an older migrator leaves a newer schema alone."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from tests.integration.store.scene import connect
from workflow_orchestration.store import schema
from workflow_orchestration.worker.migrate import migrate


@pytest.fixture
def empty(postgres):
    """The url of an empty database, as its owner."""
    with postgres.copy_of("template1") as name:
        yield postgres.url("wo_owner", name)


def versions(url):
    with psycopg.connect(url) as conn:
        return [row[0] for row in conn.execute("select version from schema_migrations order by version")]


async def test_two_migrators_at_once_apply_each_migration_once(empty):
    assert sorted(await asyncio.gather(migrate(empty), migrate(empty))) == [0, len(schema.available())]
    assert versions(empty) == [v for v, _ in schema.available()]
    assert await migrate(empty) == 0


async def test_an_older_migrator_does_nothing_to_a_newer_schema(empty, monkeypatch):
    await migrate(empty)
    stock = schema.available()
    monkeypatch.setattr(schema, "available", lambda: stock[:1])
    assert await migrate(empty) == 0
    assert versions(empty) == [v for v, _ in stock]
    async with await connect(empty) as conn:
        assert await schema.current(conn) >= schema.needed()


async def test_a_migration_that_fails_leaves_nothing_of_itself(empty, monkeypatch, tmp_path):
    stock = schema.available()
    broken = tmp_path / "9999_broken.sql"
    broken.write_text("create table half (x int); select no_such_function();")
    monkeypatch.setattr(schema, "available", lambda: [*stock, (9999, broken)])
    with pytest.raises(psycopg.errors.UndefinedFunction):
        await migrate(empty)
    with psycopg.connect(empty) as conn:
        assert conn.execute("select to_regclass('half')").fetchone() == (None,)
    assert versions(empty) == [v for v, _ in stock]


async def test_an_empty_database_has_schema_zero(empty):
    async with await connect(empty) as conn:
        assert await schema.current(conn) == 0


def test_migrations_are_numbered_without_a_gap():
    assert [v for v, _ in schema.available()] == list(range(1, schema.needed() + 1))
