"""Which agreed trades may fail on chain: a party cancelled its order there, or is taking the money out."""

from ledger.venue import Venue
from market.trades import Trade


def is_endangered(venue: Venue, trade: Trade) -> bool:
    """Return whether an agreed trade may fail on chain if it waits: a party cancelled its order, or is taking the money.

    An exit that is covered by what was set aside leaves the trade its money.
    """
    agreed = trade.agreed
    if venue.exchange.cancelled_from_s(agreed.trade_number) is not None:
        return True
    is_covered = venue.books.is_exit_covered
    return not (is_covered(agreed.buyer) and is_covered(agreed.seller))


def is_cancelled(venue: Venue, trade: Trade, *, now_s: int) -> bool:
    """Return whether a cancellation on chain of an agreed trade's order is in effect: the contract refuses the trade."""
    from_s = venue.exchange.cancelled_from_s(trade.agreed.trade_number)
    return from_s is not None and from_s <= now_s
