"""What the settings say of the model, and which combinations are refused by name."""

from __future__ import annotations

from decimal import Decimal

import pytest
from pydantic import ValidationError

from workflow_orchestration.domain.errors import SettingsError
from workflow_orchestration.llm import config
from workflow_orchestration.llm.gateway import from_settings
from workflow_orchestration.settings import Settings


def settings(**changes) -> Settings:
    return Settings(
        **{"database_url": "postgresql://x", "llm_base_url": "http://model/v1", "llm_model": "m", **changes}
    )


def test_without_a_base_url_there_is_no_model():
    assert config.of(settings(llm_base_url=None)) is None
    assert from_settings(settings(llm_base_url=None)) is None


def test_every_setting_of_the_model_reaches_its_config():
    given = {
        "llm_model_revision": "r",
        "llm_api_key": "k",
        "llm_max_output_tokens": 99,
        "llm_draft_temperature": "0.1",
        "llm_concurrency": 3,
        "llm_timeout_seconds": 4,
        "llm_deadline_seconds": 5,
        "llm_breaker_seconds": 6,
        "llm_desk_tokens_per_day": 7,
        "llm_case_tokens": 8,
        "llm_desk_cost_per_day": "9",
        "llm_case_cost": "10",
        "llm_price_input": "11",
        "llm_price_output": "12",
    }
    found = config.of(settings(**given))
    assert set(given) | {"llm_base_url", "llm_model"} == {f for f in Settings.model_fields if f.startswith("llm_")}
    assert (found.base_url, found.model, found.revision, found.max_output_tokens) == ("http://model/v1", "m", "r", 99)
    assert found.api_key.get_secret_value() == "k"
    assert (found.draft_temperature, found.at_once) == (Decimal("0.1"), 3)
    assert (found.timeout, found.deadline, found.breaker) == (4, 5, 6)
    assert found.limits == config.Limits(7, 8, Decimal(9), Decimal(10))
    assert found.cost(1_000_000, 500_000) == 11 + 6


def test_a_base_url_without_a_model_is_refused_by_name():
    with pytest.raises(SettingsError, match=r"LLM_MODEL: is not set, though LLM_BASE_URL is"):
        config.of(settings(llm_model=None))


def test_a_deadline_as_long_as_a_run_is_refused_by_name():
    with pytest.raises(SettingsError, match=r"LLM_DEADLINE_SECONDS: 120\.0 is not less than RUN_TIMEOUT_SECONDS"):
        config.of(settings(llm_deadline_seconds=120))


def test_a_base_url_is_an_http_address_without_its_last_slash():
    assert settings(llm_base_url="https://model/v1/").llm_base_url == "https://model/v1"
    with pytest.raises(ValidationError, match="must be http"):
        settings(llm_base_url="model:8000/v1")


def test_the_key_is_masked_wherever_the_config_is_shown():
    assert "hidden" not in repr(config.of(settings(llm_api_key="hidden")))
