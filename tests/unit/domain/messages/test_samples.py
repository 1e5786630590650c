from __future__ import annotations

from pathlib import Path

import pytest
from stdnum import bic, isin

from workflow_orchestration.domain.messages import parse

FOLDER = Path(__file__).resolve().parents[4] / "src" / "workflow_orchestration" / "sample" / "messages"
NAMES = sorted(path.stem for path in FOLDER.glob("*.fin"))


def test_there_are_samples_of_every_kind():
    assert {name[:5] for name in NAMES} >= {"mt537", "mt541", "mt543", "mt545", "mt547", "mt548", "mt578"}


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_is_read_and_its_identifiers_have_right_check_digits(sample, name):
    message = parse(sample(name))
    assert f"mt{message.message_type}" == name[:5]
    assert {message.sender, message.receiver} == {"WOTRDEFFXXX", "CUSTDEFFXXX"}
    for item in message.items:
        assert isin.is_valid(item.isin)
        assert all(bic.is_valid(party.bic) for party in item.parties)


def test_no_two_samples_share_a_reference(sample):
    references = [parse(sample(name)).sender_ref for name in NAMES]
    assert len(set(references)) == len(references) > 10


def test_the_folder_says_that_its_messages_are_synthetic():
    assert "Synthetic" in (FOLDER / "README.md").read_text()
