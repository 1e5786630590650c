"""What a person may answer at the gate, and what the answer must carry."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from workflow_orchestration.domain.errors import InvalidRequest
from workflow_orchestration.domain.roles import Role

Verb = Literal["approve", "edit", "reject", "escalate", "request_info"]


class Decision(BaseModel):
    """One person's decision on one approval."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    decision: Verb = Field(description="approve, edit, reject, escalate or request_info")
    payload_hash: str = Field(description="The hash that came with what you were shown.")
    reason_code: str | None = Field(None, max_length=40, description="Required to reject, e.g. WRONG_CAUSE.")
    comment: str | None = Field(None, max_length=2000, description="Required unless you approve.")
    edited_params: dict[str, Any] | None = Field(None, description="edit: the fields you change, with their values.")
    to_role: Role | None = Field(None, description="request_info: who is asked; by default the analysts.")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.decision != "approve" and not self.comment:
            raise ValueError(f"comment is required to {self.decision}")
        if self.decision == "reject" and not self.reason_code:
            raise ValueError("reason_code is required to reject")
        if (self.decision == "edit") != (self.edited_params is not None):
            raise ValueError("edited_params goes with edit, and only with it")
        return self


def parse(body: dict[str, Any]) -> Decision:
    """The decision in a body; InvalidRequest names each field that is wrong."""
    try:
        return Decision.model_validate(body)
    except ValidationError as error:
        raise InvalidRequest(
            "the decision cannot be used",
            errors=[
                {"field": ".".join(map(str, e["loc"])) or "decision", "cause": e["msg"].removeprefix("Value error, ")}
                for e in error.errors()
            ],
        ) from None
