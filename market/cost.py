"""What an order may cost at most: the worst price that it takes in a book, and the money that it sets aside."""

from collections.abc import Mapping

from market.listed import Listed
from market.open_orders import OpenOrder
from market.orders import PlaceOrder
from market.trades import bid_hold
from market.units import Lots, Micros, Ticks


def limit_ticks(listed: Listed, order: PlaceOrder | OpenOrder) -> Ticks:
    """Return the worst price, in ticks, at which an order trades in a book.

    That is the signed price, and for an order that several instruments satisfy its price plus the instrument's
    adjustment where this is below zero, within the band.
    """
    price_micros = order.terms.price_micros
    if not order.eligible:
        return Ticks(price_micros // listed.tick_micros)
    (adjustment,) = (each.adjustment_micros for each in order.eligible if each.instrument_id == listed.id)
    limit = listed.price_ticks(Micros(price_micros + min(adjustment, 0)))
    return min(limit, listed.terms.band_high_ticks)


def hold_micros(
    listings: Mapping[int, Listed],
    order: PlaceOrder | OpenOrder,
    quantity_lots: Lots,
    *,
    spent_micros: int = 0,
) -> Micros:
    """Return what an order sets aside for this quantity, in micros.

    `spent_micros` is what it has paid of its budget. An order that several instruments satisfy sets aside the worst
    price and the highest fee among them, so that no sequence of fills can cost more.
    """
    if not order.eligible:
        terms = order.terms
        budget = order.conditions.budget_micros
        left = None if budget is None else Micros(budget - spent_micros)
        return listings[terms.instrument_id].hold_micros(terms.side, terms.price_micros, quantity_lots, left)
    satisfying = [listings[each.instrument_id] for each in order.eligible]
    worst = max(listed.price_micros(limit_ticks(listed, order)) for listed in satisfying)
    return bid_hold(
        price_micros=max(worst, Micros(0)),
        quantity_lots=quantity_lots,
        lots_per_unit=satisfying[0].lots_per_unit,
        fee_bps=max(listed.listing.fee_bps for listed in satisfying),
    )
