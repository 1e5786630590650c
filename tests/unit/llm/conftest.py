"""Questions for tests that send none."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, Field

from workflow_orchestration.llm.config import ModelConfig
from workflow_orchestration.llm.contract import Question


class Verdict(BaseModel):
    verdict: str = Field(max_length=20)
    evidence: list[str] = Field(min_length=1, max_length=3)


@pytest.fixture
def config() -> ModelConfig:
    return ModelConfig(base_url="http://model/v1", model="m")


@pytest.fixture
def ask():
    def make(case: str = "c1", **changes) -> Question[Verdict]:
        given = {"agent": "triage", "case_id": case, "desk": "equities", "instructions": "Say why.",
                 "facts": f"About {case}.", "answer": Verdict}  # fmt: skip
        return Question(**{**given, **changes})

    return make
