import stat
from types import SimpleNamespace

import pytest

from ci.local import env_file
from workflow_orchestration import settings

_SERVER = SimpleNamespace(url=lambda role, database: f"postgresql://{role}@/{database}?host=/tmp/s")


@pytest.fixture
def path(tmp_path, monkeypatch):
    for name in settings.Settings.model_fields:
        monkeypatch.setenv(name.upper(), "")
        monkeypatch.delenv(name.upper())
    return tmp_path / ".env"


def test_the_first_make_up_writes_usable_keys_that_only_the_owner_reads(path):
    assert env_file.ensure(path, _SERVER)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert settings.load(path).local_issuer_allowed


def test_an_existing_env_file_is_never_overwritten(path):
    path.write_text("LOCAL_ISSUER_KEY=mine\n")
    assert not env_file.ensure(path, _SERVER)
    assert path.read_text() == "LOCAL_ISSUER_KEY=mine\n"


def test_two_env_files_have_different_keys(tmp_path):
    env_file.ensure(tmp_path / "a", _SERVER)
    env_file.ensure(tmp_path / "b", _SERVER)
    assert (tmp_path / "a").read_text() != (tmp_path / "b").read_text()


def test_addresses_of_a_moved_checkout_are_named(path):
    path.write_text("DATABASE_URL=postgresql://wo_api@/wo?host=/elsewhere\n")
    assert env_file.stale_addresses(path, _SERVER) == ["DATABASE_URL"]
