"""Orders that mostly trade: half bids, half offers around one price, the dearest kind to record; and some that rest."""

import random
from dataclasses import replace

from market.orders import Batch, PlaceOrder
from market.units import Lots
from tests.ledger.builders import (
    ALICE,
    BOB,
    CONTINUOUS_S,
    Day,
    a_bid,
    a_deposit,
    a_listing,
    a_meter,
    an_offer,
)


def opening(day: Day) -> Batch:
    """Return the batch that lists the instrument and funds both participants, a second before trading begins."""
    listing = replace(a_listing(), quantity_cap_lots=Lots(10**9))
    deposits = (a_deposit(ALICE, 10**9), a_deposit(BOB, 10**9, log_index=1))
    return day.batch(CONTINUOUS_S - 1, listing, a_meter(capacity=10**14), *deposits)


def orders(first: int, count: int) -> list[PlaceOrder]:
    """Return orders numbered from `first` on: the same ones every time."""
    chance = random.Random(first)
    return [
        (a_bid if chance.random() < 0.5 else an_offer)(
            price=chance.randint(495, 505), quantity=chance.randint(1, 2_000), client_order_id=number
        )
        for number in range(first, first + count)
    ]


def resting_orders(first: int, count: int) -> list[PlaceOrder]:
    """Return as many orders that do not meet: bids below 495 ticks, offers above 505."""
    chance = random.Random(first)
    return [
        (a_bid(price=chance.randint(300, 490), quantity=1, client_order_id=number))
        if chance.random() < 0.5
        else an_offer(price=chance.randint(510, 700), quantity=1, client_order_id=number)
        for number in range(first, first + count)
    ]
