from __future__ import annotations

from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow_orchestration.domain.errors import InvalidRequest
from workflow_orchestration.store.cases import _decode_cursor, _encode_cursor


@given(st.decimals(allow_nan=False, allow_infinity=False), st.uuids())
def test_a_cursor_says_where_its_page_ended(priority: Decimal, last: UUID):
    assert _decode_cursor(_encode_cursor(priority, str(last))) == (priority, str(last))


@given(st.text(max_size=60))
def test_anything_else_is_refused_as_a_cursor_and_never_crashes(text):
    with pytest.raises(InvalidRequest, match="cursor"):
        _decode_cursor(text)


@pytest.mark.parametrize("inner", [["1", "not-an-id"], ["x", "0190c0de-0000-7000-8000-000000000001"], {}, [1, 2, 3], 7])
def test_a_cursor_with_foreign_content_is_refused(inner):
    import base64
    import json

    with pytest.raises(InvalidRequest):
        _decode_cursor(base64.urlsafe_b64encode(json.dumps(inner).encode()).decode())
