import psycopg
import pytest


def test_the_log_cannot_be_changed_by_api_or_worker(database):
    for url in (database.api, database.worker):
        for statement in ("update log_entries set type = 'x'", "delete from log_entries", "truncate log_entries"):
            with psycopg.connect(url) as conn, pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute(statement)
