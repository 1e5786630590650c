import secrets

import pytest

from ci.tools import lint_secrets

_PEM = "-----BEGIN " + "RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    "planted",
    [
        f"KEY = '{secrets.token_urlsafe(48)}'",
        _PEM,
        "aws = 'AKIA" + "QYLPMN5HHHFPZAM2'",
        "url = 'postgresql://wo:hunter22" + "@db/wo'",
    ],
    ids=["random", "private key", "cloud key", "password in an address"],
)
def test_a_planted_secret_is_found(planted, write):
    root = write("config.py", planted + "\n")
    (problem,) = lint_secrets.problems(root, ["config.py"])
    assert problem.line == 1
    assert "looks like a secret" in problem.message


@pytest.mark.parametrize(
    "line",
    [
        f"KEY = '{secrets.token_urlsafe(48)}'  # pragma: allowlist secret",
        "url = 'postgresql://wo_api:change-me@localhost:5432/wo'",
        "write postgresql://USER:PASSWORD@HOST:5432/wo",
        "LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-'",
        "LOCAL_ISSUER_KEY=",
    ],
    ids=["marked", "placeholder", "capitals", "alphabet", "empty"],
)
def test_placeholders_and_marked_lines_are_fine(line, write):
    assert not list(lint_secrets.problems(write("config.py", line + "\n"), ["config.py"]))
