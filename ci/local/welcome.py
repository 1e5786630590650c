"""What `make up` does once the API answers: load the sample book into an empty one, and say what to do next."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import httpx

from ci.local.places import SAMPLE_BOOK
from workflow_orchestration import settings as settings_module

_READY_SECONDS = 60.0

_TEXT = """
  Ready at {url}   (pages for people: the same address)

  A token for one person:
    .venv/bin/wo token --user alice --roles ops_approver --desk '*'

  Next, in a second terminal:
    make demo                    one exception from message to effect, step by step
    .venv/bin/wo cases list      the queue
    .venv/bin/wo log verify      proof that the log is as it was written

  Ctrl-C here (or `make down` there) stops everything; state is kept.
"""


def main() -> int:
    settings = settings_module.load()
    url = f"http://{settings.api_host}:{settings.api_port}"
    if not _wait_ready(url):
        print(f"make up: {url}/ready did not answer 200 within {_READY_SECONDS:.0f} s; see the api's lines above")
        return 1
    if "--load-book" in sys.argv:
        _load_book(url)
    print(_TEXT.format(url=url), flush=True)
    return 0


def _wait_ready(url: str) -> bool:
    until = time.monotonic() + _READY_SECONDS
    while time.monotonic() < until:
        try:
            if httpx.get(f"{url}/ready", timeout=2).status_code == 200:
                return True
        except httpx.TransportError:
            pass  # it does not listen yet
        time.sleep(0.1)
    return False


def _load_book(url: str) -> None:
    """Through the API, as an operator would."""
    wo = str(Path(sys.executable).parent / "wo")
    token = subprocess.run(
        [wo, "token", "--user", "make-up", "--roles", "operator", "--desk", "*"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    env = {**os.environ, "API_URL": url, "API_TOKEN": token}
    loaded = subprocess.run(
        [wo, "book", "load", SAMPLE_BOOK],
        env=env,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if loaded.returncode == 0:
        print("make up: the book was empty; loaded the sample book", flush=True)
    else:
        print(f"make up: cannot load the sample book:\n{loaded.stdout}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
