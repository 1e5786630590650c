"""Shapes that every resource shares."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

#: A time in an answer is what the database said; in a request it must say its offset.
Moment = AwareDatetime
Text = Annotated[str, Field(min_length=1, max_length=200)]
Comment = Annotated[str, Field(min_length=1, max_length=2000)]
Object = dict[str, Any]


class Body(BaseModel):
    """A request: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class View(BaseModel):
    """An answer, made from rows: columns that it does not name are not shown."""

    model_config = ConfigDict(extra="ignore")


class FieldError(View):
    field: str = Field(description="Dotted name of the field.")
    cause: str
    row: int | None = Field(None, description="1-based row, for the book.")


class Problem(BaseModel):
    """A failure (RFC 9457); further members depend on `type`."""

    model_config = ConfigDict(extra="allow")
    type: str = Field(description="The kind of failure, one word.")
    title: str
    status: int
    detail: str
    fix: str = Field(description="What to do about it.")
    instance: str
    request_id: str
    errors: list[FieldError] | None = None


class Said(View):
    """What a write answers when its result is a log entry."""

    case_id: str
    seq: int = Field(description="Number of the log entry.")
