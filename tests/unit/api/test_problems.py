"""Every failure has a name, a status and a fix, and tells nothing internal."""

from __future__ import annotations

import psycopg
import pytest
from psycopg_pool import PoolTimeout
from starlette.exceptions import HTTPException

from workflow_orchestration.api import problems
from workflow_orchestration.domain import errors
from workflow_orchestration.domain.errors import InvalidRequest, NotFound, PlatformError
from workflow_orchestration.store.db import TRANSIENT

KINDS = [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, PlatformError)]


@pytest.mark.parametrize("kind", KINDS)
def test_each_failure_is_documented_with_an_example_of_itself(kind):
    ((status, response),) = problems.documented(kind).items()
    example = response["content"][problems.MEDIA_TYPE]["examples"][kind.__name__]["value"]
    assert (status, example["type"], example["status"]) == (kind.status, kind.__name__, kind.status)
    assert example["fix"]


SEEN = {
    "database away": (psycopg.OperationalError("host=secret"), 503, "NotReady"),
    "no connection in time": (PoolTimeout("x"), 503, "NotReady"),
    "connection lost": (psycopg.InterfaceError("x"), 503, "NotReady"),
    "no schema": (psycopg.errors.UndefinedTable("x"), 503, "NotReady"),
    "value not storable": (psycopg.DataError("x"), 422, "InvalidRequest"),
    "unexpected": (RuntimeError("password=secret"), 500, "PlatformError"),
    "not permitted in the database": (psycopg.errors.InsufficientPrivilege("x"), 500, "PlatformError"),
    "no such address": (HTTPException(404), 404, "NotFound"),
    "no such method": (HTTPException(405), 405, "MethodNotAllowed"),
    "too large": (HTTPException(413), 413, "TooLarge"),
}


@pytest.mark.parametrize(("error", "status", "kind"), SEEN.values(), ids=SEEN)
def test_what_an_exception_is_to_a_client(error, status, kind):
    seen = problems.as_platform_error(error)
    assert (seen.status, type(seen).__name__) == (status, kind)
    assert "secret" not in seen.detail


@pytest.mark.parametrize("kind", TRANSIENT)
def test_a_lost_race_asks_for_the_same_request_again(kind):
    seen = problems.as_platform_error(kind("x"))
    assert (seen.status, seen.extra["retry_after"]) == (409, 1)


def test_failures_of_one_status_stand_beside_each_other():
    merged = problems.merged(problems.documented(errors.Conflict), problems.documented(errors.NotOwner, NotFound))
    assert set(merged) == {404, 409}
    assert set(merged[409]["content"][problems.MEDIA_TYPE]["examples"]) == {"Conflict", "NotOwner"}


def test_another_http_failure_keeps_its_reason():
    seen = problems.as_platform_error(HTTPException(400, "cannot parse"))
    assert isinstance(seen, InvalidRequest)
    assert seen.detail == "cannot parse"
