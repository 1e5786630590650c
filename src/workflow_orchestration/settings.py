"""Every setting, from the environment (`.env` in development). Nothing else reads the environment.

Each field is one variable of the same name in capitals. Its description, and its placeholder in `example`, make
`.env.example` and docs/reference/environment.md (`make fix`; a test compares them).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from dotenv import load_dotenv
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings import PydanticBaseSettingsSource as Source

from workflow_orchestration.domain.errors import SettingsError

S = TypeVar("S", bound=BaseSettings)
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class OidcIssuer(BaseModel):
    """One trusted issuer. Roles and desks come from claims; `role_map` renames what the issuer calls them."""

    model_config = ConfigDict(extra="forbid")
    #: Stands before `sub` in every id: the same `sub` of two issuers is two people.
    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    issuer: str
    jwks_url: str
    audience: str = "workflow-orchestration"
    roles_claim: str = "roles"
    desks_claim: str = "desks"
    role_map: dict[str, str] = {}
    #: Desks of everybody it vouches for: a cluster's service accounts have no claim that could name theirs.
    desks: list[str] = []
    #: Certificates that the key server's is checked against; by default the system's.
    jwks_ca_file: str | None = None


def _database_url(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().startswith(("postgresql://", "postgres://")):
        raise ValueError("must start with postgresql://")
    return value


def _receiver_url(value: str) -> str:
    if not value.startswith(("file:", "http://", "https://")):
        raise ValueError("must be file:<directory>, http://... or https://...")
    return value


def _distinct(issuers: list[OidcIssuer]) -> list[OidcIssuer]:
    for field in ("name", "issuer"):
        values = [getattr(issuer, field) for issuer in issuers]
        if len(set(values)) < len(values):
            raise ValueError(f"two issuers have the same {field}")
    return issuers


def _model_url(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError("must be http://... or https://...")
    return value.rstrip("/")


DatabaseUrl = Annotated[SecretStr, AfterValidator(_database_url)]
ReceiverUrl = Annotated[str, AfterValidator(_receiver_url)]
ModelUrl = Annotated[str, AfterValidator(_model_url)]


def _f(default: Any, description: str, *, example: str | None = None, **kw: Any) -> Any:
    return Field(default, description=description, json_schema_extra={"example": example} if example else None, **kw)


class ClientSettings(BaseSettings):
    """What `wo` needs to speak to an API elsewhere: no database, no key."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, env_ignore_empty=True)

    # -- client
    api_url: str = _f("http://127.0.0.1:8000", "Where `wo` finds the API.")
    api_token: SecretStr | None = _f(None, "Token that `wo` sends, unless --token or --as says who acts.", example="")


class IssuerSettings(ClientSettings):
    """What `wo token` and `wo --as` need beside that: the key that they sign with."""

    # -- local issuer
    local_issuer_key: SecretStr | None = _f(
        None,
        "Key of the local token issuer (32 bytes or more); works only while API_HOST is loopback.",
        example="",
        min_length=32,
    )
    local_issuer_in_cluster: bool = _f(
        False, "Accept the local issuer although API_HOST is not loopback: for a trial in minikube, never elsewhere."
    )


class Settings(IssuerSettings):
    # -- database
    database_url: DatabaseUrl = _f(
        ...,
        "PostgreSQL that api and worker use, as a role that cannot change the log.",
        example="postgresql://wo_api:change-me@localhost:5432/wo",
    )
    database_owner_url: DatabaseUrl | None = _f(
        None,
        "The same database as its owner: only `wo migrate` and `wo log tamper-test` use it.",
        example="postgresql://wo_owner:change-me@localhost:5432/wo",
    )
    database_pool_size: int = _f(10, "Most connections of one process to PostgreSQL.", ge=2, le=200)

    # -- api
    api_host: str = _f(
        "127.0.0.1",
        "Address to listen on, probes and metrics too; anything but loopback switches the local issuer off.",
    )
    api_port: int = _f(8000, "Port of the API and its pages.", ge=1, le=65535)
    metrics_port: int = _f(9090, "Port of /metrics, and of the worker's probes.", ge=1, le=65535)
    rate_limit_per_minute: int = _f(1200, "Requests a minute a principal may make before 429.", ge=1)
    message_max_bytes: int = _f(1_048_576, "Largest message or body taken, in bytes; larger is 413.", ge=1024)
    stream_heartbeat_seconds: float = _f(10.0, "Seconds between heartbeats on an idle event stream.", gt=0)

    # -- identity
    oidc_issuers: Annotated[list[OidcIssuer], AfterValidator(_distinct)] = _f(
        [],
        'Trusted OIDC issuers as JSON: [{"name":..., "issuer":..., "jwks_url":..., "audience":..., "roles_claim":..., '
        '"desks_claim":..., "role_map":{...}, "desks":[...], "jwks_ca_file":...}].',
    )

    # -- worker
    worker_concurrency: int = _f(8, "Work items one worker runs at once.", ge=1, le=256)
    lease_seconds: float = _f(10.0, "Seconds a claimed item stays with a worker that stops beating.", ge=1)
    heartbeat_seconds: float = _f(3.0, "Seconds between heartbeats; at most a third of the lease.", gt=0)
    max_attempts: int = _f(5, "Charged claims of one item before it is dead and a supervisor is told.", ge=1)
    drain_seconds: float = _f(20.0, "Seconds a stopping worker gives its items to reach the next step.", gt=0)
    run_timeout_seconds: float = _f(120.0, "Seconds a graph may run from one pause to the next.", gt=0)
    retention_days: int = _f(
        90,
        "Days after its end at which a thread's checkpoints, work items and model runs are removed; 0: never. "
        "The log, and all that people see, stays; a case under legal hold keeps everything.",
        ge=0,
    )

    # -- approvals
    approval_minutes: int = _f(60, "Minutes until an undecided approval goes to the next tier.", ge=1)
    approval_warning_minutes: int = _f(15, "Minutes before that at which `approval.expiring` is sent.", ge=1)

    # -- effects
    effects_url: ReceiverUrl = _f("file:.state/outbox", "Receiver of effects: file:<directory> or an HTTP(S) endpoint.")
    effect_retry_hours: float = _f(24.0, "Hours of retries before an undelivered effect is refused.", gt=0)
    webhook_urls: list[ReceiverUrl] = _f(
        [], "Where signed events go (approval opened or expiring, effect refused): JSON list of URLs."
    )
    webhook_secret: SecretStr | None = _f(
        None, "Key of the webhooks' X-Signature (HMAC-SHA256).", example="", min_length=16
    )

    # -- kafka
    kafka_bootstrap_servers: str | None = _f(
        None,
        "Kafka's brokers as host:port,host:port, for `wo serve bridge`; nothing else uses them.",
        example="kafka:9092",
    )
    kafka_message_topics: list[str] = _f(
        ["wo.messages"], "Topics that messages are taken from: JSON list; [] for none."
    )
    kafka_dead_letter_topic: str = _f("wo.messages.dead", "Topic that refused records go to, with the reason.")
    kafka_events_topic: str = _f("wo.case-events", "Topic that every log entry is sent to.")
    kafka_group: str = _f("workflow-orchestration", "Consumer group of all bridges of one platform.")
    kafka_session_seconds: float = _f(10.0, "Seconds until a silent bridge's partitions go to another.", gt=0)
    kafka_security_protocol: str = _f("PLAINTEXT", "PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL.")
    kafka_sasl_mechanism: str | None = _f(None, "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.", example="")
    kafka_sasl_username: str | None = _f(None, "User of the SASL mechanism.", example="")
    kafka_sasl_password: SecretStr | None = _f(None, "Its password.", example="")
    kafka_ssl_ca_file: Path | None = _f(
        None, "Certificates that the brokers' are checked against; default: the system's.", example=""
    )
    kafka_ssl_certificate_file: Path | None = _f(None, "Our certificate, where brokers ask for one.", example="")
    kafka_ssl_key_file: Path | None = _f(None, "Its private key.", example="")
    kafka_ssl_key_password: SecretStr | None = _f(None, "Password of that key.", example="")

    # -- model
    llm_base_url: ModelUrl | None = _f(
        None,
        "An OpenAI-compatible server's address up to and with /v1 (vLLM, Ollama, a vendor's); not set: no model, "
        "code's findings alone.",
        example="http://127.0.0.1:11434/v1",
    )
    llm_model: str | None = _f(None, "Name of the model there; LLM_BASE_URL needs it.", example="")
    llm_model_revision: str = _f("", "Revision of its weights, recorded with every answer.", example="")
    llm_api_key: SecretStr | None = _f(None, "Key that the server asks for.", example="")
    llm_max_output_tokens: int = _f(512, "Most tokens of one answer.", ge=16, le=32768)
    llm_draft_temperature: Decimal = _f(
        Decimal("0.7"), "Temperature of drafts; what decides is always asked at 0.", ge=0, le=2
    )
    llm_concurrency: int = _f(8, "Questions one worker asks at once.", ge=1, le=256)
    llm_timeout_seconds: float = _f(30.0, "Seconds the server may be silent before a try is given up.", gt=0)
    llm_deadline_seconds: float = _f(
        60.0, "Seconds for one question with all its tries; less than RUN_TIMEOUT_SECONDS.", gt=0
    )
    llm_breaker_seconds: float = _f(
        30.0,
        "Seconds a server that failed three times in a row is left alone, until one question tries it again.",
        gt=0,
    )
    llm_desk_tokens_per_day: int = _f(
        5_000_000, "Tokens, in and out, that one desk's cases may use in a day (UTC); 0: no limit.", ge=0
    )
    llm_case_tokens: int = _f(200_000, "Tokens that one case may use in all; 0: no limit.", ge=0)
    llm_desk_cost_per_day: Decimal = _f(Decimal(0), "What one desk's cases may cost in a day; 0: no limit.", ge=0)
    llm_case_cost: Decimal = _f(Decimal(0), "What one case may cost in all; 0: no limit.", ge=0)
    llm_price_input: Decimal = _f(
        Decimal(0), "Price of a million tokens in, in the currency of the two limits of cost.", ge=0
    )
    llm_price_output: Decimal = _f(Decimal(0), "Price of a million tokens out.", ge=0)

    # -- agents
    agents_shadow: bool = _f(
        False,
        "Agents are heard and compared with what people decide, and neither shown nor followed. "
        "Nothing without LLM_BASE_URL.",
    )

    # -- log
    log_anchor_file: Path | None = _f(
        Path(".state/anchor.jsonl"),
        "File outside the database that chain heads are appended to; keep it where the database's owner cannot write.",
    )
    log_anchor_seconds: float = _f(30.0, "Seconds between anchors.", gt=0)
    log_level: Literal["debug", "info", "warning", "error"] = _f("info", "Least severe line of the process log.")
    log_format: Literal["console", "json"] = _f("console", "Form of the process log.")

    @property
    def local_issuer_allowed(self) -> bool:
        return self.local_issuer_key is not None and (self.api_host in LOOPBACK or self.local_issuer_in_cluster)

    def owner_url(self) -> str:
        if self.database_owner_url is None:
            raise SettingsError("DATABASE_OWNER_URL is not set: this command works as the database's owner")
        return self.database_owner_url.get_secret_value()


def _explain(error: ValidationError) -> SettingsError:
    lines = []
    for e in error.errors():
        name = str(e["loc"][0]).upper() if e["loc"] else "the combination"
        cause = "is not set" if e["type"] == "missing" else e["msg"].removeprefix("Value error, ")
        lines.append(f"{name}: {cause}")
    return SettingsError(
        "; ".join(lines),
        fix="Correct it in the environment or in .env; docs/reference/environment.md explains each variable.",
    )


def _read(make: Callable[[], S]) -> S:
    try:
        return make()
    except ValidationError as error:
        raise _explain(error) from None
    except (json.JSONDecodeError, ValueError) as error:  # pydantic-settings wraps bad JSON in its own ValueError
        raise SettingsError(str(error)) from None


def _consistent(settings: Settings) -> Settings:
    if settings.heartbeat_seconds * 3 > settings.lease_seconds + 1:
        raise SettingsError(
            f"HEARTBEAT_SECONDS: {settings.heartbeat_seconds} is more than a third of LEASE_SECONDS "
            f"({settings.lease_seconds}); one lost beat would lose the item"
        )
    return settings


def load(env_file: Path | None = None) -> Settings:
    """Settings from the environment, then from .env (of the working directory unless named)."""
    load_dotenv(env_file or Path(".env"))
    return _consistent(_read(Settings))


def load_client() -> ClientSettings:
    """What a client needs, from the environment, then from .env."""
    load_dotenv(Path(".env"))
    return _read(ClientSettings)


def load_issuer() -> IssuerSettings:
    """What a client needs that signs its own tokens, from the environment, then from .env."""
    load_dotenv(Path(".env"))
    return _read(IssuerSettings)


class _FileSettings(Settings):
    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: Source,
        env_settings: Source,
        dotenv_settings: Source,
        file_secret_settings: Source,
    ) -> tuple[Source, ...]:
        return (dotenv_settings,)


def load_file(file: Path) -> Settings:
    """Settings of a file alone, whatever the environment says: is the file complete?"""
    return _consistent(_read(lambda: _FileSettings(_env_file=file)))


def given(*more: str) -> dict[str, str]:
    """Our variables (and `more`) as the environment has them, unparsed; .env is not read."""
    names = (*(field.upper() for field in Settings.model_fields), *more)
    return {name: value for name in names if (value := os.environ.get(name))}


@lru_cache
def get() -> Settings:
    return load()
