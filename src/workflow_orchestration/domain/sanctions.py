"""Screening of names and BICs against the loaded list: normalise, compare token sets, exact BIC. Code only."""

from __future__ import annotations

import re
import unicodedata

from rapidfuzz import fuzz

from workflow_orchestration.domain import book
from workflow_orchestration.domain.facts import Facts
from workflow_orchestration.domain.records import Party, Record

#: Token-set similarity (0-100) from which a name is a possible match: a person in compliance decides.
THRESHOLD = 90
#: Legal forms say nothing about who somebody is.
_LEGAL_FORMS = frozenset(
    {"AB", "AG", "AS", "BV", "CO", "CORP", "GMBH", "INC", "KG", "LIMITED", "LLC", "LTD", "NV", "OY", "PLC", "SA"}
    | {"SARL", "SAS", "SE", "SPA", "SRL"}
)


class Hit(Record):
    #: What was screened, and the list entry (list/entry, version) that it may be.
    screened: str
    entry: str
    score: int


def normalise(name: str) -> str:
    """Upper case, no accents, no punctuation, no legal forms."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().upper()
    return " ".join(word for word in re.findall(r"[A-Z0-9]+", plain) if word not in _LEGAL_FORMS)


def screened(facts: Facts) -> tuple[str, ...]:
    """Every party and agent named anywhere in the case: BICs and names, each once, in order."""
    parties: list[Party] = [party for item in facts.items for party in item.parties]
    parties += facts.instruction.parties if facts.instruction else ()
    parties += facts.ssi.parties if facts.ssi else ()
    named = [text for party in parties for text in (party.bic, party.name)]
    named += [facts.trade.counterparty_bic] if facts.trade else []
    if facts.account:
        named += [facts.account.own_bic, facts.account.custodian_bic, facts.account.name]
    if facts.contact:
        named += [facts.contact.name, facts.contact.address if facts.contact.channel == "MT599" else None]
    named += facts.named
    return tuple(dict.fromkeys(text for text in named if text))


def screen(facts: Facts) -> tuple[Hit, ...]:
    """Possible matches, in order of what was screened."""
    found = (_match(text, entry) for text in screened(facts) for entry in facts.sanctions)
    return tuple(hit for hit in found if hit is not None)


def _match(text: str, entry: book.Sanction) -> Hit | None:
    label = f"{entry.key} version {entry.list_version}"
    if text[:8] in {bic[:8] for bic in entry.bics}:
        return Hit(screened=text, entry=label, score=100)
    names = (normalise(name) for name in (entry.name, *entry.aliases))
    subject = normalise(text)
    score = max((int(fuzz.token_set_ratio(subject, name)) for name in names if subject and name), default=0)
    return Hit(screened=text, entry=label, score=score) if score >= THRESHOLD else None
