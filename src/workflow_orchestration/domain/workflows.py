"""The workflows there are, by name: what a case may be opened under. To add one: its folder and a line here."""

from __future__ import annotations

WORKFLOWS: dict[str, str] = {
    "settlement": "W1: a settlement exception, from its message to the effect that cures it",
    "job": "a scheduled job: what code does on time, and what a person does about what it finds",
    "group": "a group of exceptions that a sweep found: one case, chased or worked as one",
}
