"""What `helm package` puts into the archive: the chart and nothing else of this repository."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
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


def _checkout(folder: Path) -> Path:
    """What packing needs, copied: the script writes dist/ beside it."""
    (folder / "ci").mkdir(parents=True)
    for part in ("Chart.yaml", "Chart.lock", "values.yaml", "values.schema.json", ".helmignore"):
        shutil.copyfile(ROOT / part, folder / part)
    for part in ("charts", "templates", "values", "ci/chart"):
        shutil.copytree(ROOT / part, folder / part, copy_function=shutil.copyfile)
    for scenario in (ROOT / "ci").glob("*-values.yaml"):
        shutil.copyfile(scenario, folder / "ci" / scenario.name)
    return folder


def _packed(folder: Path) -> Path:
    subprocess.run(["sh", "ci/chart/package.sh"], cwd=folder, check=True, capture_output=True)
    return folder / "dist"


def test_packing_lists_every_image_and_the_archives_digest(tmp_path: Path) -> None:
    dist = _packed(_checkout(tmp_path / "one"))
    ours = {"workflow-orchestration/fastapi", "workflow-orchestration/airflow"}
    names = {image.rsplit(":", 1)[0] for image in (dist / "images.txt").read_text().split()}
    assert names == ours | {"postgres", "vllm/vllm-openai", "ollama/ollama"}
    [archive] = dist.glob("*.tgz")
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    assert (dist / "SHA256SUMS").read_text().split() == [digest, archive.name]


def test_two_checkouts_make_the_same_archive_and_it_renders(tmp_path: Path) -> None:
    archives = [next(_packed(_checkout(tmp_path / folder)).glob("*.tgz")) for folder in ("one", "two")]
    first, second = (archive.read_bytes() for archive in archives)
    assert first == second
    assert text(case(values=["values/gke.yaml"], chart=str(archives[0]))) == text(case(values=["values/gke.yaml"]))


def test_a_release_needs_to_know_its_registry() -> None:
    env = {"PATH": os.environ["PATH"]}
    done = subprocess.run(["sh", "ci/chart/release.sh"], cwd=ROOT, env=env, check=False, capture_output=True, text=True)
    assert done.returncode != 0
    assert "REGISTRY is not set" in done.stderr
