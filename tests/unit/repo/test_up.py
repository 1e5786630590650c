import os
import socket
import subprocess
import sys

import pytest

from ci.local import places, up
from ci.local.places import LocalError
from workflow_orchestration.settings import Settings


@pytest.fixture
def state(tmp_path, monkeypatch):
    monkeypatch.setattr(places, "STATE", tmp_path / ".state")
    monkeypatch.setattr(places, "PID_FILE", tmp_path / ".state" / "up.pid")
    return tmp_path / ".state"


@pytest.fixture
def taken_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def _settings(**ports):
    return Settings(database_url="postgresql://wo_api@/wo", **ports)


def test_a_busy_port_is_named_with_its_variable(taken_port):
    with pytest.raises(LocalError, match=f"^API_PORT: 127.0.0.1:{taken_port} is in use .* set another API_PORT"):
        up._check_ports(_settings(api_port=taken_port))


def test_the_workers_busy_port_is_named_too(taken_port):
    with pytest.raises(LocalError, match=r"^METRICS_PORT \+ 1 .* set another METRICS_PORT"):
        up._check_ports(_settings(api_port=_free_port(), metrics_port=taken_port - 1))


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_second_make_up_is_refused_in_one_line(state):
    holder = (
        "import sys; from pathlib import Path; from ci.local import places\n"
        "places.STATE = Path(sys.argv[1]); places.PID_FILE = places.STATE / 'up.pid'\n"
        "with places.only_one():\n    print('held', flush=True); sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", holder, str(state)]
    with subprocess.Popen(command, cwd=places.ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first:
        assert first.stdout.readline() == b"held\n"
        with pytest.raises(LocalError, match=r"already running.*make down"), places.only_one():
            pytest.fail("both hold the place")
        first.stdin.close()
    with places.only_one():
        assert places.PID_FILE.read_text() == str(os.getpid())
    assert not places.PID_FILE.exists()


def test_a_killed_make_ups_pid_file_means_nothing(state):
    state.mkdir()
    places.PID_FILE.write_text(str(os.getpid()))  # alive, but no `make up`
    assert places.running_pid() is None


def test_a_process_of_a_killed_make_up_is_found_and_stopped(monkeypatch, tmp_path):
    monkeypatch.setattr(places, "ROOT", tmp_path)
    env = {**os.environ, places.MARK: str(tmp_path)}
    orphan = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], env=env)
    assert [p.pid for p in places.leftovers()] == [orphan.pid]
    assert places.stop_leftovers(seconds=5) == 1
    assert orphan.poll() is not None
    assert places.leftovers() == []
