"""What cannot be done just now is 503 with Retry-After; what is no longer meant is 401; what is broken ends the machine."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import httpx
import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.client import Client
from api.clock import DrivenClock
from api.house import open_house
from api.settler import SettlementFailed
from contracts.chain import ChainUnavailable
from contracts.signing import cancel_digest, login_digest
from market.units import InvariantBroken
from tests.api.conftest import (
    BUYER,
    METER,
    OPERATOR_TOKEN,
    SOLAR,
    START_S,
    SUPPLIER,
    Market,
    an_open_market,
    listing,
    settings,
)

OPERATOR = {"Authorization": f"Bearer {OPERATOR_TOKEN}"}
A_METER = {
    "participant": f"0x{SUPPLIER.address.hex()}",
    "meter": f"0x{METER.address.hex()}",
    "instrument": SOLAR,
    "capacity": "1",
}


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """One market for all: what cannot be done changes nothing."""
    with an_open_market(tmp_path_factory.mktemp("market")) as market:
        yield market


def raising(error: Exception) -> Callable[..., NoReturn]:
    def raise_it(*_: Any, **__: Any) -> NoReturn:
        raise error

    return raise_it


def problem(answer: httpx.Response) -> tuple[int, str, str]:
    return answer.status_code, answer.json()["title"], answer.headers["content-type"]


def test_a_full_queue_is_503_with_retry_after(tmp_path: Path) -> None:
    with open_house(settings(tmp_path, queue_limit=1), DrivenClock(START_S), start_time_s=START_S) as house:
        house.sequencer.process([listing(SOLAR)])
        with TestClient(create_app(house)) as http:
            client = Client("http://testserver", BUYER, http=http)
            orders = [client._signed(SOLAR, "buy", price="0.05", quantity="1").model_dump() for _ in range(2)]
            answer = http.post("/v1/orders/batch", json=orders)
            assert problem(answer) == (503, "queue_full", "application/problem+json")
            assert answer.headers["Retry-After"] == "1"
            assert answer.json()["detail"] == "0 commands wait and 2 came, expected at most 1"
            assert house.record.number == 1


@pytest.mark.parametrize(
    "error",
    [
        ChainUnavailable("node does not answer"),
        TimeoutError("no receipt"),
        SettlementFailed("settle 1 was reverted"),
    ],
)
@pytest.mark.parametrize("route", ["meters", "deposits"])
def test_what_the_chain_cannot_do_now_is_503_at_the_operators_routes(
    market: Market, monkeypatch: pytest.MonkeyPatch, error: Exception, route: str
) -> None:
    monkeypatch.setattr(market.house.settler, "register_meters", raising(error))
    monkeypatch.setattr(market.house.settler, "fund", raising(error))
    content = A_METER if route == "meters" else {"participant": A_METER["participant"], "amount": "1"}
    answer = market.http.post(f"/v1/operator/{route}", json=content, headers=OPERATOR)
    assert problem(answer) == (503, "chain_unavailable", "application/problem+json")
    assert answer.headers["Retry-After"] == "5"
    assert str(error) in answer.json()["detail"]


def test_a_promise_that_breaks_within_a_request_ends_the_machine(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(market.house.settler, "register_meters", raising(InvariantBroken("two truths")))
    ended: list[str] = []

    def halt(error: Exception) -> NoReturn:
        ended.append(str(error))
        raise ConnectionError  # a request whose process is gone has no answer

    monkeypatch.setattr("api.problems.halt", halt)
    with pytest.raises(ConnectionError):
        market.http.post("/v1/operator/meters", json=A_METER, headers=OPERATOR)
    assert ended == ["two truths"]


def test_a_login_ends_when_it_says(market: Market) -> None:
    expires = START_S + 60
    digest = login_digest(participant=BUYER.address, expires_s=expires, domain=market.house.deployment.domain)
    content = {
        "participant": f"0x{BUYER.address.hex()}",
        "expires": expires,
        "signature": f"0x{BUYER.sign(digest).hex()}",
    }
    token = market.http.post("/v1/login", json=content).json()["token"]
    authorization = f"Bearer {token}"
    assert market.house.door.participant_of(authorization, expires) == BUYER.address
    with pytest.raises(Exception, match=f"the login ended at {expires}") as caught:
        market.house.door.participant_of(authorization, expires + 1)
    assert (caught.value.status, caught.value.name) == (401, "login_expired")


def test_a_cancel_whose_deadline_is_past_takes_nothing_off_the_book(market: Market) -> None:
    buyer = market.client(BUYER)
    order_id = int(buyer.buy(SOLAR, price="0.03", quantity="1").order_id)

    def cancelled(deadline_s: int) -> httpx.Response:
        digest = cancel_digest(
            participant=BUYER.address,
            order_id=order_id,
            deadline_s=deadline_s,
            domain=market.house.deployment.domain,
        )
        content = {
            "participant": buyer.participant,
            "deadline": deadline_s,
            "signature": f"0x{BUYER.sign(digest).hex()}",
        }
        return market.http.post(f"/v1/orders/{order_id}/cancel", json=content)

    assert problem(cancelled(START_S - 1))[:2] == (401, "signature_expired")
    assert [order.order_id for order in buyer.open_orders()] == [str(order_id)]
    assert cancelled(START_S).status_code == 200
    assert buyer.open_orders() == []
