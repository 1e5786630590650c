from tests.integration.console import story


async def _told(pool, case_id):
    async with pool.connection() as conn:
        found = await (
            await conn.execute(
                "select type, actor ->> 'id' as who from log_entries where stream = %s order by seq", (case_id,)
            )
        ).fetchall()
    return [(row["type"], row["who"]) for row in found]


async def test_an_operator_tries_a_refused_effect_again(visit, asked, pool):
    async with pool.connection() as conn, conn.transaction():
        effect = await story.refused_effect(conn, asked)
    browser = visit("sue", roles=("ops_supervisor",), part=True)
    assert "the instruction has settled" in (await browser.get(f"/cases/{asked.case_id}/live")).text
    answer = await browser.post(f"/effects/{effect}/retry", data={"case_id": asked.case_id})
    assert (answer.status_code, answer.headers["hx-trigger"]) == (200, "decided")
    assert ("effect.retried", "sue") in await _told(pool, asked.case_id)


async def test_an_operator_withdraws_an_effect_once(visit, asked, pool):
    async with pool.connection() as conn, conn.transaction():
        effect = await story.refused_effect(conn, asked)
    browser = visit("sue", roles=("ops_supervisor",), part=True)
    assert (await browser.post(f"/effects/{effect}/cancel", data={"case_id": asked.case_id})).status_code == 200
    again = await browser.post(f"/effects/{effect}/cancel", data={"case_id": asked.case_id})
    assert again.status_code == 409
    assert again.headers["hx-retarget"] == "#notice"


async def test_approvers_are_offered_no_operators_buttons_and_refused_without(visit, asked, pool):
    async with pool.connection() as conn, conn.transaction():
        effect = await story.refused_effect(conn, asked)
    browser = visit("ann", part=True)
    assert "Try again" not in (await browser.get(f"/cases/{asked.case_id}/live")).text
    answer = await browser.post(f"/effects/{effect}/retry", data={"case_id": asked.case_id})
    assert answer.status_code == 403


async def test_the_queue_shows_a_task_to_its_role_alone(visit, asked, pool):
    async with pool.connection() as conn, conn.transaction():
        await story.open_task(conn, asked)
    assert "Tasks for your roles" in (await visit("kim", roles=("ops_analyst",)).get("/queue")).text
    assert "Tasks for your roles" not in (await visit("ann").get("/queue")).text


async def test_a_task_ends_with_its_answer(visit, asked, pool):
    async with pool.connection() as conn, conn.transaction():
        task = await story.open_task(conn, asked)
    browser = visit("kim", roles=("ops_analyst",), part=True)
    answer = await browser.post(f"/tasks/{task}/complete", data={"answer": "EUR 250000"})
    assert answer.status_code == 200
    assert ("task.completed", "kim") in await _told(pool, asked.case_id)
    assert "Done by kim" in (await browser.get(f"/cases/{asked.case_id}/live")).text


async def test_a_task_for_another_role_is_refused(visit, asked, pool):
    async with pool.connection() as conn, conn.transaction():
        task = await story.open_task(conn, asked)
    answer = await visit("ann", part=True).post(f"/tasks/{task}/complete", data={"answer": "x"})
    assert answer.status_code == 403
    assert "ops_analyst" in answer.text


async def test_without_script_the_case_is_shown_again(visit, asked, pool):
    async with pool.connection() as conn, conn.transaction():
        task = await story.open_task(conn, asked)
    answer = await visit("kim", roles=("ops_analyst",)).post(f"/tasks/{task}/complete", data={"answer": "done"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/cases/{asked.case_id}")
