"""An answer that fits a JSON schema, made of what the prompt says: what a model that does as it is told would write."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from typing import Any

#: Sentences that state nothing: no number, no name.
_SENTENCES = (
    "The two sides do not say the same.",
    "The evidence named here shows where they differ.",
    "What the counterparty states is not what was booked.",
    "Nothing in the evidence speaks against it.",
    "The status that came last decides.",
)
_REFERENCE = re.compile(r"(_|^)(refs?|ids?|citations?|sources?)$")
_FACT = re.compile(r"\b(?:[A-Z]{3} ?)?\d[\d.,]{3,}\d\b|\b[A-Z]{2}-?\d[\d-]+\b")


def resolve(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    """The schema a `$ref` points to; of alternatives, the first that is not null."""
    if "$ref" in schema:
        found: Any = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        return resolve(found, root)
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return resolve(next(s for s in schema[key] if s.get("type") != "null"), root)
    return schema


@dataclass(frozen=True)
class _Maker:
    """Makes one answer: from the prompt's words, with one source of random numbers."""

    root: dict[str, Any]
    prompt: str
    rng: random.Random
    #: Arrays as long as they may be, from the last offered on.
    greedy: bool

    def value(self, name: str, schema: dict[str, Any]) -> Any:
        found = resolve(schema, self.root)
        if "const" in found:
            return found["const"]
        if "enum" in found:
            return _prefers_the_first(offered(found["enum"], self.prompt), self.rng)
        match found.get("type"):
            case "object":
                return {key: self.value(key, one) for key, one in found.get("properties", {}).items()}
            case "array":
                return self._array(name, found)
            case "boolean":
                return self.rng.random() < 0.5
            case "integer" | "number":
                return found.get("minimum", 1)
            case _:
                return _text(name, found, self.prompt, self.rng)

    def _array(self, name: str, schema: dict[str, Any]) -> list[Any]:
        least, most = schema.get("minItems", 0), schema.get("maxItems", 3)
        if _REFERENCE.search(name):
            known = ids(self.prompt) or ["none"]
            return self.rng.sample(known, min(len(known), max(1, least), most))
        items = resolve(schema.get("items", {}), self.root)
        if self.greedy and "enum" in items:
            return offered(items["enum"], self.prompt)[::-1][:most]
        count = most if self.greedy else min(most, self.rng.randint(least, least + 2))
        made = [self.value(name, items) for _ in range(max(least, count))]
        return list(dict.fromkeys(made)) if all(isinstance(one, str) for one in made) else made


def answer(schema: dict[str, Any], prompt: str, rng: random.Random, *, greedy: bool = False) -> Any:
    """A valid instance. Values are the prompt's own where it offers any: enum members it quotes, ids it lists."""
    return _Maker(schema, prompt, rng, greedy).value("answer", schema)


def offered(values: list[Any], prompt: str) -> list[Any]:
    """Those of an enum's values that the end of the prompt quotes, else all: a prompt that narrows a choice says so."""
    narrowed = [value for value in values if f'"{value}"' in prompt]
    return sorted(narrowed, key=lambda value: prompt.index(f'"{value}"')) or values


def _prefers_the_first(options: list[Any], rng: random.Random) -> Any:
    """As models do."""
    return rng.choices(options, [1 / (n + 1) ** 2 for n in range(len(options))])[0]


def ids(prompt: str) -> list[str]:
    """Everything that the prompt lists with an id."""
    return list(dict.fromkeys(re.findall(r'"id": ?"([^"]+)"', prompt)))


def facts(prompt: str) -> list[str]:
    """Amounts and references that stand in the prompt."""
    return list(dict.fromkeys(_FACT.findall(prompt)))


def placeholders(prompt: str) -> list[str]:
    return list(dict.fromkeys(re.findall(r"\{[a-z_]+\}", prompt)))


def _text(name: str, schema: dict[str, Any], prompt: str, rng: random.Random) -> str:
    text = rng.choice(_SENTENCES)
    if name in ("body", "text", "message") and (slots := placeholders(prompt)):
        text = f"Please look at {rng.choice(slots)}."
    return text[: schema.get("maxLength", 10_000)]
