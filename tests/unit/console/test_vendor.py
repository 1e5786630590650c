import hashlib
import re
import tomllib
from pathlib import Path

from workflow_orchestration.console.page import STATIC

ROOT = Path(__file__).resolve().parents[3]


def test_vendored_scripts_are_what_their_readme_says():
    told = re.findall(r"\| `([^`]+\.js)` \|.*`([0-9a-f]{64})`", (STATIC / "vendor/README.md").read_text())
    files = sorted(path.name for path in (STATIC / "vendor").glob("*.js"))
    assert sorted(name for name, _ in told) == files
    for name, digest in told:
        assert hashlib.sha256((STATIC / "vendor" / name).read_bytes()).hexdigest() == digest, name


def test_every_file_of_the_pages_is_in_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    patterns = project["tool"]["setuptools"]["package-data"]["workflow_orchestration"]
    suffixes = {pattern.removeprefix("**/*") for pattern in patterns} | {".py"}
    files = [path for path in STATIC.parent.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert files
    assert [path.name for path in files if path.suffix not in suffixes] == []
