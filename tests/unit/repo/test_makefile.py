import re
import subprocess

from ci.tools.source import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()


def _help() -> str:
    return subprocess.run(["make", "--no-print-directory"], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def test_bare_make_prints_grouped_help():
    groups = re.findall(r"^(\S.*)$", _help(), re.MULTILINE)
    assert groups == ["Run", "Prove", "Cluster", "Measure", "Change", "Set up"]


def test_help_lists_every_target_and_no_more_than_a_screen():
    targets = set(re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[1].split())
    assert set(re.findall(r"^  make (\S+)", _help(), re.MULTILINE)) == targets
    assert len(targets) <= 32


def test_every_target_readies_the_environment_itself():
    bodies = re.findall(r"^([a-z][a-z0-9-]*):(.*?)##", MAKEFILE, re.MULTILINE)
    alone = [name for name, needs in bodies if not {"setup", "lint"} & set(needs.split())]
    assert sorted(alone) == ["help", "images", "install", "setup", "tools", "uninstall"]
