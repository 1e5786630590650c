"""The tests of ./inside, run by Airflow's own pytest: each file is one test here, so that mutants can name it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from ci.airflow import environment
from tests.conftest import ROOT

FILES = sorted((Path(__file__).parent / "inside").glob("test_*.py"))


@pytest.fixture(scope="session")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return environment.install_provider(tmp_path_factory.mktemp("provider"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_inside(file: Path, provider: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [environment.python(), "-m", "pytest", "-q", "-p", "no:cacheprovider", "--asyncio-mode=auto",
         "--import-mode=importlib", "--confcutdir", file.parent, "-c", os.devnull, "--basetemp",
         tmp_path / "inside", file],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(provider), "AIRFLOW_HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1",
             "IMAGE_DAGS": str(ROOT / "images" / "airflow" / "dags")},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
