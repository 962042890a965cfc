"""What the operator owes a negotiation: the supplier's weight, and what each side could gain in the order books instead.

The exchange makes the price of it (`market/negotiating.py`): everything here ends in the integers of a recorded command.
"""

from collections.abc import Iterator
from dataclasses import replace

from api.quoting import energy_of
from market.events import Session
from market.exchange import Exchange
from market.feed import shown_orders
from market.instruments import Instrument
from market.listed import Listed
from market.negotiations import Negotiation
from market.orders import Address, Side
from market.proposals import ConcludeNegotiation, Proposal
from market.units import BPS_ONE, Commodity, InvariantBroken, Lots, Micros
from pricing.bargaining import buyer_outside, seller_outside
from pricing.rules import nash_weight
from pricing.taxonomy import taxonomy

_OTHER_ENERGY = "OTHER"


def conclusions(exchange: Exchange) -> list[ConcludeNegotiation]:
    """Return the command that prices each negotiation that awaits its price, oldest first."""
    return [conclusion(exchange, negotiation) for negotiation in exchange.negotiations_to_price()]


def conclusion(exchange: Exchange, negotiation: Negotiation) -> ConcludeNegotiation:
    """Return the command that prices a negotiation on the order books as they stand.

    What a side could gain elsewhere is what it would gain in the books of the contract's hours, at its reservation price
    and up to the contract's quantities: the sum of `pricing.bargaining.buyer_outside` or `seller_outside` over the hours.
    An hour counts while its book trades continuously. The two parties' own orders do not count, nor does what the book
    does not display; the venue's fee does, for the buyer, who pays it. Gains are rounded to the nearest micro.

    The weight is that of the `nash` rule, at the load of the contract's hours. A meter may be admitted for any energy: one
    that the taxonomy does not know is weighed as `OTHER`, so that there is a price for every negotiation.

    Raises:
        InvariantBroken: if a side has not revealed its reservation price.
    """
    proposal, instrument = negotiation.proposal, negotiation.proposal.instrument
    value, cost = negotiation.reservations
    if value is None or cost is None:
        raise InvariantBroken(f"negotiation {negotiation.number}: found {negotiation.state.name}")
    buyer_gains, seller_gains = 0.0, 0.0
    for listed, lots in _trading_hours(exchange, proposal):
        fee = listed.listing.fee_bps / BPS_ONE
        asks = [
            (price * (1 + fee), size)
            for price, size in _levels(exchange, listed, Side.SELL, negotiation.parties)
        ]
        buyer_gains += buyer_outside(float(value), asks, float(lots))
        bids = _levels(exchange, listed, Side.BUY, negotiation.parties)
        seller_gains += seller_outside(float(cost), bids, float(lots))
    per_unit = instrument.commodity.lots_per_unit
    return ConcludeNegotiation(
        number=negotiation.number,
        weight_ppm=nash_weight(
            tier=instrument.tier,
            load=_load(exchange, proposal),
            energy=_energy(instrument),
        ),
        outside_buyer_micros=Micros(round(buyer_gains / per_unit)),
        outside_seller_micros=Micros(round(seller_gains / per_unit)),
    )


def _trading_hours(exchange: Exchange, proposal: Proposal) -> Iterator[tuple[Listed, Lots]]:
    """Yield the listed hours of a contract that trade now, and the contract's quantity of each."""
    instrument = proposal.instrument
    for hour, lots in proposal.slots:
        try:
            listed = exchange.listing(replace(instrument, start_hour=hour, hours=1).id)
        except KeyError:
            continue
        if listed.session is Session.CONTINUOUS:
            yield listed, lots


def _levels(
    exchange: Exchange, listed: Listed, side: Side, without: tuple[Address, ...]
) -> list[tuple[float, float]]:
    """Return what a book displays on a side, best first, of everybody else: micros per unit, lots."""
    tick = listed.instrument.commodity.tick_micros
    found = []
    for price, order_id, lots in shown_orders(listed.book, side):
        order = exchange.order(order_id)
        if order is not None and order.terms.participant not in without:
            found.append((float(price * tick), float(lots)))
    return found


def _load(exchange: Exchange, proposal: Proposal) -> float:
    """Return what is sold of the resource over its registered capacity, in the contract's hours together."""
    resource = proposal.instrument.resource
    loads = [exchange.load(resource, hour) for hour, _ in proposal.slots]
    capacity = sum(registered for _, registered in loads)
    return sum(sold for sold, _ in loads) / capacity if capacity else 0.0


def _energy(instrument: Instrument) -> str:
    """Return what the weight takes for an instrument's energy."""
    if instrument.commodity is Commodity.ENE and instrument.product not in taxonomy().energy:
        return _OTHER_ENERGY
    return energy_of(instrument)
