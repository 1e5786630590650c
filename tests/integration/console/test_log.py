import re

from workflow_orchestration.store import lifecycle, log


def _ids(stream):
    return [int(n) for n in re.findall(r"^id: (\d+)\r?$", stream, re.MULTILINE)]


async def _ended(pool, asked):
    async with pool.connection() as conn, conn.transaction():
        await lifecycle.cancel(conn, asked.case_id, actor=log.WORKER)


async def test_the_stream_carries_every_entry_and_ends_with_the_case(visit, asked, pool):
    await _ended(pool, asked)
    stream = (await visit("ann").get(f"/cases/{asked.case_id}/log")).text
    ids = _ids(stream)
    assert ids == list(range(1, len(ids) + 1))
    assert stream.rstrip().endswith("data: {}")
    assert "event: end" in stream
    assert 'id="log-1"' in stream


async def test_the_stream_resumes_after_the_last_entry_a_browser_has(visit, asked, pool):
    await _ended(pool, asked)
    stream = (await visit("ann").get(f"/cases/{asked.case_id}/log?after=1", headers={"Last-Event-ID": "3"})).text
    assert _ids(stream)[0] == 4


async def test_entries_of_a_step_that_ran_again_are_marked_as_replaced(visit, asked, pool):
    run = "0197e0c0-0000-7000-8000-000000000001"
    async with pool.connection() as conn, conn.transaction():
        for epoch in (1, 2):
            await log.append(
                conn,
                asked.case_id,
                [log.Entry("case.looked", log.WORKER, {"try": str(epoch)}, run_id=run, task_id="t", epoch=epoch, n=0)],
            )
    page = (await visit("ann").get(f"/cases/{asked.case_id}")).text
    replaced = re.findall(r'<li id="log-(\d+)" class="replaced', page)
    assert len(replaced) == 1
    assert page.count("replaced: this step ran again after a crash</em>") > 1
