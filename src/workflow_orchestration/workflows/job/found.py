"""What a job came to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Found:
    #: Figures and ids, for the case's findings and whoever asks for them.
    result: dict[str, Any]
    #: What a person has to look at; None: nothing.
    task: str | None = None
    #: Who that is.
    role: str = "ops_analyst"
