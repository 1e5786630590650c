import pytest

from ci.tools import envdoc, generate
from ci.tools.source import ROOT
from workflow_orchestration import settings
from workflow_orchestration.domain.errors import PlatformError


@pytest.mark.parametrize("path", generate.FILES, ids=str)
def test_a_generated_file_is_what_its_source_says(path):
    assert (ROOT / path).read_text(encoding="utf-8") == generate.FILES[path](), "run `make fix`"


def test_every_setting_has_a_meaning_and_a_group():
    found = envdoc.variables()
    assert {v.name.lower() for v in found} == set(settings.Settings.model_fields)
    assert [v.name for v in found if not (v.meaning and v.group)] == []


def test_the_example_file_is_a_usable_env_file(monkeypatch):
    for name in settings.Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.setenv(name.upper(), "")  # restores what load_dotenv sets, at the test's end
        monkeypatch.delenv(name.upper())
    loaded = settings.load(ROOT / ".env.example")
    assert loaded.api_port == 8000
    assert loaded.local_issuer_key is None


def test_every_error_is_listed_with_its_fix():
    text = generate.FILES[next(p for p in generate.FILES if p.name == "errors.md")]()
    errors = [PlatformError, *PlatformError.__subclasses__()]
    assert [e.__name__ for e in errors if f"`{e.__name__}` | {e.status}" not in text or e.fix not in text] == []


def test_a_stale_file_is_named(write):
    root = write(".env.example", "API_PORT=1\n")
    found = {p.path for p in generate.check(root)}
    assert found == {path.as_posix() for path in generate.FILES}
