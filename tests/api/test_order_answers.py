"""What an order is answered: what its own command brought about, whatever came after it in the same batch."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from api.client import Client
from contracts.signing import Signer
from market.orders import Command
from tests.api.conftest import BUYER, SOLAR, SUPPLIER, Market

Request = tuple[str, str, dict[str, Any]]


class Held(Exception):
    """A request that was not sent."""


class Holding:
    """Hands on what is only asked, and holds back what would change something."""

    def __init__(self, http: Any) -> None:
        self._http = http
        self.held: Request | None = None

    def request(self, method: str, path: str, **content: Any) -> Any:
        if method == "GET":
            return self._http.request(method, path, **content)
        self.held = method, path, content
        raise Held


def held(market: Market, signer: Signer, ask: Callable[[Client], object]) -> Request:
    """Return what a client would have sent."""
    http: Any = Holding(market.http)
    with pytest.raises(Held):
        ask(Client("http://testserver", signer, http=http))
    return http.held


def in_one_batch(market: Market, *requests: Request) -> list[Any]:
    """Send requests so that one batch takes them in, and return the answers."""
    sequencer = market.house.sequencer
    arrivals, together = sequencer._arrivals, 1
    next_batch = arrivals.next_batch

    async def all_at_once(*, most: int, within_s: float) -> list[Command]:
        while sequencer.waiting < together:
            await asyncio.sleep(0)
        return await next_batch(most=most, within_s=within_s)

    async def send() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app=market.http.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as http:
            asked = []
            for number, (method, path, content) in enumerate(requests, start=1):
                asked.append(asyncio.create_task(http.request(method, path, **content)))
                while sequencer.waiting < number and not any(each.done() for each in asked):
                    await asyncio.sleep(0)  # they arrive in this order
            return await asyncio.gather(*asked)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(arrivals, "next_batch", all_at_once)
        # the writer waits in the old way still, until it has served this one
        market.client(SUPPLIER).buy(SOLAR, price="0.02", quantity="1")
        before, together = market.house.record.number, len(requests)
        answers = market.http.portal.call(send)
        together = 0
    assert market.house.record.number == before + 1
    assert all(answer.status_code == 200 for answer in answers), [answer.text for answer in answers]
    return [answer.json() for answer in answers]


def test_an_order_that_is_cancelled_in_its_own_batch_was_open_and_not_filled(market: Market) -> None:
    placed = held(market, BUYER, lambda client: client.buy(SOLAR, price="0.04", quantity="1"))
    cancelled = held(market, BUYER, lambda client: client.cancel_all())
    order, gone = in_one_batch(market, placed, cancelled)
    assert (order["status"], order["remaining"], order["fills"]) == ("open", "1", [])
    assert gone["order_ids"] == [order["order_id"]]


def test_an_order_that_is_hit_in_its_own_batch_leaves_the_fill_to_who_hit_it(market: Market) -> None:
    offered = held(market, SUPPLIER, lambda client: client.sell(SOLAR, price="0.04", quantity="3"))
    bid = held(market, BUYER, lambda client: client.buy(SOLAR, price="0.04", quantity="2"))
    maker, taker = in_one_batch(market, offered, bid)
    assert (maker["status"], maker["remaining"], maker["fills"]) == ("open", "3", [])
    assert (taker["status"], taker["remaining"]) == ("filled", "0")
    assert [fill["quantity"] for fill in taker["fills"]] == ["2"]


def test_a_repeat_tells_where_the_order_stands_with_all_its_fills(market: Market) -> None:
    market.client(SUPPLIER).sell(SOLAR, price="0.04", quantity="2")
    method, path, content = held(market, BUYER, lambda client: client.buy(SOLAR, price="0.05", quantity="5"))
    first = market.http.request(method, path, **content).json()
    assert (first["status"], first["remaining"]) == ("open", "3")
    market.client(SUPPLIER).sell(SOLAR, price="0.05", quantity="1")
    again = market.http.request(method, path, **content).json()
    assert (again["status"], again["remaining"], again["repeated"]) == ("open", "2", True)
    assert again["order_id"] == first["order_id"]
    assert again["fills"][0] == first["fills"][0]
    assert [(fill["price"], fill["quantity"]) for fill in again["fills"]] == [("0.04", "2"), ("0.05", "1")]
    market.client(BUYER).cancel(int(first["order_id"]))
    last = market.http.request(method, path, **content).json()
    assert (last["status"], last["remaining"]) == ("partly_filled_and_cancelled", "0")
    assert last["fills"] == again["fills"]


def test_a_repeat_of_what_was_filled_or_cancelled_says_which(market: Market) -> None:
    market.client(SUPPLIER).sell(SOLAR, price="0.04", quantity="2")
    for quantity, time_in_force, status in (("2", "gtc", "filled"), ("1", "ioc", "cancelled")):
        method, path, content = held(
            market,
            BUYER,
            lambda client, quantity=quantity, time_in_force=time_in_force: client.buy(
                SOLAR, price="0.04", quantity=quantity, time_in_force=time_in_force
            ),
        )
        first = market.http.request(method, path, **content).json()
        assert first["status"] == status
        assert market.http.request(method, path, **content).json() == first | {"repeated": True}


def test_a_withdrawal_that_is_asked_for_again_gets_the_same_signature(market: Market) -> None:
    client = market.client(BUYER)
    first = client.withdraw("1", nonce=1)
    assert client.withdraw("1", nonce=1) == first
    assert market.client(BUYER).balances().held_for_withdrawals == "1"
