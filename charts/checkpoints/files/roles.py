"""Makes each URL's role and database, as the administrator; safe to run again, which also renews passwords.

The owner's URL names the platform's database; api and worker may connect to it, and their grants are the migrations'.
"""

from __future__ import annotations

import os
import sys
import time
from urllib.parse import unquote, urlsplit

import psycopg
from psycopg import sql

PATIENCE = 1.0


def connect() -> psycopg.Connection[tuple[object, ...]]:
    """The administrator's connection (PGHOST, PGUSER, PGPASSWORD ...), as soon as PostgreSQL takes it."""
    while True:
        try:
            return psycopg.connect(autocommit=True, connect_timeout=5)
        except psycopg.OperationalError as error:
            print("waiting for PostgreSQL:", str(error).strip().splitlines()[-1], flush=True)
            time.sleep(PATIENCE)


def parts(variable: str) -> tuple[str, str, str]:
    """User, password and database of a URL; SQLAlchemy's +driver is no matter."""
    url = urlsplit(os.environ[variable])
    user, password, database = unquote(url.username or ""), unquote(url.password or ""), unquote(url.path.lstrip("/"))
    if not (user and password and database):
        sys.exit(f"{variable}: user, password or database is missing; write postgresql://USER:PASSWORD@HOST:PORT/NAME")
    return user, password, database


def role(conn: psycopg.Connection[tuple[object, ...]], user: str, password: str) -> None:
    there = conn.execute("select 1 from pg_roles where rolname = %s", (user,)).fetchone()
    hashed = conn.pgconn.encrypt_password(password.encode(), user.encode(), b"scram-sha-256").decode()
    verb, done = ("alter", "altered") if there else ("create", "created")
    # the hash, not the password, is what the server's log may show
    conn.execute(
        sql.SQL("{} role {} login password {}").format(sql.SQL(verb), sql.Identifier(user), sql.Literal(hashed))
    )
    print(f"role {user}: {done}")


def database(conn: psycopg.Connection[tuple[object, ...]], name: str, owner: str, guests: list[str]) -> None:
    if not conn.execute("select 1 from pg_database where datname = %s", (name,)).fetchone():
        # a managed server's administrator is no superuser: only a member may give the database away
        conn.execute(sql.SQL("grant {} to current_user").format(sql.Identifier(owner)))
        conn.execute(sql.SQL("create database {} owner {}").format(sql.Identifier(name), sql.Identifier(owner)))
        print(f"database {name}: created for {owner}")
    conn.execute(sql.SQL("revoke connect on database {} from public").format(sql.Identifier(name)))
    for guest in (owner, *guests):
        conn.execute(
            sql.SQL("grant connect, temporary on database {} to {}").format(sql.Identifier(name), sql.Identifier(guest))
        )


def main() -> None:
    owner, owner_password, platform = parts("DATABASE_OWNER_URL")
    users = {owner: owner_password}
    for variable in ("API_DATABASE_URL", "WORKER_DATABASE_URL"):
        user, password, name = parts(variable)
        if name != platform:
            sys.exit(f"{variable}: names database {name}, DATABASE_OWNER_URL names {platform}; make them equal")
        users[user] = password
    airflow = parts("AIRFLOW_DATABASE_URL") if os.environ.get("AIRFLOW_DATABASE_URL") else None
    with connect() as conn:
        for user, password in users.items():
            role(conn, user, password)
        database(conn, platform, owner, [user for user in users if user != owner])
        if airflow:
            role(conn, airflow[0], airflow[1])
            database(conn, airflow[2], airflow[0], [])


if __name__ == "__main__":
    main()
