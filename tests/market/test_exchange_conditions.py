"""What an order asks beyond its signed terms: how the exchange takes it in, holds for it, and tells what became of it."""

import pytest

from market.events import (
    CancelReason,
    Event,
    OrderAccepted,
    OrderCancelled,
    OrderReplaced,
    OrderTriggered,
    Refused,
    TradeAgreed,
)
from market.exchange import Exchange
from market.listing import TradingRules
from market.orders import CancelOrder, Conditions, OrderType, PlaceOrder, Side, TimeInForce
from market.refusals import Refusal
from market.units import Lots

from .builders import (
    ALICE,
    BOB,
    CALL_OPENS_S,
    CONTINUOUS_OPENS_S,
    GATE_CLOSES_S,
    SOLAR,
    SUN,
    WIND,
    a_bid,
    a_listing,
    a_replacement,
    an_exchange,
    an_offer,
    some_terms,
    us,
)

MIDNIGHT_S = CONTINUOUS_OPENS_S + 12 * 3600
HIDING = TradingRules(hidden_orders=True)


def trades(events: list[Event]) -> list[tuple[int, int, int, int]]:
    """Return (bid, offer, price, quantity) of each trade."""
    return [
        (event.buy_order_id, event.sell_order_id, event.price_ticks, event.quantity_lots)
        for event in events
        if isinstance(event, TradeAgreed)
    ]


def shown(exchange: Exchange, side: Side) -> list[tuple[int, int, int]]:
    """Return (order id, remaining, displayed) of a side in priority order."""
    return [row[1:] for row in exchange.book(SOLAR.id).orders(side).tolist()]


def waiting(exchange: Exchange, side: Side) -> list[int]:
    return [order_id for _, order_id, *_ in exchange.book(SOLAR.id).stops(side).tolist()]


def held(exchange: Exchange, order_id: int) -> tuple[int, int]:
    """Return what is left of an order and what is set aside for it."""
    order = exchange.order(order_id)
    assert order is not None
    return order.remaining_lots, order.hold_micros


def test_an_accepted_order_tells_its_conditions() -> None:
    exchange = an_exchange()
    bid = a_bid(display=100, quantity=300)
    (accepted,) = exchange.execute(bid)
    assert isinstance(accepted, OrderAccepted)
    assert accepted.conditions == Conditions(display_lots=Lots(100))
    order = exchange.order(1)
    assert order is not None
    assert order.conditions == accepted.conditions


def test_other_conditions_are_another_request() -> None:
    exchange = an_exchange()
    bid = a_bid(display=100)
    exchange.execute(bid)
    plain = PlaceOrder(bid.terms, bid.signature)
    assert (exchange.earlier(bid), exchange.earlier(plain)) == (1, None)
    (refused,) = exchange.execute(plain)
    assert isinstance(refused, Refused)
    assert refused.refusal is Refusal.CLIENT_ORDER_ID_REUSED


# --- how long an order lives ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [TimeInForce.GTC, TimeInForce.GTD])
def test_an_order_lives_to_its_good_until(kind: TimeInForce) -> None:
    exchange = an_exchange()
    exchange.execute(a_bid(time_in_force=kind, good_until_s=MIDNIGHT_S + 5))
    assert exchange.next_due_us() == us(MIDNIGHT_S + 5) + 1
    assert exchange.begin(us(MIDNIGHT_S + 5)) == []
    assert exchange.begin(us(MIDNIGHT_S + 5) + 1) == [OrderCancelled(1, 1000, CancelReason.EXPIRED)]


def test_a_day_order_lives_to_the_end_of_its_utc_day() -> None:
    exchange = an_exchange()
    exchange.execute(a_bid(time_in_force=TimeInForce.DAY))
    assert exchange.next_due_us() == us(MIDNIGHT_S)
    assert exchange.begin(us(MIDNIGHT_S) - 1) == []
    assert exchange.begin(us(MIDNIGHT_S)) == [OrderCancelled(1, 1000, CancelReason.EXPIRED)]


def test_a_day_order_lives_no_longer_than_its_good_until_and_the_gate() -> None:
    exchange = an_exchange()
    exchange.execute(a_bid(time_in_force=TimeInForce.DAY, good_until_s=CONTINUOUS_OPENS_S + 9))
    assert exchange.begin(us(CONTINUOUS_OPENS_S + 10)) == [OrderCancelled(1, 1000, CancelReason.EXPIRED)]
    exchange.begin(us(MIDNIGHT_S))
    exchange.execute(a_bid(time_in_force=TimeInForce.DAY))
    assert exchange.begin(us(GATE_CLOSES_S))[0] == OrderCancelled(2, 1000, CancelReason.GATE_CLOSED)


def test_a_replaced_day_order_keeps_its_day() -> None:
    exchange = an_exchange()
    exchange.execute(a_bid(time_in_force=TimeInForce.DAY))
    exchange.execute(a_replacement(1, some_terms(Side.BUY, by=ALICE, price=400)))
    assert exchange.begin(us(MIDNIGHT_S)) == [OrderCancelled(1, 1000, CancelReason.EXPIRED)]


# --- minimum, all-or-none ------------------------------------------------------------------------------------------


def test_a_minimum_must_trade_at_once_and_is_not_asked_of_what_rests() -> None:
    exchange = an_exchange()
    exchange.execute(an_offer(price=500, quantity=300))
    events = exchange.execute(a_bid(price=500, quantity=1000, minimum=300))
    assert trades(events) == [(2, 1, 500, 300)]
    assert shown(exchange, Side.BUY) == [(2, 700, 700)]
    (replaced,) = exchange.execute(a_replacement(2, some_terms(Side.BUY, by=ALICE, price=490, quantity=100)))
    assert isinstance(replaced, OrderReplaced)
    assert shown(exchange, Side.BUY) == [(2, 100, 100)]


def test_a_refused_order_takes_no_order_id() -> None:
    exchange = an_exchange()
    exchange.execute(an_offer(price=500, quantity=300))
    (refused,) = exchange.execute(a_bid(price=500, minimum=301))
    assert isinstance(refused, Refused)
    (accepted, *_) = exchange.execute(a_bid(price=400))
    assert isinstance(accepted, OrderAccepted)
    assert accepted.order_id == 2


def test_an_all_or_none_order_waits_at_rest_until_it_fills_wholly_and_is_the_maker() -> None:
    exchange = an_exchange()
    exchange.execute(a_bid(price=510, quantity=1000, all_or_none=True))
    assert trades(exchange.execute(an_offer(price=505, quantity=600))) == []
    events = exchange.execute(an_offer(by=WIND, price=500, quantity=600))
    assert trades(events) == [(1, 3, 510, 600), (1, 2, 510, 400)]
    assert [event.taker for event in events if isinstance(event, TradeAgreed)] == [Side.SELL, Side.SELL]
    assert exchange.order(1) is None
    assert shown(exchange, Side.SELL) == [(2, 200, 200)]


def test_an_all_or_none_order_that_cannot_rest_is_fill_or_kill() -> None:
    exchange = an_exchange()
    exchange.execute(an_offer(price=500, quantity=600))
    (refused,) = exchange.execute(a_bid(price=500, all_or_none=True, time_in_force=TimeInForce.IOC))
    assert isinstance(refused, Refused)
    assert refused.refusal is Refusal.CANNOT_FILL_WHOLLY


def test_an_auction_leaves_all_or_none_orders_out() -> None:
    exchange = an_exchange(a_listing(rules=TradingRules(collar_ticks=10, halt_s=60)))
    exchange.execute(a_bid(price=505, quantity=1000, all_or_none=True))
    exchange.execute(an_offer(price=520, quantity=100))
    exchange.execute(a_bid(by=BOB, price=520, quantity=100))
    events = exchange.begin(us(CONTINUOUS_OPENS_S + 60))
    assert trades(events) == [(3, 2, 520, 100)]
    assert shown(exchange, Side.BUY) == [(1, 1000, 1000)]


# --- icebergs and hidden orders ------------------------------------------------------------------------------------


def test_an_iceberg_shows_a_slice_at_a_time_and_each_goes_to_the_back() -> None:
    exchange = an_exchange()
    exchange.execute(an_offer(price=500, quantity=300, display=100))
    exchange.execute(an_offer(by=WIND, price=500, quantity=100))
    assert held(exchange, 1) == (300, 3_000)
    assert [row.quantity_lots for row in exchange.book(SOLAR.id).depth(1).asks] == [200]
    events = exchange.execute(a_bid(price=500, quantity=250))
    assert trades(events) == [(3, 1, 500, 100), (3, 2, 500, 100), (3, 1, 500, 50)]
    assert shown(exchange, Side.SELL) == [(1, 150, 50)]
    assert held(exchange, 1) == (150, 1_500)


def test_a_hidden_order_trades_after_those_that_show_themselves() -> None:
    exchange = an_exchange(a_listing(rules=HIDING))
    exchange.execute(an_offer(price=500, quantity=100, display=0))
    exchange.execute(an_offer(by=WIND, price=500, quantity=100))
    assert trades(exchange.execute(a_bid(price=500, quantity=150))) == [(3, 2, 500, 100), (3, 1, 500, 50)]
    assert exchange.book(SOLAR.id).depth(5).asks == ()


def test_a_smaller_iceberg_loses_reserve_and_keeps_its_place() -> None:
    exchange = an_exchange()
    exchange.execute(an_offer(price=500, quantity=300, display=100))
    exchange.execute(an_offer(by=WIND, price=500, quantity=100))
    (replaced,) = exchange.execute(a_replacement(1, some_terms(Side.SELL, by=SUN, price=500, quantity=150)))
    assert isinstance(replaced, OrderReplaced)
    assert replaced.kept_priority
    assert shown(exchange, Side.SELL) == [(1, 150, 100), (2, 100, 100)]


# --- stops ---------------------------------------------------------------------------------------------------------


def a_traded_exchange(price: int = 500) -> Exchange:
    """Return an exchange where the last price is `price`; orders 1 and 2 are gone."""
    exchange = an_exchange()
    exchange.execute(an_offer(price=price, quantity=10))
    exchange.execute(a_bid(price=price, quantity=10))
    return exchange


def test_a_stop_waits_unseen_and_holds_like_any_order() -> None:
    exchange = a_traded_exchange()
    exchange.execute(a_bid(by=BOB, price=540, stop=520))
    order = exchange.order(3)
    assert order is not None
    assert (order.waiting, waiting(exchange, Side.BUY), shown(exchange, Side.BUY)) == (True, [3], [])
    assert held(exchange, 3) == (1000, 54_135)
    assert exchange.listing(SOLAR.id).open_lots == [1000, 0]


def test_a_trade_at_its_stop_wakes_an_order_once_the_message_is_done() -> None:
    exchange = a_traded_exchange()
    exchange.execute(a_bid(by=BOB, price=540, quantity=500, stop=520))
    exchange.execute(an_offer(price=520, quantity=100))
    exchange.execute(an_offer(by=WIND, price=530, quantity=300))
    events = exchange.execute(a_bid(price=520, quantity=150, time_in_force=TimeInForce.IOC))
    _, first, dropped, triggered, second = events
    assert trades([first, second]) == [(6, 4, 520, 100), (3, 5, 530, 300)]
    assert dropped == OrderCancelled(6, 50, CancelReason.REMAINDER_NOT_RESTING)
    assert triggered == OrderTriggered(3)
    order = exchange.order(3)
    assert order is not None
    assert not order.waiting
    assert shown(exchange, Side.BUY) == [(3, 200, 200)]


def test_a_stop_that_is_reached_already_trades_at_once() -> None:
    exchange = a_traded_exchange(price=500)
    exchange.execute(an_offer(price=505, quantity=100))
    accepted, triggered, agreed = exchange.execute(a_bid(price=510, quantity=100, stop=500))
    assert isinstance(accepted, OrderAccepted)
    assert triggered == OrderTriggered(4)
    assert trades([agreed]) == [(4, 3, 505, 100)]


def test_a_woken_market_order_leaves_with_what_it_cannot_take() -> None:
    exchange = a_traded_exchange()
    exchange.execute(an_offer(price=490, quantity=500, stop=480, order_type=OrderType.MARKET, by=WIND))
    exchange.execute(a_bid(price=480, quantity=100))
    exchange.execute(a_bid(by=BOB, price=490, quantity=200))
    events = exchange.execute(an_offer(price=480, quantity=250))
    assert trades(events) == [(5, 6, 490, 200), (4, 6, 480, 50)]
    assert events[-2:] == [OrderTriggered(3), OrderCancelled(3, 500, CancelReason.REMAINDER_NOT_RESTING)]
    assert exchange.open_orders(WIND) == ()


def test_a_woken_order_that_cannot_fill_its_minimum_leaves() -> None:
    exchange = a_traded_exchange()
    exchange.execute(a_bid(by=BOB, price=540, quantity=500, stop=520, minimum=400))
    exchange.execute(an_offer(price=520, quantity=100))
    events = exchange.execute(a_bid(price=520, quantity=100))
    assert events[-2:] == [OrderTriggered(3), OrderCancelled(3, 500, CancelReason.REMAINDER_NOT_RESTING)]


def test_a_waiting_stop_is_replaced_cancelled_and_ended_like_any_order() -> None:
    exchange = a_traded_exchange()
    for _ in range(3):
        exchange.execute(a_bid(price=540, stop=520, good_until_s=CONTINUOUS_OPENS_S + 60))
    (replaced,) = exchange.execute(a_replacement(3, some_terms(Side.BUY, by=ALICE, price=530, quantity=400)))
    assert isinstance(replaced, OrderReplaced)
    assert not replaced.kept_priority
    assert waiting(exchange, Side.BUY) == [4, 5, 3]
    assert exchange.execute(CancelOrder(ALICE, 4)) == [OrderCancelled(4, 1000, CancelReason.BY_PARTICIPANT)]
    assert exchange.begin(us(CONTINUOUS_OPENS_S + 61)) == [OrderCancelled(5, 1000, CancelReason.EXPIRED)]
    assert exchange.begin(us(GATE_CLOSES_S))[0] == OrderCancelled(3, 400, CancelReason.GATE_CLOSED)
    assert len(exchange.book(SOLAR.id)) == 0


def test_a_stop_that_slept_through_the_call_wakes_with_the_auctions_price() -> None:
    exchange = an_exchange(at_s=CALL_OPENS_S)
    exchange.execute(a_bid(price=560, quantity=100))
    exchange.execute(an_offer(price=540, quantity=100))
    exchange.execute(a_bid(by=BOB, price=600, quantity=50, stop=530, time_in_force=TimeInForce.IOC))
    exchange.execute(an_offer(by=WIND, price=590, quantity=20))
    events = exchange.begin(us(CONTINUOUS_OPENS_S))
    assert trades(events) == [(1, 2, 540, 100), (3, 4, 590, 20)]
    assert events[-3] == OrderTriggered(3)
    assert events[-1] == OrderCancelled(3, 30, CancelReason.REMAINDER_NOT_RESTING)


# --- budgets -------------------------------------------------------------------------------------------------------


def test_a_budget_bounds_the_hold_and_the_spending() -> None:
    exchange = an_exchange()
    exchange.execute(an_offer(price=500, quantity=1000))
    exchange.execute(an_offer(by=WIND, price=600, quantity=1000))
    # 1 kWh at 0.05 costs 50,000 micros; the 40,000 that are left buy 666 Wh at 0.06 (39,960).
    bid = a_bid(price=700, quantity=5000, order_type=OrderType.MARKET, budget_micros=90_000)
    assert exchange.hold_for(bid) == 90_000 + 225
    accepted, first, second, dropped = exchange.execute(bid)
    assert isinstance(accepted, OrderAccepted)
    assert accepted.hold_micros == 90_225
    assert trades([first, second]) == [(3, 1, 500, 1000), (3, 2, 600, 666)]
    assert isinstance(first, TradeAgreed)
    assert isinstance(second, TradeAgreed)
    assert (first.payment_micros, first.fee_micros, first.buy_hold_micros) == (50_000, 125, 40_000 + 100)
    assert (second.payment_micros, second.fee_micros, second.buy_hold_micros) == (39_960, 99, 40 + 1)
    assert dropped == OrderCancelled(3, 3334, CancelReason.REMAINDER_NOT_RESTING)


def test_a_budget_that_does_not_bind_holds_what_the_limit_needs() -> None:
    exchange = an_exchange()
    bid = a_bid(price=500, quantity=1000, order_type=OrderType.MARKET, budget_micros=10**9)
    assert exchange.hold_for(bid) == 50_125
