"""Price and time go first in every trade, as a second opinion reads it from the events alone."""

import random
from dataclasses import replace
from typing import Any

import pytest

from ledger.priority import Priority
from market.events import Event, OrderAccepted, OrderReplaced, TradeAgreed
from market.orders import Side
from market.units import Lots, Ticks
from tests.campaigns import Tally
from tests.ledger.builders import ALICE, BOB, CAROL, CONTINUOUS_S, a_deposit
from tests.ledger.days import CONDITION_KINDS, HOURS_S, ORDER_KINDS, Action, SmallDay, a_whole_day

SEED = 6
DAYS = 25
SOAK_DAYS = 20_000
KINDS = ("bid", "offer") * 3 + ORDER_KINDS + CONDITION_KINDS


def a_random_day(seed: int) -> SmallDay:
    chance, day = random.Random(seed), SmallDay()
    day.run(HOURS_S[0], *(a_deposit(who, 10**6, 50 + at) for at, who in enumerate((ALICE, BOB, CAROL))))
    for seconds in HOURS_S[:3]:
        for part in range(4):
            day.act(
                seconds + part,
                [
                    Action(
                        chance.choice(KINDS),
                        chance.randrange(3),
                        chance.randint(495, 505),
                        chance.randint(1, 300),
                    )
                    for _ in range(25)
                ],
            )
    return day


def judged(days: range, tally: Tally) -> tuple[int, int, list[tuple[int, int, str]]]:
    """Return trades, those proven, and complaints with their seed."""
    trades, proven, complaints = 0, 0, []
    for seed in tally.through(days):
        priority = Priority()
        for _, decision in a_random_day(seed).history:
            trades += sum(isinstance(event, TradeAgreed) for event in decision.events)
            complaints += [(seed, *complaint) for complaint in priority.judge(decision.events)]
        proven += priority.proven
    tally.counts("priority", {"random days": len(days), "trades": trades, "of them proven": proven})
    return trades, proven, complaints


def test_in_random_days_nobody_is_passed_over(tally: Tally) -> None:
    trades, proven, complaints = judged(range(SEED, SEED + DAYS), tally)
    assert complaints == []
    assert proven == trades > DAYS


@pytest.mark.soak
@pytest.mark.timeout(7_200)
def test_in_many_random_days_nobody_is_passed_over(tally: Tally) -> None:
    trades, proven, complaints = judged(range(SEED, SEED + SOAK_DAYS), tally)
    assert complaints == []
    assert proven == trades


def continuous(*actions: Action) -> list[Event]:
    """Events of a day in which these actions come one after the other in continuous trading."""
    day = SmallDay()
    for at, action in enumerate(actions):
        day.act(CONTINUOUS_S + at, [action])
    return [event for _, decision in day.history for event in decision.events]


def complaints_about(events: list[Event]) -> list[str]:
    return [complaint for _, complaint in Priority().judge(events)]


def with_trade(events: list[Event], **changes: Any) -> list[Event]:
    return [replace(each, **changes) if isinstance(each, TradeAgreed) else each for each in events]


CHEAP, DEAR = Action("offer", 1, 500, 100), Action("offer", 2, 501, 100)
LATE, TAKING = Action("offer", 2, 500, 100), Action("bid_now", 0, 505, 100)


def test_a_better_price_that_was_passed_over_is_named() -> None:
    events = continuous(DEAR, CHEAP, TAKING)
    assert complaints_about(events) == []
    forged = with_trade(events, sell_order_id=1, price_ticks=Ticks(501), ask_ticks=Ticks(501), seller=CAROL)
    assert complaints_about(forged) == ["found order 1 taken, expected order 2 before it"]


def test_an_earlier_order_that_was_passed_over_is_named() -> None:
    events = continuous(CHEAP, LATE, TAKING)
    assert complaints_about(events) == []
    assert complaints_about(with_trade(events, sell_order_id=2, seller=CAROL)) == [
        "found order 2 taken, expected order 1 before it"
    ]


def test_a_price_outside_the_limits_is_named() -> None:
    events = continuous(CHEAP, TAKING)
    assert complaints_about(with_trade(events, price_ticks=Ticks(506))) == [
        "found price 506, expected the limit 505 of order 2 to be kept"
    ]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        (
            {"price_ticks": Ticks(506), "bid_ticks": Ticks(700)},
            "found price 506, expected the limit 505 of order 2 to be kept",
        ),
        (
            {"price_ticks": Ticks(499), "ask_ticks": Ticks(400)},
            "found price 499, expected the limit 500 of order 1 to be kept",
        ),
        ({"quantity_lots": Lots(101)}, "found 101 lots of order 2, expected 100 at most, all it has left"),
        (
            {"buyer": BOB},
            f"found 0x{BOB.hex()} for order 2, expected 0x{ALICE.hex()}, who placed it",
        ),
        ({"buy_order_id": 9}, "found order 9 as its bid, expected one that stands in the book"),
        ({"sell_order_id": 2}, "found order 2 as its offer, expected one that stands in the book"),
    ],
)
def test_the_word_of_a_trade_is_not_taken_for_what_its_orders_say(
    changes: dict[str, object], complaint: str
) -> None:
    assert complaints_about(with_trade(continuous(CHEAP, TAKING), **changes)) == [complaint]


def test_a_false_name_does_not_excuse_who_was_passed_over() -> None:
    """The better offer is Bob's; with Bob as the named buyer it would have met itself, and been left out."""
    forged = with_trade(
        continuous(CHEAP, DEAR, TAKING),
        sell_order_id=2,
        price_ticks=Ticks(501),
        ask_ticks=Ticks(501),
        seller=CAROL,
        buyer=BOB,
    )
    assert len(complaints_about(forged)) == 1
    assert complaints_about(with_trade(forged, buyer=ALICE)) == [
        "found order 2 taken, expected order 1 before it"
    ]


def test_an_order_that_does_not_stand_in_the_book_cannot_be_taken() -> None:
    events = continuous(CHEAP, TAKING)
    twice = [*events, *(each for each in events if isinstance(each, TradeAgreed))]
    assert complaints_about(twice) == ["found order 2 as its bid, expected one that stands in the book"]


def test_a_replaced_order_loses_its_place_unless_it_shrank() -> None:
    events = continuous(CHEAP, LATE, Action("replace", 1, 500, 150), TAKING)
    (replaced,) = (each for each in events if isinstance(each, OrderReplaced))
    assert not replaced.kept_priority
    assert complaints_about(events) == []
    kept = [replace(each, kept_priority=True) if each is replaced else each for each in events]
    assert complaints_about(kept) == ["found order 2 taken, expected order 1 before it"]


def test_an_auction_fills_the_better_limit_first() -> None:
    day = a_whole_day()
    events = [event for _, decision in day.history for event in decision.events]
    auction = next(each for each in events if isinstance(each, TradeAgreed) and each.taker is None)
    assert complaints_about(events) == []
    other = replace(auction, price_ticks=Ticks(auction.price_ticks - 1))
    (complaint,) = complaints_about([other if each is auction else each for each in events])
    assert complaint.endswith(f"expected the auction's one price {auction.price_ticks}")
    accepted = next(
        each for each in events if isinstance(each, OrderAccepted) and each.terms.side is Side.BUY
    )
    better = replace(
        accepted,
        order_id=10**6,
        terms=replace(accepted.terms, participant=CAROL, price_micros=accepted.terms.price_micros + 100),
    )
    at = events.index(accepted)
    assert complaints_about([*events[:at], better, *events[at:]])[0] == (
        f"found order {auction.buy_order_id} filled, expected order 1000000 before it"
    )


def test_the_campaign_catches_a_matcher_that_forgets_priority() -> None:
    """Let bids take another order than the one whose turn it is."""
    noticed = 0
    for seed in range(SEED, SEED + 5):
        events = [event for _, decision in a_random_day(seed).history for event in decision.events]
        shifted = [
            replace(each, sell_order_id=each.sell_order_id - 1, quantity_lots=Lots(1))
            if isinstance(each, TradeAgreed) and each.taker is Side.BUY
            else each
            for each in events
        ]
        noticed += bool(complaints_about(shifted))
    assert noticed == 5
