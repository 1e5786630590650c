"""SIGKILL at every kind of commit that a worker makes: the story ends as if nothing had happened."""

from __future__ import annotations

from ci.local import kill_demo


async def test_a_worker_killed_at_any_commit_loses_nothing_and_doubles_nothing(postgres):
    commits, hits, wrong = await kill_demo.run(postgres, kill_demo.one_of_each, say=False)
    assert not wrong
    assert commits > 50
    assert len(hits) >= 10
    assert all(count > 0 for count in hits.values()), hits
