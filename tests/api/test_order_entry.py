"""Order entry over HTTP: what is taken in, what is refused by name, what does not get past the door."""

import asyncio
from collections.abc import Callable

import pytest

from api.auth import parse_hex
from api.client import MarketError
from api.routes.cancels import cancel
from api.routes.order_wire import Cancel, CancelledOut, NewOrder, OrderOut
from api.routes.orders import place
from contracts.signing import Domain, Signer, cancel_digest
from market.orders import Address
from market.units import Malformed
from tests.api.conftest import BUYER, GPU, SOLAR, START_S, SUPPLIER, Market


def problem_of(call: Callable[[], object]) -> MarketError:
    """Return the error that a call raises."""
    with pytest.raises(MarketError) as caught:
        call()
    return caught.value


def test_an_open_order_shows_in_the_book_and_can_be_cancelled(market: Market) -> None:
    buyer = market.client(BUYER)
    order = buyer.buy(SOLAR, price="0.05", quantity="10")
    assert [(level.price, level.quantity, level.orders) for level in buyer.book(SOLAR).bids] == [
        ("0.05", "10", 1)
    ]
    assert [each.order_id for each in buyer.open_orders()] == [order.order_id]
    assert buyer.cancel(order.order_id).remaining == "10"
    assert buyer.book(SOLAR).bids == []


def test_a_replacement_moves_the_order(market: Market) -> None:
    buyer = market.client(BUYER)
    order = buyer.buy(SOLAR, price="0.05", quantity="10")
    replaced = buyer.replace(order.order_id, SOLAR, "buy", price="0.06", quantity="4")
    assert (replaced.order_id, replaced.remaining) == (order.order_id, "4")
    assert [level.price for level in buyer.book(SOLAR).bids] == ["0.06"]


def test_the_same_signed_order_sent_twice_is_taken_in_once(market: Market) -> None:
    buyer = market.client(BUYER)
    signed = buyer._signed(SOLAR, "buy", price="0.05", quantity="10").model_dump()
    first = market.http.post("/v1/orders", json=signed).json()
    second = market.http.post("/v1/orders", json=signed).json()
    assert not first["repeated"]
    assert second["repeated"]
    assert second["order_id"] == first["order_id"]
    assert len(buyer.open_orders()) == 1


def test_a_nash_instrument_splits_the_surplus_by_its_weight(market: Market) -> None:
    market.client(SUPPLIER).sell(GPU, price="2", quantity="1")
    taken = market.client(BUYER).buy(GPU, price="2.5", quantity="1")
    assert [fill.price for fill in taken.fills] == ["2.25"]


@pytest.mark.parametrize(
    ("order", "refusal"),
    [
        ({"price": "0.05005", "quantity": "1"}, "price_off_tick"),
        ({"price": "9", "quantity": "1"}, "price_outside_band"),
        ({"price": "0.05", "quantity": "0"}, "quantity_not_positive"),
        ({"price": "0.05", "quantity": "10001"}, "quantity_over_cap"),
        ({"price": "0.2", "quantity": "6000"}, "insufficient_funds"),
    ],
)
def test_refusals_carry_their_names_and_change_nothing(
    market: Market, order: dict[str, str], refusal: str
) -> None:
    buyer = market.client(BUYER)
    before = market.house.venue.exchange.state_hash()
    error = problem_of(lambda: buyer.buy(SOLAR, **order))
    assert (error.status, error.name) == (409, refusal)
    assert market.house.venue.exchange.state_hash() == before


def test_an_offer_needs_a_registered_meter(market: Market) -> None:
    error = problem_of(lambda: market.client(BUYER).sell(SOLAR, price="0.05", quantity="1"))
    assert (error.status, error.name) == (409, "no_registered_meter")


def test_post_only_never_takes(market: Market) -> None:
    market.client(SUPPLIER).sell(SOLAR, price="0.04", quantity="1")
    error = problem_of(lambda: market.client(BUYER).buy(SOLAR, price="0.05", quantity="1", post_only=True))
    assert error.name == "would_take"


def test_a_signature_of_somebody_else_does_not_get_past_the_door(market: Market) -> None:
    signed = market.client(BUYER)._signed(SOLAR, "buy", price="0.05", quantity="1").model_dump()
    signed["participant"] = f"0x{SUPPLIER.address.hex()}"
    answer = market.http.post("/v1/orders", json=signed)
    assert (answer.status_code, answer.json()["title"]) == (401, "signature_invalid")


def test_nobody_cancels_an_order_of_somebody_else(market: Market) -> None:
    order = market.client(BUYER).buy(SOLAR, price="0.05", quantity="1")
    error = problem_of(lambda: market.client(SUPPLIER).cancel(order.order_id))
    assert error.name == "not_your_order"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"price": "five"}, "price"),
        ({"instrument": "ENE.SOLAR"}, "instrument"),
        ({"signature": "0x12"}, "signature"),
        ({"post_olny": True}, "post_olny"),
        ({"quantity": "0.0001"}, "quantity"),
    ],
)
def test_malformed_orders_stop_at_the_door(one_market: Market, change: dict[str, object], told: str) -> None:
    signed = one_market.client(BUYER)._signed(SOLAR, "buy", price="0.05", quantity="1").model_dump()
    answer = one_market.http.post("/v1/orders", json=signed | change)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert told in answer.json()["detail"]


def test_a_batch_takes_each_order_by_itself(market: Market) -> None:
    buyer = market.client(BUYER)
    good = buyer._signed(SOLAR, "buy", price="0.05", quantity="1").model_dump()
    dear = buyer._signed(SOLAR, "buy", price="9", quantity="1").model_dump()
    unsigned = buyer._signed(SOLAR, "buy", price="0.05", quantity="1").model_dump() | {
        "signature": f"0x{Signer.from_seed(9, 'stranger').sign(bytes(32)).hex()}"
    }
    items = market.http.post("/v1/orders/batch", json=[good, dear, unsigned]).json()
    assert items[0]["order"]["status"] == "open"
    assert [item["problem"]["title"] for item in items[1:]] == ["price_outside_band", "signature_invalid"]


def test_what_is_not_there_is_a_problem_too(market: Market) -> None:
    for path, title in (
        ("/v1/nothing", "not_found"),
        ("/v1/instrument?symbol=ENE.WIND@CISO/2022-03-12T03Z/1h%23Q1", "unknown_instrument"),
    ):
        answer = market.http.get(path)
        assert (answer.status_code, answer.json()["title"]) == (404, title)
        assert answer.headers["content-type"] == "application/problem+json"


def test_balances_need_a_login(market: Market) -> None:
    assert market.http.get("/v1/balances").json()["title"] == "login_required"
    forged = {"Authorization": f"Bearer {BUYER.address.hex()}.9999999999.{'0' * 64}"}
    assert market.http.get("/v1/balances", headers=forged).json()["title"] == "login_required"


def test_operator_routes_want_the_operators_token(market: Market) -> None:
    answer = market.http.post(
        "/v1/operator/deposits", json={"participant": f"0x{BUYER.address.hex()}", "amount": "1"}
    )
    assert (answer.status_code, answer.json()["title"]) == (401, "operator_only")


def test_market_health_and_openapi_tell_where_they_stand(market: Market) -> None:
    told = market.http.get("/v1/market").json()
    assert told["settlement"] == f"0x{market.house.deployment.settlement.address.hex()}"
    assert market.http.get("/health").json()["status"] == "ok"
    assert "/v1/orders" in market.http.get("/openapi.json").json()["paths"]
    assert market.http.get("/docs").status_code == 200


def test_the_market_names_every_contract_that_is_signed_for(market: Market) -> None:
    told = market.http.get("/v1/market").json()
    deployment = market.house.deployment
    signed_for = {
        "settlement": deployment.settlement,
        "standby": deployment.standby,
        "long_term": deployment.long_term,
        "pay_as_you_go": deployment.pay_as_you_go,
    }
    for name, contract in signed_for.items():
        domain = Domain(told["chain_id"], Address(bytes.fromhex(told[name][2:])), told["eip712_name"])
        assert domain == contract.domain
    addresses = [told[name] for name in (*signed_for, "guarantee", "token")]
    assert len(set(addresses)) == len(addresses)
    assert told["certificate"] is None


def test_a_login_that_nobody_could_have_been_given_is_none(market: Market) -> None:
    answer = market.http.get("/v1/orders", headers=[(b"authorization", b"Bearer a.1.\xe9")])
    assert (answer.status_code, answer.json()["title"]) == (401, "login_required")


def test_an_order_that_comes_and_goes_in_one_batch_tells_what_was_left_of_it(market: Market) -> None:
    buyer = market.client(BUYER)
    signed = buyer._signed(SOLAR, "buy", price="0.05", quantity="10")
    order_id = int(buyer.buy(SOLAR, price="0.03", quantity="1").order_id) + 1
    deadline = START_S + 60
    digest = cancel_digest(
        participant=BUYER.address,
        order_id=order_id,
        deadline_s=deadline,
        domain=market.house.deployment.domain,
    )
    request = Cancel(
        participant=buyer.participant, deadline=deadline, signature=f"0x{BUYER.sign(digest).hex()}"
    )

    async def place_and_cancel() -> tuple[OrderOut, CancelledOut]:
        placing = place(NewOrder.model_validate(signed.model_dump()), market.house)
        return await asyncio.gather(placing, cancel(order_id, request, market.house))

    batches = market.house.record.number
    placed, cancelled = market.http.portal.call(place_and_cancel)
    assert market.house.record.number == batches + 1
    assert (placed.order_id, placed.status) == (str(order_id), "open")
    assert cancelled == CancelledOut(order_id=str(order_id), remaining="10")


def test_hex_is_digits_without_blanks() -> None:
    assert parse_hex("0xaBcD", length=2, what="salt") == b"\xab\xcd"
    for text in ("0xab cd", "0x ab", "abcd", "0xabc", "0xabcdef", "0xabcg", "0x\u0661\u0661\u0661\u0661"):
        with pytest.raises(Malformed, match="expected 0x and 4 hex digits"):
            parse_hex(text, length=2, what="salt")
