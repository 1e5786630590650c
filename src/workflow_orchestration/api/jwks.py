"""The public keys of one OIDC issuer, fetched when first needed and again for a key id not seen before."""

from __future__ import annotations

import asyncio
import ssl
import time

import httpx
import jwt
import structlog

from workflow_orchestration.domain.errors import NotReady

ALGORITHMS = ["RS256", "ES256", "EdDSA"]
#: Tokens with invented key ids must not make us ask the issuer more often than this.
_LEAST_SECONDS_BETWEEN = 30.0
_LIFE_SECONDS = 3600.0
_PATIENCE_SECONDS = 5.0
_logger = structlog.get_logger(__name__)


class Keys:
    def __init__(
        self, url: str, transport: httpx.AsyncBaseTransport | None = None, *, ca_file: str | None = None
    ) -> None:
        self._url = url
        self._ca_file = ca_file
        self._transport = transport
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._asked_at = self._got_at = float("-inf")
        self._lock = asyncio.Lock()

    async def find(self, kid: object) -> jwt.PyJWK:
        """The key of this id; of a set with one key also without an id. NotReady when the issuer never answered."""
        stale = time.monotonic() - self._got_at > _LIFE_SECONDS
        if stale or self._pick(kid) is None:
            await self._refresh()
        key = self._pick(kid)
        if key is not None:
            return key
        if not self._keys:
            raise NotReady(
                "the token issuer's keys cannot be fetched", fix="Try again; if it stays, tell the operators."
            )
        raise jwt.InvalidKeyError("unknown key id")

    def _pick(self, kid: object) -> jwt.PyJWK | None:
        if kid is None:
            return next(iter(self._keys.values())) if len(self._keys) == 1 else None
        return self._keys.get(kid) if isinstance(kid, str) else None

    async def _refresh(self) -> None:
        async with self._lock:
            if time.monotonic() - self._asked_at < _LEAST_SECONDS_BETWEEN:
                return
            self._asked_at = time.monotonic()
            try:
                self._keys = await self._fetch()
                self._got_at = time.monotonic()
            except (httpx.HTTPError, jwt.PyJWTError, ValueError, OSError) as error:
                _logger.warning("signing keys not fetched; those known stay in use", url=self._url, error=str(error))

    async def _fetch(self) -> dict[str | None, jwt.PyJWK]:
        verify = ssl.create_default_context(cafile=self._ca_file) if self._ca_file else True
        async with httpx.AsyncClient(timeout=_PATIENCE_SECONDS, transport=self._transport, verify=verify) as client:
            response = await client.get(self._url)
            response.raise_for_status()
        document = response.json()
        if not isinstance(document, dict):
            raise ValueError("the key set is not a JSON object")
        found = jwt.PyJWKSet.from_dict(document).keys
        return {
            key.key_id: key for key in found if key.algorithm_name in ALGORITHMS and key.public_key_use in (None, "sig")
        }
