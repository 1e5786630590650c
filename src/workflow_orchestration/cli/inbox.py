"""A folder as an inbox: each file is taken once, when it is complete.

Post first, move after: a kill between the two posts the same bytes again, which is the same message. The reason of a
refused file is written before the file is moved. A file is never overwritten by one of the same name.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workflow_orchestration.cli import outbound
from workflow_orchestration.cli.client import Api
from workflow_orchestration.cli.exits import Failure, Refused, Unreachable
from workflow_orchestration.cli.output import say

#: The message's own fault: it will never pass. Any other refusal (token, rights) is not, and ends the watch.
_ITS_OWN_FAULT = frozenset({400, 409, 413, 415, 422})
#: What writers call a file that they have not finished.
_UNFINISHED = (".tmp", ".part", ".swp")
#: Longest pause while the API is away, in seconds.
_LONGEST_PAUSE = 30.0


@dataclass
class Inbox:
    """Watches one folder. `pause` is in seconds; a file is complete when two looks find it alike."""

    folder: Path
    api: Api
    pause: float = 1.0
    sleep: Callable[[float], None] = time.sleep
    done: int = 0
    refused: int = 0
    _seen: dict[Path, tuple[int, int]] = field(default_factory=dict)

    def run(self, *, once: bool) -> None:
        """Look for ever; `once`: until what lay there at the start is taken."""
        left = set(self.waiting()) if once else None
        while left is None or left:
            for file in self.complete():
                if left is None or file in left:
                    self.take(file)
            if left is not None:
                left &= set(self.waiting())
            if left is None or left:
                self.sleep(self.pause)

    def waiting(self) -> list[Path]:
        """Files that are there, oldest name first; what is hidden or unfinished by its name is not meant."""
        names = [p for p in self.folder.iterdir() if not p.name.startswith(".") and not p.name.endswith(_UNFINISHED)]
        return sorted(p for p in names if p.is_file())

    def complete(self) -> list[Path]:
        """Files that have not changed since the last look (at the first look: none)."""
        before, self._seen = self._seen, {}
        for file in self.waiting():
            if (size := _size(file)) is not None:
                self._seen[file] = size
        return [file for file, size in self._seen.items() if before.get(file) == size]

    def take(self, file: Path) -> None:
        """Post every message of a file, then move it; with one refused, the whole file is set aside."""
        try:
            raw = file.read_bytes()
        except FileNotFoundError:
            return  # another watcher took it
        results = [self._post(n, message) for n, message in enumerate(outbound.split(raw), start=1)]
        if all("message_id" in result for result in results):
            self.done += _moved(file, self.folder / "done")
            say(f"{file.name}: done, " + ", ".join(result["message_id"] for result in results))
            return
        self._set_aside(file, results)

    def _post(self, n: int, message: bytes) -> dict[str, Any]:
        """What came of a message; waits while the API is away."""
        pause = self.pause
        while True:
            try:
                return {"n": n, **outbound.post(self.api, message)}
            except Failure as failure:
                if isinstance(failure, Refused) and failure.status in _ITS_OWN_FAULT:
                    return {"n": n, "refused": failure.as_dict()}
                if not _passes(failure):
                    raise
                say(f"the platform is away ({failure.cause}); trying again in {pause:g} s, nothing is lost")
            self.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _set_aside(self, file: Path, results: list[dict[str, Any]]) -> None:
        folder = self.folder / "refused"
        folder.mkdir(exist_ok=True)
        name = _free(folder, file.name).name
        reason = {"file": file.name, "messages": results}
        (folder / f"{name}.reason.json").write_text(json.dumps(reason, indent=2), encoding="utf-8")
        self.refused += _moved(file, folder)
        say(f"{file.name}: refused, see {folder / name}.reason.json")


def _passes(failure: Failure) -> bool:
    """Does waiting help?"""
    return isinstance(failure, Unreachable) or (
        isinstance(failure, Refused) and (failure.status >= 500 or failure.status == 429)
    )


def _size(file: Path) -> tuple[int, int] | None:
    """Size and time of change; None when the file has gone meanwhile."""
    try:
        stat = file.stat()
    except FileNotFoundError:
        return None
    return stat.st_size, stat.st_mtime_ns


def _free(folder: Path, name: str) -> Path:
    """The file's name in a folder, or the first of name.2, name.3 ... that is free."""
    path, n = folder / name, 1
    while path.exists():
        n += 1
        path = folder / f"{name}.{n}"
    return path


def _moved(file: Path, folder: Path) -> int:
    """Move a file, never over another; 0 when another watcher was faster."""
    folder.mkdir(exist_ok=True)
    try:
        file.rename(_free(folder, file.name))
    except FileNotFoundError:
        return 0
    return 1
