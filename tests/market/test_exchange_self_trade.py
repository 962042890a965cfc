"""Nobody trades with himself: not in continuous trading under any policy, nor in an auction."""

import pytest

from market.events import CancelReason, Cleared, Event, OrderCancelled, OrderReduced, TradeAgreed
from market.exchange import Exchange
from market.listing import Allocation, TradingRules
from market.orders import OrderType, SelfTrade, Side

from .builders import (
    ALICE,
    BOB,
    CALL_OPENS_S,
    CONTINUOUS_OPENS_S,
    SOLAR,
    SUN,
    WIND,
    a_bid,
    a_listing,
    an_exchange,
    an_offer,
    us,
)


def trades(events: list[Event]) -> list[tuple[int, int, int]]:
    """Return (bid, offer, quantity) of each trade."""
    return [
        (event.buy_order_id, event.sell_order_id, event.quantity_lots)
        for event in events
        if isinstance(event, TradeAgreed)
    ]


def open_lots(exchange: Exchange) -> dict[int, int]:
    return {
        order.order_id: order.remaining_lots
        for who in (ALICE, BOB, SUN, WIND)
        for order in exchange.open_orders(who)
    }


def lost(order_id: int, lots: int) -> OrderCancelled:
    return OrderCancelled(order_id, lots, CancelReason.SELF_TRADE)


@pytest.mark.parametrize(
    ("policy", "told", "left"),
    [
        (SelfTrade.CANCEL_NEWEST, [lost(3, 900)], {1: 500, 2: 1000}),
        (SelfTrade.CANCEL_OLDEST, [lost(1, 500), (3, 2, 900)], {2: 100}),
        (SelfTrade.CANCEL_BOTH, [lost(1, 500), lost(3, 900)], {2: 1000}),
        (
            SelfTrade.DECREMENT,
            [lost(1, 500), OrderReduced(3, 500, 26_065, CancelReason.SELF_TRADE), (3, 2, 400)],
            {2: 600},
        ),
    ],
)
def test_the_incoming_orders_policy_says_who_gives_way(
    policy: SelfTrade, told: list[object], left: dict[int, int]
) -> None:
    exchange = an_exchange()
    exchange.execute(an_offer(by=SUN, price=500, quantity=500))
    exchange.execute(an_offer(by=WIND, price=500, quantity=1000))
    _, *events = exchange.execute(a_bid(by=SUN, price=650, quantity=900, self_trade=policy))
    assert [trades([event])[0] if isinstance(event, TradeAgreed) else event for event in events] == told
    assert open_lots(exchange) == left
    assert exchange.listing(SOLAR.id).open_lots == [0, sum(left.values())]


def test_a_bid_with_a_budget_that_is_decremented_keeps_what_its_budget_needs() -> None:
    exchange = an_exchange()
    exchange.execute(an_offer(by=WIND, price=500, quantity=1000))
    exchange.execute(an_offer(by=SUN, price=510, quantity=300))
    bid = a_bid(
        by=SUN,
        price=600,
        quantity=5000,
        order_type=OrderType.MARKET,
        budget_micros=80_000,
        self_trade=SelfTrade.DECREMENT,
    )
    _, agreed, gone, reduced, dropped = exchange.execute(bid)
    assert trades([agreed]) == [(3, 1, 1000)]
    assert gone == lost(2, 300)
    # 50,000 of the budget is spent; the 30,000 that is left and 25 bps of it stay held.
    assert reduced == OrderReduced(3, 300, 30_075, CancelReason.SELF_TRADE)
    assert dropped == OrderCancelled(3, 3700, CancelReason.REMAINDER_NOT_RESTING)


def test_an_offer_taken_off_frees_the_capacity_that_it_committed() -> None:
    exchange = an_exchange()
    exchange.execute(an_offer(by=SUN, price=500, quantity=1_000_000))
    exchange.execute(a_bid(by=SUN, price=500, quantity=1000, self_trade=SelfTrade.DECREMENT))
    assert exchange.refusal_of(an_offer(by=SUN, quantity=1_000)) is None
    assert exchange.refusal_of(an_offer(by=SUN, quantity=1_001)) is not None


def test_an_auction_pairs_around_self_trades() -> None:
    exchange = an_exchange(at_s=CALL_OPENS_S)
    exchange.execute(a_bid(by=SUN, price=600, quantity=100))
    exchange.execute(a_bid(by=ALICE, price=600, quantity=100))
    exchange.execute(an_offer(by=SUN, price=400, quantity=100))
    exchange.execute(an_offer(by=WIND, price=400, quantity=100))
    events = exchange.begin(us(CONTINUOUS_OPENS_S))
    assert trades(events) == [(1, 4, 100), (2, 3, 100)]


def test_what_an_auction_cannot_pair_comes_off_both_orders() -> None:
    exchange = an_exchange(at_s=CALL_OPENS_S)
    exchange.execute(a_bid(by=SUN, price=600, quantity=1000))
    exchange.execute(an_offer(by=SUN, price=400, quantity=600))
    exchange.execute(an_offer(by=WIND, price=400, quantity=100))
    assert exchange.indicative(SOLAR.id).volume_lots == 100
    cleared, agreed, reduced, gone, _ = exchange.begin(us(CONTINUOUS_OPENS_S))
    assert isinstance(cleared, Cleared)
    assert cleared.volume_lots == 100
    assert trades([agreed]) == [(1, 3, 100)]
    # 300 Wh at 0.06 cost 18,000 micros, and 25 bps of it 45.
    assert reduced == OrderReduced(1, 600, 18_045, CancelReason.SELF_TRADE)
    assert gone == lost(2, 600)
    assert open_lots(exchange) == {1: 300}


def test_an_auction_shares_out_its_margin_by_the_instruments_rule() -> None:
    exchange = an_exchange(a_listing(rules=TradingRules(allocation=Allocation.PRO_RATA)), at_s=CALL_OPENS_S)
    exchange.execute(an_offer(price=500, quantity=100))
    exchange.execute(an_offer(by=WIND, price=500, quantity=300))
    exchange.execute(a_bid(price=500, quantity=101))
    cleared, *agreed = exchange.begin(us(CONTINUOUS_OPENS_S))
    assert isinstance(cleared, Cleared)
    assert cleared.tie_rule == "price_then_pro_rata"
    # 101 x 100 / 400 and 101 x 300 / 400, rounded down, and the odd lot to the earlier.
    assert trades(agreed) == [(3, 1, 26), (3, 2, 75)]
    assert open_lots(exchange) == {1: 74, 2: 225}


def test_continuous_trading_shares_out_a_price_by_the_instruments_rule() -> None:
    exchange = an_exchange(a_listing(rules=TradingRules(allocation=Allocation.PRO_RATA)))
    exchange.execute(an_offer(price=500, quantity=100))
    exchange.execute(an_offer(by=WIND, price=500, quantity=300))
    assert trades(exchange.execute(a_bid(price=500, quantity=101))) == [(3, 1, 26), (3, 2, 75)]
    assert [row[1:3] for row in exchange.book(SOLAR.id).orders(Side.SELL).tolist()] == [(1, 74), (2, 225)]
