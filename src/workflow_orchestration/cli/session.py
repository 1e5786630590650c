"""What every command shares: who acts, and the client made from it, when first needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import quote

import typer

from workflow_orchestration.cli.exits import WrongUsage

if TYPE_CHECKING:
    import httpx

    from workflow_orchestration.cli.client import Api
    from workflow_orchestration.settings import ClientSettings

#: A token made for `--as` lives this long, in minutes; each request gets a new one.
_ACTING_MINUTES = 5
_BOTH_WAYS = (
    "Set API_TOKEN (or --token) to a token from your issuer; or, on one machine, act as somebody: "
    "`wo --as anna:ops_approver:emea ...` (needs LOCAL_ISSUER_KEY)."
)


@dataclass(frozen=True)
class Actor:
    """Whom `--as` names: USER:role,role[:desk,desk]; without desks, all of them."""

    user: str
    roles: tuple[str, ...]
    desks: tuple[str, ...]


def parse_actor(text: str) -> Actor:
    """`anna:ops_approver,ops_analyst:emea` as an Actor."""
    user, _, rest = text.partition(":")
    roles, _, desks = rest.partition(":")
    if not user or not roles:
        raise WrongUsage(f"--as {text!r} names no user and role", "Write USER:role,role or USER:role:desk,desk.")
    return Actor(user, tuple(roles.split(",")), tuple(desks.split(",")) if desks else ("*",))


@dataclass
class Session:
    """Global options. `transport` and `sleep` are the wire and the clock, which tests replace."""

    token: str | None = None
    acting: Actor | None = None
    url: str | None = None
    transport: httpx.BaseTransport | None = None
    sleep: Callable[[float], None] | None = None

    @cached_property
    def settings(self) -> ClientSettings:
        from workflow_orchestration import settings  # late: pydantic costs more than the rest of `wo`

        return settings.load_client()

    @cached_property
    def api(self) -> Api:
        """The client; WrongUsage when nothing says who acts."""
        from workflow_orchestration.cli.client import Api  # late: httpx is slow to import

        more = {"sleep": self.sleep} if self.sleep else {}
        return Api(self.url or self.settings.api_url, self._token(), transport=self.transport, **more)

    def _token(self) -> Callable[[], str]:
        if self.token is not None:
            given = self.token
            return lambda: given
        if self.acting is not None:
            return self._local_token(self.acting)
        if self.settings.api_token is not None:
            secret = self.settings.api_token.get_secret_value()
            return lambda: secret
        raise WrongUsage("nothing says who is asking: there is no token", _BOTH_WAYS)

    def _local_token(self, actor: Actor) -> Callable[[], str]:
        from workflow_orchestration.cli.tokens import local_token  # late: pyjwt, only for --as

        return lambda: local_token(actor.user, actor.roles, actor.desks, minutes=_ACTING_MINUTES)


def session(ctx: typer.Context) -> Session:
    """The session that the root command made."""
    found = ctx.find_root().obj
    assert isinstance(found, Session)
    return found


def at(template: str, *parts: str) -> str:
    """A path with each part quoted: an id that holds a slash must not name another endpoint."""
    return template.format(*(quote(part, safe="") for part in parts))
