"""Calls and halts over HTTP: what an instrument tells of its rules, and the price that its auction would have."""

import pytest

from api.client import MarketError
from market.listing import Allocation, TradingRules
from market.units import Ticks
from tests.api.conftest import BUYER, HOUR_S, SOLAR, START_S, SUPPLIER, Market, listing

LATER = "ENE.SOLAR@CISO/2022-03-12T06Z/1h#Q1"


def test_an_instrument_tells_how_it_trades(market: Market) -> None:
    rules = TradingRules(Allocation.PRO_RATA, collar_ticks=Ticks(10), halt_s=60, hidden_orders=True)
    market.process(listing(LATER, rules=rules))
    told = [
        (each.allocation, each.collar, each.halt_s, each.hidden_orders, each.halted_until)
        for each in map(market.client(BUYER).instrument, (SOLAR, LATER))
    ]
    assert told == [("time", None, 0, False, None), ("pro_rata", "0.001", 60, True, None)]


def test_a_call_tells_its_indicative_price(market: Market) -> None:
    market.process(listing(LATER, continuous_opens_s=START_S + HOUR_S))
    supplier, buyer = market.client(SUPPLIER), market.client(BUYER)
    before = buyer.book(LATER)
    assert (before.session, before.indicative.model_dump()) == (
        "call",
        {"price": None, "volume": "0", "imbalance": "0"},
    )
    supplier.sell(LATER, price="0.05", quantity="3")
    buyer.buy(LATER, price="0.05", quantity="8.5")
    with pytest.raises(MarketError, match=r"not_allowed_in_call.*found LIMIT GTC post-only"):
        buyer.buy(LATER, price="0.04", quantity="1", post_only=True)
    assert buyer.book(LATER).indicative.model_dump() == {"price": "0.05", "volume": "3", "imbalance": "5.5"}
    market.move_to(START_S + HOUR_S)
    after = buyer.book(LATER)
    assert (after.session, after.indicative) == ("continuous", None)
    assert [(trade.price, trade.quantity) for trade in buyer.trades(LATER)] == [("0.05", "3")]


def test_a_trade_outside_the_collar_halts_until_an_auction(market: Market) -> None:
    market.process(listing(LATER, rules=TradingRules(collar_ticks=Ticks(10), halt_s=60)))
    supplier, buyer = market.client(SUPPLIER), market.client(BUYER)
    for price, quantity in (("0.0505", "1"), ("0.052", "2")):
        supplier.sell(LATER, price=price, quantity=quantity)
    bid = buyer.buy(LATER, price="0.052", quantity="4")
    assert (bid.status, bid.remaining, [fill.price for fill in bid.fills]) == ("open", "3", ["0.0505"])
    (halted,) = buyer.instruments(session="halted")
    assert (halted.symbol, halted.session, halted.halted_until) == (LATER, "halted", START_S + 60)
    book = buyer.book(LATER)
    assert book.session == "halted"
    assert book.indicative.model_dump() == {"price": "0.052", "volume": "2", "imbalance": "1"}
    with pytest.raises(MarketError, match="expected LIMIT GTC, DAY or GTD during the halt"):
        buyer.buy(LATER, price="0.052", quantity="1", time_in_force="ioc")
    market.move_to(START_S + 60)
    found = buyer.instrument(LATER)
    assert (found.session, found.halted_until) == ("continuous", None)
    assert [trade.price for trade in buyer.trades(LATER)] == ["0.0505", "0.052"]
    assert [order.remaining for order in buyer.open_orders()] == ["1"]
    ticker = market.http.get("/v1/ticker", params={"symbol": LATER}).json()
    assert (ticker["last_price"], ticker["last_time"], ticker["volume"]) == ("0.052", START_S + 60, "3")
