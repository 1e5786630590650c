"""What the settings say of the model; a wrong combination is named with its cause.

It is checked here and not in settings.py, because it must stop the worker and nobody else.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from pydantic import SecretStr

from workflow_orchestration.domain.errors import SettingsError
from workflow_orchestration.domain.model_run import Kind
from workflow_orchestration.settings import Settings

_MILLION = Decimal(1_000_000)


@dataclass(frozen=True)
class Limits:
    """What may be used before questions are refused; 0 is no limit. A day is a UTC day."""

    desk_tokens_per_day: int = 0
    case_tokens: int = 0
    desk_cost_per_day: Decimal = Decimal(0)
    case_cost: Decimal = Decimal(0)

    def any(self) -> bool:
        return any((self.desk_tokens_per_day, self.case_tokens, self.desk_cost_per_day, self.case_cost))


@dataclass(frozen=True)
class ModelConfig:
    """One server and one model of it, and how long and how often it is asked."""

    #: Up to and with /v1.
    base_url: str
    model: str
    revision: str = ""
    api_key: SecretStr | None = None
    max_output_tokens: int = 512
    draft_temperature: Decimal = Decimal("0.7")
    #: Questions asked at once by this process.
    at_once: int = 8
    #: Seconds: of silence in one try, of a question with all its tries, of leaving a failing server alone.
    timeout: float = 30.0
    deadline: float = 60.0
    breaker: float = 30.0
    #: Of a million tokens.
    price_in: Decimal = Decimal(0)
    price_out: Decimal = Decimal(0)
    limits: Limits = Limits()

    def temperature(self, kind: Kind) -> Decimal:
        return self.draft_temperature if kind == "draft" else Decimal(0)

    def cost(self, tokens_in: int, tokens_out: int) -> Decimal:
        return (tokens_in * self.price_in + tokens_out * self.price_out) / _MILLION


def of(settings: Settings) -> ModelConfig | None:
    """The model of these settings; None without LLM_BASE_URL, SettingsError where they contradict each other."""
    if settings.llm_base_url is None:
        return None
    if not settings.llm_model:
        raise SettingsError("LLM_MODEL: is not set, though LLM_BASE_URL is: the server must be told which model")
    if settings.llm_deadline_seconds >= settings.run_timeout_seconds:
        raise SettingsError(
            f"LLM_DEADLINE_SECONDS: {settings.llm_deadline_seconds} is not less than RUN_TIMEOUT_SECONDS "
            f"({settings.run_timeout_seconds}): a slow model would end the run instead of leaving it to code"
        )
    return ModelConfig(
        base_url=settings.llm_base_url,
        model=settings.llm_model,
        revision=settings.llm_model_revision,
        api_key=settings.llm_api_key,
        max_output_tokens=settings.llm_max_output_tokens,
        draft_temperature=settings.llm_draft_temperature,
        at_once=settings.llm_concurrency,
        timeout=settings.llm_timeout_seconds,
        deadline=settings.llm_deadline_seconds,
        breaker=settings.llm_breaker_seconds,
        price_in=settings.llm_price_input,
        price_out=settings.llm_price_output,
        limits=Limits(
            settings.llm_desk_tokens_per_day,
            settings.llm_case_tokens,
            settings.llm_desk_cost_per_day,
            settings.llm_case_cost,
        ),
    )
