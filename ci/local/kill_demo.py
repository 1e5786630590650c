"""`make kill-demo`: SIGKILL the worker before and after every commit it makes; the story must end the same each time.

Each effect happens once, whatever died: the receiver's folder is compared, and everything else that could differ.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from ci.local import story
from ci.local.killing import Kill, every_kill, windows_of
from ci.local.postgres import WORKER, Server

ROOT = Path(__file__).resolve().parents[2]
_AT_ONCE = 4


class Demo:
    """Databases, folders and the ending that every killed story must reach."""

    def __init__(self, server: Server, template: str, folder: Path) -> None:
        self._server = server
        self._template = template
        self._folder = folder
        self._gate = asyncio.Semaphore(_AT_ONCE)

    async def once(self, name: str, kill: Kill | None = None, windows: Path | None = None) -> tuple[story.Ending, int]:
        async with self._gate:
            folder = self._folder / name
            folder.mkdir()
            with self._server.copy_of(self._template) as database:
                return await story.tell(self._server.url(WORKER, database), folder, kill=kill, windows=windows)


def one_of_each(names: list[str]) -> list[Kill]:
    """For each name of a window, its first commit (before it) and its last one (after it)."""
    first = {name: n for n, name in reversed(list(enumerate(names, 1)))}
    last = dict(zip(names, range(1, len(names) + 1), strict=True))
    return [Kill(first[name], "before") for name in first] + [Kill(last[name], "after") for name in last]


async def run(
    server: Server, choose: Callable[[list[str]], list[Kill]], *, say: bool = True
) -> tuple[int, Counter[str], list[str]]:
    """Kill at the chosen windows; returns how many commits there are, the kills per window name, what went wrong."""
    template = await asyncio.to_thread(_template, server)
    await _load(server, template)
    with tempfile.TemporaryDirectory() as temporary:
        demo = Demo(server, template, Path(temporary))
        file = Path(temporary) / "windows"
        expected, _ = await demo.once("undisturbed", windows=file)
        names = windows_of(file)
        kills = choose(names)
        if say:
            print(
                f"undisturbed: {len(names)} commits, {len(expected.files)} effects, case {expected.case['status']}; "
                f"now dying {len(kills)} times, {_AT_ONCE} stories at a time",
                flush=True,
            )
        hits: Counter[str] = Counter()
        wrong: list[str] = []

        async def attempt(kill: Kill) -> None:
            where = f"{kill.when} commit {kill.n} ({names[kill.n - 1]})"
            try:
                ending, deaths = await demo.once(f"{kill.n}-{kill.when}", kill)
            except (TimeoutError, AssertionError) as error:
                wrong.append(f"{where}: the story did not end: {error!r}")
                return
            hits[names[kill.n - 1]] += deaths
            wrong.extend(f"{where}: {difference}" for difference in _differences(expected, ending))
            if say:
                print("." if deaths else "o", end="", flush=True)

        await asyncio.gather(*(attempt(kill) for kill in kills))
        if say:
            print(flush=True)
    return len(names), hits, wrong


def _differences(expected: story.Ending, got: story.Ending) -> list[str]:
    return [
        f"{name} is {str(getattr(got, name))[:300]}, not {str(value)[:300]}"
        for name, value in vars(expected).items()
        if getattr(got, name) != value
    ]


def _template(server: Server) -> str:
    return server.migrated("kill_demo_template")


async def _load(server: Server, template: str) -> None:
    """The book is loaded once; the template then has no connections, so that it can be copied."""
    await story.load_book(server.url(WORKER, template))


def main() -> int:
    parser = argparse.ArgumentParser(prog="make kill-demo", description=__doc__)
    parser.add_argument("--stride", type=int, default=1, help="kill at every N-th window only (default: each)")
    arguments = parser.parse_args()
    started = time.monotonic()
    server = Server(ROOT / ".state" / "test-postgres")
    commits, hits, wrong = asyncio.run(run(server, lambda names: list(every_kill(len(names)))[:: arguments.stride]))
    for name, count in sorted(hits.items()):
        print(f"  {count:4} kills at {name}")
    for line in wrong:
        print(f"  WRONG {line}")
    total = sum(hits.values())
    print(
        f"{total} kills at {commits} commits (before and after each), {len(wrong)} different endings, "
        f"{time.monotonic() - started:.0f} s"
    )
    return 0 if total > 0 and not wrong else 1


if __name__ == "__main__":
    sys.exit(main())
