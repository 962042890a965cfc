"""A signature that counts once counts once over a restart too: what the record took in is known again."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.auth import DEADLINE_MAX_S
from api.clock import DrivenClock
from api.house import open_house
from contracts.nodes import running_node
from contracts.opening import DEV_SIGNERS
from ledger.latest import commands_since
from market.orders import Command, MassCancel, SetDeadManTimer
from market.sessions import MICROS_PER_SECOND
from tests.api.conftest import BUYER, START_S, Market, settings
from tests.api.test_cancelling import asked, problem
from tests.contracts.conftest import need_node_modules


@pytest.fixture
def chain() -> Iterator[str]:
    need_node_modules()
    with running_node("anvil", start_time_s=START_S, operator=DEV_SIGNERS[0]) as url:
        yield url


@contextmanager
def served(folder: Path, chain: str, *, at_s: int) -> Iterator[Market]:
    """Serve the market of a folder from a moment on, as a new process."""
    clock = DrivenClock(at_s)
    with open_house(settings(folder, chain=chain), clock) as house, TestClient(create_app(house)) as http:
        yield Market(house, http, clock)


def test_what_counted_before_a_restart_does_not_count_again_after_it(tmp_path: Path, chain: str) -> None:
    latest = START_S + DEADLINE_MAX_S
    timer = SetDeadManTimer(BUYER.address, 60)
    with served(tmp_path, chain, at_s=START_S) as market:
        query = asked(market, MassCancel(BUYER.address), deadline_s=latest)
        put = {"timeout_s": 60, **asked(market, timer, nonce=2, deadline_s=latest)}
        later = asked(market, MassCancel(BUYER.address), nonce=3, deadline_s=latest)
        assert market.http.delete("/v1/orders", params=query).status_code == 200
        assert market.http.put("/v1/orders/timer", json=put).status_code == 200
    with served(tmp_path, chain, at_s=latest) as market:
        assert problem(market.http.delete("/v1/orders", params=query)) == (401, "signature_used")
        assert problem(market.http.put("/v1/orders/timer", json=put)) == (401, "signature_used")
        assert market.http.delete("/v1/orders", params=later).status_code == 200
    with served(tmp_path, chain, at_s=latest + 1) as market:
        assert (
            market.house.door._seen == set()
        )  # too late to count, whoever sends it: nothing to be remembered
        assert problem(market.http.delete("/v1/orders", params=query)) == (401, "signature_expired")


def test_the_record_tells_what_came_from_a_moment_on(market: Market) -> None:
    def since(time_s: int) -> list[Command]:
        return list(commands_since(market.house.record, time_s * MICROS_PER_SECOND))

    earlier = len(since(0))
    first, second = (MassCancel(BUYER.address, nonce=nonce) for nonce in (1, 2))
    for time_s, command in ((START_S + 1, first), (START_S + 2, second)):
        market.clock.move_to(time_s)
        market.process(command)
    assert len(since(0)) == earlier + 2
    assert since(START_S + 1) == [first, second]
    assert since(START_S + 2) == [second]
    assert since(START_S + 3) == []
