"""Does outside text try to give instructions? A heuristic: it flags for people and changes nothing else (V15).

Narratives are data wherever they go; a flag only raises the tier. Patterns aim at orders to the reader about
rules, approvals and accounts, not at ordinary operations wording ("please cancel and re-instruct").
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from workflow_orchestration.domain.disguises import readings
from workflow_orchestration.domain.records import MessageItem

#: Language -> verbs and what they would set aside: "ignore ... the rules". Lower case, stems.
_SET_ASIDE: dict[str, tuple[str, str]] = {
    "en": (
        r"ignore|disregard|forget|override|bypass|skip",
        r"rule|instructions?\b.{0,20}\b(above|before|given)|previous instruction|earlier instruction|"
        r"prior instruction|polic|prompt|check|control|validation|approval",
    ),
    "de": (
        r"ignorier\w*|missacht\w*|umgeh\w*|vergiss|vergessen sie",
        r"regel|anweisung|vorgabe|pr(ü|ue)fung|kontroll|freigabe",
    ),
    "fr": (
        r"ignore[rz]?|oublie[rz]?|contourne[rz]?",
        r"r(è|e)gle|instruction|consigne|contr(ô|o)le|validation|approbation",
    ),
    "es/pt": (
        r"ignor[ae]\w*|olvid[ae]\w*|desconsider\w*|omit[ae]\w*",
        r"regla|regra|instrucci|instru(ç|c)|control|aprobaci|aprova",
    ),
    "it": (r"ignora\w*|dimentica\w*|aggira\w*", r"regol|istruzion|controll|approvazion"),
    "nl": (r"negeer|vergeet|omzeil", r"regel|instructie|controle|goedkeuring"),
    "pl": (r"zignoruj|ignoruj|pomi(ń|n)|zapomnij", r"zasad|instrukcj|polece|kontrol|zatwierdz"),
    "sv/no/da": (r"ignorera|ignorer|gl(ö|o|e)m|bortse", r"regl|instru|kontrol|godk(ä|a|j|e)n"),
    "tr": (r"yok say\w*|g(ö|o)z ard\w*|unut\w*|kurallar\w*|talimat\w*", r"kural|talimat|kontrol|onay|yok say|unut"),
    "ru": (r"игнорир\w*|забудь\w*|пропусти\w*", r"правил|инструкц|указан|провер|одобрен"),
}
_WINDOW = r"\b.{0,40}\b"
_ACCOUNT = r"(account|iban|ssi|konto|compte|cuenta|conto)"
_NEW = r"(new|changed|updated|neues?|nouveau|nueva|nuovo)"
_PAY = r"(use|pay|send|transfer|deliver|nutzen|zahlen|(ü|ue)berweis\w*|payer|pagar|pagare)"

_OTHERS: dict[str, str] = {
    "ignore rules (ja, zh)": r"(指示|命令|ルール).{0,10}無視|(忽略|無視|无视).{0,10}(指令|规则|規則|指示)"
    r"|(지시|규칙).{0,10}무시",
    "ignore rules (ar, he, hi)": r"(تجاهل|انس).{0,30}(تعليمات|قواعد)|(התעלם|תתעלם).{0,30}(הוראות|הכללים)"
    r"|(निर्देश|नियम).{0,30}(अनदेखा|नज़रअंदाज़|भूल)",
    "addresses a model": r"\b(system prompt|as an ai|language model|you are (now )?(an? )?(ai|assistant|agent|model))\b"
    r"|\bassistant:|<\|im_start\|>",
    "skips approval": r"\b(auto[- ]?approve|approve (this |it )?(immediately|automatically|at once|now)"
    r"|without (any )?(approval|callback|call-back)|no approval (is )?(needed|required)"
    r"|ohne freigabe|sans approbation|sin aprobaci|senza approvazione)",
    "changes an account": rf"\b{_NEW}\b.{{0,20}}\b{_ACCOUNT}\b.{{0,60}}\b{_PAY}\b"
    rf"|\b{_PAY}{_WINDOW}{_NEW} {_ACCOUNT}\b",
    "asks for secrecy": r"\b(do not|don't|never) (tell|inform|mention|escalate|notify|alert)\b",
}

#: Name in findings -> pattern over lower-case text with single spaces.
PATTERNS: dict[str, re.Pattern[str]] = {
    name: re.compile(pattern)
    for name, pattern in (
        *((f"ignore rules ({lang})", rf"\b({verbs}){_WINDOW}({what})") for lang, (verbs, what) in _SET_ASIDE.items()),
        *_OTHERS.items(),
    )
}


def suspected(texts: Iterable[str | None]) -> tuple[str, ...]:
    """Names of the patterns found in any of the texts, in table order; a disguise hides nothing."""
    joined = [re.sub(r"\s+", " ", reading).lower() for text in texts if text for reading in readings(text)]
    return tuple(name for name, pattern in PATTERNS.items() if any(pattern.search(text) for text in joined))


def without(text: str, written: Iterable[str]) -> str:
    """A text with everything left out that somebody outside wrote freely, line by line as messages carry it."""
    for line in sorted({line for one in written for line in one.splitlines() if line.strip()}, key=len, reverse=True):
        text = text.replace(line, "")
    return text


def free_texts(item: MessageItem) -> tuple[str, ...]:
    """Everything in an item that somebody outside wrote freely."""
    reasons = [reason.narrative for status in item.statuses for reason in status.reasons]
    names = [party.name for party in item.parties]
    return tuple(text for text in (item.narrative, item.description, *reasons, *names) if text)
