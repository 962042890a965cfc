"""A buyer's requirement: which instruments satisfy it, what each is worth to him, and the word that commits to that set.

Pure functions. `routing.py` carries out an order that names such a set.

**The commitment** takes the place of the instrument id in the signed terms. It is the root of a Merkle tree with the
first byte replaced by 0xFF, which no instrument id begins with (they begin with their version, 1). Its leaves, in the
order of the instrument ids, are

    sha256(0x00 ‖ instrument id, 32 bytes ‖ adjustment in micros, 32 bytes two's complement)

and a node is sha256(0x01 ‖ lower child ‖ higher child), the two compared as big-endian numbers; the odd node of a level
moves up as it is. Ethereum has SHA-256 as a precompiled contract, so a contract can check a proof of membership. The
first bytes 0x00 and 0x01 keep a node from being passed off as a leaf (RFC 6962, section 2.1).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise

from market.instruments import Instrument
from market.orders import Eligible
from market.units import Commodity, Malformed

ELIGIBLE_MAX = 64
"""The most instruments that one order names."""
_TAG = 0xFF
_ROOT_BITS = 248
_ADJUSTMENT_LIMIT = 1 << 127  # `Bundle.sol` has 128 bits for it: more could never be settled


@dataclass(frozen=True, slots=True)
class Requirement:
    """What a buyer needs, and what he pays more or less for. Adjustments are micros per unit, added to his limit.

    `products` and `places` map each name that would do to its adjustment; a network path is named `SFO>NYC`. The tier is
    `tier` or better, each step up worth `per_tier_micros`; so are the green class and `per_green_micros`. The delivery
    window lies within the hours [first_hour, end_hour), counted from 1970-01-01T00Z.
    """

    commodity: Commodity
    products: Mapping[str, int]
    places: Mapping[str, int]
    first_hour: int
    end_hour: int
    tier: int = 0
    per_tier_micros: int = 0
    green: int = 0
    per_green_micros: int = 0

    def adjustment_micros(self, instrument: Instrument) -> int | None:
        """Return how much more than the limit an instrument is worth, micros per unit; None if it does not do."""
        place = f"{instrument.place}>{instrument.place_to}" if instrument.place_to else instrument.place
        satisfied = (
            instrument.commodity is self.commodity
            and instrument.product in self.products
            and place in self.places
            and instrument.tier >= self.tier
            and instrument.green >= self.green
            and self.first_hour <= instrument.start_hour
            and instrument.start_hour + instrument.hours <= self.end_hour
        )
        if not satisfied:
            return None
        return (
            self.products[instrument.product]
            + self.places[place]
            + (instrument.tier - self.tier) * self.per_tier_micros
            + (instrument.green - self.green) * self.per_green_micros
        )


def eligible_instruments(requirement: Requirement, listed: Iterable[Instrument]) -> tuple[Eligible, ...]:
    """Return the instruments that satisfy a requirement, with their adjustments, by instrument id.

    >>> from market.instruments import parse_symbol
    >>> slot = 457_074
    >>> h100 = Requirement(Commodity.CMP, {"H100": 0}, {"SFO": 0, "NYC": -20_000}, slot, slot + 1, tier=2,
    ...     per_tier_micros=50_000)
    >>> listed = [parse_symbol(f"CMP.H100@{each}.G0") for each in (
    ...     "SFO/2022-02-21T18Z/1h#Q3", "NYC/2022-02-21T18Z/1h#Q2", "SFO/2022-02-21T18Z/1h#Q1")]
    >>> [each.adjustment_micros for each in eligible_instruments(h100, listed)]
    [-20000, 50000]
    """
    found = ((each.id, requirement.adjustment_micros(each)) for each in listed)
    return tuple(Eligible(word, adjustment) for word, adjustment in sorted(found) if adjustment is not None)


def commitment(eligible: Sequence[Eligible]) -> int:
    """Return the 256-bit word that stands for a set in the signed terms; the module says how it is made.

    Raises:
        Malformed: if the set is empty or too large, is not in the order of its ids, or holds a number out of range.
    """
    if not 1 <= len(eligible) <= ELIGIBLE_MAX:
        raise Malformed(f"eligible set: found {len(eligible)} instruments, expected 1 to {ELIGIBLE_MAX}")
    for before, after in pairwise(each.instrument_id for each in eligible):
        if before >= after:
            raise Malformed(f"eligible set: found {after:#x} after {before:#x}, expected ascending ids")
    return tagged_root(_TAG, [_leaf(each) for each in eligible])


def membership_proof(eligible: Sequence[Eligible], place: int) -> tuple[bytes, ...]:
    """Return the nodes that lead from the instrument at this place of a set to its commitment, from the bottom up."""
    proof = []
    for level in _levels([_leaf(each) for each in eligible]):
        sibling = place ^ 1
        if sibling < len(level):
            proof.append(level[sibling])
        place >>= 1
    return tuple(proof)


def tagged_root(tag: int, leaves: Sequence[bytes]) -> int:
    """Return the root of the tree over these leaves, its first byte replaced by a tag."""
    root = int.from_bytes(_levels(leaves)[-1][0], "big")
    return tag << _ROOT_BITS | root & (1 << _ROOT_BITS) - 1


def is_commitment(word: int) -> bool:
    """Return whether a signed instrument id is the commitment to a set."""
    return word >> _ROOT_BITS == _TAG


def _levels(leaves: Sequence[bytes]) -> list[list[bytes]]:
    levels = [list(leaves)]
    while len(levels[-1]) > 1:
        nodes = levels[-1]
        pairs = [b"\x01" + b"".join(sorted(nodes[at : at + 2])) for at in range(0, len(nodes) - 1, 2)]
        levels.append([sha256(pair).digest() for pair in pairs] + nodes[2 * len(pairs) :])
    return levels


def _leaf(eligible: Eligible) -> bytes:
    word, adjustment = eligible.instrument_id, eligible.adjustment_micros
    if not 0 <= word < 1 << 256 or not -_ADJUSTMENT_LIMIT <= adjustment < _ADJUSTMENT_LIMIT:
        raise Malformed(f"eligible set: found {word:#x} with {adjustment} micros, expected 256 and 128 bits")
    return sha256(b"\x00" + word.to_bytes(32, "big") + adjustment.to_bytes(32, "big", signed=True)).digest()
