from dataclasses import replace

import pytest

from ledger.accounts import AccountKind
from ledger.rebuild import open_venue
from ledger.venue import Venue
from market.events import (
    CancelReason,
    DeadManSet,
    OrderAccepted,
    OrderCancelled,
    Refused,
    SessionChanged,
    TradeAgreed,
)
from market.orders import (
    Batch,
    CancelOrder,
    Conditions,
    Eligible,
    ReplaceOrder,
    SelfTrade,
    SetDeadManTimer,
    Side,
    TimeInForce,
)
from market.refusals import Refusal
from market.requirements import commitment
from market.transfers import RequestWithdrawal, WithdrawalExpired
from market.units import InvariantBroken, Lots, Micros
from tests.ledger.builders import (
    ALICE,
    BOB,
    CONTINUOUS_S,
    GATE_S,
    MARGIN_S,
    SOLAR,
    Day,
    a_bid,
    an_offer,
    at,
    deposited,
    opening,
    terms,
)
from tests.ledger.days import GENESIS, a_whole_day

FREE, ORDER_HOLD, TRADE_HOLD, *_ = AccountKind


@pytest.fixture
def day() -> Day:
    return Day()


@pytest.fixture
def venue(day: Day) -> Venue:
    venue = open_venue(GENESIS)
    venue.decide(day.batch(CONTINUOUS_S - 10, *opening(deposits=1)))
    venue.decide(day.batch(CONTINUOUS_S))
    return venue


def test_a_bid_and_an_offer_meet_and_the_books_follow(venue: Venue, day: Day) -> None:
    decision = venue.decide(day.batch(CONTINUOUS_S + 1, an_offer(price=450), a_bid()))
    assert [[type(event) for event in answer] for answer in decision.answers] == [
        [OrderAccepted],
        [OrderAccepted, TradeAgreed],
    ]
    balances = venue.books.balances
    assert balances.of(TRADE_HOLD, ALICE) == 450_900
    assert balances.of(FREE, ALICE) == 1_000_000 - 450_900
    assert balances.of(TRADE_HOLD, BOB) == 50_000
    assert [posting.event_position for posting in decision.postings] == [0, 1, 2]


def test_events_are_the_opening_then_the_answers(venue: Venue, day: Day) -> None:
    decision = venue.decide(day.batch(GATE_S, a_bid()))
    assert [type(event) for event in decision.events] == [SessionChanged, Refused]
    assert (*decision.opening, *decision.answers[0]) == decision.events


def test_a_repeated_order_is_answered_with_the_earlier_one(venue: Venue, day: Day) -> None:
    venue.decide(day.batch(CONTINUOUS_S + 1, a_bid(quantity=10)))
    decision = venue.decide(
        day.batch(CONTINUOUS_S + 2, a_bid(quantity=20, client_order_id=2), a_bid(quantity=10))
    )
    assert decision.answers[1] == ()
    assert decision.earlier == {1: 1}
    assert len(venue.exchange.open_orders(ALICE)) == 2


def test_a_repeat_within_one_batch_does_nothing_either(venue: Venue, day: Day) -> None:
    decision = venue.decide(day.batch(CONTINUOUS_S + 1, a_bid(quantity=10), a_bid(quantity=10)))
    assert decision.earlier == {1: 1}
    assert len(decision.events) == 1


def test_a_repeated_replacement_is_answered_too(venue: Venue, day: Day) -> None:
    venue.decide(day.batch(CONTINUOUS_S + 1, a_bid(quantity=10)))
    renewed = ReplaceOrder(1, terms(ALICE, Side.BUY, quantity=20, client_order_id=2), b"signed")
    venue.decide(day.batch(CONTINUOUS_S + 2, renewed))
    assert venue.decide(day.batch(CONTINUOUS_S + 3, renewed)).earlier == {0: 1}


def test_another_order_under_a_used_id_is_refused(venue: Venue, day: Day) -> None:
    venue.decide(day.batch(CONTINUOUS_S + 1, a_bid(quantity=10)))
    (refused,) = venue.decide(day.batch(CONTINUOUS_S + 2, a_bid(quantity=11))).events
    assert isinstance(refused, Refused)
    assert refused.refusal is Refusal.CLIENT_ORDER_ID_REUSED


def test_orders_of_one_batch_share_the_funds_in_their_order(venue: Venue, day: Day) -> None:
    decision = venue.decide(
        day.batch(CONTINUOUS_S + 1, *(a_bid(client_order_id=each, quantity=10_000) for each in (1, 2)))
    )
    assert [type(event) for event in decision.events] == [OrderAccepted, Refused]
    assert decision.events[1].detail == (
        "found 0.499 tokens spendable, needed 0.501 tokens for price times quantity and the fee"
    )


def test_a_cancellation_funds_orders_of_the_next_batch(venue: Venue, day: Day) -> None:
    venue.decide(day.batch(CONTINUOUS_S + 1, a_bid(quantity=19_000)))
    again = a_bid(quantity=19_000, client_order_id=2)
    decision = venue.decide(day.batch(CONTINUOUS_S + 2, CancelOrder(ALICE, 1), again))
    assert [type(event) for event in decision.events] == [OrderCancelled, Refused]
    decision = venue.decide(day.batch(CONTINUOUS_S + 3, again))
    assert [type(event) for event in decision.events] == [OrderAccepted]


def test_what_time_frees_is_spendable_in_the_same_batch(venue: Venue, day: Day) -> None:
    ask = RequestWithdrawal(ALICE, Micros(900_000), 1, CONTINUOUS_S + 10)
    venue.decide(day.batch(CONTINUOUS_S + 1, ask))
    decision = venue.decide(day.batch(CONTINUOUS_S + 11 + MARGIN_S, a_bid(quantity=19_000)))
    assert decision.opening == (WithdrawalExpired(ALICE, 1),)
    assert [type(event) for event in decision.answers[0]] == [OrderAccepted]


def test_gate_closure_frees_what_rests(venue: Venue, day: Day) -> None:
    venue.decide(day.batch(CONTINUOUS_S + 1, a_bid()))
    decision = venue.decide(day.batch(GATE_S))
    assert decision.opening[0] == OrderCancelled(1, 10_000, CancelReason.GATE_CLOSED)
    assert venue.books.balances.of(FREE, ALICE) == 1_000_000
    assert venue.books.balances.of(ORDER_HOLD, ALICE) == 0


def test_an_unfunded_order_leaves_no_trace_but_its_refusal(venue: Venue, day: Day) -> None:
    before = venue.exchange.state_bytes(), venue.books.state_bytes(), venue.funds.state_bytes()
    (refused,) = venue.decide(day.batch(CONTINUOUS_S, a_bid(quantity=1_000_000))).events
    assert isinstance(refused, Refused)
    assert refused.refusal is Refusal.INSUFFICIENT_FUNDS
    assert (venue.exchange.state_bytes(), venue.books.state_bytes(), venue.funds.state_bytes()) == before


def test_funds_are_asked_before_the_book_and_a_refusal_of_the_book_holds_nothing(
    venue: Venue, day: Day
) -> None:
    dear, cheap = (
        a_bid(quantity=lots, tif=TimeInForce.FOK, client_order_id=lots) for lots in (1_000_000, 10_000)
    )
    refused = venue.decide(day.batch(CONTINUOUS_S + 1, dear, cheap)).events
    assert [event.refusal for event in refused if isinstance(event, Refused)] == [
        Refusal.INSUFFICIENT_FUNDS,
        Refusal.CANNOT_FILL_WHOLLY,
    ]
    assert venue.books.spendable(ALICE) == 1_000_000


def test_what_a_dead_man_timer_frees_is_spendable_in_the_same_batch(venue: Venue, day: Day) -> None:
    venue.decide(day.batch(CONTINUOUS_S + 1, a_bid(quantity=19_000), SetDeadManTimer(ALICE, 60)))
    again = a_bid(quantity=19_000, client_order_id=2)
    decision = venue.decide(day.batch(CONTINUOUS_S + 61, again))
    assert decision.opening == (OrderCancelled(1, Lots(19_000), CancelReason.DEAD_MAN), DeadManSet(ALICE, 0))
    assert [type(event) for event in decision.answers[0]] == [OrderAccepted]


def test_what_a_self_trade_takes_off_is_free_from_the_next_batch(venue: Venue, day: Day) -> None:
    venue.decide(day.batch(CONTINUOUS_S + 1, an_offer(quantity=4_000)))
    bid = replace(
        a_bid(BOB, quantity=10_000, client_order_id=2), conditions=Conditions(self_trade=SelfTrade.DECREMENT)
    )
    venue.decide(day.batch(CONTINUOUS_S + 2, bid))
    balances = venue.books.balances
    assert (balances.of(ORDER_HOLD, BOB), balances.of(FREE, BOB)) == (300_600, 699_400)
    assert venue.books.spendable(BOB) == 1_000_000 - 501_000 - 20_000


def test_an_order_for_any_of_several_instruments_is_held_for_and_booked(venue: Venue, day: Day) -> None:
    venue.decide(day.batch(CONTINUOUS_S + 1, an_offer(price=450, quantity=10_000)))
    eligible = (Eligible(SOLAR.id, 0),)
    bid = a_bid(tif=TimeInForce.IOC, quantity=15_000)
    signed = replace(bid.terms, instrument_id=commitment(eligible), reference_micros=Micros(0))
    decision = venue.decide(day.batch(CONTINUOUS_S + 2, replace(bid, terms=signed, eligible=eligible)))
    assert [type(event) for event in decision.events] == [OrderAccepted, TradeAgreed, OrderCancelled]
    balances = venue.books.balances
    assert (balances.of(ORDER_HOLD, ALICE), balances.of(TRADE_HOLD, ALICE)) == (0, 450_900)
    assert balances.of(FREE, ALICE) == 1_000_000 - 450_900


@pytest.mark.parametrize(
    "batch", [Batch(2, at(CONTINUOUS_S), ()), Batch(4, at(CONTINUOUS_S), ()), Batch(3, 1, ())]
)
def test_batches_come_in_order_of_number_and_time(venue: Venue, batch: Batch) -> None:
    with pytest.raises(InvariantBroken, match="expected batch 3"):
        venue.decide(batch)
    with pytest.raises(InvariantBroken, match="expected batch 3"):
        venue.absorb(batch, ())


def test_absorbing_the_events_gives_the_same_state_and_postings_batch_by_batch() -> None:
    day = a_whole_day()
    decided, absorbed = open_venue(GENESIS), open_venue(GENESIS)
    for batch, decision in day.history:
        decided.decide(batch)
        assert absorbed.absorb(batch, decision.events) == decision.postings
        assert absorbed.state_hash() == decided.state_hash()


def test_the_state_hash_of_a_day_is_the_same_on_every_machine() -> None:
    assert a_whole_day().venue.state_hash() == a_whole_day().venue.state_hash()


def test_the_state_hash_covers_books_and_funds() -> None:
    venues = [open_venue(GENESIS) for _ in range(3)]
    empty = venues[0].state_hash()
    venues[1].books.post(deposited(), batch_number=1, event_position=0)
    venues[2].funds.absorb(deposited())
    assert len({empty, venues[1].state_hash(), venues[2].state_hash()}) == 3
