"""Which tokens are believed, and what they say of their bearer."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from workflow_orchestration.api import tokens
from workflow_orchestration.api.jwks import Keys
from workflow_orchestration.api.tokens import Verifier, issue
from workflow_orchestration.domain.errors import NotReady, SettingsError, Unauthenticated
from workflow_orchestration.domain.roles import Role
from workflow_orchestration.settings import OidcIssuer, Settings

KEY = "local-key-of-32-bytes-or-a-bit-more"
ISSUER = "https://login.example"
PRIVATE = {
    "rsa": rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "ec": ec.generate_private_key(ec.SECP256R1()),
    "ed": ed25519.Ed25519PrivateKey.generate(),
}
ALGORITHM = {"rsa": "RS256", "ec": "ES256", "ed": "EdDSA"}
FOREIGN = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def settings(**more) -> Settings:
    oidc = OidcIssuer(
        name="corp",
        issuer=ISSUER,
        jwks_url=f"{ISSUER}/jwks",
        audience="wo",
        roles_claim="realm_access.roles",
        desks_claim="desks",
        role_map={"bo-approver": "ops_approver"},
    )
    return Settings(**{"database_url": "postgresql://x@/x", "local_issuer_key": KEY, "oidc_issuers": [oidc], **more})


def jwk(kid: str) -> dict:
    public = json.loads(jwt.get_algorithm_by_name(ALGORITHM[kid]).to_jwk(PRIVATE[kid].public_key()))
    return {**public, "kid": kid, "alg": ALGORITHM[kid], "use": "sig"}


class Issuer:
    """An OIDC issuer's key set, and how often it was asked."""

    def __init__(self, *kids: str) -> None:
        self.kids, self.asked, self.status = kids, 0, 200

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        return httpx.Response(self.status, json={"keys": [jwk(kid) for kid in self.kids]})

    def verifier(self, **more) -> Verifier:
        verifier = Verifier(settings(**more))
        for issuer, (oidc, _) in list(verifier._issuers.items()):
            verifier._issuers[issuer] = (oidc, Keys(oidc.jwks_url, transport=httpx.MockTransport(self.answer)))
        return verifier


def claims(**more) -> dict:
    now = datetime.now(UTC)
    found = {
        "iss": ISSUER,
        "aud": "wo",
        "sub": "ann",
        "iat": now,
        "exp": now + timedelta(hours=1),
        "realm_access": {"roles": ["bo-approver", "something-else"]},
        "desks": ["rates"],
        **more,
    }
    return {k: v for k, v in found.items() if v is not None}


def oidc_token(kid: str = "rsa", *, key=None, algorithm: str | None = None, **more) -> str:
    return jwt.encode(claims(**more), key or PRIVATE[kid], algorithm=algorithm or ALGORITHM[kid], headers={"kid": kid})


@pytest.mark.parametrize("kid", ["rsa", "ec", "ed"])
async def test_a_token_of_a_trusted_issuer_names_its_bearer(kid):
    principal, until = await Issuer("rsa", "ec", "ed").verifier().verify(oidc_token(kid))
    assert (principal.id, principal.roles, principal.desks) == (
        "corp:ann",
        {Role.OPS_APPROVER},
        {"rates", "unassigned"},
    )
    assert until > datetime.now(UTC).timestamp()


async def test_a_token_without_known_roles_is_valid_and_may_nothing():
    principal, _ = await Issuer("rsa").verifier().verify(oidc_token(realm_access={"roles": ["x"]}))
    assert (principal.roles, principal.desks) == (frozenset(), {"rates"})


async def test_a_clusters_service_account_gets_its_role_by_its_name_and_its_issuers_desks():
    """Kubernetes' projected tokens have neither: the subject stands for the role, the issuer for the desks."""
    account = "system:serviceaccount:workflow-orchestration:wo-airflow-worker"
    cluster = OidcIssuer(
        name="cluster", issuer=ISSUER, jwks_url=f"{ISSUER}/jwks", audience="wo", roles_claim="sub",
        role_map={account: "airflow"}, desks=["rates", "operations"],
    )  # fmt: skip
    verifier = Issuer("rsa").verifier(oidc_issuers=[cluster])
    mine, _ = await verifier.verify(oidc_token(sub=account, realm_access=None, desks=None))
    assert (mine.id, mine.roles, mine.desks) == (f"cluster:{account}", {Role.AIRFLOW}, {"rates", "operations"})
    other, _ = await verifier.verify(oidc_token(sub=f"{account}-2", realm_access=None, desks=None))
    assert other.roles == frozenset()


@pytest.mark.parametrize("roles", [None, "text", 5, {"roles": 5}, {"roles": [5, None]}, {"roles": {"a": 1}}])
async def test_role_claims_of_another_shape_give_no_roles(roles):
    principal, _ = await Issuer("rsa").verifier().verify(oidc_token(realm_access=roles))
    assert principal.roles == frozenset()


async def test_a_local_token_says_what_was_issued():
    token = issue(settings(), "nina", ["ops_analyst"], ["rates"], 5)
    principal, _ = await Issuer().verifier().verify(token)
    assert (principal.id, principal.roles) == ("nina", {Role.OPS_ANALYST})


def public_pem() -> bytes:
    return PRIVATE["rsa"].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def part(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def hs256_by_hand(key: bytes) -> str:
    """PyJWT itself refuses to sign with a public key; an attacker does not ask it."""
    said = [
        json.dumps(value, default=lambda t: int(t.timestamp())).encode()
        for value in ({"alg": "HS256", "kid": "rsa", "typ": "JWT"}, claims())
    ]
    head = ".".join(map(part, said))
    return f"{head}.{part(hmac.new(key, head.encode(), hashlib.sha256).digest())}"


def local(key: str = KEY, algorithm: str = "HS256", **more) -> str:
    return jwt.encode(claims(iss="wo-local", aud="workflow-orchestration", **more), key, algorithm=algorithm)


PAST, FUTURE = datetime.now(UTC) - timedelta(hours=1), datetime.now(UTC) + timedelta(hours=1)
BAD = {
    "nothing": (lambda: "", "not one of ours"),
    "no token at all": (lambda: "abc", "not one of ours"),
    "three empty parts": (lambda: "..", "not one of ours"),
    "alg none": (lambda: jwt.encode(claims(), None, algorithm="none"), "not one of ours"),
    "alg none, local": (lambda: jwt.encode(claims(iss="wo-local"), None, algorithm="none"), "not one of ours"),
    "signature cut off": (lambda: oidc_token().rsplit(".", 1)[0] + ".", "not one of ours"),
    "signed by another key": (lambda: oidc_token(key=FOREIGN), "not one of ours"),
    "HS256 with the public key": (lambda: hs256_by_hand(public_pem()), "not one of ours"),
    "RS512, which we do not take": (lambda: oidc_token(algorithm="RS512"), "not one of ours"),
    "unknown issuer": (lambda: oidc_token(iss="https://evil.example"), "not one of ours"),
    "no issuer": (lambda: oidc_token(iss=None), "not one of ours"),
    "expired": (lambda: oidc_token(exp=PAST), "expired"),
    "never expires": (lambda: oidc_token(exp=None), "incomplete"),
    "not valid yet": (lambda: oidc_token(nbf=FUTURE), "not valid yet"),
    "issued in the future": (lambda: oidc_token(iat=FUTURE), "not valid yet"),
    "for another audience": (lambda: oidc_token(aud="other"), "for another audience"),
    "for nobody": (lambda: oidc_token(aud=None), "incomplete"),
    "of nobody": (lambda: oidc_token(sub=None), "incomplete"),
    "of an empty name": (lambda: oidc_token(sub=""), "malformed"),
    "of a name with a line end": (lambda: oidc_token(sub="a\nb"), "malformed"),
    "of a name too long": (lambda: oidc_token(sub="a" * 201), "malformed"),
    "local with another key": (lambda: local("another-key-of-32-bytes-or-a-bit-more"), "not one of ours"),
    "local with HS512": (lambda: local(algorithm="HS512"), "not one of ours"),
    "local that expired": (lambda: local(exp=PAST), "expired"),
}


@pytest.mark.parametrize(("make", "cause"), BAD.values(), ids=BAD)
async def test_a_bad_token_is_refused_with_its_cause_and_nothing_more(make, cause):
    with pytest.raises(Unauthenticated) as refused:
        await Issuer("rsa").verifier().verify(make())
    assert refused.value.detail == f"the token is {cause}"
    assert refused.value.extra == {}


async def test_the_local_issuer_is_off_unless_the_api_listens_on_loopback():
    with pytest.raises(Unauthenticated):
        await Issuer().verifier(api_host="0.0.0.0").verify(local())


def test_a_token_with_an_unknown_role_is_not_issued():
    with pytest.raises(SettingsError, match="role boss is unknown"):
        issue(settings(), "u", ["boss"], ["*"], 5)


async def test_an_oidc_issuer_cannot_speak_for_the_local_one():
    with pytest.raises(Unauthenticated):
        await Issuer("rsa").verifier().verify(oidc_token(iss="wo-local", aud=tokens.AUDIENCE))


async def test_keys_are_fetched_once_and_again_for_a_new_key_id():
    issuer = Issuer("rsa")
    verifier = issuer.verifier()
    await verifier.verify(oidc_token())
    await verifier.verify(oidc_token())
    assert issuer.asked == 1
    issuer.kids = ("rsa", "ec")
    verifier._issuers[ISSUER][1]._asked_at -= 31
    await verifier.verify(oidc_token("ec"))
    assert issuer.asked == 2


async def test_invented_key_ids_do_not_make_us_ask_again_and_again():
    issuer = Issuer("rsa")
    verifier = issuer.verifier()
    for _ in range(5):
        with pytest.raises(Unauthenticated):
            await verifier.verify(oidc_token("ec"))
    assert issuer.asked == 1


async def test_known_keys_stay_in_use_while_the_issuer_is_away():
    issuer = Issuer("rsa")
    verifier = issuer.verifier()
    await verifier.verify(oidc_token())
    issuer.status = 500
    keys = verifier._issuers[ISSUER][1]
    keys._got_at -= 7200
    keys._asked_at -= 7200
    assert (await verifier.verify(oidc_token()))[0].id == "corp:ann"


async def test_without_any_key_the_answer_is_to_come_again():
    issuer = Issuer("rsa")
    issuer.status = 500
    with pytest.raises(NotReady):
        await issuer.verifier().verify(oidc_token())


def test_two_issuers_of_one_name_are_refused():
    one = OidcIssuer(name="corp", issuer=ISSUER, jwks_url=f"{ISSUER}/jwks")
    with pytest.raises(ValueError, match="two issuers have the same name"):
        settings(oidc_issuers=[one, one.model_copy(update={"issuer": "https://other.example"})])


async def test_a_local_name_cannot_look_like_an_issuers_person():
    with pytest.raises(SettingsError, match="colon"):
        issue(settings(), "corp:ann", ["ops_approver"], ["*"], 5)


async def test_the_local_issuer_works_beyond_loopback_only_where_a_trial_says_so():
    assert not settings(api_host="0.0.0.0").local_issuer_allowed
    assert settings(api_host="0.0.0.0", local_issuer_in_cluster=True).local_issuer_allowed
