"""Reference data: loaded by kind, versioned, all rows or none."""

from __future__ import annotations

import inspect
from typing import Annotated, Any

from fastapi import APIRouter, Path

from workflow_orchestration.api.auth import allowed
from workflow_orchestration.api.endpoint import Endpoint
from workflow_orchestration.api.problems import documented
from workflow_orchestration.api.schemas.book import BookKinds, BookLoad, BookLoaded, BookRow
from workflow_orchestration.api.services import Use
from workflow_orchestration.domain.book import KINDS, parse_rows
from workflow_orchestration.domain.errors import InvalidRequest, NotFound
from workflow_orchestration.domain.roles import Operation, Principal
from workflow_orchestration.store import book

router = APIRouter(prefix="/v1/book", tags=["book"], route_class=Endpoint)
#: Errors that one answer lists; a whole file in a wrong format would give thousands.
_MOST_ERRORS = 100
Kind = Annotated[str, Path(max_length=40, examples=sorted(KINDS), description="As `GET /v1/book` lists them.")]


@router.get("", response_model=BookKinds, summary="What kinds of reference data there are")
async def list_kinds(who: Annotated[Principal, allowed(Operation.BOOK_READ)]) -> Any:
    """Each kind with its fields."""
    return {
        "items": [
            {"kind": kind, "about": inspect.getdoc(model), "fields": list(model.model_fields)}
            for kind, model in sorted(KINDS.items())
        ]
    }


@router.put("/{kind}", response_model=BookLoaded, summary="Load rows of a kind")
async def put_rows(
    kind: Kind, body: BookLoad, use: Use, who: Annotated[Principal, allowed(Operation.BOOK_WRITE)]
) -> Any:
    """Every row is checked; one bad row, and none is stored. A changed row is a new version, an unchanged one none."""
    valid, errors = parse_rows(kind, body.rows)
    if errors:
        first = errors[0]
        raise InvalidRequest(
            f"row {first.row}, {first.field or 'whole row'}: {first.cause}; {len(errors)} errors, nothing was stored",
            errors=[e.model_dump() for e in errors[:_MOST_ERRORS]],
        )
    return {"kind": kind, **await use.write(lambda conn: book.put(conn, kind, valid, who.actor()))}


@router.get(
    "/{kind}/{key:path}", response_model=BookRow, summary="A row, in its latest version", responses=documented(NotFound)
)
async def get_row(
    kind: Kind,
    key: Annotated[str, Path(min_length=1, max_length=200)],
    use: Use,
    who: Annotated[Principal, allowed(Operation.BOOK_READ)],
) -> Any:
    """As it was loaded."""
    return await use.read(lambda conn: book.get(conn, kind, key))
