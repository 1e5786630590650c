"""What `helm package` puts into the archive: the chart and nothing else of this repository."""

from __future__ import annotations

import re
import tarfile
from pathlib import Path

from tests.chart.render import ROOT, case, run, text

#: Paths below the chart's folder; everything else is somebody's source, state or secret.
ALLOWED = re.compile(
    r"(charts/[a-z]+/)?(Chart\.yaml|Chart\.lock|values\.yaml|values\.schema\.json|README\.md|LICENSE|\.helmignore"
    r"|templates/[\w./-]+\.(yaml|tpl|txt)|files/[\w./-]+\.(conf|json|py|sh|yaml))"
)
BYTES = 200 * 1024


def _package(folder: Path, chart: Path = ROOT) -> Path:
    done = run("helm", "package", str(chart), f"--destination={folder}")
    assert done.returncode == 0, done.stderr
    [archive] = folder.glob("*.tgz")
    return archive


def _names(archive: Path) -> list[str]:
    with tarfile.open(archive) as packed:
        return [name.split("/", 1)[1] for name in packed.getnames()]


def test_the_archive_holds_the_chart_and_nothing_else(tmp_path: Path) -> None:
    names = _names(_package(tmp_path))
    assert {"Chart.yaml", "values.yaml", "values.schema.json", "charts/api/templates/deployment.yaml"} <= set(names)
    assert not [n for n in names if not ALLOWED.fullmatch(n)]


def test_the_archive_is_small(tmp_path: Path) -> None:
    assert _package(tmp_path).stat().st_size < BYTES


def test_the_archive_renders_as_the_folder_does(tmp_path: Path) -> None:
    packed = text(case(values=["values/gke.yaml"], chart=str(_package(tmp_path))))
    assert packed == text(case(values=["values/gke.yaml"]))
