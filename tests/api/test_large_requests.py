"""Large requests: what is too large stops at the door, and what is large does not keep others waiting."""

import asyncio
from collections.abc import Iterator

import httpx
import pytest

from api.body_limit import BODY_BYTES_MAX
from api.routes.order_wire import NewOrder
from api.routes.orders import CHECKED_AT_ONCE, place, place_batch
from tests.api.conftest import BUYER, SOLAR, SUPPLIER, Market, an_open_market


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """One market for all."""
    with an_open_market(tmp_path_factory.mktemp("market")) as market:
        yield market


def an_order(market: Market) -> dict[str, object]:
    return market.client(BUYER)._signed(SOLAR, "buy", price="0.05", quantity="1").model_dump()


def test_a_body_may_be_as_large_as_the_limit_and_no_larger(market: Market) -> None:
    def posted(size: int) -> httpx.Response:
        return market.http.post("/v1/login", content=b" " * size)

    assert posted(BODY_BYTES_MAX).status_code == 422
    answer = posted(BODY_BYTES_MAX + 1)
    assert (answer.status_code, answer.json()["title"]) == (413, "body_too_large")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == "found a body of 2,000,001 bytes or more, expected at most 2,000,000"


def test_a_body_that_is_announced_too_large_is_not_read(market: Market) -> None:
    answer = asyncio.run(asked_for(market, [], announced=BODY_BYTES_MAX + 1))
    assert answer == 413


def test_a_body_of_no_announced_length_is_read_up_to_the_limit(market: Market) -> None:
    chunks = [bytes(BODY_BYTES_MAX // 2)] * 3
    assert asyncio.run(asked_for(market, chunks, announced=None)) == 413
    assert chunks == []


async def asked_for(market: Market, chunks: list[bytes], *, announced: int | None) -> int:
    """Send a request's chunks as far as they are asked for; return the status."""
    headers = [] if announced is None else [(b"content-length", str(announced).encode())]
    scope = {"type": "http", "method": "POST", "path": "/v1/login", "headers": headers, "query_string": b""}
    told = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": chunks.pop(), "more_body": True}

    async def send(message: dict[str, object]) -> None:
        told.append(message)

    await market.http.app(scope, receive, send)
    return told[0]["status"]


@pytest.mark.parametrize(("orders", "told"), [(0, "at least 1 item"), (1_001, "at most 1000 items")])
def test_a_batch_has_one_order_to_a_thousand(market: Market, orders: int, told: str) -> None:
    answer = market.http.post("/v1/orders/batch", json=[an_order(market)] * orders if orders else [])
    assert (answer.status_code, answer.json()["title"]) == (422, "malformed")
    assert told in answer.json()["detail"]


def test_an_order_need_not_wait_until_all_signatures_of_a_batch_are_checked(market: Market) -> None:
    batch = [NewOrder.model_validate(an_order(market)) for _ in range(2 * CHECKED_AT_ONCE)]
    single = market.client(SUPPLIER)._signed(SOLAR, "buy", price="0.05", quantity="1")

    async def both() -> tuple[int, int]:
        placing = asyncio.create_task(place_batch(batch, market.house))
        await asyncio.sleep(0)
        alone = await place(NewOrder.model_validate(single.model_dump()), market.house)
        first = (await placing)[0].order
        assert first is not None
        return int(alone.order_id), int(first.order_id)

    alone, first_of_batch = market.http.portal.call(both)
    assert alone < first_of_batch
