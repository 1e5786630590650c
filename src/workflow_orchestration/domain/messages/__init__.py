"""SWIFT MT messages in and out: `parse` text into items, a parser a file; `compose` writes our own.

To add a message type: a file with `parse(message)`, and its line in `PARSERS`.
"""

from __future__ import annotations

from collections.abc import Callable

from workflow_orchestration.domain.errors import UnsupportedMessage
from workflow_orchestration.domain.messages import mt537, mt540, mt544, mt548, mt578, swift
from workflow_orchestration.domain.messages.blocks import open_envelope
from workflow_orchestration.domain.messages.swift import SwiftMessage, split_rje
from workflow_orchestration.domain.messages.terms import sender_ref
from workflow_orchestration.domain.records import MessageItem, ParsedMessage

__all__ = ["PARSERS", "parse", "split_rje", "supported"]

PARSERS: dict[str, Callable[[SwiftMessage], tuple[MessageItem, ...]]] = {
    "537": mt537.parse,
    "540": mt540.parse,
    "541": mt540.parse,
    "542": mt540.parse,
    "543": mt540.parse,
    "544": mt544.parse,
    "545": mt544.parse,
    "546": mt544.parse,
    "547": mt544.parse,
    "548": mt548.parse,
    "578": mt578.parse,
}


def supported() -> tuple[str, ...]:
    return tuple(sorted(PARSERS))


def parse(text: str) -> ParsedMessage:
    """One message into its items; raises MessageUnreadable (line and tag) or UnsupportedMessage only."""
    envelope = open_envelope(text)
    parser = PARSERS.get(envelope.type)
    if parser is None:
        types = ", ".join(f"MT{kind}" for kind in supported())
        raise UnsupportedMessage(f"MT{envelope.type} is not supported", fix=f"Send one of {types} as text/plain.")
    message = swift.read_envelope(envelope)
    return ParsedMessage(
        message_type=message.type,
        sender=message.sender,
        receiver=message.receiver,
        sender_ref=sender_ref(message),
        items=parser(message),
    )
