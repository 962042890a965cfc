"""What time alone causes: the life of an instrument, its auction, expiry, the gate."""

import pytest

from market.agenda import NEVER
from market.events import CancelReason, Cleared, Event, OrderCancelled, Session, SessionChanged, TradeAgreed
from market.exchange import Exchange
from market.instruments import parse_symbol
from market.listing import Schedule, TradePriceRule
from market.settlement import ConfirmDelivery, ConfirmLocks, VoidTrade
from market.units import InvariantBroken

from .builders import (
    ALICE,
    BOB,
    CALL_OPENS_S,
    CONTINUOUS_OPENS_S,
    GATE_CLOSES_S,
    H100,
    SOLAR,
    SUN,
    WIND,
    a_bid,
    a_listing,
    an_exchange,
    an_offer,
    price_terms,
    us,
)

END_S = SOLAR.start_s + 3600


def sessions(events: list[Event]) -> list[Session]:
    return [event.session for event in events if isinstance(event, SessionChanged)]


def test_an_instrument_goes_through_its_sessions_when_they_are_due() -> None:
    exchange = an_exchange(at_s=CALL_OPENS_S - 1)
    life = [
        exchange.begin(us(at_s))
        for at_s in (CALL_OPENS_S, CONTINUOUS_OPENS_S, GATE_CLOSES_S, SOLAR.start_s, END_S)
    ]
    assert life == [[SessionChanged(SOLAR.id, Session(number))] for number in (1, 2, 3, 4, 5)]
    assert exchange.begin(us(END_S + 999_999)) == []


def test_nothing_is_due_a_microsecond_early() -> None:
    exchange = an_exchange(at_s=CALL_OPENS_S - 1)
    assert exchange.begin(us(CALL_OPENS_S) - 1) == []
    assert sessions(exchange.begin(us(CALL_OPENS_S))) == [Session.CALL]


def test_time_never_goes_backwards() -> None:
    exchange = an_exchange()
    exchange.begin(us(CONTINUOUS_OPENS_S))
    with pytest.raises(
        InvariantBroken, match="found 1646999999999999 µs, expected 1647000000000000 µs or later"
    ):
        exchange.begin(us(CONTINUOUS_OPENS_S) - 1)


def test_an_instrument_listed_late_opens_at_once() -> None:
    exchange = an_exchange()
    events = exchange.execute(a_listing(H100))
    assert sessions(events) == [Session.CALL, Session.CONTINUOUS]
    assert exchange.listing(H100.id).session is Session.CONTINUOUS


def test_instruments_change_in_the_order_of_time_then_id() -> None:
    later = parse_symbol("ENE.SOLAR@CISO/2022-03-12T19Z/1h#Q2")
    opens_s = CALL_OPENS_S
    listings = [
        a_listing(later, schedule=Schedule(opens_s, opens_s + 10, later.start_s)),
        a_listing(SOLAR, schedule=Schedule(opens_s + 5, opens_s + 20, SOLAR.start_s)),
        a_listing(H100, schedule=Schedule(opens_s, opens_s + 20, H100.start_s)),
    ]
    exchange = an_exchange(*listings, at_s=opens_s - 1)
    changed = [
        event.instrument_id for event in exchange.begin(us(opens_s + 5)) if isinstance(event, SessionChanged)
    ]
    assert changed == [H100.id, later.id, SOLAR.id]


def test_the_call_ends_in_one_auction_at_one_price() -> None:
    exchange = an_exchange(at_s=CALL_OPENS_S)
    for order in (
        a_bid(price=600, quantity=700),
        a_bid(by=BOB, price=550, quantity=500),
        a_bid(price=400, quantity=900),
        an_offer(price=450, quantity=600),
        an_offer(by=WIND, price=500, quantity=400),
        an_offer(price=700, quantity=800),
    ):
        assert len(exchange.execute(order)) == 1
    cleared, *trades, changed = exchange.begin(us(CONTINUOUS_OPENS_S))
    # 1000 lots are offered at 500 to 550 and 1200 bid: the bid that is left over (550) holds the price up.
    assert cleared == Cleared(SOLAR.id, 550, 550, 550, 1000, "nearest_reference", "price_then_time")
    assert [
        (each.buy_order_id, each.sell_order_id, each.quantity_lots, each.price_ticks, each.taker)
        for each in trades
        if isinstance(each, TradeAgreed)
    ] == [(1, 4, 600, 550, None), (1, 5, 100, 550, None), (2, 5, 300, 550, None)]
    assert changed == SessionChanged(SOLAR.id, Session.CONTINUOUS)
    assert (exchange.book(SOLAR.id).best_bid(), exchange.book(SOLAR.id).best_ask()) == (550, 700)


def test_the_auction_price_is_the_equilibrium_nearest_the_reference_of_now() -> None:
    exchange = an_exchange(at_s=CALL_OPENS_S)
    exchange.execute(a_bid(price=900))
    exchange.execute(an_offer(price=300))
    exchange.execute(price_terms(reference=620))
    cleared = exchange.begin(us(CONTINUOUS_OPENS_S))[0]
    assert cleared == Cleared(SOLAR.id, 620, 300, 900, 1000, "nearest_reference", "price_then_time")


def test_an_auction_has_one_price_whatever_the_rule_of_continuous_trading() -> None:
    exchange = an_exchange(a_listing(rule=TradePriceRule.NASH, weight=1_000_000), at_s=CALL_OPENS_S)
    exchange.execute(a_bid(price=900))
    exchange.execute(an_offer(price=300))
    cleared = exchange.begin(us(CONTINUOUS_OPENS_S))[0]
    assert isinstance(cleared, Cleared)
    assert cleared.price_ticks == 500


def test_a_call_without_a_cross_clears_nothing() -> None:
    exchange = an_exchange(at_s=CALL_OPENS_S)
    exchange.execute(a_bid(price=400))
    exchange.execute(an_offer(price=500))
    assert exchange.begin(us(CONTINUOUS_OPENS_S)) == [SessionChanged(SOLAR.id, Session.CONTINUOUS)]
    assert len(exchange.book(SOLAR.id)) == 2


def test_the_gate_cancels_what_rests_oldest_first() -> None:
    exchange = an_exchange()
    for order in (an_offer(price=600), a_bid(price=400, quantity=5), an_offer(price=550, quantity=7)):
        exchange.execute(order)
    assert exchange.begin(us(GATE_CLOSES_S)) == [
        OrderCancelled(1, 1000, CancelReason.GATE_CLOSED),
        OrderCancelled(2, 5, CancelReason.GATE_CLOSED),
        OrderCancelled(3, 7, CancelReason.GATE_CLOSED),
        SessionChanged(SOLAR.id, Session.CLOSED),
    ]
    assert len(exchange.book(SOLAR.id)) == 0
    assert exchange.open_orders(SUN) == ()


def test_an_order_may_match_to_the_last_moment_of_good_until_and_expires_after_it() -> None:
    good_until_s = CONTINUOUS_OPENS_S + 60
    exchange = an_exchange()
    exchange.execute(an_offer(quantity=10, good_until_s=good_until_s))
    assert exchange.begin(us(good_until_s)) == []
    assert len(exchange.execute(a_bid(quantity=4))) == 2
    assert exchange.begin(us(good_until_s) + 1) == [OrderCancelled(1, 6, CancelReason.EXPIRED)]
    assert exchange.begin(us(good_until_s) + 2) == []


def test_orders_expire_by_time_then_order_id() -> None:
    exchange = an_exchange()
    for seconds in (30, 20, 30, 20):
        exchange.execute(a_bid(price=400, good_until_s=CONTINUOUS_OPENS_S + seconds))
    expired = exchange.begin(us(CONTINUOUS_OPENS_S + 100))
    assert [event.order_id for event in expired if isinstance(event, OrderCancelled)] == [2, 4, 1, 3]


def test_an_auction_held_late_trades_no_order_past_its_good_until() -> None:
    exchange = an_exchange(at_s=CALL_OPENS_S)
    exchange.execute(a_bid(price=600, good_until_s=CONTINUOUS_OPENS_S))
    exchange.execute(an_offer(price=400))
    assert exchange.begin(us(CONTINUOUS_OPENS_S + 1)) == [
        OrderCancelled(1, 1000, CancelReason.EXPIRED),
        SessionChanged(SOLAR.id, Session.CONTINUOUS),
    ]


def test_an_auction_that_the_gate_overtook_is_not_held() -> None:
    exchange = an_exchange(at_s=CALL_OPENS_S)
    exchange.execute(a_bid(price=600))
    exchange.execute(an_offer(price=400))
    assert exchange.begin(us(GATE_CLOSES_S)) == [
        SessionChanged(SOLAR.id, Session.CONTINUOUS),
        OrderCancelled(1, 1000, CancelReason.GATE_CLOSED),
        OrderCancelled(2, 1000, CancelReason.GATE_CLOSED),
        SessionChanged(SOLAR.id, Session.CLOSED),
    ]


def test_settlement_waits_for_the_last_trade() -> None:
    exchange = an_exchange()
    for _ in range(2):
        exchange.execute(an_offer())
        exchange.execute(a_bid(by=ALICE))
    exchange.execute(ConfirmLocks(1, b"t", (1,)))
    assert sessions(exchange.begin(us(END_S))) == [Session.CLOSED, Session.DELIVERY]
    assert sessions(exchange.execute(ConfirmDelivery(1, b"u", (1,)))) == []
    assert sessions(exchange.begin(us(END_S + 7200))) == []
    assert sessions(exchange.execute(VoidTrade(2, "not locked in time"))) == [Session.SETTLED]


def test_trades_that_are_over_early_leave_settlement_to_the_end_of_delivery() -> None:
    exchange = an_exchange()
    exchange.execute(an_offer())
    exchange.execute(a_bid())
    assert sessions(exchange.execute(VoidTrade(1, "skipped"))) == []
    assert sessions(exchange.begin(us(END_S) - 1)) == [Session.CLOSED, Session.DELIVERY]
    assert sessions(exchange.begin(us(END_S))) == [Session.SETTLED]


def test_what_time_may_cause_next_can_be_asked() -> None:
    exchange = Exchange(notice_period_s=3600)
    assert exchange.next_due_us() == NEVER
    exchange.execute(a_listing())
    assert exchange.next_due_us() == us(CALL_OPENS_S)
    exchange.begin(us(CONTINUOUS_OPENS_S))
    assert exchange.next_due_us() == us(GATE_CLOSES_S)
    exchange.execute(a_bid(good_until_s=CONTINUOUS_OPENS_S + 60))
    assert exchange.next_due_us() == us(CONTINUOUS_OPENS_S + 60) + 1
    exchange.begin(us(END_S))
    assert exchange.next_due_us() == NEVER


def test_a_batch_in_which_nothing_is_due_changes_nothing() -> None:
    exchange = an_exchange()
    exchange.execute(a_bid(price=400, good_until_s=GATE_CLOSES_S - 1))
    before = exchange.state_bytes()
    assert exchange.begin(exchange.time_us) == []
    assert exchange.state_bytes() == before
