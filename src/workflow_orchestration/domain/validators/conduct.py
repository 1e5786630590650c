"""V08-V15: may this be done now, by these people, on this knowledge?"""

from __future__ import annotations

from datetime import timedelta

from workflow_orchestration.domain import calendars, codes, injection, judging, playbook, sanctions
from workflow_orchestration.domain.actions import ACTIONS
from workflow_orchestration.domain.cases import same_status
from workflow_orchestration.domain.validators.base import Context, Verdict, verdict


def cutoff(context: Context) -> Verdict:
    """V08: a cut-off that still serves the action. One that has passed is a WARN and sets the next."""
    market, now = context.facts.market, context.facts.now
    if market is None:
        return "NOT_RUN", "no market on file for the account: its cut-offs are not known"
    try:
        coming = calendars.next_cutoff(market, now)
        today = calendars.last_cutoff_today(market, now)
    except calendars.NoCalendarError as error:
        return "NOT_RUN", str(error)
    if coming is None:
        return "FAIL", f"no cut-off of {market.market} within the next 15 days can serve this"
    said = f"next cut-off of {market.market} is {coming:%Y-%m-%d %H:%M} UTC"
    if today is not None and now >= today:
        return "WARN", f"today's last cut-off has passed; {said}"
    return "PASS", said


def screening(context: Context) -> Verdict:
    """V09: no party or agent named may be on a sanctions list."""
    listed = context.facts.sanctions
    if not listed:
        return "NOT_RUN", "no sanctions list is loaded"
    lists = sorted({f"{entry.list_name} {entry.list_version}" for entry in listed})
    hits = [f"{hit.screened} may be {hit.entry} (score {hit.score})" for hit in sanctions.screen(context.facts)]
    checked = len(sanctions.screened(context.facts))
    if not checked:
        return "NOT_RUN", "nobody is named in this case"
    return verdict(hits, f"{checked} names and BICs against {', '.join(lists)}")


def grounding(context: Context) -> Verdict:
    """V10: every fact in a model's text stands in the evidence that it cites."""
    said = context.commentary
    if said is None or not said.statements():
        return "NOT_APPLICABLE", "no model text in this proposal"
    held = {**context.evidence, **{e.id: f"{e.source}\n{e.excerpt}" for e in said.evidence}}
    faults = [fault for s in said.statements() if (fault := judging.loose(s.text, s.evidence, held))]
    return verdict(faults, f"{len(said.statements())} texts of agents state only what their evidence states")


def in_enum(context: Context) -> Verdict:
    """V11: the action exists and suits root cause and state."""
    action, assessment, status = context.action, context.assessment, context.facts.status
    if action not in ACTIONS:
        return "FAIL", f"{action} is no action; known: {', '.join(sorted(ACTIONS))}"
    if action not in playbook.allowed(assessment):
        return "FAIL", f"{action} does not suit root cause {assessment.root_cause}"
    over = codes.ended(status) if status else None
    if over and any(step.kind == "message" for step in context.steps) and not context.expected_meanwhile():
        return "FAIL", f"{action} sends a message, but the instruction is {over}"
    return "PASS", f"{action} suits root cause {assessment.root_cause}"


def segregation(context: Context) -> Verdict:
    """V12: who decides is neither requester nor maker and has not decided yet."""
    if context.decider is None:
        return "NOT_RUN", "nobody decides yet"
    roles = {
        "the requester": (context.requester,),
        "a maker": context.makers,
        "a decider already": context.earlier_deciders,
    }
    faults = [f"{context.decider} is {name}" for name, people in roles.items() if context.decider in people]
    return verdict(faults, f"{context.decider} is neither requester nor maker and has not decided")


def freshness(context: Context) -> Verdict:
    """V13: the status was stated recently enough for its market, and is what the proposal was made on."""
    facts, then = context.facts, context.status_then
    if facts.status_as_of is None:
        return "NOT_RUN", "no external status was ever stated"
    if facts.market is None:
        return "NOT_RUN", "no market on file for the account: how old a status may be is not known"
    limit = timedelta(minutes=facts.market.status_max_age_minutes)
    age = facts.now - facts.status_as_of
    if age > limit:
        return "FAIL", f"the status is {_minutes(age)} minutes old; {facts.market.market} allows {_minutes(limit)}"
    if then is not None and facts.status is not None and _changed(context):
        return "FAIL", f"the status is now {', '.join(codes.labels(facts.status))}; the proposal was made on another"
    unchanged = " and what the proposal was made on" if then is not None else ""
    return "PASS", f"the status is {_minutes(age)} minutes old{unchanged}"


def _minutes(span: timedelta) -> int:
    return int(span.total_seconds() // 60)


def _changed(context: Context) -> bool:
    """Another status than then, unless an earlier step of the same proposal was to bring it about."""
    then, now = context.status_then, context.facts.status
    if then is None or now is None or same_status(then, now):
        return False
    return not codes.confirms(now, context.expected_meanwhile())


def same_hash(context: Context) -> Verdict:
    """V14: what was approved is what would be done."""
    approved, proposed = context.approved_hash, context.proposed_hash
    if approved is None or proposed is None:
        return "NOT_RUN", "nothing is approved yet"
    faults = [] if approved == proposed else [f"approved {approved}, but proposed is {proposed}"]
    return verdict(faults, f"approved and proposed are {approved}")


def outside_text(context: Context) -> Verdict:
    """V15: a narrative that reads like an instruction is flagged; it changes no parameter, only the tier."""
    items = context.facts.items
    found = injection.suspected(text for item in items for text in injection.free_texts(item))
    if found:
        return "WARN", f"suspected_injection: {', '.join(found)}; two people incl. a supervisor decide"
    return "PASS", f"free text of {len(items)} items reads like data"
