"""The API's description is complete, its examples are valid, and the running API keeps to it."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from jsonschema_rs import Draft202012Validator
from schemathesis import GenerationMode
from schemathesis.specs.openapi import checks

from tests.integration.api import seeds
from tests.integration.api.test_access import ENDPOINTS, IDS, document

SCHEMAS = document()["components"]["schemas"]


def resolved(schema: dict) -> dict:
    return {**schema, "components": {"schemas": SCHEMAS}}


def contents(about: dict):
    """(where, media type's object) of the body and every answer."""
    for kind, content in about.get("requestBody", {}).get("content", {}).items():
        yield f"body {kind}", content
    for status, response in about["responses"].items():
        for kind, content in response.get("content", {}).items():
            yield f"{status} {kind}", content


@pytest.mark.parametrize(("method", "path", "about"), ENDPOINTS, ids=IDS)
def test_an_endpoint_says_what_it_does_and_how_it_fails(method, path, about):
    assert about["summary"]
    assert about["description"]
    assert about["tags"]
    assert about["security"] == [{"bearer": []}, {"session": []}]
    for status in {"401", "403", "422", "429", "500", "503"} | ({"409", "413", "415"} if method != "get" else set()):
        assert "application/problem+json" in about["responses"][status]["content"]


@pytest.mark.parametrize(("method", "path", "about"), ENDPOINTS, ids=IDS)
def test_every_example_is_valid(method, path, about):
    checked = 0
    for where, content in contents(about):
        for name, example in content.get("examples", {}).items():
            faults = list(Draft202012Validator(resolved(content["schema"])).iter_errors(example["value"]))
            assert not faults, (where, name, faults)
            checked += 1
    assert checked > 5


def test_examples_of_fields_are_valid():
    checked = 0
    for name, schema in SCHEMAS.items():
        for field, about in schema.get("properties", {}).items():
            for example in about.get("examples", []):
                assert not list(Draft202012Validator(resolved(about)).iter_errors(example)), (name, field)
                checked += 1
    assert checked > 10


@pytest.fixture(scope="module")
def operations(live):
    """One of everything, so that answers other than 404 are seen too."""
    seeds.approval(live), seeds.task(live), seeds.effect(live, refused=True)
    schema = schemathesis.openapi.from_dict(live.app.openapi())
    schema.config.update(base_url=live.url)
    return {op.ok().label: op.ok() for op in schema.get_all_operations()}


#: Rules that no schema can say (a kind of the book, a scope, from before to) refuse valid data by design; and that
#: nobody is answered without a token is tested by test_access, without meeting the limit on failed logins.
NOT_OURS = [checks.positive_data_acceptance, checks.ignored_auth]
LABELS = [f"{method.upper()} {path}" for method, path, _ in ENDPOINTS]


@pytest.mark.slow
@pytest.mark.parametrize("label", LABELS)
def test_generated_requests_never_break_it_and_answers_keep_to_the_schema(live, operations, label):
    operation = operations[label]
    roles = "ops_supervisor compliance operator auditor airflow event_ingest"
    headers = {"Authorization": f"Bearer {live.token('fuzz', roles)}", "Accept": "application/json"}

    @given(operation.as_strategy(GenerationMode.POSITIVE) | operation.as_strategy(GenerationMode.NEGATIVE))
    @settings(max_examples=12, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    def check(case):
        case.call_and_validate(headers=headers, timeout=10, excluded_checks=NOT_OURS)

    check()
