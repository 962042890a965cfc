"""What an order may ask for over HTTP beyond price and quantity: each condition once, with its exact outcome."""

import pytest

from api.client import MarketError
from api.routes.order_wire import OrderOut
from ledger.audit import audit
from ledger.record import RecordReader
from market.listing import TradingRules
from market.units import Ticks
from tests.api.conftest import BUYER, GPU, HOUR_S, SOLAR, START_S, SUPPLIER, Market, listing

TOMORROW = "ENE.SOLAR@CISO/2022-03-13T03Z/1h#Q1"
MIDNIGHT_S = START_S + 23 * HOUR_S


def fills(order: OrderOut) -> list[tuple[str, str]]:
    return [(fill.price, fill.quantity) for fill in order.fills]


def levels(market: Market, side: str, symbol: str = SOLAR) -> list[tuple[str, str]]:
    book = market.client(BUYER).book(symbol)
    return [(level.price, level.quantity) for level in (book.bids if side == "buy" else book.asks)]


def test_all_or_none_waits_until_enough_is_there_and_each_order_is_told_its_own_fills(market: Market) -> None:
    supplier = market.client(SUPPLIER)
    market.client(BUYER).buy(SOLAR, price="0.05", quantity="10", all_or_none=True)
    first = supplier.sell(SOLAR, price="0.049", quantity="6")
    assert (first.status, fills(first)) == ("open", [])
    second = supplier.sell(SOLAR, price="0.05", quantity="6")
    assert (second.remaining, fills(second)) == ("2", [("0.05", "4")])
    assert [trade.quantity for trade in supplier.trades()] == ["6", "4"]


def test_a_minimum_trades_at_once_or_the_order_is_refused(market: Market) -> None:
    market.client(SUPPLIER).sell(SOLAR, price="0.05", quantity="3")
    buyer = market.client(BUYER)
    with pytest.raises(MarketError, match=r"cannot_fill_minimum.*found less than 4 kWh") as caught:
        buyer.buy(SOLAR, price="0.05", quantity="9", minimum_quantity="4")
    assert caught.value.status == 409
    taken = buyer.buy(SOLAR, price="0.05", quantity="9", minimum_quantity="3")
    assert (taken.status, taken.remaining, fills(taken)) == ("open", "6", [("0.05", "3")])


def test_an_iceberg_shows_a_slice_at_a_time_and_keeps_it_when_replaced(market: Market) -> None:
    supplier = market.client(SUPPLIER)
    iceberg = supplier.sell(SOLAR, price="0.05", quantity="8", display_quantity="3")
    assert levels(market, "sell") == [("0.05", "3")]
    assert fills(market.client(BUYER).buy(SOLAR, price="0.05", quantity="4")) == [
        ("0.05", "3"),
        ("0.05", "1"),
    ]
    assert levels(market, "sell") == [("0.05", "2")]
    supplier.replace(iceberg.order_id, SOLAR, "sell", price="0.051", quantity="4")
    assert levels(market, "sell") == [("0.051", "3")]
    shown = market.http.get("/v1/book/orders", params={"symbol": SOLAR}).json()["asks"]
    assert shown == [{"order_id": iceberg.order_id, "price": "0.051", "quantity": "3"}]


def test_hidden_orders_are_where_the_instrument_has_them(market: Market) -> None:
    market.process(listing(TOMORROW, rules=TradingRules(hidden_orders=True)))
    supplier = market.client(SUPPLIER)
    with pytest.raises(MarketError, match="hidden_not_allowed"):
        supplier.sell(SOLAR, price="0.05", quantity="8", display_quantity="0")
    supplier.sell(TOMORROW, price="0.05", quantity="8", display_quantity="0")
    assert levels(market, "sell", TOMORROW) == []
    assert market.http.get("/v1/book/orders", params={"symbol": TOMORROW}).json()["asks"] == []
    assert fills(market.client(BUYER).buy(TOMORROW, price="0.05", quantity="2")) == [("0.05", "2")]


def test_a_stop_waits_unseen_until_a_trade_reaches_it(market: Market) -> None:
    supplier, buyer = market.client(SUPPLIER), market.client(BUYER)
    for price in ("0.05", "0.052"):
        supplier.sell(SOLAR, price=price, quantity="2")
    stop = buyer.buy(SOLAR, price="0.06", quantity="4", stop_price="0.05")
    assert (stop.status, stop.waiting, stop.remaining) == ("open", True, "4")
    assert levels(market, "buy") == []
    assert [(order.waiting, order.stop_price) for order in buyer.open_orders()] == [(True, "0.05")]
    taken = buyer.buy(SOLAR, price="0.05", quantity="1")
    assert (taken.status, taken.waiting, fills(taken)) == ("filled", False, [("0.05", "1")])
    (woken,) = buyer.open_orders()
    assert (woken.order_id, woken.waiting, woken.remaining) == (stop.order_id, False, "1")
    assert levels(market, "buy") == [("0.06", "1")]


def test_a_budget_ends_a_market_bid(market: Market) -> None:
    for price, quantity in (("0.05", "3"), ("0.06", "9")):
        market.client(SUPPLIER).sell(SOLAR, price=price, quantity=quantity)
    taken = market.client(BUYER).buy(SOLAR, price="0.1", quantity="50", type="market", budget="0.27")
    assert (taken.status, fills(taken)) == ("partly_filled_and_cancelled", [("0.05", "3"), ("0.06", "2")])


@pytest.mark.parametrize(
    ("policy", "status", "open_lots"),
    [
        ("cancel_newest", "cancelled", [("sell", "3")]),
        ("cancel_oldest", "open", [("buy", "5")]),
        ("cancel_both", "cancelled", []),
        ("decrement", "open", [("buy", "2")]),
    ],
)
def test_nobody_trades_with_himself_and_he_chooses_who_gives_way(
    market: Market, policy: str, status: str, open_lots: list[tuple[str, str]]
) -> None:
    supplier = market.client(SUPPLIER)
    supplier.sell(SOLAR, price="0.05", quantity="3")
    bid = supplier.buy(SOLAR, price="0.05", quantity="5", self_trade=policy)
    assert (bid.status, bid.fills) == (status, [])
    assert [(order.side, order.remaining) for order in supplier.open_orders()] == open_lots


def test_a_day_order_ends_with_its_utc_day(market: Market) -> None:
    market.process(listing(TOMORROW))
    buyer = market.client(BUYER)
    buyer.buy(TOMORROW, price="0.05", quantity="1", time_in_force="day")
    assert [order.good_until for order in buyer.open_orders()] == [MIDNIGHT_S - 1]
    market.move_to(MIDNIGHT_S - 1)
    assert len(buyer.open_orders()) == 1
    market.move_to(MIDNIGHT_S)
    assert buyer.open_orders() == []


def test_a_good_till_date_order_ends_after_the_moment_it_was_signed_for(market: Market) -> None:
    buyer = market.client(BUYER)
    buyer.buy(SOLAR, price="0.05", quantity="1", time_in_force="gtd", good_until=START_S + 600)
    market.move_to(START_S + 600)
    assert [order.time_in_force for order in buyer.open_orders()] == ["gtd"]
    market.move_to(START_S + 601)
    assert buyer.open_orders() == []


def test_open_orders_tell_all_that_they_asked_for(market: Market) -> None:
    buyer = market.client(BUYER)
    placed = buyer.buy(
        GPU,
        price="2.5",
        quantity="3",
        type="market",
        time_in_force="ioc",
        minimum_quantity="0.5",
        stop_price="2.25",
        self_trade="decrement",
    )
    (found,) = buyer.open_orders()
    assert found.model_dump() == {
        "order_id": placed.order_id,
        "client_order_id": placed.client_order_id,
        "instrument": GPU,
        "side": "buy",
        "price": "2.5",
        "remaining": "3",
        "good_until": START_S + 2 * HOUR_S - 900,
        "waiting": True,
        "type": "market",
        "time_in_force": "ioc",
        "post_only": False,
        "all_or_none": False,
        "minimum_quantity": "0.5",
        "display_quantity": None,
        "stop_price": "2.25",
        "budget": None,
        "self_trade": "decrement",
    }


def test_conditions_that_do_not_go_together_are_refused_by_name(market: Market) -> None:
    buyer = market.client(BUYER)
    for how, told in (
        ({"budget": "1"}, "found a budget, expected one only on a market bid"),
        ({"time_in_force": "ioc", "display_quantity": "1"}, "found LIMIT IOC displayed in part"),
        ({"minimum_quantity": "6"}, "found a minimum of 6 kWh, expected 0 to 5 kWh"),
    ):
        with pytest.raises(MarketError, match=told) as caught:
            buyer.buy(SOLAR, price="0.05", quantity="5", **how)
        assert (caught.value.status, caught.value.name) == (409, "conditions_conflict")
    with pytest.raises(MarketError, match=r"price_outside_band.*a stop of 9 per kWh"):
        buyer.buy(SOLAR, price="0.05", quantity="5", stop_price="9")


@pytest.mark.parametrize(
    ("change", "found", "expected"),
    [
        ({"display_quantity": "-1"}, "body.display_quantity: found '-1'", "String should match pattern"),
        ({"minimum_quantity": "0.0001"}, "minimum_quantity: found 0.0001", "finer than the smallest step"),
        ({"stop_price": 0.05}, "body.stop_price: found 0.05", "Input should be a valid string"),
        ({"stop_price": "0.0000001"}, "stop_price: found 0.0000001", "finer than the smallest step"),
        ({"budget": "much"}, "body.budget: found 'much'", "String should match pattern"),
        ({"display_quantity": "9" * 18}, "display_quantity: found 999999999999999999000", "less than 2^63"),
        ({"self_trade": "allow"}, "body.self_trade: found 'allow'", "'cancel_newest', 'cancel_oldest'"),
        ({"time_in_force": "gfd"}, "body.time_in_force: found 'gfd'", "'gtc', 'ioc', 'fok', 'day' or 'gtd'"),
        ({"all_or_none": "perhaps"}, "body.all_or_none: found 'perhaps'", "valid boolean"),
        ({"eligible": []}, "body.eligible: found []", "not permitted"),
    ],
)
def test_conditions_that_cannot_be_read_stop_at_the_door(
    one_market: Market, change: dict[str, object], found: str, expected: str
) -> None:
    signed = one_market.client(BUYER)._signed(SOLAR, "buy", price="0.05", quantity="1").model_dump()
    answer = one_market.http.post("/v1/orders", json=signed | change)
    assert (answer.status_code, answer.json()["title"]) == (422, "malformed")
    assert found in answer.json()["detail"]
    assert expected in answer.json()["detail"]


def test_the_audit_proves_from_the_record_that_every_condition_was_kept(market: Market) -> None:
    market.process(
        listing(TOMORROW, rules=TradingRules(collar_ticks=Ticks(10), halt_s=60, hidden_orders=True))
    )
    supplier, buyer = market.client(SUPPLIER), market.client(BUYER)
    supplier.sell(TOMORROW, price="0.0505", quantity="8", display_quantity="3")
    supplier.sell(TOMORROW, price="0.0505", quantity="2", display_quantity="0")
    buyer.buy(TOMORROW, price="0.06", quantity="3", stop_price="0.0505", time_in_force="day")
    buyer.buy(TOMORROW, price="0.0505", quantity="20", type="market", budget="0.101")
    supplier.buy(TOMORROW, price="0.0505", quantity="1", self_trade="decrement")
    supplier.sell(TOMORROW, price="0.055", quantity="5")
    buyer.buy(TOMORROW, price="0.06", quantity="9", minimum_quantity="2")
    buyer.set_timer(600)
    supplier.cancel_all(side="sell")
    market.move_to(START_S + 600)
    assert [order.order_id for order in buyer.open_orders()] == []
    market.house.sequencer.catch_up()
    report = audit(RecordReader(market.house.engine), tables=market.house.engine)
    assert report.findings == ()
    assert report.state_hash == market.house.venue.state_hash()
