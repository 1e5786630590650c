"""What may be asked of a vLLM with the chart's flags, and by whom."""

import re

import httpx
import pytest

from tests.models.conftest import chat

ALLOWED = {
    ("POST", "/v1/chat/completions"),
    ("POST", "/v1/completions"),
    ("GET", "/v1/models"),
    ("GET", "/health"),
    ("GET", "/metrics"),
}


def _routes(vllm) -> set[tuple[str, str]]:
    """Every route that the server says it has, from its own log."""
    found = re.findall(r"Route: (\S+), Methods: ([A-Z, ]+)", vllm.log.read_text(errors="replace"))
    return {(method, path) for path, methods in found for method in methods.split(", ")}


def test_every_route_outside_the_allow_list_answers_404_with_a_key_or_without(vllm):
    others = _routes(vllm) - ALLOWED
    assert len(others) > 20
    for method, path in sorted(others):
        address = vllm.url + path.replace("{response_id}", "1")
        for headers in ({}, vllm.headers):
            answer = httpx.request(method, address, headers=headers, json={} if method == "POST" else None)
            assert answer.status_code == 404, f"{method} {path} with {sorted(headers)}: {answer.status_code}"
            assert answer.text == "not found"


@pytest.mark.parametrize(
    "path",
    ["//v1/chat/completions", "/v1/chat/completions/", "/v1/../invocations", "/v1/models/../../tokenize",
     "/V1/chat/completions", "/v1/chat/completions%2f", "/docs", "/openapi.json", "/sleep", "/"],
)  # fmt: skip
def test_no_spelling_leads_around_the_allow_list(vllm, path):
    # httpx would tidy the path: this one goes out as it stands
    request = httpx.Request("POST", vllm.url, headers=vllm.headers, json=chat(), extensions={"target": path.encode()})
    with httpx.Client() as client:
        assert client.send(request).status_code == 404


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "HEAD"])
def test_an_allowed_path_takes_its_own_method_only(vllm, method):
    assert httpx.request(method, vllm.url + "/v1/chat/completions", headers=vllm.headers).status_code == 404


@pytest.mark.parametrize("key", ["", "wrong", "Local"])
def test_without_the_right_key_nothing_of_v1_answers(vllm, key):
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    for method, path in sorted(route for route in ALLOWED if route[1].startswith("/v1")):
        answer = httpx.request(method, vllm.url + path, headers=headers, json=chat() if method == "POST" else None)
        assert (answer.status_code, answer.json()) == (401, {"error": "Unauthorized"})


def test_the_allow_list_is_the_charts(root):
    text = (root / "charts/vllm/files/allowlist.py").read_text()
    assert set(re.findall(r'\("([A-Z]+)", "(\S+)"\)', text)) == ALLOWED


def test_the_key_stands_in_no_argument_and_no_log(vllm):
    assert vllm.key not in " ".join(vllm.command)
    with open(f"/proc/{vllm.process.pid}/cmdline", "rb") as shown:
        assert f"={vllm.key}".encode() not in shown.read()
    assert f"'{vllm.key}'" not in vllm.log.read_text(errors="replace")
