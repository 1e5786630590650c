"""`.env` of a first `make up`: fresh keys, and the embedded database's addresses. It is never overwritten."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from dotenv import dotenv_values

from ci.local.places import DATABASE
from ci.local.postgres import API, OWNER, Server

_TEXT = """\
# Written by the first `make up`, for this machine only; kept out of git. .env.example explains every variable.
DATABASE_URL={api}
DATABASE_OWNER_URL={owner}
LOCAL_ISSUER_KEY={issuer_key}
WEBHOOK_SECRET={webhook_secret}
"""


def ensure(path: Path, server: Server) -> bool:
    """Write `.env` unless it is there; True when it was written. Readable by its owner only."""
    text = _TEXT.format(
        api=server.url(API, DATABASE),
        owner=server.url(OWNER, DATABASE),
        issuer_key=secrets.token_urlsafe(32),
        webhook_secret=secrets.token_urlsafe(32),
    )
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    return True


def stale_addresses(path: Path, server: Server) -> list[str]:
    """Names of the variables in `.env` that point to another database than this server's (a moved checkout)."""
    values = dotenv_values(path)
    expected = {"DATABASE_URL": server.url(API, DATABASE), "DATABASE_OWNER_URL": server.url(OWNER, DATABASE)}
    return [name for name, url in expected.items() if values.get(name) not in (None, "", url)]
