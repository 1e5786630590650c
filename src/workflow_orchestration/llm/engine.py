"""One request to the model server through langchain-openai, and what its answer or its failure means.

langchain-openai is imported when the first gateway is opened: half a second and 40 MiB that a worker without a model
never pays.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import httpx

from workflow_orchestration.llm import prompts
from workflow_orchestration.llm.config import ModelConfig
from workflow_orchestration.llm.contract import OnToken

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage
    from langchain_core.runnables import RunnableConfig
    from langchain_openai import ChatOpenAI

#: Seconds to a connection: a server that is being stopped may let a new one hang.
_CONNECT_SECONDS = 3.0
_RETRIED = frozenset({408, 429})
_TOO_MANY, _UNAVAILABLE = 429, 503
#: How vLLM and Ollama say in a 503 that their queue is full.
_BUSY = "busy"
#: Says that the server is no use to us as it is, or not ours: asking it on would fail every case the same way.
_UNUSABLE = frozenset({401, 403, 404})
#: Ends that another try may cure: the engine was stopped, or failed, or the connection was cut.
_CURABLE_ENDS = frozenset({"abort", "error", ""})
#: Before the outcome of a try that was answered, but not whole.
END = "end:"
#: Of what a server says of its refusal, in characters.
_QUOTED = 200
#: Hides the request from LangGraph's stream of messages: tokens go to `on_token` alone.
_QUIET: RunnableConfig = {"tags": ["nostream"]}


@dataclass(frozen=True)
class Reply:
    """What the engine wrote, and how it ended."""

    text: str
    #: "" when it did not say, as when a stream was cut.
    finish_reason: str
    #: As the engine counted; estimates where it did not.
    tokens_in: int
    tokens_out: int
    #: The engine's own name of the request; "" in a stream, which does not tell.
    engine_id: str


class TryError(Exception):
    """One request failed: what it was, whether it is worth another, and whether it speaks against the server."""

    def __init__(self, outcome: str, *, again: bool, blames_server: bool, detail: str, wait: float = 0) -> None:
        super().__init__(detail)
        #: For the metrics: a status, an end, or a word.
        self.outcome = outcome
        self.again = again
        self.blames_server = blames_server
        self.detail = detail
        #: Seconds the server asked to be left alone for.
        self.wait = wait


def http_client(config: ModelConfig) -> httpx.AsyncClient:
    timeout = httpx.Timeout(config.timeout, connect=min(_CONNECT_SECONDS, config.timeout))
    # none is kept: a Service chooses a server for each connection, and a kept one would lead every question of a busy
    # worker to the same, also while that one drains
    limits = httpx.Limits(max_connections=config.at_once, max_keepalive_connections=0)
    return httpx.AsyncClient(timeout=timeout, limits=limits)


def chat_model(config: ModelConfig, client: httpx.AsyncClient) -> ChatOpenAI:
    """The one factory for vLLM, Ollama and whatever else speaks the protocol; it never retries by itself."""
    from langchain_openai import ChatOpenAI
    from pydantic import SecretStr

    return ChatOpenAI(
        model=config.model,
        base_url=config.base_url,
        api_key=config.api_key or SecretStr("none"),  # the library insists on one; Ollama reads none
        http_async_client=client,
        timeout=client.timeout,
        max_retries=0,
        stream_usage=True,
        stream_chunk_timeout=None,
        use_responses_api=False,
    )


class Engine:
    """Sends one request and reads its answer."""

    def __init__(self, config: ModelConfig, client: httpx.AsyncClient) -> None:
        import openai

        self._errors = openai
        self._chat = chat_model(config, client)
        self._key = config.api_key.get_secret_value() if config.api_key else ""

    async def send(
        self,
        prompt: prompts.Messages,
        options: dict[str, Any],
        request_id: str,
        *,
        on_token: OnToken | None,
        number: int,
    ) -> Reply:
        """Raises TryError, and nothing else of the server's doing."""
        # all of it in the body as it is: given by name, langchain-openai parses answers by rules of its own
        request: dict[str, Any] = {"extra_body": options, "extra_headers": {"X-Request-Id": request_id}}
        try:
            if on_token is None:
                return _reply([await self._chat.ainvoke(list(prompt), _QUIET, **request)], prompt)
            return _reply(await self._stream(prompt, request, on_token, number), prompt)
        except self._errors.APIStatusError as error:
            raise self._refused(error) from None
        except (self._errors.APIConnectionError, httpx.HTTPError) as error:
            raise TryError("unreachable", again=True, blames_server=True, detail=_words(error)) from None
        except (self._errors.APIError, ValueError, LookupError, TypeError, AttributeError) as error:
            # what the library makes of a body that is no completion: a proxy's page, no choices, an error in a stream
            detail = f"the server's answer is no completion ({type(error).__name__})"
            raise TryError("unreadable", again=True, blames_server=True, detail=detail) from None

    async def _stream(
        self, prompt: prompts.Messages, request: dict[str, Any], on_token: OnToken, number: int
    ) -> list[AIMessage]:
        """The pieces of a streamed answer. They are put together at the end: to add them up one by one is slow."""
        pieces: list[AIMessage] = []
        async for piece in self._chat.astream(list(prompt), _QUIET, **request):
            pieces.append(piece)
            if piece.text:
                await on_token(piece.text, number)
        return pieces

    def _refused(self, error: Any) -> TryError:
        status: int = error.status_code
        said = str(error).removeprefix("Error code: ")
        if self._key:
            said = said.replace(self._key, "***")
        again = status in _RETRIED or status >= 500
        wait = retry_after(error.response.headers.get("retry-after"))
        return TryError(
            str(status),
            again=again,
            blames_server=(again or status in _UNUSABLE) and not is_full(status, said, wait),
            detail=f"the server answered {said[:_QUOTED]}",
            wait=wait,
        )


def is_full(status: int, said: str, wait: float) -> bool:
    """The server works, and has no room just now: it says "too many", that it is busy, or when to come back. Another
    503 may be a proxy's, with no server behind it."""
    return status == _TOO_MANY or (status == _UNAVAILABLE and (wait > 0 or _BUSY in said.lower()))


def check_end(reply: Reply) -> None:
    """Anything but "stop" is half an answer."""
    if reply.finish_reason == "stop":
        return
    curable = reply.finish_reason in _CURABLE_ENDS
    raise TryError(
        f"{END}{reply.finish_reason or 'missing'}",
        again=curable,
        blames_server=curable,
        detail=f"the answer ended with {reply.finish_reason or 'no reason'}, not stop",
    )


def printable(text: str) -> str:
    """Text that can be hashed and stored: no lone surrogates, no NUL."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "\N{REPLACEMENT CHARACTER}")


def _reply(pieces: list[AIMessage], prompt: prompts.Messages) -> Reply:
    text = printable("".join(piece.text for piece in pieces))
    told = {key: value for piece in pieces for key, value in piece.response_metadata.items() if value}
    counted = next((piece.usage_metadata for piece in reversed(pieces) if piece.usage_metadata), None)
    return Reply(
        text=text,
        finish_reason=told.get("finish_reason", ""),
        tokens_in=counted["input_tokens"] if counted else prompts.estimated_tokens(prompt),
        tokens_out=counted["output_tokens"] if counted else prompts.estimated_tokens([("assistant", text)]),
        engine_id=told.get("id", ""),
    )


def retry_after(value: str | None) -> float:
    """Seconds, from either form of the header; 0 for none or nonsense."""
    if not value:
        return 0.0
    try:
        return max(0.0, float(value)) if value.replace(".", "", 1).isdigit() else _until(value)
    except ValueError:
        return 0.0


def _until(date: str) -> float:
    moment = parsedate_to_datetime(date)
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _words(error: BaseException) -> str:
    """The libraries' own names hide whether nobody listens, nobody answers, or a connection broke."""
    while error.__cause__ is not None:
        error = error.__cause__
    return f"the server cannot be reached ({type(error).__name__})"
