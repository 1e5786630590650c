"""`make e2e`: a cluster of its own, every test of tests/cluster in it, then nothing of it left.

python -m ci.cluster.e2e [pytest's words]     KEEP=1 leaves the cluster up; E2E_CONTEXT=NAME uses another one
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

from ci.cluster import down, enter, models, places, up
from ci.cluster.parts import ClusterError

#: In this order: what is installed first is broken, upgraded, restored and removed last.
ORDER = ("install", "reach", "network", "capacity", "scaling", "faults", "restore", "upgrade", "repeat", "howto")
#: Images that are built for these tests alone.
IMAGES = {"tests/cluster/test_airflow.py": "airflow", "tests/cluster/test_everything.py": "airflow"}
#: Tests whose pods mount a real vLLM.
VLLM = frozenset({"tests/cluster/test_models.py", "tests/cluster/test_everything.py"})
_SECONDS = 1500


def main(words: list[str]) -> int:
    began = time.monotonic()
    if os.environ.get("E2E_CONTEXT"):
        return _tests(words, [], dict(os.environ))
    code = _vllm(words) or up.main(*sorted({IMAGES[word] for word in words if word in IMAGES}))
    try:
        if code == 0:
            code = _tests(words, enter.network([]), enter.environment())
    finally:
        left = 0 if os.environ.get("KEEP") else down.main()
    print(f"cluster: {time.monotonic() - began:.0f} s in all", flush=True)
    return code or left


def _vllm(words: list[str]) -> int:
    """Made here, where one sees that it takes minutes, and not inside a test."""
    try:
        if VLLM & set(words):
            models.volume()
    except ClusterError as error:
        print(f"cluster: {error}", file=sys.stderr)
        return 1
    return 0


def _tests(words: list[str], prefix: list[str], environment: dict[str, str]) -> int:
    files = [word for word in words if word.startswith("tests/")] or [f"tests/cluster/test_{n}.py" for n in ORDER]
    others = [word for word in words if not word.startswith("tests/")]
    command = [*prefix, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *others, *files]
    try:
        return subprocess.run(command, cwd=places.ROOT, env=environment, check=False, timeout=_SECONDS).returncode
    except subprocess.TimeoutExpired:
        print(f"cluster: the tests took longer than {_SECONDS} s", file=sys.stderr)
        return 124


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
