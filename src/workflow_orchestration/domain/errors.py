"""Every failure a person or a program can meet, as one tree.

The class name is the `type` of the problem+json answer, `status` its HTTP status, the class docstring its
title, and `fix` what to do about it. 422 is for payloads only; conflicts are 404, 409, 410 or 403.
"""

from __future__ import annotations

from typing import Any

from workflow_orchestration.domain.model_run import Reason


class PlatformError(Exception):
    """Something failed."""

    status = 500
    fix = "Look at the log entry with this request's id; if it repeats, tell the operators."

    def __init__(self, detail: str | None = None, *, fix: str | None = None, **extra: Any) -> None:
        self.title = (type(self).__doc__ or "").strip().splitlines()[0].rstrip(".")
        self.detail = detail or self.title
        if fix is not None:
            self.fix = fix
        #: Further members of the problem document (names of fields, ids, times): JSON values only.
        self.extra = extra
        super().__init__(self.detail)


# -- who asks ----------------------------------------------------------------------------------------------


class Unauthenticated(PlatformError):
    """The request carries no valid token."""

    status = 401
    fix = "Send `Authorization: Bearer <token>`; on one machine `wo token` makes one."


class Forbidden(PlatformError):
    """Your roles do not allow this."""

    status = 403
    fix = "Ask somebody who holds one of the roles named here."


class SegregationOfDuties(Forbidden):
    """The same person may not act twice on one approval."""

    fix = "Somebody who is neither requester nor maker, and has not decided yet, must decide."


class RateLimited(PlatformError):
    """Too many requests from this principal."""

    status = 429
    fix = "Wait for the seconds in `Retry-After`, then send the request again."


# -- what is asked for -------------------------------------------------------------------------------------


class NotFound(PlatformError):
    """There is no such thing, or your desks may not see it."""

    status = 404
    fix = "Check the id; the list endpoints show what you may see."


class InvalidRequest(PlatformError):
    """The request's content cannot be used."""

    status = 422
    fix = "Correct the fields named in `errors`."


class MessageUnreadable(InvalidRequest):
    """The message is structurally damaged."""

    fix = "Correct the line and tag named here and send the whole message again; nothing of it was stored."


class UnsupportedMessage(PlatformError):
    """This kind of message is not supported."""

    status = 415
    fix = "Send a SWIFT MT540-548, MT537 or MT578 as text/plain."


class UnsupportedContent(PlatformError):
    """This endpoint does not take that content type."""

    status = 415
    fix = "Send the content type named here."


class MethodNotAllowed(PlatformError):
    """This endpoint does not take that method."""

    status = 405
    fix = "Use one of the methods in `Allow`."


class TooLarge(PlatformError):
    """The request body is larger than the limit."""

    status = 413
    fix = "Split it, or raise MESSAGE_MAX_BYTES."


class Conflict(PlatformError):
    """The thing has changed, or the request contradicts an earlier one."""

    status = 409
    fix = "Read it again and decide on what it says now."


class IdempotencyMismatch(InvalidRequest):
    """This Idempotency-Key was used before with another body."""

    fix = "Use a new key for a new request; send the same bytes to get the stored answer."


class NotOwner(Conflict):
    """Another owner has taken over this case."""

    fix = "Do nothing: the current owner decides."


class AlreadyDecided(Conflict):
    """The approval was decided already."""

    fix = "Nothing is left to decide; `decided_by` and `decided_at` say who and when."


class HashMismatch(Conflict):
    """What you were shown is not what is proposed now."""

    fix = "Show the approval again, read it, and send the `payload_hash` it carries."


class Superseded(PlatformError):
    """This approval was replaced by a newer one."""

    status = 410
    fix = "Open the approval named in `successor`."


# -- the engine ---------------------------------------------------------------------------------------------


class LeaseLost(PlatformError):
    """This worker no longer owns the work item; it may write nothing."""

    fix = "Nothing: the item's new owner carries on."


class InvalidUpdate(PlatformError):
    """A node returned an update that its state refuses."""

    fix = "Correct the node named here; the thread keeps its last valid state."


class EffectRefused(PlatformError):
    """A rule that can go stale forbids this delivery now."""

    status = 409
    fix = "See `rule`; retry the effect once it holds again, or cancel it."


class DeliveryFailed(PlatformError):
    """The receiver did not confirm the delivery."""

    status = 502
    fix = "The delivery is tried again with the same key; see the effect's `next_try_at`."


class ModelUnavailable(PlatformError):
    """The model gave no answer that can be used; the case goes on without it."""

    status = 503
    fix = "Nothing: people decide on code's findings. If it lasts, docs/howto/own-model.md explains each `reason`."

    def __init__(self, detail: str = "there is no model", *, reason: Reason = "not_configured") -> None:
        super().__init__(detail, reason=reason)
        self.reason: Reason = reason


class NotReady(PlatformError):
    """The service cannot work yet."""

    status = 503
    fix = "Wait for the database and its migrations (`wo migrate`)."


class SettingsError(PlatformError):
    """A setting is missing or unusable."""

    fix = "Correct the variable named here; docs/reference/environment.md explains each."
