"""The drill: a backup, work that goes on after it, the namespace destroyed, and everything brought back from the dump.

The receiver is outside and keeps what it has; here that is its folder, which the test carries over as the world would.
"""

from __future__ import annotations

import shutil
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from ci.cluster.places import VOLUMES
from ci.local.demo import Demo
from ci.local.story import sample
from tests.cluster import report
from tests.cluster.conftest import address, outbox
from tests.cluster.crowd import Crowd, at_work
from tests.cluster.kube import until
from tests.cluster.release import Release, settings, token
from tests.failure.harness.receiver import file_name


@dataclass
class Drill:
    """What was there before the destruction, and what came back."""

    release: Release
    dump: str
    #: Its case waited for people at the backup, who decided after it.
    waiting: Demo
    waiting_case: str
    #: Worked before the backup; and after it.
    before: Crowd
    after: Crowd
    #: The receiver's files at the destruction: name -> text.
    received: dict[str, str]
    #: Names of those that the receiver had at the backup.
    at_backup: set[str]
    #: Seconds from backup to destruction, and from destruction to all ready.
    rpo: float
    rto: float


def _read(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.glob("*.fin")}


@pytest.fixture(scope="module")
def drill(release: Release, tmp_path_factory: pytest.TempPathFactory) -> Drill:
    if not release.cluster.is_own_node:
        pytest.skip("the receiver's folder is read on the node, and this node is another machine's")
    kept = tmp_path_factory.mktemp("kept")
    url = address(release)
    before, after = Crowd(url, outbox(release), first=500_000), Crowd(url, outbox(release), first=502_000)
    with at_work(before):
        before.await_more(3)
    demo = Demo(settings(url))
    demo._book_the_trade()
    case = demo._post(sample("mt548-nmat-dmon-WO-1002"))
    demo._until(lambda: demo._pending(case), "an approval")
    at_backup = set(_read(outbox(release)))
    dump = _back_up(release, kept)
    backed_up = time.monotonic()
    _approve(demo, case)
    demo._until(lambda: demo._delivered(case), "the cancellation's delivery")
    with at_work(after):
        after.await_more(3)
    received = _read(outbox(release))
    shutil.copytree(outbox(release), kept / "outbox")
    destroyed = time.monotonic()
    release.kubectl("delete", "namespace", release.namespace, "--wait", seconds=180)
    _bring_back(release, kept, dump)
    done = time.monotonic()
    return Drill(release, dump, demo, case, before, after, received, at_backup, destroyed - backed_up, done - destroyed)


def _approve(demo: Demo, case: str) -> None:
    for name in ("ann", "ben"):
        shown = demo._pending(case)
        body = {"decision": "approve", "payload_hash": shown["payload_hash"]}
        demo.people[name].call("POST", f"/v1/approvals/{shown['id']}/decisions", expect=200, json=body)


def _back_up(release: Release, kept: Path) -> str:
    """By the CronJob's own template, then off the cluster."""
    name = f"{release.name}-checkpoints-backup"
    release.kubectl("create", "job", "backup-now", f"--from=cronjob/{name}")
    release.kubectl("wait", "--for=condition=complete", "job/backup-now", "--timeout=90s")
    volume = _volume_of(release, name)
    dump = max(path.name for path in volume.glob("wo-*.dump"))
    shutil.copy(volume / dump, kept / dump)
    return dump


def _volume_of(release: Release, claim: str) -> Path:
    name = release.cluster.get(release.namespace, "pvc", claim)["spec"]["volumeName"]
    return Path(release.cluster.get("", "pv", name)["spec"]["local"]["path"])


def _bring_back(release: Release, kept: Path, dump: str) -> None:
    """The steps of docs/howto/operate.md, `Restore`, in their order."""
    release.prepare()
    release.install("--set", "api.enabled=false")
    target = _volume_of(release, f"{release.name}-checkpoints-backup")
    assert target.is_relative_to(VOLUMES)
    shutil.copy(kept / dump, target / dump)
    release.upgrade("--set", "api.enabled=false", "--set", f"checkpoints.restore.file={dump}")
    labels = "app.kubernetes.io/component=restore"
    release.kubectl("wait", "--for=condition=complete", "job", "-l", labels, "--timeout=120s")
    release.database(
        "insert into kill_switches (scope, engaged, reason, set_by) values ('all', true, 'restored from a backup', "
        "'operator') on conflict (scope) do update set engaged = true, reason = excluded.reason"
    )
    release.upgrade()
    release.await_ready("worker", 2)
    shutil.copytree(kept / "outbox", outbox(release), dirs_exist_ok=True)
    shutil.chown(outbox(release), 10001, 10001)
    for path in outbox(release).iterdir():
        shutil.chown(path, 10001, 10001)


def _operator(drill: Drill, method: str, path: str, **content: object) -> object:
    headers = {"Authorization": f"Bearer {token('olga', ['operator', 'auditor', 'ops_supervisor'])}"}
    answer = httpx.request(method, address(drill.release) + path, headers=headers, timeout=30, **content)  # type: ignore[arg-type]
    answer.raise_for_status()
    return answer.json()


def test_no_effect_leaves_before_people_have_compared(drill: Drill) -> None:
    switches = _operator(drill, "GET", "/v1/kill-switches")
    assert "'engaged': True" in str(switches)
    assert _read(outbox(drill.release)) == drill.received
    report.note(f"restore drill: backup {drill.rpo:.0f} s before the loss, all ready {drill.rto:.0f} s after it")


def test_every_case_that_the_backup_held_is_there_as_it_was(drill: Drill) -> None:
    drill.before.url = address(drill.release)
    drill.before.outbox = outbox(drill.release)
    assert len(drill.before.plays) >= 3
    assert drill.before.findings() == []


def test_what_left_since_the_backup_is_listed(drill: Drill) -> None:
    """The receiver's files that no effect of the restored database knows: people look at each."""
    listed = _lost(drill)
    done = [play for play in drill.after.plays if play.outcome == "done"]
    assert listed == sorted(drill.received.keys() - drill.at_backup)
    assert listed
    for play in done:
        known = drill.release.database(f"select 1 from cases where id = '{play.case_id}'")
        assert known == [], f"case {play.case_id} was opened after the backup and is there"
    report.note(f"restore drill: {len(listed)} messages left since the backup and are listed, {len(done)} cases lost")


def _lost(drill: Drill) -> list[str]:
    known = {
        file_name(f"{source}:{step}") for source, step in drill.release.database("select source, step from effects")
    }
    return sorted(set(drill.received) - known)


def test_what_was_decided_after_the_backup_is_decided_again_and_leaves_no_second_message(drill: Drill) -> None:
    demo = Demo(settings(address(drill.release)), reference=drill.waiting.reference)
    _approve(demo, drill.waiting_case)
    refused = until(lambda: _refused(drill), "an effect that the kill switch refused", seconds=60)
    assert _read(outbox(drill.release)) == drill.received
    _operator(drill, "PUT", "/v1/kill-switches/all", json={"engaged": False, "reason": "compared with the receiver"})
    _operator(drill, "POST", f"/v1/effects/{refused}/retry", json={})
    until(lambda: demo._delivered(drill.waiting_case), "the cancellation's delivery", seconds=60)
    assert _read(outbox(drill.release)) == drill.received


def _refused(drill: Drill) -> str | None:
    case = f"case_id = '{drill.waiting_case}'"
    rows = drill.release.database(f"select id from effects where state = 'refused' and {case}")
    return rows[0][0] if rows else None


def test_nothing_is_doubled_and_the_log_is_valid_after_it(drill: Drill) -> None:
    texts = Counter(_read(outbox(drill.release)).values())
    assert [text for text, n in texts.items() if n > 1] == []
    proof = _operator(drill, "GET", "/v1/log/verify")
    assert "'valid': True" in str(proof), proof
