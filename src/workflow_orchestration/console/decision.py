"""A decision from the page: bound to the hash of what the page showed, answered in place.

The hash comes from the form and from nowhere else: what somebody decides on is what they had before their eyes.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from workflow_orchestration.api.endpoint import record_refusal
from workflow_orchestration.api.services import Services, Use
from workflow_orchestration.console import forms
from workflow_orchestration.console.page import answer_problem, asks_for_part, page, part, problem
from workflow_orchestration.console.session import Visitor, VisitorRoute
from workflow_orchestration.domain.errors import Forbidden, InvalidRequest, PlatformError
from workflow_orchestration.domain.roles import Principal
from workflow_orchestration.store import approvals
from workflow_orchestration.store.db import Row
from workflow_orchestration.store.decide import decide

router = APIRouter(route_class=VisitorRoute, include_in_schema=False)

#: What came of a decision, for the person who made it.
_TOLD = {
    "approved": ("Approved", "That was the last approval needed: the platform carries it out now, once."),
    "pending": ("Your approval is recorded", "It needs {missing} from somebody else; nothing happens before that."),
    "rejected": ("Rejected", "The case goes on without this proposal."),
    "edit": ("Your edit is proposed", "All checks run again, and others decide on the new approval."),
    "request_info": ("Your question is asked", "A new approval opens once it is answered."),
    "escalate": ("Escalated to {tier}", "The same proposal waits for the next tier now."),
}  # fmt: skip


@router.post("/approvals/{approval_id}/decide")
async def decide_here(approval_id: UUID, request: Request, services: Use, visitor: Visitor) -> Response:
    form = await forms.read(request)
    try:
        answer = await _decide(services, str(approval_id), form, visitor)
    except PlatformError as error:
        if isinstance(error, Forbidden):
            await record_refusal(services, request, visitor, error)
        return _refused(request, error, form)
    told = _told(answer)
    if not asks_for_part(request):
        return page(request, "decided.html", answer=answer, told=told)
    response = part("_decided.html", answer=answer, told=told)
    response.headers.update({"HX-Retarget": "#decision", "HX-Reswap": "outerHTML", "HX-Trigger": "decided"})
    return response


async def _decide(services: Services, approval_id: str, form: dict[str, str], visitor: Principal) -> dict[str, Any]:
    forms.check(form)
    shown = await services.read(lambda conn: approvals.get_visible(conn, approval_id, visitor))
    body = forms.decision(form, shown["action"], shown["content"]["params"])
    if body.get("edited_params") == {}:
        raise InvalidRequest("no parameter was changed", fix="Change one, or choose another decision.")
    answer = await services.write(lambda conn: decide(conn, approval_id, body, visitor, services.policy))
    services.woke(answer["case_id"])
    return answer


def _refused(request: Request, error: PlatformError, form: dict[str, str]) -> Response:
    """The refusal beside the form, which keeps what was typed."""
    back = f"/cases/{form['case_id']}" if form.get("case_id") else "/queue"
    error.extra.setdefault("case_id", form.get("case_id"))
    if not asks_for_part(request):
        return answer_problem(request, error, back=back)
    return part("_problem.html", status=error.status, problem=problem(error))


def _told(answer: Row) -> dict[str, str]:
    what = "escalate" if "successor" in answer else str(answer.get("by_what", answer["state"]))
    missing = max(1, answer["needed"] - answer.get("approvals", 0))
    values = {"missing": "1 more approval" if missing == 1 else f"{missing} more approvals", "tier": answer["tier"]}
    title, detail = _TOLD[what]
    return {"title": title.format(**values), "detail": detail.format(**values)}
