"""What is missing on a machine is said in one line, with what to do."""

import subprocess
import time

import psutil
import pytest

from ci.local.killing import free_port
from ci.models import places
from ci.models.server import Server

PATH = "/usr/bin:/bin"


def _ended(*command: str, **env: str) -> str:
    done = subprocess.run(command, cwd=places.ROOT, env=env, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    return line


def test_an_environment_that_nobody_knows_is_named(tmp_path):
    line = _ended("sh", "ci/models/setup.sh", "sglang", PATH=PATH, XDG_CACHE_HOME=str(tmp_path))
    assert line == "sglang: there is no ci/models/sglang.lock"


def test_a_disk_without_room_is_named_before_anything_is_downloaded(tmp_path):
    (tmp_path / "df").write_text("#!/bin/sh\necho head\necho 'disk 1 1 1048576 1% /'\n")
    (tmp_path / "df").chmod(0o755)
    line = _ended("sh", "ci/models/setup.sh", "vllm", PATH=f"{tmp_path}:{PATH}", XDG_CACHE_HOME=str(tmp_path))
    assert line == f"vllm: {tmp_path}/workflow-orchestration has 1 GiB free; 8 are needed"


def test_ollama_without_go_says_what_it_needs(tmp_path):
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("cat", "cksum", "tr", "mkdir", "flock", "dirname"):
        (tools / name).symlink_to(f"/usr/bin/{name}")
    line = _ended("/bin/sh", "ci/models/ollama/build.sh", PATH=str(tools), XDG_CACHE_HOME=str(tmp_path))
    assert line == "ollama: Go is not installed; Go 1.26 or newer is needed"


def test_a_script_that_fails_stops_whoever_called_it(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere:/usr/bin:/bin")
    with pytest.raises(places.NotReadied, match=r"ci/models/setup\.sh sglang .* ended with 1"):
        places._printed("ci/models/setup.sh", "sglang", "python3")


def _server(folder, script: str, **changes) -> Server:
    env = {"PATH": PATH}
    return Server("made", ["sh", "-c", script], env, free_port(), "/", folder, "tiny", **changes)


def test_a_server_that_ends_at_its_start_shows_its_last_words(tmp_path):
    with pytest.raises(RuntimeError, match="made ended with 3:\nno weights"):
        _server(tmp_path, "echo no weights; exit 3").start()


def test_a_server_that_never_answers_is_given_up_and_leaves_nothing_behind(tmp_path):
    server = _server(tmp_path, "sleep 60 & wait", start_seconds=0.5)
    with pytest.raises(TimeoutError, match="made did not answer within 0 s"):
        server.start()
    assert not server.runs
    assert not [p for p in psutil.process_iter(["cwd"]) if p.info["cwd"] == str(tmp_path)]


def test_a_server_that_does_not_heed_sigterm_is_killed(tmp_path):
    server = _server(tmp_path, "trap '' TERM; echo deaf; while :; do sleep 0.1; done", start_seconds=0.5)
    with server.log.open("wb") as log:
        server.process = subprocess.Popen(server.command, stdout=log, start_new_session=True)
    while server.log.read_text() != "deaf\n":  # until then SIGTERM ends it
        time.sleep(0.01)
    server.stop(seconds=0.3)
    assert server.process.returncode == -9
