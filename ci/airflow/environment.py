"""Airflow's own virtual environment, and our provider as a user would install it: the one place that knows both."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROVIDER = ROOT / "src" / "airflow_provider"
#: The build backend itself: a front end would start two interpreters more.
_BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"


def python() -> Path:
    """Its interpreter; made from the lock when it is not there yet."""
    made = subprocess.run(
        ["sh", "ci/airflow/setup.sh", sys.executable], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    return Path(made.stdout.strip())


def install_provider(folder: Path) -> Path:
    """This checkout's provider, built as a wheel and unpacked into `folder`: what a package index would give."""
    source, wheels, site = folder / "source", folder / "wheels", folder / "site"
    shutil.copytree(PROVIDER, source, ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__"))
    wheels.mkdir()
    subprocess.run([sys.executable, "-c", _BUILD, str(wheels)], cwd=source, check=True, capture_output=True, text=True)
    [wheel] = wheels.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return site
