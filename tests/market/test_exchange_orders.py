"""The life of an order: acceptance, trades and their money, replacement, cancellation, repetition."""

import pytest

from market.events import CancelReason, Event, OrderAccepted, OrderCancelled, OrderReplaced, TradeAgreed
from market.exchange import Exchange
from market.listing import TradePriceRule
from market.orders import CancelOrder, OrderType, PlaceOrder, Side, TimeInForce

from .builders import (
    ALICE,
    BOB,
    CALL_OPENS_S,
    CONTINUOUS_OPENS_S,
    H100,
    SOLAR,
    SUN,
    WIND,
    a_bid,
    a_listing,
    a_replacement,
    an_exchange,
    an_offer,
    price_terms,
    some_terms,
    us,
)


def trades(events: list[Event]) -> list[tuple[int, int, int, int]]:
    """Return (bid, offer, price, quantity) of each trade."""
    return [
        (event.buy_order_id, event.sell_order_id, event.price_ticks, event.quantity_lots)
        for event in events
        if isinstance(event, TradeAgreed)
    ]


def queue(exchange: Exchange, side: Side) -> list[tuple[int, int]]:
    """Return (order id, remaining) of a side in priority order."""
    return [(order_id, lots) for _, order_id, lots, *_ in exchange.book(SOLAR.id).orders(side).tolist()]


def test_an_accepted_order_gets_the_next_id_and_a_hold() -> None:
    exchange = an_exchange()
    bid, offer = a_bid(price=500, quantity=1999), an_offer(price=600, quantity=1999)
    # 0.05 x 1.999 kWh is 99,950 micros, and 25 bps of it rounded up 250; silver collateral is 20 % of 0.05: 19,990.
    assert exchange.execute(bid) == [
        OrderAccepted(1, bid.terms, b"signature", OrderType.LIMIT, TimeInForce.GTC, False, 100_200)
    ]
    assert exchange.execute(offer) == [
        OrderAccepted(2, offer.terms, b"signature", OrderType.LIMIT, TimeInForce.GTC, False, 19_990)
    ]
    order = exchange.order(1)
    assert order is not None
    assert (order.terms, order.signature, order.remaining_lots, order.hold_micros) == (
        bid.terms,
        b"signature",
        1999,
        100_200,
    )


def test_what_will_be_held_can_be_asked_before() -> None:
    exchange = an_exchange()
    assert exchange.hold_for(a_bid(price=500, quantity=1999)) == 100_200
    assert exchange.hold_for(an_offer(price=500, quantity=1999)) == 19_990


def test_a_trade_carries_the_money_that_it_locks_and_the_holds_that_remain() -> None:
    exchange = an_exchange()
    exchange.execute(an_offer(price=500, quantity=1999))
    _, agreed = exchange.execute(a_bid(price=600, quantity=3000))
    # Payment 0.05 x 1.999 kWh; fee 25 bps of it, floored; collateral 20 % of it. The bid goes on with 1.001 kWh at 0.06.
    assert agreed == TradeAgreed(
        trade_number=1,
        instrument_id=SOLAR.id,
        buy_order_id=2,
        sell_order_id=1,
        buyer=ALICE,
        seller=SUN,
        taker=Side.BUY,
        price_ticks=500,
        bid_ticks=600,
        ask_ticks=500,
        quantity_lots=1999,
        payment_micros=99_950,
        fee_micros=249,
        collateral_micros=19_990,
        buy_hold_micros=60_060 + 151,
        sell_hold_micros=0,
    )
    order = exchange.order(2)
    assert order is not None
    assert (order.remaining_lots, order.hold_micros) == (1001, 60_211)
    assert exchange.order(1) is None
    listed = exchange.listing(SOLAR.id)
    assert (listed.last_price_ticks, listed.volume_lots, listed.unfinished_trades) == (500, 1999, 1)


def test_a_taker_walks_the_book_by_price_then_time() -> None:
    exchange = an_exchange()
    for price, quantity in ((520, 10), (500, 10), (500, 20), (530, 10)):
        exchange.execute(an_offer(price=price, quantity=quantity))
    events = exchange.execute(a_bid(price=525, quantity=45))
    assert trades(events) == [(5, 2, 500, 10), (5, 3, 500, 20), (5, 1, 520, 10)]
    assert queue(exchange, Side.BUY) == [(5, 5)]


@pytest.mark.parametrize(
    ("rule", "weight", "price"),
    [
        (TradePriceRule.MAKER, 0, 500),
        (TradePriceRule.MIDPOINT, 0, 550),
        (TradePriceRule.NASH, 300_000, 530),
        (TradePriceRule.NASH, 1_000_000, 601),
    ],
)
def test_the_rule_of_the_instrument_shares_the_surplus(rule: TradePriceRule, weight: int, price: int) -> None:
    exchange = an_exchange(a_listing(rule=rule, weight=weight))
    exchange.execute(an_offer(price=500))
    assert trades(exchange.execute(a_bid(price=601))) == [(2, 1, price, 1000)]


def test_new_price_terms_move_weight_and_band_but_not_collateral() -> None:
    exchange = an_exchange(a_listing(rule=TradePriceRule.NASH, weight=0))
    exchange.execute(an_offer(price=500))
    exchange.execute(price_terms(reference=800, low=300, high=900, weight=500_000))
    _, agreed = exchange.execute(a_bid(price=600))
    assert trades([agreed]) == [(2, 1, 550, 1000)]
    assert exchange.hold_for(an_offer(quantity=1000)) == 10_000
    refused = exchange.refusal_of(a_bid(price=901))
    assert refused is not None
    assert "expected 0.03 per kWh to 0.09 per kWh" in refused.detail


@pytest.mark.parametrize(
    "bid",
    [
        a_bid(price=550, quantity=1500, order_type=OrderType.MARKET),
        a_bid(price=550, quantity=1500, time_in_force=TimeInForce.IOC),
    ],
)
def test_what_does_not_rest_is_cancelled_with_its_remainder(bid: PlaceOrder) -> None:
    exchange = an_exchange(a_listing(rule=TradePriceRule.MAKER))
    exchange.execute(an_offer(price=500))
    _, agreed, cancelled = exchange.execute(bid)
    assert trades([agreed]) == [(2, 1, 500, 1000)]
    assert cancelled == OrderCancelled(2, 500, CancelReason.REMAINDER_NOT_RESTING)
    assert exchange.open_orders(ALICE) == ()


def test_a_market_order_trades_at_the_makers_price_under_every_rule() -> None:
    exchange = an_exchange(a_listing(rule=TradePriceRule.MIDPOINT))
    exchange.execute(an_offer(price=500))
    assert trades(exchange.execute(a_bid(price=600, order_type=OrderType.MARKET))) == [(2, 1, 500, 1000)]


def test_a_market_order_that_meets_nobody_is_accepted_and_dropped() -> None:
    exchange = an_exchange()
    _, cancelled = exchange.execute(a_bid(order_type=OrderType.MARKET))
    assert cancelled == OrderCancelled(1, 1000, CancelReason.REMAINDER_NOT_RESTING)


def test_a_filled_order_leaves_silently() -> None:
    exchange = an_exchange()
    exchange.execute(an_offer())
    events = exchange.execute(a_bid(time_in_force=TimeInForce.FOK))
    assert [type(event) for event in events] == [OrderAccepted, TradeAgreed]
    assert (exchange.order(1), exchange.order(2)) == (None, None)


def test_a_cancelled_order_leaves_with_what_it_had() -> None:
    exchange = an_exchange()
    exchange.execute(a_bid(price=400))
    assert exchange.execute(CancelOrder(ALICE, 1)) == [OrderCancelled(1, 1000, CancelReason.BY_PARTICIPANT)]
    assert exchange.order(1) is None
    assert len(exchange.book(SOLAR.id)) == 0


def test_a_replacement_that_only_shrinks_keeps_its_priority() -> None:
    exchange = an_exchange()
    exchange.execute(a_bid(price=400))
    exchange.execute(a_bid(by=BOB, price=400))
    terms = some_terms(Side.BUY, by=ALICE, price=400, quantity=300)
    assert exchange.execute(a_replacement(1, terms)) == [
        OrderReplaced(1, terms, b"new signature", True, 12_030)
    ]
    assert queue(exchange, Side.BUY) == [(1, 300), (2, 1000)]


def test_a_replacement_of_the_same_quantity_keeps_its_priority() -> None:
    exchange = an_exchange()
    exchange.execute(a_bid(price=400))
    exchange.execute(a_bid(by=BOB, price=400))
    exchange.execute(
        a_replacement(1, some_terms(Side.BUY, by=ALICE, price=400, good_until_s=CONTINUOUS_OPENS_S + 9))
    )
    assert queue(exchange, Side.BUY) == [(1, 1000), (2, 1000)]
    assert exchange.begin(us(CONTINUOUS_OPENS_S + 10)) == [OrderCancelled(1, 1000, CancelReason.EXPIRED)]


@pytest.mark.parametrize(("price", "quantity"), [(400, 1001), (401, 1000), (399, 10)])
def test_any_other_replacement_goes_to_the_back_of_its_queue(price: int, quantity: int) -> None:
    exchange = an_exchange()
    exchange.execute(a_bid(price=400))
    exchange.execute(a_bid(by=BOB, price=price))
    (replaced,) = exchange.execute(
        a_replacement(1, some_terms(Side.BUY, by=ALICE, price=price, quantity=quantity))
    )
    assert isinstance(replaced, OrderReplaced)
    assert not replaced.kept_priority
    assert queue(exchange, Side.BUY) == [(2, 1000), (1, quantity)]


def test_the_quantity_of_a_replacement_is_what_may_still_trade() -> None:
    exchange = an_exchange()
    exchange.execute(an_offer(price=500, quantity=1000))
    exchange.execute(a_bid(price=500, quantity=400))
    exchange.execute(a_replacement(1, some_terms(Side.SELL, by=SUN, price=500, quantity=600)))
    assert queue(exchange, Side.SELL) == [(1, 600)]
    (replaced,) = exchange.execute(a_replacement(1, some_terms(Side.SELL, by=SUN, price=500, quantity=601)))
    assert isinstance(replaced, OrderReplaced)
    assert not replaced.kept_priority


def test_a_replacement_may_trade_at_once() -> None:
    exchange = an_exchange()
    exchange.execute(an_offer(price=500))
    exchange.execute(a_bid(price=400))
    events = exchange.execute(a_replacement(2, some_terms(Side.BUY, by=ALICE, price=500, quantity=1500)))
    assert trades(events) == [(2, 1, 500, 1000)]
    assert queue(exchange, Side.BUY) == [(2, 500)]


def test_orders_collect_in_the_call_even_where_they_cross() -> None:
    exchange = an_exchange(at_s=CALL_OPENS_S)
    exchange.execute(an_offer(price=400))
    exchange.execute(a_bid(price=600))
    exchange.execute(a_replacement(2, some_terms(Side.BUY, by=ALICE, price=700)))
    assert (exchange.book(SOLAR.id).best_bid(), exchange.book(SOLAR.id).best_ask()) == (700, 400)


def test_the_same_request_again_is_known_by_its_order_id() -> None:
    exchange = an_exchange()
    bid = a_bid(price=400)
    assert exchange.earlier(bid) is None
    exchange.execute(bid)
    replacement = a_replacement(1, some_terms(Side.BUY, by=ALICE, price=401))
    exchange.execute(replacement)
    exchange.execute(CancelOrder(ALICE, 1))
    assert (exchange.earlier(bid), exchange.earlier(replacement)) == (1, 1)
    signed_again = PlaceOrder(bid.terms, b"another signature")
    other_flags = PlaceOrder(bid.terms, bid.signature, post_only=True)
    assert (exchange.earlier(signed_again), exchange.earlier(other_flags)) == (1, None)


def test_a_refused_request_leaves_its_client_order_id_free() -> None:
    exchange = an_exchange()
    exchange.execute(a_bid(price=5000, client_order_id=9))
    assert len(exchange.execute(a_bid(price=400, client_order_id=9))) == 1
    assert exchange.order_id_of(ALICE, 9) == 1


def test_client_order_ids_belong_to_their_participant() -> None:
    exchange = an_exchange()
    exchange.execute(a_bid(price=400, client_order_id=9))
    exchange.execute(a_bid(by=BOB, price=400, client_order_id=9))
    assert (exchange.order_id_of(ALICE, 9), exchange.order_id_of(BOB, 9)) == (1, 2)
    assert exchange.order_id_of(SUN, 9) is None


def test_open_orders_are_listed_by_participant_oldest_first() -> None:
    exchange = an_exchange(a_listing(), a_listing(H100))
    exchange.execute(a_bid(price=400))
    exchange.execute(a_bid(by=BOB, price=400))
    exchange.execute(a_bid(price=300, instrument=H100))
    assert [order.order_id for order in exchange.open_orders(ALICE)] == [1, 3]
    assert exchange.open_orders(WIND) == ()
    assert exchange.instruments() == (SOLAR, H100)
    assert [listed.id for listed in exchange.listings()] == [SOLAR.id, H100.id]


def test_a_replaced_offer_commits_its_new_quantity() -> None:
    exchange = an_exchange()
    exchange.execute(an_offer(quantity=100_000))
    exchange.execute(a_replacement(1, some_terms(Side.SELL, by=SUN, quantity=400_000)))
    assert exchange.refusal_of(an_offer(quantity=600_000)) is None
    assert exchange.refusal_of(an_offer(quantity=600_001)) is not None
    exchange.execute(a_replacement(1, some_terms(Side.SELL, by=SUN, quantity=300_000)))
    assert exchange.refusal_of(an_offer(quantity=700_000)) is None


def test_a_prolonged_order_outlives_its_first_good_until() -> None:
    exchange = an_exchange()
    exchange.execute(a_bid(price=400, good_until_s=CONTINUOUS_OPENS_S + 10))
    exchange.execute(
        a_replacement(1, some_terms(Side.BUY, by=ALICE, price=400, good_until_s=CONTINUOUS_OPENS_S + 20))
    )
    assert exchange.begin(us(CONTINUOUS_OPENS_S + 15)) == []
    assert exchange.begin(us(CONTINUOUS_OPENS_S + 21)) == [OrderCancelled(1, 1000, CancelReason.EXPIRED)]


def test_an_order_that_was_welcome_is_checked_again_after_a_change() -> None:
    exchange = an_exchange()
    bid = a_bid(price=600)
    assert exchange.refusal_of(bid) is None
    exchange.execute(price_terms(high=599))
    assert exchange.refusal_of(bid) is not None
