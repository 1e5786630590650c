"""The one Secret of a cluster, as a file that `kubectl create secret --from-env-file` keeps to the letter.

Its keys are what the chart's pods read (docs/howto/secrets.md: which pod gets which). Everything that can be made is
made, each with a value of its own; who may sign in, nobody can make up.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from workflow_orchestration.cli import envfile
from workflow_orchestration.domain.errors import SettingsError

#: Of a made-up password: random bytes.
_BYTES = 36


def _password() -> str:
    return secrets.token_urlsafe(_BYTES)


def _fernet() -> str:
    """What Airflow's Fernet takes: 32 bytes in URL-safe base64, padded."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


@dataclass(frozen=True)
class Key:
    """One key of the Secret. `user` makes it a database address; `make` a fresh value; neither: it must be given."""

    name: str
    meaning: str
    make: Callable[[], str] | None = None
    user: str | None = None
    #: Of an address: another scheme or database than the platform's own.
    scheme: str = "postgresql"
    database: str | None = None
    optional: bool = False
    shortest: int = 1


KEYS = (
    Key("POSTGRES_PASSWORD", "Administrator of the bundled PostgreSQL, read at its first start.", _password),
    Key("DATABASE_OWNER_URL", "The platform's database as its owner: migrations alone.", user="wo_owner"),
    Key("API_DATABASE_URL", "The same as the api's role, which cannot change the log.", user="wo_api"),
    Key("WORKER_DATABASE_URL", "The same as the worker's role, which cannot either.", user="wo_worker"),
    Key("OIDC_ISSUERS", "Whose tokens count, as JSON; docs/reference/environment.md has the form.", optional=True),
    Key("LOCAL_ISSUER_KEY", "Instead of an identity provider, in minikube alone: 32 characters or more.",
        optional=True, shortest=32),
    Key("WEBHOOK_SECRET", "Signs the webhooks that leave.", _password, shortest=16),
    Key("LLM_API_KEY", "What clients must send to the model server.", _password),
    Key("HF_TOKEN", "For a gated model's weights; optional.", optional=True),
    Key("KAFKA_SASL_PASSWORD", "The bridge's account at Kafka's brokers, where they ask for one.", optional=True),
    Key("AIRFLOW_DATABASE_URL", "Airflow's own database.", user="airflow", scheme="postgresql+psycopg2",
        database="airflow"),
    Key("AIRFLOW_FERNET_KEY", "Encrypts Airflow's connections; never change it.", _fernet, shortest=44),
    Key("AIRFLOW_API_SECRET_KEY", "Signs the sessions of Airflow's pages.", _password),
    Key("AIRFLOW_JWT_SECRET", "Signs the tokens of Airflow's tasks.", _password),
    Key("AIRFLOW_ADMIN_PASSWORD", "Of Airflow's first user.", _password),
)  # fmt: skip
NAMES = tuple(key.name for key in KEYS)


def complete(given: Mapping[str, str], *, database: str | None) -> dict[str, str]:
    """What is given, and everything that can be made beside it, made fresh."""
    values = {name: given[name] for name in NAMES if name in given}
    for key in KEYS:
        if key.name in values:
            continue
        if key.make is not None:
            values[key.name] = key.make()
        elif key.user is not None:
            values[key.name] = _address(key, database)
    return {name: values[name] for name in NAMES if name in values}


def _address(key: Key, database: str | None) -> str:
    if database is None:
        raise SettingsError(f"{key.name}: is not set, and nothing says where PostgreSQL is",
                            fix="Set it, or give --database HOST:PORT/NAME.")  # fmt: skip
    place, _, name = database.partition("/")
    return f"{key.scheme}://{key.user}:{_password()}@{place}/{key.database or name}"


def text(values: Mapping[str, str]) -> str:
    """The file: each key under its meaning; what is not given stands as a comment."""
    lines = ["# The platform's Secret, written by `wo env`; belongs in no repository."]
    for key in KEYS:
        lines += ["", f"# {key.meaning}"]
        written = envfile.on_one_line(key.name, values[key.name]) if key.name in values else None
        lines.append(f"# {key.name}=" if written is None else f"{key.name}={written}")
    return "\n".join(lines) + "\n"


def faults(file: Path) -> list[str]:
    """What is missing or wrong, and what kubectl would keep or refuse."""
    values = envfile.read(file)
    return [*envfile.faults_of_form(file.read_text(encoding="utf-8")), *_faults_of(values)]


def _faults_of(values: Mapping[str, str]) -> Iterator[str]:
    for key in KEYS:
        value = values.get(key.name)
        if value is None and not key.optional:
            yield f"{key.name}: is not set ({key.meaning})"
        elif value is not None and key.user is not None and not value.startswith(f"{key.scheme}://"):
            yield f"{key.name}: must start with {key.scheme}://"
        elif value is not None and len(value) < key.shortest:
            yield f"{key.name}: has {len(value)} characters; {key.shortest} are the least"
    if not values.keys() & {"OIDC_ISSUERS", "LOCAL_ISSUER_KEY"}:
        yield "OIDC_ISSUERS: is not set, so no token would be accepted"
    yield from (f"{name}: is no key of the Secret; no pod reads it" for name in values if name not in NAMES)
