"""Where effects go. A receiver is asked at least once with one key; that it happens exactly once is its part.

The directory receiver does that part: one file a key, made visible in one atomic step that never overwrites. An
HTTP receiver must honour `Idempotency-Key`; one that does not may do a thing twice, and no sender can prevent it.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from workflow_orchestration.domain.errors import DeliveryFailed
from workflow_orchestration.store.db import Row
from workflow_orchestration.store.effects import idempotency_key

_HTTP_TIMEOUT = httpx.Timeout(10, connect=3)


async def deliver(effect: Row, client: httpx.AsyncClient, *, webhook_secret: str | None) -> dict[str, Any]:
    """Hand an effect to its receiver; returns its receipt, or raises DeliveryFailed."""
    address: str = effect["receiver"]
    if address.startswith("file:"):
        return await asyncio.to_thread(to_directory, Path(address.removeprefix("file:")), effect)
    return await _to_http(address, effect, client, webhook_secret=webhook_secret)


def to_directory(folder: Path, effect: Row) -> dict[str, Any]:
    """Write the payload as a file named by its key: fsynced, linked into place once, never overwritten."""
    name = file_name(effect)
    target = folder / name
    content = effect["payload"].encode()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / f".{name}.{os.getpid()}.{os.urandom(4).hex()}"
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, target)
            repeated = False
        except FileExistsError:
            repeated = True
        finally:
            draft.unlink()
        _sync_folder(folder)
    except OSError as error:
        raise DeliveryFailed(f"{folder}: {error.strerror or error}") from None
    if repeated and target.read_bytes() != content:
        raise DeliveryFailed(f"{target.name} is there with other content")
    return {
        "receiver": "directory",
        "file": str(target),
        "repeated": repeated,
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def find(effect: Row) -> dict[str, Any] | None:
    """The receipt of an effect that a receiver has already, where it can be asked."""
    if not effect["receiver"].startswith("file:"):
        return None
    target = Path(effect["receiver"].removeprefix("file:")) / file_name(effect)
    content = effect["payload"].encode()
    if not target.exists() or target.read_bytes() != content:  # other content under its key is not this effect
        return None
    return {
        "receiver": "directory",
        "file": str(target),
        "repeated": True,
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def in_doubt(effect: Row) -> bool:
    """Whether an earlier try may have reached a receiver that cannot be asked."""
    return bool(effect["tries"]) and not effect["receiver"].startswith("file:")


def file_name(effect: Row) -> str:
    """`<source>-<step>.<ending>`: the key, in characters every file system takes."""
    ending = "json" if effect["kind"] == "webhook" else "txt" if effect["type"] == "EMAIL" else "fin"
    return f"{re.sub(r'[^A-Za-z0-9._-]', '_', idempotency_key(effect))}.{ending}"


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


async def _to_http(url: str, effect: Row, client: httpx.AsyncClient, *, webhook_secret: str | None) -> dict[str, Any]:
    body = effect["payload"].encode()
    headers = {
        "Idempotency-Key": idempotency_key(effect),
        "X-Effect-Type": effect["type"],
        "Content-Type": "application/json" if effect["kind"] == "webhook" else "text/plain; charset=utf-8",
    }
    if webhook_secret is not None:
        headers["X-Signature"] = "sha256=" + hmac.new(webhook_secret.encode(), body, hashlib.sha256).hexdigest()
    try:
        response = await client.post(url, content=body, headers=headers, timeout=_HTTP_TIMEOUT)
    except httpx.HTTPError as error:
        raise DeliveryFailed(f"{url}: {type(error).__name__} {error}".strip()) from None
    # 409 is a receiver's word for "I have this key already"
    if not (response.is_success or response.status_code == httpx.codes.CONFLICT):
        raise DeliveryFailed(f"{url} answered {response.status_code}", status_code=response.status_code)
    return {
        "receiver": url,
        "status": response.status_code,
        "at": datetime.now(UTC).isoformat(),
        "repeated": response.status_code == httpx.codes.CONFLICT,
    }
