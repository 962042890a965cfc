"""Who gets the surplus between a bid and an offer that meet."""

# mypy: disable-error-code="no-any-return"

from market.matching.layout import NO_WEIGHT, inlined
from market.orders import Side
from market.units import PPM_ONE

_BUY = int(Side.BUY)
_PPM_ONE = int(PPM_ONE)


@inlined
def trade_price(weight: int, side: int, limit: int, maker_limit: int) -> int:
    """Return the offer's limit plus the supplier's share of the surplus, rounded down; or the maker's price.

    The surplus is split into whole millions and a rest, so that no product leaves 64 bits.
    """
    if weight == NO_WEIGHT:
        return maker_limit
    bid = limit if side == _BUY else maker_limit
    ask = maker_limit if side == _BUY else limit
    millions = (bid - ask) // _PPM_ONE
    rest = (bid - ask) - millions * _PPM_ONE
    return ask + weight * millions + weight * rest // _PPM_ONE
