"""One platform and one Airflow for all tests of a run: they take half a minute to start."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ci.airflow import processes
from ci.airflow.processes import Airflow
from ci.local.postgres import Server
from tests.airflow import site
from tests.airflow.site import Platform
from tests.conftest import ROOT

#: Airflow's own pytest runs these (test_inside.py): here nothing of Airflow can be imported.
collect_ignore = ["inside", "dags"]


@pytest.fixture(scope="session")
def platform(postgres: Server, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with site.platform(postgres, template, tmp_path_factory.mktemp("platform")) as found:
        yield found


@dataclass(frozen=True)
class Folders:
    """What the DAGs of a trading day read."""

    book: Path
    backup: Path


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    return Folders(tmp_path_factory.mktemp("book"), tmp_path_factory.mktemp("backup"))


@pytest.fixture(scope="session")
def airflow(
    postgres: Server, platform: Platform, folders: Folders, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Airflow]:
    """With the image's DAGs and the tests' own."""
    connections = {"workflow_orchestration_default": site.connection(platform)}
    dags = tmp_path_factory.mktemp("dags")
    for source in (Path(__file__).parent / "dags", ROOT / "images" / "airflow" / "dags"):
        shutil.copytree(source, dags, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    env = {
        "BOOK_FOLDER": str(folders.book),
        "BACKUP_FOLDER": str(folders.backup),
        "API_URL": platform.url,
        "RETRY_SECONDS": "1",
    }
    with processes.running(postgres, tmp_path_factory.mktemp("airflow"), dags, connections, **env) as found:
        yield found
