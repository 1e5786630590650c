import hashlib
import re

from workflow_orchestration.console.page import STATIC


def test_vendored_scripts_are_what_their_readme_says():
    told = re.findall(r"\| `([^`]+\.js)` \|.*`([0-9a-f]{64})`", (STATIC / "vendor/README.md").read_text())
    files = sorted(path.name for path in (STATIC / "vendor").glob("*.js"))
    assert sorted(name for name, _ in told) == files
    for name, digest in told:
        assert hashlib.sha256((STATIC / "vendor" / name).read_bytes()).hexdigest() == digest, name
