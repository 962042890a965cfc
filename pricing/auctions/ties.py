"""Who trades at the margin when not everybody can: the earlier order, or all in proportion to their quantities."""

from collections.abc import Mapping
from types import MappingProxyType

from market.listing import Allocation
from pricing.errors import PricingError

TIES: Mapping[str, Allocation] = MappingProxyType({"time": Allocation.TIME, "pro-rata": Allocation.PRO_RATA})


def allocation(ties: str) -> Allocation:
    """Return the exchange's word for "time" or "pro-rata".

    >>> allocation("time").name
    'TIME'

    Raises:
        PricingError: if it is neither.
    """
    if ties not in TIES:
        raise PricingError(f"ties: found {ties!r}, expected one of {', '.join(TIES)}")
    return TIES[ties]
