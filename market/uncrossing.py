"""The auction that ends a call or a halt: what it would do now, and doing it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from market.auctions import clear_uniform
from market.events import Cleared, Event
from market.listed import Listed
from market.meeting import agree, reduced
from market.open_orders import OpenOrder
from market.orders import Side
from market.pairing import pair
from market.state import State
from market.units import InvariantBroken, Lots, Ticks


@dataclass(frozen=True, slots=True)
class Indicative:
    """What an auction would do if it were held now.

    `price_ticks` is None where nothing would trade; `imbalance_lots` is what is bid minus what is offered at the price.
    """

    price_ticks: Ticks | None
    volume_lots: Lots
    imbalance_lots: int


def indicate(state: State, listed: Listed) -> Indicative:
    """Return the price, volume and imbalance of an auction on the book as it is. Costs as much as the auction itself."""
    auction = _Auction(state, listed)
    return Indicative(auction.clearing.price_ticks, auction.volume_lots, auction.clearing.imbalance_lots)


def uncross(state: State, listed: Listed) -> list[Event]:
    """Trade all that can trade at one price.

    Nobody trades with himself: the pairing avoids it, and what it cannot avoid comes off both orders. All-or-none orders
    take no part: an auction cannot promise to fill them wholly.
    """
    auction = _Auction(state, listed)
    clearing = auction.clearing
    price, low, high = clearing.price_ticks, clearing.low_ticks, clearing.high_ticks
    if price is None or low is None or high is None:
        return []
    cleared = Cleared(
        instrument_id=listed.id,
        price_ticks=price,
        low_ticks=low,
        high_ticks=high,
        volume_lots=auction.volume_lots,
        price_rule=clearing.price_rule,
        tie_rule=clearing.tie_rule,
    )
    events = [state.happen(cleared)]
    for bid, offer, quantity in auction.pairing.trades:
        buy, sell = auction.order(Side.BUY, bid), auction.order(Side.SELL, offer)
        trade = agree(state, listed, buy, sell, taker=None, price_ticks=price, quantity_lots=Lots(quantity))
        events.append(state.happen(trade))
    for bid, offer, quantity in auction.pairing.self_matches:
        both = auction.order(Side.BUY, bid), auction.order(Side.SELL, offer)
        events += [state.happen(reduced(state, order.order_id, Lots(quantity))) for order in both]
    bids, offers = _sides(state, listed)
    if len(bids) and len(offers) and bids["price_ticks"][0] >= offers["price_ticks"][0]:
        raise InvariantBroken(
            f"{listed.instrument}: found the book crossed after its auction, "
            f"{bids['price_ticks'][0]} over {offers['price_ticks'][0]}"
        )
    return events


class _Auction:
    """What clearing a book gives, who meets whom, and the orders behind it."""

    def __init__(self, state: State, listed: Listed) -> None:
        self._orders = state.orders
        self._sides = bids, offers = _sides(state, listed)
        self.clearing = clear_uniform(
            bids["price_ticks"],
            bids["remaining_lots"],
            offers["price_ticks"],
            offers["remaining_lots"],
            reference=listed.terms.reference_ticks,
            ties=listed.listing.rules.allocation,
        )
        self.pairing = pair(
            self.clearing.buy_fills,
            self.clearing.sell_fills,
            buyers=_owners(state, bids),
            sellers=_owners(state, offers),
        )
        self.volume_lots = Lots(sum(quantity for _, _, quantity in self.pairing.trades))

    def order(self, side: Side, index: int) -> OpenOrder:
        return self._orders.get(int(self._sides[side]["order_id"][index]))


def _sides(state: State, listed: Listed) -> tuple[NDArray[np.void], NDArray[np.void]]:
    """Return the bids and the offers that an auction may trade, in priority order."""
    bids, offers = (
        rows[[not state.orders.get(each).conditions.all_or_none for each in rows["order_id"].tolist()]]
        for rows in (listed.book.orders(side) for side in Side)
    )
    return bids, offers


def _owners(state: State, rows: NDArray[np.void]) -> NDArray[np.int64]:
    """Return the number of each order's participant."""
    orders = state.orders
    ids = rows["order_id"].tolist()
    return np.array([orders.owner(orders.get(each).terms.participant) for each in ids], np.int64)
