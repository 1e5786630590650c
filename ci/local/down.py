"""`make down`: stop the `make up` that runs in another terminal, or what a killed one left behind."""

from __future__ import annotations

import sys
import time

import psutil

from ci.local import places

#: Longer than a worker's drain and the server's stop together.
_SECONDS = 60.0


def main() -> int:
    pid = places.running_pid()
    if pid is not None:
        psutil.Process(pid).terminate()
        if not _wait_gone(pid):
            print(f"make down: pid {pid} did not stop within {_SECONDS:.0f} s; look at its terminal", file=sys.stderr)
            return 1
        print("make down: stopped; state is kept")
        return 0
    left = places.stop_leftovers(seconds=15)
    postgres = places.stop_postgres(places.POSTGRES)
    what = f"stopped what a killed `make up` left behind ({left} processes)" if left or postgres else "nothing runs"
    print(f"make down: {what}")
    return 0


def _wait_gone(pid: int) -> bool:
    until = time.monotonic() + _SECONDS
    while time.monotonic() < until:
        if places.running_pid() != pid:
            return True
        time.sleep(0.1)
    return False


if __name__ == "__main__":
    sys.exit(main())
