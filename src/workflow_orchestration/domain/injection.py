"""Does outside text try to give instructions? A heuristic: it flags for people and changes nothing else (V15).

Narratives are data wherever they go; a flag only raises the tier. Patterns aim at orders to the reader about
rules, approvals and accounts, not at ordinary operations wording ("please cancel and re-instruct").
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from workflow_orchestration.domain.records import MessageItem

#: (what it is called in findings, pattern over lower-case text with single spaces).
PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        ("ignore rules (en)", r"\b(ignore|disregard|forget|override|bypass)\b.{0,40}\b(rule|instruction|polic|prompt|check|control|validation|approval)"),
        ("ignore rules (de)", r"\b(ignorier\w*|missacht\w*|umgeh\w*|vergiss|vergessen sie)\b.{0,40}\b(regel|anweisung|vorgabe|pr(ü|ue)fung|kontroll|freigabe)"),
        ("ignore rules (fr)", r"\b(ignore[rz]?|oublie[rz]?|contourne[rz]?)\b.{0,40}\b(r(è|e)gle|instruction|consigne|contr(ô|o)le|validation|approbation)"),
        ("ignore rules (es/pt)", r"\b(ignor[ae]\w*|olvid[ae]\w*|desconsider\w*|omit[ae]\w*)\b.{0,40}\b(regla|regra|instrucci|instru(ç|c)|control|aprobaci|aprova)"),
        ("ignore rules (it)", r"\b(ignora\w*|dimentica\w*|aggira\w*)\b.{0,40}\b(regol|istruzion|controll|approvazion)"),
        ("ignore rules (nl)", r"\b(negeer|vergeet|omzeil)\b.{0,40}\b(regel|instructie|controle|goedkeuring)"),
        ("ignore rules (ja/zh)", r"(指示|命令|ルール).{0,10}無視|忽略.{0,10}(指令|规则|指示)"),
        ("addresses a model", r"\b(system prompt|you are (now )?(an? )?(ai|assistant|agent|model)|as an ai|language model|assistant:|<\|im_start\|>)"),
        ("skips approval", r"\b(auto[- ]?approve|approve (this |it )?(immediately|automatically|at once|now)|without (any )?(approval|confirmation|callback|call-back)|no approval (is )?(needed|required)|ohne freigabe|sans approbation|sin aprobaci|senza approvazione)"),
        ("changes an account", r"\b(new|changed|updated|neues?|nouveau|nueva|nuovo)\b.{0,20}\b(account|iban|ssi|konto|compte|cuenta|conto)\b.{0,60}\b(use|pay|send|transfer|deliver|nutzen|zahlen|(ü|ue)berweis\w*|payer|pagar|pagare)|\b(use|pay|send|transfer|deliver)\b.{0,40}\b(new|changed|updated) (account|iban|ssi)"),
        ("asks for secrecy", r"\b(do not|don't|never) (tell|inform|mention|escalate|notify|alert)\b"),
    )
)  # fmt: skip


def suspected(texts: Iterable[str | None]) -> tuple[str, ...]:
    """Names of the patterns found in any of the texts, in table order."""
    joined = [re.sub(r"\s+", " ", text).lower() for text in texts if text]
    return tuple(name for name, pattern in PATTERNS if any(pattern.search(text) for text in joined))


def free_texts(item: MessageItem) -> tuple[str, ...]:
    """Everything in an item that somebody outside wrote freely."""
    reasons = [reason.narrative for status in item.statuses for reason in status.reasons]
    names = [party.name for party in item.parties]
    return tuple(text for text in (item.narrative, item.description, *reasons, *names) if text)
