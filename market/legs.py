"""The legs of a bundle: instruments that are wanted all together, and the word that commits to them.

**The commitment** takes the place of the instrument id in the signed terms, as that to a set does (`requirements.py`), and
is made in the same way but for its tag, 0xFE, and its leaves, which are

    sha256(0x02 ‖ instrument id ‖ lots in one bundle ‖ least reference price in micros, 32 bytes each)

in the order of the instrument ids. The order's quantity then counts thousandths of a bundle, and its price is the worst
total of a whole bundle, in micros. Its own reference price means nothing, since each leg has one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from typing import Final

from market.requirements import tagged_root
from market.units import Lots, Malformed, Micros

LEGS_MAX: Final = 64
"""The most legs of a bundle."""
BUNDLE_ONE: Final = 1000
"""A whole bundle, in what the order's quantity counts."""
_TAG = 0xFE
_TAG_BITS = 248
_UINT64_END = 1 << 64


@dataclass(frozen=True, slots=True)
class Leg:
    """So many lots of an instrument in one bundle, its collateral computed from no less than this reference price."""

    instrument_id: int
    lots_per_bundle: Lots
    reference_micros: Micros

    def lots(self, quantity: int) -> Lots:
        """Return the lots in so many thousandths of a bundle.

        >>> Leg(1 << 248, Lots(40), Micros(0)).lots(250)
        10

        Raises:
            Malformed: if they are not whole.
        """
        lots, rest = divmod(self.lots_per_bundle * quantity, BUNDLE_ONE)
        if rest:
            raise Malformed(f"leg {self.instrument_id:#x}: found {lots}.{rest:03} lots, expected whole ones")
        return Lots(lots)


def legs_commitment(legs: Sequence[Leg]) -> int:
    """Return the 256-bit word that stands for legs in the signed terms; the module says how it is made.

    Raises:
        Malformed: if there are none or too many, they are not in the order of their ids, or a number is out of range.
    """
    if not 1 <= len(legs) <= LEGS_MAX:
        raise Malformed(f"legs: found {len(legs)}, expected 1 to {LEGS_MAX}")
    for before, after in pairwise(leg.instrument_id for leg in legs):
        if before >= after:
            raise Malformed(f"legs: found {after:#x} after {before:#x}, expected ascending ids")
    return tagged_root(_TAG, [_leaf(leg) for leg in legs])


def is_legs_commitment(word: int) -> bool:
    """Return whether a signed instrument id is the commitment to legs."""
    return word >> _TAG_BITS == _TAG


def _leaf(leg: Leg) -> bytes:
    lots, reference = leg.lots_per_bundle, leg.reference_micros
    fits = 0 <= leg.instrument_id < 1 << 256 and 0 < lots < _UINT64_END and 0 <= reference < _UINT64_END
    if not fits:
        raise Malformed(
            f"leg {leg.instrument_id:#x}: found {lots} lots at {reference} micros, expected 64 bits"
        )
    words = (leg.instrument_id, lots, reference)
    return sha256(b"\x02" + b"".join(word.to_bytes(32, "big") for word in words)).digest()
