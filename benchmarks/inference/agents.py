"""Our agents' own prompts as a workload: the triage agent's real instructions and schema, and invented cases."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

from workflow_orchestration.domain.answers import Triage
from workflow_orchestration.domain.canonical import sha256
from workflow_orchestration.domain.facts import Evidence
from workflow_orchestration.llm import prompts
from workflow_orchestration.llm.config import ModelConfig
from workflow_orchestration.llm.contract import Question
from workflow_orchestration.workflows.settlement.prompts import INSTRUCTIONS, facts

#: More than a point asks, so that no case is asked twice in it.
CASES = 2000


def question(n: int) -> Question[Triage]:
    """A case like those that a bad amount opens; each has numbers of its own."""
    random = Random(n)  # noqa: S311 - the same cases in every run
    ours, theirs = (f"EUR {random.randrange(10_000, 9_000_000)},{random.randrange(100):02}" for _ in range(2))
    texts = {
        "message": f"MT548 on reference SI{n:08}: unmatched, reason DMON, {random.choice(['deliver', 'receive'])}",
        "instruction": f"ours: {ours}, quantity {random.randrange(1, 500) * 100}, settlement 2026-11-{n % 28 + 1:02}",
        "allegement": f"theirs: {theirs}, counterparty CPTY{random.randrange(100, 999)}",
    }
    evidence = [
        Evidence(id=name, source=name, excerpt=text, sha256=sha256(text.encode())) for name, text in texts.items()
    ]
    return Question(
        agent="triage",
        case_id=f"case{n}",
        desk="equities",
        instructions=INSTRUCTIONS["triage"],
        facts=facts(evidence, {"agent": "triage"}),
        answer=Triage,
    )


def write(path: Path) -> Path:
    """A file of prompts for the load engine. It sends one text a request: both parts, the shared one first."""
    with path.open("w") as file:
        for n in range(CASES):
            file.write(json.dumps({"prompt": "\n\n".join(text for _, text in prompts.messages(question(n)))}) + "\n")
    return path


def body() -> dict[str, Any]:
    """What the gateway puts into every request beside the messages: the schema, the temperature."""
    options = prompts.options(question(0), ModelConfig(base_url="", model=""))
    return {name: options[name] for name in ("response_format", "temperature")}
