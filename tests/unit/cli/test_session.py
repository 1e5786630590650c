from __future__ import annotations

import httpx
import jwt
import pytest

from workflow_orchestration.cli.exits import WrongUsage
from workflow_orchestration.cli.session import Actor, at, parse_actor

KEY = "k" * 40


@pytest.fixture
def local_issuer(monkeypatch):
    """The key and nothing else: whoever signs their own tokens at a desk knows no database."""
    monkeypatch.setenv("LOCAL_ISSUER_KEY", KEY)


def claims(token):
    return jwt.decode(token, KEY, algorithms=["HS256"], audience="workflow-orchestration")


@pytest.mark.parametrize(
    ("text", "actor"),
    [
        ("anna:ops_approver", Actor("anna", ("ops_approver",), ("*",))),
        ("anna:ops_analyst,auditor:emea,apac", Actor("anna", ("ops_analyst", "auditor"), ("emea", "apac"))),
    ],
)
def test_an_actor_is_user_roles_and_desks(text, actor):
    assert parse_actor(text) == actor


@pytest.mark.parametrize("text", ["anna", "anna:", ":ops_analyst", ""])
def test_an_actor_without_user_or_role_is_refused(text):
    with pytest.raises(WrongUsage, match="no user and role"):
        parse_actor(text)


def test_a_part_of_a_path_stays_one_part():
    assert at("/v1/book/{}/{}", "ssi", "BANK/XETR/EUR") == "/v1/book/ssi/BANK%2FXETR%2FEUR"


def test_token_prints_the_token_alone(wo, local_issuer):
    ended = wo(
        "token", "--user", "anna", "--roles", "ops_analyst,auditor", "--desk", "emea", "--minutes", "5", token=None
    )
    assert (ended.code, ended.err) == (0, "")
    told = claims(ended.out.removesuffix("\n"))
    assert (told["sub"], told["roles"], told["desks"]) == ("anna", ["ops_analyst", "auditor"], ["emea"])
    assert told["exp"] - told["iat"] == 300


def test_token_with_an_unknown_role_is_refused_and_lists_the_roles(wo, local_issuer):
    ended = wo("token", "--user", "anna", "--roles", "boss", token=None)
    assert (ended.code, ended.out) == (2, "")
    assert "boss" in ended.err
    assert "ops_approver" in ended.err


def test_token_without_a_key_names_the_variable(wo):
    ended = wo("token", "--user", "anna", "--roles", "auditor", token=None)
    assert ended.code == 2
    assert "LOCAL_ISSUER_KEY" in ended.err


def test_acting_as_somebody_sends_their_token(wo, local_issuer):
    wo.answers(httpx.Response(200, json={"items": []}))
    assert wo("--as", "bob:ops_approver:emea", "approvals", "list", token=None).code == 0
    told = claims(wo.requests[0].headers["Authorization"].removeprefix("Bearer "))
    assert (told["sub"], told["desks"]) == ("bob", ["emea"])


def test_the_token_of_the_environment_is_sent_to_the_address_of_the_environment(wo, monkeypatch):
    monkeypatch.setenv("API_TOKEN", "from-env")
    monkeypatch.setenv("API_URL", "http://elsewhere:8001/")
    wo.answers(httpx.Response(200, json={"items": []}))
    assert wo("approvals", "list", token=None).code == 0
    assert wo.requests[0].headers["Authorization"] == "Bearer from-env"
    assert str(wo.requests[0].url).startswith("http://elsewhere:8001/v1/approvals")


def test_a_token_on_the_command_line_wins(wo, monkeypatch):
    monkeypatch.setenv("API_TOKEN", "from-env")
    wo.answers(httpx.Response(200, json={"items": []}))
    wo("approvals", "list", token="typed")
    assert wo.requests[0].headers["Authorization"] == "Bearer typed"
