"""What is to be run: forms, workloads and backends of config.toml, and the dated prices of prices.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Limits:
    """What a request must keep to be good, in milliseconds: until its first token, and for each further one."""

    first_token_ms: float
    output_token_ms: float


@dataclass(frozen=True)
class Form:
    """How much is measured."""

    #: Requests at once, closed loop: each answer calls the next request. Shows capacity.
    concurrency: tuple[int, ...]
    #: Offered load, open loop, as parts of that capacity: arrivals do not wait for answers. Shows latency.
    loads: tuple[float, ...]
    #: Of one point, once.
    seconds: int
    repeats: int


@dataclass(frozen=True)
class Workload:
    """What is asked. Without `prompt_tokens` it is our agents' own prompts."""

    name: str
    output_tokens: int
    prompt_tokens: int = 0


@dataclass(frozen=True)
class Backend:
    """A server and how it is set."""

    name: str
    kind: Literal["vllm", "ollama"]
    label: str
    workloads: tuple[str, ...]
    #: vLLM: values of the chart, by path, and further arguments. Ollama: environment.
    sets: Mapping[str, Any]
    arguments: tuple[str, ...]
    env: Mapping[str, str]


@dataclass(frozen=True)
class Price:
    """Of an hour of a whole node."""

    usd_per_hour: float
    machine: str
    seen: date
    source: str


@dataclass(frozen=True)
class Config:
    limits: Limits
    forms: Mapping[str, Form]
    workloads: Mapping[str, Workload]
    backends: tuple[Backend, ...]
    prices: Mapping[str, Price]


def read(folder: Path = HERE) -> Config:
    found = tomllib.loads((folder / "config.toml").read_text())
    prices = tomllib.loads((folder / "prices.toml").read_text())
    return Config(
        limits=Limits(**found["limits"]),
        forms={name: _form(form) for name, form in found["forms"].items()},
        workloads={name: Workload(name=name, **workload) for name, workload in found["workloads"].items()},
        backends=tuple(_backend(name, backend) for name, backend in found["backends"].items()),
        prices={name: Price(**price) for name, price in prices.items()},
    )


def _form(form: dict[str, Any]) -> Form:
    return Form(tuple(form["concurrency"]), tuple(form["loads"]), form["seconds"], form["repeats"])


def _backend(name: str, backend: dict[str, Any]) -> Backend:
    return Backend(
        name=name,
        kind=backend["kind"],
        label=backend["label"],
        workloads=tuple(backend["workloads"]),
        sets=backend.get("sets", {}),
        arguments=tuple(backend.get("arguments", ())),
        env=backend.get("env", {}),
    )
