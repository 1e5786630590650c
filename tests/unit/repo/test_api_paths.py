import re

import pytest

from ci.tools.source import ROOT, repository_files
from workflow_orchestration.api.routers import ROUTERS

_NAMED = re.compile(r"(?<![\w/])/(?:v1/[\w:{}/-]+(?:\.json)?|health|ready)")
_PLACEHOLDER = re.compile(r"\{\w+(?::path)?\}")
ROUTES = {_PLACEHOLDER.sub("{}", route.path) for router in ROUTERS for route in router.routes}


#: The OpenAI protocol, which model servers speak: not ours.
_OTHERS = ("/v1/chat", "/v1/models", "/v1/completions")


def _is_served(path: str) -> bool:
    path = _PLACEHOLDER.sub("{}", path.rstrip("/"))
    return any(route == path or route.startswith(f"{path}/") for route in ROUTES)


@pytest.mark.parametrize("page", [n for n in repository_files(ROOT) if n.endswith(".md")])
def test_every_api_path_that_a_page_names_is_served(page):
    named = set(_NAMED.findall((ROOT / page).read_text(encoding="utf-8")))
    assert [path for path in sorted(named) if not path.startswith(_OTHERS) and not _is_served(path)] == []


def test_a_path_that_nobody_serves_is_noticed():
    assert _is_served("/v1/cases/{id}/events")
    assert not _is_served("/v1/casess")
