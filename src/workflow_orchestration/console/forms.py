"""Between a form and the body of a decision: controls made from an action's parameter schema, text back to values.

The platform judges a decision, not the form: what is missing or wrong comes back in its words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import Request

from workflow_orchestration.domain.actions import ACTIONS
from workflow_orchestration.domain.errors import InvalidRequest
from workflow_orchestration.domain.roles import Role

Schema = dict[str, Any]

#: Reasons offered for a reject; the log keeps the code.
REASONS = ("WRONG_CAUSE", "WRONG_ACTION", "WRONG_VALUES", "EVIDENCE_MISSING", "HANDLED_OUTSIDE", "OTHER")
#: Whom a question may go to: people, not services.
ASK_ROLES = tuple(role.value for role in Role if role not in (Role.EVENT_INGEST, Role.AIRFLOW, Role.AUDITOR))
_PARAM = "param."
#: Fields of a decision that each verb sends.
_SENT = {
    "approve": ("comment",), "reject": ("reason_code", "comment"), "edit": ("comment",), "escalate": ("comment",),
    "request_info": ("comment", "to_role"),
}  # fmt: skip


async def read(request: Request) -> dict[str, str]:
    """A form's fields as text, with the line ends we store."""
    sent = (await request.form()).items()
    return {name: text.replace("\r\n", "\n") for name, text in sent if isinstance(text, str)}


def check(form: Mapping[str, str]) -> None:
    """Refuse by name what PostgreSQL cannot keep."""
    for name, text in form.items():
        if "\x00" in text:
            raise InvalidRequest(f"{name} contains NUL", errors=[{"field": name, "cause": "contains NUL"}])


def edits(action: str, params: Mapping[str, Any], editable: Iterable[str]) -> list[Schema]:
    """One control for each parameter a person may edit."""
    return [_control(name, _schema(action, name), params.get(name)) for name in editable]


def _schema(action: str, name: str) -> Schema:
    """The field's JSON schema, without the choice of null; plain text when the action is not known here."""
    if action not in ACTIONS:
        return {}
    whole = ACTIONS[action].params.model_json_schema()
    found: Schema = whole["properties"].get(name, {})
    options = [option for option in found.get("anyOf", ()) if option.get("type") != "null"]
    if options:
        found = {**found, **options[0], "optional": len(options) < len(found["anyOf"])}
    return found


def _control(name: str, schema: Schema, value: Any) -> Schema:
    kinds = {"integer": "number", "boolean": "choice", "string": "text"}
    kind = "choice" if "enum" in schema else kinds.get(schema.get("type", ""), "text")
    return {
        "name": name, "kind": kind, "value": "" if value is None else _text(value),
        "choices": _choices(schema, value) if kind == "choice" else (), "max_length": schema.get("maxLength"),
        "min": schema.get("minimum", _above(schema)), "max": schema.get("maximum"),
    }  # fmt: skip


def _above(schema: Schema) -> int | None:
    bound = schema.get("exclusiveMinimum")
    return None if bound is None else bound + 1


def _choices(schema: Schema, value: Any) -> list[Schema]:
    texts = [_text(option) for option in schema.get("enum", (True, False))]
    if schema.get("optional"):
        texts = ["", *texts]
    chosen = "" if value is None else _text(value)
    return [{"value": text, "text": text or "not stated", "selected": text == chosen} for text in texts]


def _text(value: Any) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def decision(form: Mapping[str, str], action: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a decision: the fields its verb sends, what was left empty left out."""
    verb = form.get("decision", "")
    body: dict[str, Any] = {"decision": verb, "payload_hash": form.get("payload_hash", "")}
    body.update({name: text for name in _SENT.get(verb, ()) if (text := form.get(name, "").strip())})
    if verb == "edit":
        body["edited_params"] = _edited(form, action, params)
    return body


def _edited(form: Mapping[str, str], action: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that the form changed."""
    names = [name.removeprefix(_PARAM) for name in form if name.startswith(_PARAM)]
    values = {name: _value(form[_PARAM + name].strip(), _schema(action, name)) for name in names}
    return {name: value for name, value in values.items() if value != params.get(name)}


def _value(text: str, schema: Schema) -> Any:
    """Text as its parameter's type; what does not fit stays text, and the action's schema refuses it by name."""
    if text == "":
        return None if schema.get("optional") else ""
    if schema.get("type") == "boolean" and text in ("yes", "no"):
        return text == "yes"
    if schema.get("type") == "integer" and text.lstrip("-").isdecimal():
        return int(text)
    return text
