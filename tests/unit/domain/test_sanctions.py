"""Screening: names by token set, BICs exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from workflow_orchestration.domain.records import Party
from workflow_orchestration.domain.sanctions import normalise, screen, screened

if TYPE_CHECKING:
    from tests.unit.domain.conftest import Desk

NAME = "mt548-nmat-dmon-WO-1001"


@pytest.mark.parametrize("name", [
    "Zorvak Maritime Holding", "ZORVAK MARITIME HOLDING LTD", "Holding, Zorvak Maritime", "Zórvak Maritime Holdin",
    "zmh shipping gmbh",
])  # fmt: skip
def test_listed_name_is_found_however_it_is_written(desk: Desk, name: str) -> None:
    hits = screen(desk.facts(items=(desk.item(NAME, parties=(Party(role="SELL", name=name),)),)))
    assert [(hit.screened, hit.entry) for hit in hits] == [(name, "INVENTED/001 version 2026-11-01")]


@pytest.mark.parametrize("bic", ["ZORVAEADXXX", "ZORVAEAD", "ZORVAEAD123"])
def test_listed_bic_is_found_with_any_branch(desk: Desk, bic: str) -> None:
    assert screen(desk.facts(items=(desk.item(NAME, parties=(Party(role="SELL", bic=bic),)),)))


@pytest.mark.parametrize("name", ["Sample Custodian", "Quiet Harbour Bank", "Vandal Records", "Other party name"])
def test_other_names_are_not_found(desk: Desk, name: str) -> None:
    assert screen(desk.facts(items=(desk.item(NAME, parties=(Party(role="SELL", name=name),)),))) == ()


def test_parties_of_message_book_and_contact_are_screened_once(desk: Desk) -> None:
    found = screened(desk.facts(NAME))
    assert {"CPTYGB2LXXX", "DAKVDEFFXXX", "WOTRDEFFXXX", "CUSTDEFFXXX", "Equities trading book"} <= set(found)
    assert len(found) == len(set(found))


def test_normalised_name_has_no_accents_forms_or_punctuation() -> None:
    assert normalise("Société Générale S.A., GmbH") == "SOCIETE GENERALE S A"
