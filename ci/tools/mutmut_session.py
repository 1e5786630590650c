"""One pytest session for all mutants: collected once; then a fork for each mutant, which runs the tests that reach it.

mutmut makes the mutants and keeps the book (`<module>.py.meta`). Its own runner starts pytest and makes a database for
each mutant, which is several times the work of most of our tests. Runs in the copy that mutmut_run prepares.
"""

from __future__ import annotations

import contextlib
import fnmatch
import gc
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from mutmut import __main__ as mutmut
from mutmut.configuration import config
from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.state import state
from mutmut.utils.file_utils import copy_also_copy_files, copy_src_dir, setup_source_paths, walk_mutatable_files
from mutmut.utils.format_utils import get_mutant_name, mangled_name_from_mutant_name

from ci.local.postgres import API, OWNER, WORKER, Server

#: As mutmut writes them.
CAUGHT, SURVIVED, NO_TESTS, TIMEOUT, TYPES = 1, 0, 33, 36, 37
_CHILDREN = 2
_USERS = {"api": API, "worker": WORKER, "owner": OWNER}


@dataclass
class Book:
    """What is known of each mutant, on disk after each change."""

    data: dict[str, SourceFileMutationData] = field(default_factory=dict)

    @classmethod
    def opened(cls) -> Book:
        book = cls()
        for path in walk_mutatable_files():
            found = SourceFileMutationData(path=path)
            found.load()
            found.meta_path = found.meta_path.absolute()  # the tests run in another folder
            book.data.update(dict.fromkeys(found.exit_code_by_key, found))
        return book

    def open_ones(self, wanted: Sequence[str]) -> list[str]:
        """Mutants without a result; of these modules only where some are named, and then with one too."""
        if not wanted:
            return [name for name, found in self.data.items() if found.exit_code_by_key[name] is None]
        return [name for name in self.data if any(fnmatch.fnmatch(name, pattern) for pattern in wanted)]

    def note(self, name: str, code: int) -> None:
        found = self.data[name]
        found.exit_code_by_key[name] = code
        found.save()


def refused_by_types() -> set[str]:
    """Mutants that the type checker refuses, by the lines its errors are on."""
    said = subprocess.run(
        config().type_check_command, cwd="mutants", capture_output=True, text=True, check=False
    ).stdout.splitlines()
    errors = [json.loads(line) for line in said if line.strip()]
    found = set()
    for error in errors:
        if error["severity"] != "error":
            continue
        spans = json.loads(Path("mutants", f"{error['file']}.spans").read_text(encoding="utf-8"))["spans"]
        name = next(name for name, (first, last) in spans.items() if first <= error["line"] <= last)
        found.add(get_mutant_name(Path(error["file"]), name))
    return found


@dataclass(frozen=True)
class Slot:
    """What one child at a time has to itself: a database."""

    server: Server
    name: str

    def take(self, item: pytest.Item) -> None:
        """Let the database that a test shares with others be this one."""
        fixture = _fixture(item, "shared_database")
        if fixture is not None and fixture.cached_result is not None:
            value, key, _ = fixture.cached_result
            roles = {role: self.server.url(user, self.name) for role, user in _USERS.items()}
            fixture.cached_result = (replace(value, name=self.name, **roles), key, None)


@dataclass(frozen=True)
class Between:
    """Stands for the next test where none is known: of what is set up, only the session's stays."""

    session: pytest.Session

    def listchain(self) -> list[pytest.Session]:
        return [self.session]


@dataclass(frozen=True)
class Running:
    """One mutant's child."""

    pid: int
    name: str
    slot: Slot
    #: On the monotonic clock.
    ends_at: float
    #: Says which test failed.
    heard: int


class Mutants:
    """A pytest plugin: instead of the tests once, the tests once and then again for each mutant."""

    def __init__(self, book: Book, names: Sequence[str]) -> None:
        self._book = book
        self._names = names
        self._failed = False
        self._seconds: dict[str, float] = {}
        self._reached_by: dict[str, set[str]] = {}
        #: By function: how many of its mutants each test has caught.
        self._caught_by: dict[str, Counter[str]] = defaultdict(Counter)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._failed = self._failed or report.failed
        self._seconds[report.nodeid] = self._seconds.get(report.nodeid, 0.0) + report.duration

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        set_mutant_under_test("stats")
        state()._stats.clear()  # what importing reached
        for item in session.items:
            self._run(item, None)
            if self._failed:
                pytest.exit(f"{item.nodeid} fails without a mutant", returncode=1)
            for function in state()._stats:
                self._reached_by.setdefault(function, set()).add(item.nodeid)
            state()._stats.clear()
        seconds = sum(self._seconds.values())
        print(f"\n{len(session.items)} tests pass without a mutant, in {seconds:.0f} s", file=sys.stderr)
        gc.freeze()  # so that a child copies less
        with _databases(session) as databases:
            self._try_all(session, databases)
        return True

    def _run(self, item: pytest.Item, slot: Slot | None) -> None:
        """Run a test; what the session set up stays."""
        if slot is not None:
            slot.take(item)
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=Between(item.session))

    def _try_all(self, session: pytest.Session, slots: list[Slot]) -> None:
        items = {item.nodeid: item for item in session.items}
        running: dict[int, Running] = {}
        done = 0
        for name in sorted(self._names, key=self._seconds_of):
            tests = [items[nodeid] for nodeid in self._tests_of(name)]
            if not tests:
                self._book.note(name, NO_TESTS)
                continue
            while not slots:
                slots += self._ended(running)
            done += 1
            print(f"\r{done} of {len(self._names)} mutants", end="", file=sys.stderr, flush=True)
            child = self._begin(name, tests, slots.pop())
            running[child.pid] = child
        while running:
            self._ended(running)

    def _tests_of(self, name: str) -> list[str]:
        """The tests that reach a mutant's function: first what caught others of it, then the quickest."""
        function = mangled_name_from_mutant_name(name)
        caught = self._caught_by[function]
        return sorted(
            self._reached_by.get(function, ()), key=lambda nodeid: (-caught[nodeid], self._seconds[nodeid], nodeid)
        )

    def _seconds_of(self, name: str) -> float:
        return sum(self._seconds[nodeid] for nodeid in self._tests_of(name))

    def _begin(self, name: str, tests: Sequence[pytest.Item], slot: Slot) -> Running:
        limit = (self._seconds_of(name) + config().timeout_constant) * config().timeout_multiplier
        heard, told = os.pipe()
        pid = os.fork()
        if pid == 0:
            os._exit(self._try(name, tests, slot, told))
        os.close(told)
        return Running(pid, name, slot, time.monotonic() + limit, heard)

    def _try(self, name: str, tests: Sequence[pytest.Item], slot: Slot, told: int) -> int:
        """In the child: run the tests until one fails, and say which."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        set_mutant_under_test(name)
        self._failed = False
        for item in tests:
            self._run(item, slot)
            if self._failed:
                os.write(told, item.nodeid.encode())
                return CAUGHT
        return SURVIVED

    def _ended(self, running: dict[int, Running]) -> list[Slot]:
        """The slots of children that ended meanwhile, or have to: a hung one is killed."""
        time.sleep(0.01)
        freed = []
        for child in list(running.values()):
            pid, status = os.waitpid(child.pid, os.WNOHANG)
            code = CAUGHT if os.waitstatus_to_exitcode(status) else SURVIVED
            if pid == 0 and time.monotonic() < child.ends_at:
                continue
            if pid == 0:
                os.kill(child.pid, signal.SIGKILL)
                os.waitpid(child.pid, 0)
                code = TIMEOUT
            with open(child.heard, encoding="utf-8") as heard:
                if nodeid := heard.read():
                    self._caught_by[mangled_name_from_mutant_name(child.name)][nodeid] += 1
            self._book.note(child.name, code)
            freed.append(running.pop(child.pid).slot)
        return freed


def _fixture(item: pytest.Item, name: str) -> Any:
    """A test's fixture of this name, if it asks for it."""
    found = item._fixtureinfo.name2fixturedefs.get(name) if isinstance(item, pytest.Function) else None
    return found[-1] if found else None


@contextlib.contextmanager
def _databases(session: pytest.Session) -> Iterator[list[Slot]]:
    """A database for each child that runs at a time; which tests empty before they begin."""
    [server, *_] = [f.cached_result[0] for i in session.items if (f := _fixture(i, "postgres")) and f.cached_result]
    [template, *_] = [f.cached_result[0] for i in session.items if (f := _fixture(i, "template")) and f.cached_result]
    with contextlib.ExitStack() as stack:
        yield [Slot(server, stack.enter_context(server.copy_of(template))) for _ in range(_CHILDREN)]


def main(wanted: Sequence[str]) -> int:
    """Make the mutants, note those that the types refuse, and try the others; pytest's exit code."""
    set_mutant_under_test("mutant_generation")
    copy_src_dir()
    copy_also_copy_files()
    setup_source_paths()
    mutmut.create_mutants(_CHILDREN)
    book, refused = Book.opened(), refused_by_types()
    names = []
    for name in book.open_ones(wanted):
        if name in refused:
            book.note(name, TYPES)
        else:
            names.append(name)
    print(f"{len(book.data)} mutants, {len(refused)} of them refused by types; {len(names)} to try", file=sys.stderr)
    os.chdir("mutants")
    return int(
        pytest.main([*_arguments(), *config().pytest_add_cli_args_test_selection], plugins=[Mutants(book, names)])
    )


def _arguments() -> list[str]:
    return ["--rootdir=.", "-q", "-s", "-p", "no:randomly", *config().pytest_add_cli_args]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
