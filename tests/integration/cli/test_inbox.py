"""A folder as an inbox: what is taken, what is set aside, and what survives the platform and the process."""

from __future__ import annotations

import json

import httpx
import pytest

from tests.platform import SAMPLE
from workflow_orchestration.cli.client import Api
from workflow_orchestration.cli.exits import Refused
from workflow_orchestration.cli.inbox import Inbox

UNREADABLE = {"type": "MessageUnreadable", "detail": "line 3: 16R without 16S", "fix": "Correct it.", "line": 3}


class Platform:
    """Takes messages as the API does: equal bytes are one message. `trouble` is answered first, in turn."""

    def __init__(self, *trouble):
        self.messages = {}
        self.posts = 0
        self.trouble = list(trouble)

    def __call__(self, request):
        self.posts += 1
        if self.trouble:
            found = self.trouble.pop(0)
            if isinstance(found, BaseException):
                raise found
            return found
        if b"BAD" in request.content:
            return httpx.Response(422, json=UNREADABLE)
        known = request.content in self.messages
        message_id = self.messages.setdefault(request.content, f"m{len(self.messages) + 1}")
        return httpx.Response(202, json={"message_id": message_id, "duplicate": known, "items": []})


def inbox(folder, platform, *, on_sleep=lambda _seconds: None):
    api = Api("http://api", lambda: "t", transport=httpx.MockTransport(platform), sleep=lambda _seconds: None)
    return Inbox(folder, api, pause=1.0, sleep=on_sleep)


def names(folder):
    return sorted(p.name for p in folder.iterdir()) if folder.exists() else []


def test_every_file_is_posted_once_and_moved_to_done(tmp_path):
    (tmp_path / "a.fin").write_text("A")
    (tmp_path / "b.rje").write_text("{1:B}$\n{1:C}")
    platform = Platform()
    inbox(tmp_path, platform).run(once=True)
    assert list(platform.messages) == [b"A", b"{1:B}", b"{1:C}"]
    assert (names(tmp_path / "done"), names(tmp_path)) == (["a.fin", "b.rje"], ["done"])


def test_a_refused_file_is_set_aside_with_the_reason_beside_it(tmp_path):
    (tmp_path / "mixed.rje").write_text("{1:GOOD}${1:BAD}")
    watched = inbox(tmp_path, Platform())
    watched.run(once=True)
    assert names(tmp_path / "refused") == ["mixed.rje", "mixed.rje.reason.json"]
    reason = json.loads((tmp_path / "refused" / "mixed.rje.reason.json").read_text())
    assert reason["messages"][0]["message_id"] == "m1"
    told = reason["messages"][1]["refused"]
    assert (told["type"], told["cause"], told["line"]) == ("MessageUnreadable", UNREADABLE["detail"], 3)
    assert (watched.done, watched.refused) == (0, 1)


def test_bytes_that_are_no_text_reach_the_platform_as_they_are(tmp_path):
    (tmp_path / "binary.fin").write_bytes(b"\xff\x00\xfe")
    platform = Platform()
    inbox(tmp_path, platform).run(once=True)
    assert list(platform.messages) == [b"\xff\x00\xfe"]


def test_an_empty_file_is_judged_by_the_platform_too(tmp_path):
    (tmp_path / "empty.fin").touch()
    platform = Platform()
    inbox(tmp_path, platform).run(once=True)
    assert platform.posts == 1


@pytest.mark.parametrize("name", [".hidden", "half.part", "half.tmp"])
def test_hidden_and_unfinished_files_are_left_alone(tmp_path, name):
    (tmp_path / name).write_text("A")
    platform = Platform()
    inbox(tmp_path, platform).run(once=True)
    assert (platform.posts, names(tmp_path)) == (0, [name])


def test_a_file_that_still_grows_is_not_taken(tmp_path):
    growing = tmp_path / "a.fin"
    growing.write_text("A")
    platform = Platform()
    looks = []

    def write_more(_seconds):
        looks.append(platform.posts)
        if len(looks) < 4:
            growing.write_text("A" * (len(looks) + 1))

    inbox(tmp_path, platform, on_sleep=write_more).run(once=True)
    assert looks == [0, 0, 0, 0]
    assert list(platform.messages) == [b"AAAA"]


def test_while_the_platform_is_away_it_waits_and_loses_nothing(tmp_path):
    (tmp_path / "a.fin").write_text("A")
    away = [httpx.ConnectError("refused")] * 4 + [httpx.Response(503, json={"type": "NotReady"})] * 4
    platform, waits = Platform(*away), []
    inbox(tmp_path, platform, on_sleep=waits.append).run(once=True)
    assert (list(platform.messages), names(tmp_path / "done")) == ([b"A"], ["a.fin"])
    assert waits == [1.0, 1.0, 2.0]  # between the two looks, then while it is away, longer each time


def test_a_refused_token_ends_the_watch_and_the_file_stays(tmp_path):
    (tmp_path / "a.fin").write_text("A")
    with pytest.raises(Refused, match="Unauthenticated"):
        inbox(tmp_path, Platform(httpx.Response(401, json={"type": "Unauthenticated"}))).run(once=True)
    assert names(tmp_path) == ["a.fin"]


class Killed(BaseException):
    """The process is gone: nothing after this line runs."""


def test_killed_between_post_and_move_the_same_bytes_stay_one_message(tmp_path, monkeypatch):
    (tmp_path / "a.fin").write_text("A")
    platform = Platform()
    with monkeypatch.context() as patched:
        patched.setattr("workflow_orchestration.cli.inbox._moved", killed)
        with pytest.raises(Killed):
            inbox(tmp_path, platform).run(once=True)
    assert names(tmp_path) == ["a.fin"]
    inbox(tmp_path, platform).run(once=True)
    assert (platform.messages, platform.posts) == ({b"A": "m1"}, 2)
    assert names(tmp_path / "done") == ["a.fin"]


def killed(*_args):
    raise Killed


@pytest.mark.parametrize("at", range(6))
def test_killed_at_any_post_every_message_arrives_once(tmp_path, at):
    for name in "abc":
        (tmp_path / f"{name}.rje").write_text(f"{{1:{name}1}}${{1:{name}2}}")
    platform = Platform()
    with pytest.raises(Killed):
        inbox(tmp_path, dying(platform, at)).run(once=True)
    inbox(tmp_path, platform).run(once=True)
    assert sorted(platform.messages) == [f"{{1:{name}}}".encode() for name in ("a1", "a2", "b1", "b2", "c1", "c2")]
    assert names(tmp_path / "done") == ["a.rje", "b.rje", "c.rje"]


def dying(platform, at):
    """Takes `at` messages and one more, but its sender is gone before it hears of that one."""

    def handler(request):
        answer = platform(request)
        if platform.posts > at:
            raise Killed
        return answer

    return handler


def test_a_file_never_replaces_another_of_its_name(tmp_path):
    platform = Platform()
    for content in ("A", "B", "C"):
        (tmp_path / "same.fin").write_text(content)
        inbox(tmp_path, platform).run(once=True)
    done = tmp_path / "done"
    assert {name: (done / name).read_text() for name in names(done)} == {
        "same.fin": "A", "same.fin.2": "B", "same.fin.3": "C"}  # fmt: skip


def test_a_file_that_another_watcher_took_is_no_error(tmp_path):
    (tmp_path / "a.fin").write_text("A")
    watched = inbox(tmp_path, Platform())
    assert watched.complete() == []
    [file] = watched.complete()
    file.unlink()
    watched.take(file)
    assert watched.done == 0


def test_ctrl_c_says_what_waits_and_ends_with_130(tmp_path, monkeypatch, wo):
    (tmp_path / "a.fin").write_text("A")

    def interrupted(_self, *, once):
        raise KeyboardInterrupt

    monkeypatch.setattr(Inbox, "run", interrupted)
    ended = wo("feed", "messages", "watch", str(tmp_path))
    assert ended.code == 130
    assert "1 still wait" in ended.err
    assert "Traceback" not in ended.err


def test_the_real_platform_takes_and_refuses(tmp_path, wo):
    cut = "{1:F01WOTRDEFFAXXX0001000001}{2:O5480915261123CUSTDEFFAXXX00010000012611230915N}{4:\n:16R:GENL\n-}"
    (tmp_path / "bad.fin").write_text(cut)
    (tmp_path / "good.fin").write_bytes((SAMPLE / "messages" / "mt548-nmat-dmon-WO-1001.fin").read_bytes())
    ended = wo("feed", "messages", "watch", str(tmp_path), "--once", "--every", "0.05")
    assert (ended.code, names(tmp_path / "done")) == (0, ["good.fin"])
    assert names(tmp_path / "refused") == ["bad.fin", "bad.fin.reason.json"]
    assert "1 done, 1 refused; 0 still wait" in ended.err
