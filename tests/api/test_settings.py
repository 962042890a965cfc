import os

import pytest
from pydantic import ValidationError

from api.settings import Settings, explain


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("CCEI_"):
            monkeypatch.delenv(name)


def explained(**given: object) -> str:
    with pytest.raises(ValidationError) as raised:
        Settings.model_validate(given)
    return explain(raised.value)


def test_secrets_have_no_default() -> None:
    settings = Settings()
    assert (settings.operator_key, settings.operator_token, settings.login_secret) == (None, None, None)


def test_the_environment_is_read_when_settings_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCEI_FEE_BPS", "25")
    assert Settings().fee_bps == 25
    monkeypatch.setenv("CCEI_FEE_BPS", "30")
    assert Settings().fee_bps == 30


def test_what_is_given_outweighs_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCEI_PORT", "9000")
    assert Settings(port=9001).port == 9001


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPERATOR_KEY", "OPERATOR_TOKEN", "LOGIN_SECRET"):
        monkeypatch.setenv(f"CCEI_{name}", "hush")
    assert "hush" not in repr(Settings())
    assert "hush" not in str(Settings().model_dump())


def test_every_setting_says_what_it_is_for() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("fee_bps", "1001", "CCEI_FEE_BPS: found '1001', expected less than or equal to 1000"),
        ("port", 0, "CCEI_PORT: found 0, expected greater than or equal to 1"),
        ("horizon_hours", "ten", "CCEI_HORIZON_HOURS: found 'ten', expected a valid integer"),
        ("chain_id", "0x1", "CCEI_CHAIN_ID: found '0x1', expected a valid integer"),
    ],
)
def test_a_setting_that_does_not_fit_is_named(name: str, value: object, told: str) -> None:
    assert explained(**{name: value}).startswith(told)


def test_every_setting_that_does_not_fit_is_named() -> None:
    assert explained(fee_bps=-1, port=70_000).count("CCEI_") == 2


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.setenv(f"CCEI_{name.upper()}", "")
    settings = Settings()
    assert (settings.operator_token, settings.catalogue, settings.fee_bps) == (None, None, 10)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("CCEI_CONFIRMATION", " Is CCEI_CONFIRMATIONS meant?"),
        ("CCEI_QUEU_LIMIT", " Is CCEI_QUEUE_LIMIT meant?"),
        ("CCEI_WEATHER", ""),
    ],
)
def test_a_name_that_is_no_setting_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, hint: str) -> None:
    monkeypatch.setenv(name, "12")
    with pytest.raises(ValidationError) as raised:
        Settings()
    assert explain(raised.value) == (
        f"{name}: found in the environment, expected a setting of docs/reference/settings.md.{hint}"
    )


def test_settlement_must_fit_before_delivery() -> None:
    # 20 blocks of 12 s and 300 s for settling are 540 s
    fits = {"confirmations": 20, "block_time_s": 12, "settlement_latency_s": 300, "gate_closure_lead_s": 540}
    assert Settings.model_validate(fits).gate_closure_lead_s == 540
    told = explained(**{**fits, "gate_closure_lead_s": 539})
    assert told == (
        "confirmations x block_time_s + settlement_latency_s is 540 s, expected at most "
        "gate_closure_lead_s = 539 s: trades could not be locked in time"
    )
