"""How the readable tables name instruments, and what a tick of their price is worth."""

from functools import lru_cache

from market.instruments import from_id
from market.requirements import is_commitment
from market.units import Micros

_KEPT_AT_HAND = 1 << 16
"""Names that need not be made again. Whoever asks for one of several instruments makes up a name that no other has."""


@lru_cache(_KEPT_AT_HAND)
def symbol_of(instrument_id: int) -> str:
    """Return the symbol of an id, of a commitment to several instruments its 0x-hex."""
    return f"0x{instrument_id:064x}" if is_commitment(instrument_id) else from_id(instrument_id).symbol


@lru_cache(_KEPT_AT_HAND)
def tick_micros_of(instrument_id: int) -> Micros:
    """Return the price step of an instrument, in micros per unit."""
    return from_id(instrument_id).commodity.tick_micros
