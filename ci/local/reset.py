"""`make reset`: stop everything and remove .state: database, effects, anchors. `.env` with its keys stays."""

from __future__ import annotations

import os
import sys

from ci.local import down, places


def main() -> int:
    if os.environ.get("FORCE") != "1" and not _sure():
        print("make reset: nothing was removed")
        return 1
    if down.main() != 0:
        return 1
    places.wipe()
    print(f"make reset: removed {places.STATE.name}; .env is kept")
    return 0


def _sure() -> bool:
    if not sys.stdin.isatty():
        print("make reset: no terminal to ask on; FORCE=1 answers yes", file=sys.stderr)
        return False
    return input(f"Remove {places.STATE} with its database, effects and log? Type yes: ") == "yes"


if __name__ == "__main__":
    sys.exit(main())
