"""Volatility halts: a price that would leave its collar stops trading, orders collect, an auction ends it."""

import pytest

from market.events import (
    CancelReason,
    Cleared,
    Event,
    OrderAccepted,
    OrderCancelled,
    OrderTriggered,
    Session,
    SessionChanged,
    TradeAgreed,
    TradingHalted,
)
from market.exchange import Exchange
from market.listing import PriceTermsSet, TradingRules
from market.orders import CancelOrder, Side, TimeInForce
from market.uncrossing import Indicative
from market.units import Ticks

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
    price_terms,
    some_terms,
    us,
)

COLLAR = TradingRules(collar_ticks=Ticks(20), halt_s=300)
NOON_S = CONTINUOUS_OPENS_S


def with_collar(*, at_s: int = NOON_S) -> Exchange:
    """Return an exchange where prices from 480 to 520 trade without a halt, until there is a last price."""
    return an_exchange(a_listing(rules=COLLAR), at_s=at_s)


def halted() -> Exchange:
    """Halt at NOON_S for 300 s: order 2, ALICE's bid of 1 kWh at 530, has met order 1, SUN's offer of 500 Wh at 525."""
    exchange = with_collar()
    exchange.execute(an_offer(price=525, quantity=500))
    exchange.execute(a_bid(price=530, quantity=1000))
    return exchange


def session(exchange: Exchange) -> Session:
    return exchange.listing(SOLAR.id).session


def trades(events: list[Event]) -> list[tuple[int, int, int, int]]:
    """Return (bid, offer, price, quantity) of each trade."""
    return [
        (event.buy_order_id, event.sell_order_id, event.price_ticks, event.quantity_lots)
        for event in events
        if isinstance(event, TradeAgreed)
    ]


def test_a_trade_outside_the_collar_halts_trading() -> None:
    exchange = with_collar()
    exchange.execute(an_offer(price=520, quantity=100))
    exchange.execute(an_offer(by=WIND, price=541, quantity=500))
    accepted, agreed, stopped, changed = exchange.execute(a_bid(price=600, quantity=1000))
    assert isinstance(accepted, OrderAccepted)
    assert trades([agreed]) == [(3, 1, 520, 100)]
    # The collar of a message is centred where it began: on the reference, since nothing had traded.
    assert stopped == TradingHalted(SOLAR.id, 480, 520, us(NOON_S + 300))
    assert changed == SessionChanged(SOLAR.id, Session.HALTED)
    assert (exchange.book(SOLAR.id).best_bid(), exchange.book(SOLAR.id).best_ask()) == (600, 541)


def test_the_collar_follows_the_last_price() -> None:
    exchange = with_collar()
    for price in (510, 525, 540):
        exchange.execute(an_offer(price=price, quantity=100))
        assert len(trades(exchange.execute(a_bid(price=price, quantity=100)))) == 1
    exchange.execute(a_bid(price=519, quantity=100))
    events = exchange.execute(an_offer(price=519, quantity=100))
    assert TradingHalted(SOLAR.id, 520, 560, us(NOON_S + 300)) in events


def test_what_cannot_rest_leaves_with_the_halt() -> None:
    exchange = with_collar()
    exchange.execute(an_offer(price=525))
    events = exchange.execute(a_bid(price=530, time_in_force=TimeInForce.IOC))
    assert events[1:] == [
        TradingHalted(SOLAR.id, 480, 520, us(NOON_S + 300)),
        SessionChanged(SOLAR.id, Session.HALTED),
        OrderCancelled(2, 1000, CancelReason.REMAINDER_NOT_RESTING),
    ]


def test_orders_collect_in_a_halt() -> None:
    exchange = halted()
    exchange.execute(an_offer(by=WIND, price=500, quantity=100))
    exchange.execute(a_replacement(2, some_terms(Side.BUY, by=ALICE, price=540, quantity=900)))
    exchange.execute(a_bid(by=BOB, price=700, stop=520, quantity=10))
    exchange.execute(CancelOrder(SUN, 1))
    assert list(exchange.trades()) == []
    assert exchange.indicative(SOLAR.id) == Indicative(540, 100, 800)


def test_a_replacement_that_only_shrinks_is_taken_in_a_halt_whatever_the_order_is() -> None:
    exchange = with_collar()
    exchange.execute(a_bid(price=400, post_only=True))
    exchange.execute(an_offer(price=525))
    exchange.execute(a_bid(price=530))
    shrunk = a_replacement(1, some_terms(Side.BUY, by=ALICE, price=400, quantity=500))
    moved = a_replacement(1, some_terms(Side.BUY, by=ALICE, price=401, quantity=500))
    assert exchange.refusal_of(shrunk) is None
    assert exchange.refusal_of(moved) is not None


def test_a_halt_ends_with_an_auction_and_wakes_stops() -> None:
    exchange = halted()
    assert exchange.next_due_us() == us(NOON_S + 300)
    exchange.execute(an_offer(by=WIND, price=529, quantity=700))
    exchange.execute(an_offer(by=WIND, price=545, quantity=40))
    exchange.execute(a_bid(by=BOB, price=700, stop=528, quantity=100, time_in_force=TimeInForce.IOC))
    assert exchange.begin(us(NOON_S + 300) - 1) == []
    cleared, *auction, changed, triggered, agreed = exchange.begin(us(NOON_S + 300))
    assert isinstance(cleared, Cleared)
    assert (cleared.price_ticks, cleared.volume_lots) == (529, 1000)
    assert trades(auction) == [(2, 1, 529, 500), (2, 3, 529, 500)]
    assert changed == SessionChanged(SOLAR.id, Session.CONTINUOUS)
    assert triggered == OrderTriggered(5)
    assert trades([agreed]) == [(5, 3, 529, 100)]


def test_a_stop_woken_by_the_auction_may_halt_trading_again() -> None:
    exchange = halted()
    exchange.execute(an_offer(by=WIND, price=551, quantity=40))
    exchange.execute(a_bid(by=BOB, price=700, stop=520, quantity=100))
    events = exchange.begin(us(NOON_S + 400))
    assert [type(event).__name__ for event in events] == [
        "Cleared",
        "TradeAgreed",
        "SessionChanged",
        "OrderTriggered",
        "TradingHalted",
        "SessionChanged",
    ]
    assert events[-2] == TradingHalted(SOLAR.id, 510, 550, us(NOON_S + 700))
    assert exchange.next_due_us() == us(NOON_S + 700)


def test_a_halt_without_a_cross_simply_ends() -> None:
    exchange = halted()
    exchange.execute(CancelOrder(SUN, 1))
    assert exchange.begin(us(NOON_S + 300)) == [SessionChanged(SOLAR.id, Session.CONTINUOUS)]
    assert session(exchange) is Session.CONTINUOUS


def test_the_gate_does_not_wait_for_a_halt() -> None:
    exchange = with_collar(at_s=GATE_CLOSES_S - 100)
    exchange.execute(an_offer(price=525))
    exchange.execute(a_bid(price=530))
    assert exchange.begin(us(GATE_CLOSES_S)) == [
        OrderCancelled(1, 1000, CancelReason.GATE_CLOSED),
        OrderCancelled(2, 1000, CancelReason.GATE_CLOSED),
        SessionChanged(SOLAR.id, Session.CLOSED),
    ]
    assert exchange.begin(us(GATE_CLOSES_S + 300)) == []


def test_a_halts_auction_that_the_gate_overtook_is_not_held() -> None:
    exchange = halted()
    events = exchange.begin(us(GATE_CLOSES_S))
    assert trades(events) == []
    assert [event.session for event in events if isinstance(event, SessionChanged)] == [
        Session.CONTINUOUS,
        Session.CLOSED,
    ]


def test_an_order_that_expires_with_the_halt_takes_no_part_in_its_auction() -> None:
    exchange = with_collar()
    exchange.execute(an_offer(price=525, good_until_s=NOON_S + 300))
    exchange.execute(a_bid(price=530))
    assert exchange.begin(us(NOON_S + 300) + 1) == [
        OrderCancelled(1, 1000, CancelReason.EXPIRED),
        SessionChanged(SOLAR.id, Session.CONTINUOUS),
    ]


def test_without_a_collar_nothing_halts() -> None:
    exchange = an_exchange()
    exchange.execute(an_offer(price=2000))
    assert len(trades(exchange.execute(a_bid(price=2000)))) == 1


# --- what a call and a halt publish --------------------------------------------------------------------------------


def test_a_call_publishes_what_its_auction_would_do() -> None:
    exchange = an_exchange(at_s=CALL_OPENS_S)
    assert exchange.indicative(SOLAR.id) == Indicative(None, 0, 0)
    exchange.execute(a_bid(price=600, quantity=700))
    exchange.execute(an_offer(price=450, quantity=600))
    before = exchange.state_bytes()
    assert exchange.indicative(SOLAR.id) == Indicative(600, 600, 100)
    assert exchange.state_bytes() == before
    cleared = exchange.begin(us(CONTINUOUS_OPENS_S))[0]
    assert isinstance(cleared, Cleared)
    assert (cleared.price_ticks, cleared.volume_lots) == (600, 600)


# --- the band ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at_s", [CALL_OPENS_S, CONTINUOUS_OPENS_S])
def test_orders_that_a_new_band_leaves_outside_are_cancelled_oldest_first(at_s: int) -> None:
    exchange = an_exchange(at_s=at_s)
    exchange.execute(an_offer(price=900))
    exchange.execute(a_bid(price=300))
    exchange.execute(an_offer(price=800))
    exchange.execute(a_bid(price=299))
    exchange.execute(a_bid(price=801, stop=700))
    terms = price_terms(low=300, high=800)
    assert exchange.execute(terms) == [
        PriceTermsSet(terms),
        OrderCancelled(1, 1000, CancelReason.OUTSIDE_BAND),
        OrderCancelled(4, 1000, CancelReason.OUTSIDE_BAND),
        OrderCancelled(5, 1000, CancelReason.OUTSIDE_BAND),
    ]
    assert [order.order_id for order in exchange.open_orders(ALICE)] == [2]


def test_a_new_reference_moves_the_collar_until_there_is_a_last_price() -> None:
    exchange = with_collar()
    exchange.execute(price_terms(reference=530))
    exchange.execute(an_offer(price=550))
    assert len(trades(exchange.execute(a_bid(price=550)))) == 1
    exchange.execute(price_terms(reference=500))
    exchange.execute(an_offer(price=570))
    assert len(trades(exchange.execute(a_bid(price=570)))) == 1
