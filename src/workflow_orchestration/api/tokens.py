"""Bearer tokens: what this platform issues on one machine, and what it accepts.

Which key and algorithm count is our choice by issuer, never the token's: the local issuer is HS256 with the key
from the settings and only while the API listens on loopback; OIDC issuers are public-key algorithms by JWKS.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

from workflow_orchestration.api.jwks import ALGORITHMS, Keys
from workflow_orchestration.domain.errors import SettingsError, Unauthenticated
from workflow_orchestration.domain.roles import UNASSIGNED, Operation, Principal, Role
from workflow_orchestration.settings import IssuerSettings, OidcIssuer, Settings

LOCAL_ISSUER = "wo-local"
AUDIENCE = "workflow-orchestration"
_LEEWAY_SECONDS = 30
_LONGEST_ID = 200
_REQUIRED = ["exp", "sub", "iss", "aud"]
_ROLES = frozenset(role.value for role in Role)
#: What is said of a bad token: its cause's name, nothing that helps to make a better one.
_CAUSES: tuple[tuple[type[jwt.PyJWTError], str], ...] = (
    (jwt.ExpiredSignatureError, "expired"),
    (jwt.ImmatureSignatureError, "not valid yet"),
    (jwt.InvalidIssuedAtError, "not valid yet"),
    (jwt.InvalidAudienceError, "for another audience"),
    (jwt.MissingRequiredClaimError, "incomplete"),
)


def issue(settings: IssuerSettings, user: str, roles: Sequence[str], desks: Sequence[str], minutes: int) -> str:
    """A token of the local issuer; whether an API takes it is that API's settings' business."""
    if settings.local_issuer_key is None:
        raise SettingsError("LOCAL_ISSUER_KEY is not set: the local issuer signs with it, and the API knows it by it")
    if ":" in user:
        raise SettingsError(f"user {user!r} has a colon, which only names of an OIDC issuer's people have")
    unknown = sorted(set(roles) - _ROLES)
    if unknown:
        raise SettingsError(f"role {unknown[0]} is unknown", fix=f"Use some of: {', '.join(sorted(_ROLES))}.")
    now = datetime.now(UTC)
    claims = {
        "iss": LOCAL_ISSUER,
        "aud": AUDIENCE,
        "sub": user,
        "roles": list(roles),
        "desks": list(desks),
        "iat": now,
        "exp": now + timedelta(minutes=minutes),
    }
    return jwt.encode(claims, settings.local_issuer_key.get_secret_value(), algorithm="HS256")


class Verifier:
    """Turns a token into a principal, and says until when (a Unix time)."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._issuers = {o.issuer: (o, Keys(o.jwks_url, ca_file=o.jwks_ca_file)) for o in settings.oidc_issuers}

    async def verify(self, token: str) -> tuple[Principal, float]:
        try:
            said = jwt.decode_complete(token, options={"verify_signature": False})
            claims, mapping = await self._claims(token, said["header"], said["payload"].get("iss"))
            return _principal(claims, mapping), float(claims["exp"])
        except jwt.PyJWTError as error:
            cause = next((text for kind, text in _CAUSES if isinstance(error, kind)), "not one of ours")
            raise Unauthenticated(f"the token is {cause}") from None
        except (ValueError, TypeError, RecursionError):
            raise Unauthenticated("the token is malformed") from None

    async def _claims(self, token: str, header: Mapping[str, Any], issuer: object) -> tuple[dict[str, Any], OidcIssuer]:
        if issuer == LOCAL_ISSUER and self._settings.local_issuer_allowed:
            key = self._settings.local_issuer_key
            assert key is not None
            return _decode(token, key.get_secret_value(), ["HS256"], _LOCAL), _LOCAL
        if not isinstance(issuer, str) or issuer not in self._issuers:
            raise jwt.InvalidIssuerError
        oidc, keys = self._issuers[issuer]
        return _decode(token, await keys.find(header.get("kid")), ALGORITHMS, oidc), oidc


_LOCAL = OidcIssuer(name="local", issuer=LOCAL_ISSUER, jwks_url="", audience=AUDIENCE)


def _decode(token: str, key: str | jwt.PyJWK, algorithms: list[str], issuer: OidcIssuer) -> dict[str, Any]:
    return jwt.decode(
        token,
        key,
        algorithms=algorithms,
        issuer=issuer.issuer,
        audience=issuer.audience,
        leeway=_LEEWAY_SECONDS,
        options={"require": _REQUIRED},
    )


def _principal(claims: dict[str, Any], issuer: OidcIssuer) -> Principal:
    subject = claims["sub"]
    if not (0 < len(subject) <= _LONGEST_ID and subject.isprintable()) or (issuer is _LOCAL and ":" in subject):
        raise ValueError("sub")
    if issuer is not _LOCAL:  # a local name has no colon, so nobody local can be taken for somebody else's
        subject = f"{issuer.name}:{subject}"
    named = (issuer.role_map.get(r, r) for r in _texts(claims, issuer.roles_claim))
    roles = frozenset(Role(r) for r in named if r in _ROLES)
    principal = Principal(subject, roles, frozenset([*_texts(claims, issuer.desks_claim), *issuer.desks]))
    if principal.may(Operation.CASE_ASSIGN):  # who may assign sees what nobody's desk has yet
        return Principal(subject, roles, principal.desks | {UNASSIGNED})
    return principal


def _texts(claims: Mapping[str, Any], path: str) -> list[str]:
    """A claim's texts: a list, or words in one text; dots step into objects (`realm_access.roles`)."""
    found: Any = claims
    for name in [path] if path in claims else path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    if isinstance(found, str):
        return found.split()
    return [text for text in found if isinstance(text, str)] if isinstance(found, list) else []
