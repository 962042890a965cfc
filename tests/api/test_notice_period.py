"""The notice period is the contract's and the record's: what the settings say counts only for a new contract."""

from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.client import Client
from api.clock import DrivenClock
from api.house import open_house
from market.units import Malformed
from tests.api.conftest import BUYER, SOLAR, START_S, listing, settings


def test_a_restart_with_another_setting_tells_and_signs_the_records_notice_period(tmp_path: Path) -> None:
    with open_house(settings(tmp_path), DrivenClock(START_S), start_time_s=START_S) as house:
        house.sequencer.process([listing(SOLAR)])
        restarted = replace(house, settings=settings(tmp_path, notice_period_s=50_000))
        with TestClient(create_app(restarted)) as http:
            client = Client("http://testserver", BUYER, http=http)
            assert client.market().notice_period_s == 3_600
            signed = client._signed(SOLAR, "buy", price="0.05", quantity="1")
            assert signed.settle_until == signed.good_until + 3_600


def test_a_contract_whose_notice_is_too_short_is_not_even_deployed(tmp_path: Path) -> None:
    # 20 blocks of 12 s and 300 s for settling are 540 s
    too_short = settings(tmp_path, confirmations=20, notice_period_s=539)
    with (
        pytest.raises(Malformed, match="is 540 s, expected at most notice_period_s = 539 s"),
        open_house(too_short, DrivenClock(START_S), start_time_s=START_S),
    ):
        pass


def test_confirmations_are_held_against_the_contract_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from api import house

    deployed = house._deployment

    def with_shorter_notice(*arguments: object, **named: object) -> object:
        return replace(deployed(*arguments, **named), notice_period_s=539)

    monkeypatch.setattr(house, "_deployment", with_shorter_notice)
    with (
        pytest.raises(Malformed, match="expected at most the contract's notice_period_s = 539 s"),
        open_house(settings(tmp_path, confirmations=20), DrivenClock(START_S), start_time_s=START_S),
    ):
        pass
