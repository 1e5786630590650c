"""Waits until the database is what a pod needs: wait.py any | wait.py REVISION [TABLE].

any: it answers. REVISION: the schema is that one. TABLE: and that table has a row (ab_role, ab_user), which the Jobs
write last; two processes that write FAB's permissions at once collide.
"""

from __future__ import annotations

import sys
import time

import psycopg2
from database import connect
from psycopg2 import sql


def missing(revision: str, table: str | None) -> str | None:
    """What is not there yet, or None."""
    with connect() as conn, conn.cursor() as cursor:
        if revision == "any":
            return None
        cursor.execute("select version_num from alembic_version")
        found = cursor.fetchone()
        if found is None or found[0] != revision:
            return f"the schema is {found and found[0]}, not {revision}"
        if table:
            cursor.execute(sql.SQL("select exists (select from {})").format(sql.Identifier(table)))
            if not cursor.fetchone()[0]:
                return f"{table} is empty"
    return None


def main(revision: str, table: str | None = None) -> None:
    while True:
        try:
            why = missing(revision, table)
        except psycopg2.Error as error:
            why = str(error).strip()
        if why is None:
            return
        print("waiting:", why, flush=True)
        time.sleep(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
