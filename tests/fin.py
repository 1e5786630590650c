"""Synthetic MT548s for tests: one line a fact, so that a test shows what it is about."""

from __future__ import annotations

from itertools import count

_NUMBERS = count(1)


def mt548(
    reference: str = "WO-1001", *, account: str = "SAFE-0002", status: str = "MTCH//NMAT", reason: str | None = None,
    narrative: str = "", isin: str = "DE0007164600", amount: str = "EUR123456,50", quantity: str = "UNIT/1000,",
    movement: str = "RECE", sender_ref: str | None = None,
) -> str:  # fmt: skip
    """A status of one instruction. `status` and `reason` are :25D: and :24B: without the leading colon pair."""
    why = [":16R:REAS", f":24B::{reason}", *([f":70D::REAS//{narrative}"] if narrative else []), ":16S:REAS"]
    lines = [
        "{1:F01WOTRDEFFAXXX0001000901}{2:O5480915261123CUSTDEFFAXXX00010009012611230915N}{4:",
        ":16R:GENL", f":20C::SEME//{sender_ref or f'T{next(_NUMBERS):06d}'}", ":23G:INST",
        ":16R:LINK", f":20C::RELA//{reference}", ":16S:LINK",
        ":16R:STAT", f":25D::{status}", *(why if reason else []), ":16S:STAT", ":16S:GENL",
        ":16R:SETTRAN", f":35B:ISIN {isin}", f":36B::SETT//{quantity}", f":19A::SETT//{amount}",
        f":97A::SAFE//{account}", ":22F::SETR//TRAD", f":22H::REDE//{movement}", ":22H::PAYM//APMT",
        ":98A::SETT//20261124", ":16S:SETTRAN", "-}",
    ]  # fmt: skip
    return "\r\n".join(lines)


MATCHED = {"status": "MTCH//MACH"}
CANCELLED = {"status": "IPRC//CAND", "reason": "CAND//CANI"}
