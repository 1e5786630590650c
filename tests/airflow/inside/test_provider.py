"""The provider as Airflow sees it: what it says of itself, what it stores, how it reads a connection."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import jsonschema
import pytest
from airflow.providers_manager import ProvidersManager
from airflow.sdk import Connection
from workflow_orchestration_provider import provider_info
from workflow_orchestration_provider.hook import Access, PlatformError, PlatformHook
from workflow_orchestration_provider.trigger import CaseTrigger


def test_airflow_finds_the_provider_its_connection_form_and_its_link() -> None:
    manager = ProvidersManager()
    assert "airflow-provider-workflow-orchestration" in manager.providers
    assert manager.hooks["workflow-orchestration"] is not None
    widgets = {name for name in manager.connection_form_widgets if "workflow-orchestration" in name}
    assert {name.rsplit("__", 1)[-1] for name in widgets} == {"token_file", "pages", "ca_file"}
    assert "workflow_orchestration_provider.link.CaseLink" in manager.extra_links_class_names


def test_what_the_provider_says_of_itself_fits_airflows_schema() -> None:
    import airflow

    schema = json.loads((Path(airflow.__file__).parent / "provider_info.schema.json").read_text())
    jsonschema.validate(provider_info(), schema)


def test_importing_it_loads_no_langgraph_and_nothing_of_the_platform() -> None:
    code = (
        "import sys, workflow_orchestration_provider.operator, workflow_orchestration_provider.incident;"
        "print({m.split('.')[0] for m in sys.modules} & {'langgraph', 'langchain_core', 'workflow_orchestration'})"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "set()"


def test_a_triggers_arguments_are_ids_and_hold_no_token(connection: Callable[..., None]) -> None:
    path, arguments = CaseTrigger("case-1", "ti-1", "workflow_orchestration_default").serialize()
    assert arguments == {"case_id": "case-1", "owner": "ti-1", "conn_id": "workflow_orchestration_default"}
    assert path == "workflow_orchestration_provider.trigger.CaseTrigger"
    again = CaseTrigger(**arguments)
    assert "t0ken" not in json.dumps(arguments) + repr(vars(again))


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({"host": "https://wo.example.com/"}, "https://wo.example.com"),
        ({"host": "wo-api", "port": 8000}, "http://wo-api:8000"),
        ({"host": "wo-api", "port": 8443, "schema": "https"}, "https://wo-api:8443"),
        ({"host": "http://wo-api", "port": 8000}, "http://wo-api:8000"),
        ({"host": "http://wo-api:8000"}, "http://wo-api:8000"),
    ],
)
def test_a_connection_may_be_written_in_each_of_airflows_ways(given: dict[str, object], url: str) -> None:
    assert Access.of(Connection(conn_id="c", conn_type="workflow-orchestration", **given)).url == url  # type: ignore[arg-type]


def test_a_connection_without_a_host_says_so() -> None:
    with pytest.raises(PlatformError, match="connection c: it has no host"):
        Access.of(Connection(conn_id="c", conn_type="workflow-orchestration"))


def test_a_token_file_is_read_at_each_request_because_it_rotates(
    api: object, connection: Callable[..., None], tmp_path: Path
) -> None:
    file = tmp_path / "token"
    connection(password="", extra={"token_file": str(file)})
    api.answers = [httpx.Response(200, json={"items": []})]  # type: ignore[attr-defined]
    for token in ("first", "second"):
        file.write_text(f"{token}\n")
        PlatformHook().call("GET", "/v1/cases")
    sent = [request.headers["authorization"] for request in api.asked]  # type: ignore[attr-defined]
    assert sent == ["Bearer first", "Bearer second"]


def test_a_refusal_is_told_in_the_platforms_own_words(api: object) -> None:
    problem = {"title": "Your roles do not allow this", "detail": "case.open needs airflow", "fix": "Ask somebody."}
    api.answers = [httpx.Response(403, json=problem)]  # type: ignore[attr-defined]
    with pytest.raises(
        PlatformError, match=r"Your roles do not allow this case\.open needs airflow Ask somebody\."
    ) as no:
        PlatformHook().case("1")
    assert no.value.final


@pytest.mark.parametrize(
    "answer", [httpx.ConnectError("refused"), httpx.Response(503, text="<html>bad gateway</html>")]
)
def test_an_outage_is_no_final_answer(api: object, answer: httpx.Response | Exception) -> None:
    api.answers = [answer]  # type: ignore[attr-defined]
    with pytest.raises(PlatformError) as away:
        PlatformHook().case("1")
    assert not away.value.final
