"""Who funds an order has the last word before its book: asked only for what may enter, and a no changes nothing."""

import pytest

from market.events import OrderAccepted, OrderReplaced, Refused
from market.orders import PlaceOrder, ReplaceOrder, Side
from market.refusals import Refusal
from market.units import Micros

from .builders import ALICE, SOLAR, a_bid, a_replacement, an_exchange, an_offer, some_terms


class Purse:
    """Funds what fits, and remembers what it was asked for."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.asked: list[int] = []

    def __call__(self, command: PlaceOrder | ReplaceOrder, *, hold_micros: Micros) -> Refused | None:
        self.asked.append(hold_micros)
        if hold_micros <= self.most:
            return None
        return Refused(
            command.terms.participant, "PlaceOrder", 7, Refusal.INSUFFICIENT_FUNDS, "found too little"
        )


def test_an_order_that_is_funded_enters_with_the_hold_that_was_asked_for() -> None:
    exchange, purse = an_exchange(), Purse(most=100_200)
    exchange.execute(an_offer(price=500, quantity=999))
    accepted, agreed = exchange.enter(a_bid(price=500, quantity=1999), purse)
    assert isinstance(accepted, OrderAccepted)
    assert purse.asked == [accepted.hold_micros] == [100_200]
    assert agreed.quantity_lots == 999


@pytest.mark.parametrize("bid", [a_bid(price=500, quantity=1999), a_bid(price=600, quantity=1999)])
def test_an_order_that_is_not_funded_changes_nothing(bid: PlaceOrder) -> None:
    exchange, purse = an_exchange(), Purse(most=0)
    exchange.execute(an_offer(price=600))
    before = exchange.state_bytes()
    (refused,) = exchange.enter(bid, purse)
    assert isinstance(refused, Refused)
    assert refused.detail == "found too little"
    assert exchange.state_bytes() == before
    assert exchange.book(SOLAR.id).best_bid() is None
    accepted, *_ = exchange.execute(bid)
    assert isinstance(accepted, OrderAccepted)


def test_nobody_is_asked_to_fund_what_may_not_enter() -> None:
    exchange, purse = an_exchange(), Purse(most=1 << 62)
    bid = a_bid(price=400)
    exchange.enter(bid, purse)
    for refused in (bid, a_bid(price=9), a_replacement(99, some_terms(Side.BUY, by=ALICE))):
        (event,) = exchange.enter(refused, purse)
        assert isinstance(event, Refused)
    assert len(purse.asked) == 1


def test_a_replacement_is_funded_as_the_order_that_it_leaves_behind() -> None:
    exchange, purse = an_exchange(), Purse(most=1 << 62)
    exchange.enter(a_bid(price=400, quantity=1000), purse)
    (replaced,) = exchange.enter(
        a_replacement(1, some_terms(Side.BUY, by=ALICE, price=500, quantity=1999)), purse
    )
    assert isinstance(replaced, OrderReplaced)
    assert purse.asked[1:] == [replaced.hold_micros] == [100_200]
