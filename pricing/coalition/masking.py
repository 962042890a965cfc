"""Sums that reveal no part: fixed-point words modulo 2⁶⁴, and pairwise masks over them that cancel exactly.

Source: Bonawitz et al. 2017, "Practical Secure Aggregation for Privacy-Preserving Machine Learning", for parties that follow
the protocol and all answer.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pricing.errors import PricingError

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
Words = NDArray[np.uint64]

COUNTS_PER_UNIT = 2**30
"""Exchanges travel as whole multiples of 2⁻³⁰ unit·hours."""

EXCHANGE_MAX = 2.0**20
"""The largest exchange of a member in a slot, in unit·hours, and MEMBERS_MAX the most members: their sum stays below 2⁶³."""

MEMBERS_MAX = 2**12


def to_counts(what: str, values: Floats) -> Counts:
    """Return values (unit·hours) as the nearest whole multiples of 2⁻³⁰.

    >>> to_counts("exchange", np.array([1.0, -0.5])).tolist()
    [1073741824, -536870912]

    Raises:
        PricingError: if one is not a number, or above a million (2²⁰) in size: another unit is needed.
    """
    if not np.all(np.abs(values) <= EXCHANGE_MAX):
        raise PricingError(
            f"{what}: found {np.max(np.abs(values)):g} unit·hours in a slot, expected at most {EXCHANGE_MAX:g}"
        )
    return np.rint(values * COUNTS_PER_UNIT).astype(np.int64)


def from_counts(counts: Counts) -> Floats:
    """Return counts as unit·hours: the inverse of `to_counts`, exact below 2⁵³ counts.

    >>> from_counts(np.array([536870912])).tolist()
    [0.5]
    """
    return np.asarray(counts / COUNTS_PER_UNIT)


def words_of_squares(squares: Floats) -> Counts:
    """Return each non-negative figure as three integers: its whole part, and two digits of 30 bits behind the point.

    One word would be too short: sums of squares are large, and the coordinator needs their small differences.

    >>> words_of_squares(np.array([2.25])).tolist()
    [2, 268435456, 0]
    """
    whole = np.floor(squares)
    first = np.floor((squares - whole) * COUNTS_PER_UNIT)
    second = np.rint(((squares - whole) * COUNTS_PER_UNIT - first) * COUNTS_PER_UNIT)
    return np.concatenate([whole, first, second]).astype(np.int64)


def squares_of_words(words: Counts) -> Floats:
    """Return the figures that summed `words_of_squares` stand for.

    >>> squares_of_words(words_of_squares(np.array([2.25, 0.5]))).tolist()
    [2.25, 0.5]
    """
    whole, first, second = np.split(words, 3)
    return np.asarray(whole + (first + second / COUNTS_PER_UNIT) / COUNTS_PER_UNIT)


@dataclass(frozen=True, slots=True)
class Masks:
    """A member's side of the masks: the secret keys that it shares with each other member, a key with each.

    In round r the mask of a pair is SHAKE-256(key, r), read as words. One of the two adds it and the other subtracts it,
    so that the sum over all members has no mask, while a single vector looks uniform to whoever lacks the keys.
    """

    adds: tuple[bytes, ...] = ()
    subtracts: tuple[bytes, ...] = ()

    def hide(self, counts: Counts, *, round: int) -> Words:
        """Return the counts modulo 2⁶⁴, under this round's masks. A round must not be used twice.

        >>> north, south = pairwise_masks(["north", "south"], secret=bytes(32))
        >>> hidden = [masks.hide(np.array([part]), round=1) for masks, part in ((north, 5), (south, -2))]
        >>> sum_of(hidden).tolist()
        [3]
        """
        words = counts.astype(np.int64).view(np.uint64)
        return words + _masks(self.adds, round, len(words)) - _masks(self.subtracts, round, len(words))


def _masks(keys: tuple[bytes, ...], round: int, size: int) -> Words:
    salt = round.to_bytes(8, "little")
    streams = b"".join(hashlib.shake_256(key + salt).digest(8 * size) for key in keys)
    masks: Words = np.frombuffer(streams, "<u8").reshape(len(keys), size)
    return np.asarray(np.sum(masks, axis=0, dtype=np.uint64))


NO_MASKS = Masks()
"""Words in the clear."""


def sum_of(parts: Iterable[Words]) -> Counts:
    """Return the sum of words modulo 2⁶⁴ as signed integers: exact, and the same in any order.

    >>> sum_of([np.array([2**64 - 1], np.uint64), np.array([3], np.uint64)]).tolist()
    [2]
    """
    total: Words = np.add.reduce(list(parts), axis=0, dtype=np.uint64)
    return total.view(np.int64)


def pairwise_masks(names: Sequence[str], *, secret: bytes) -> tuple[Masks, ...]:
    """Deal every member its masks, all keys derived from one secret of at least 16 bytes.

    For members on one machine. Apart from each other, each pair agrees on its own key, by Diffie–Hellman for example, so
    that nobody, the dealer included, knows all.

    >>> north, south = pairwise_masks(["north", "south"], secret=bytes(32))
    >>> north.adds == south.subtracts, len(north.adds), len(north.subtracts)
    (True, 1, 0)

    Raises:
        PricingError: if the secret is shorter.
    """
    if len(secret) < 16:
        raise PricingError(f"secret: found {len(secret)} bytes, expected at least 16")
    master = hashlib.sha3_256(secret).digest()

    def key(one: str, other: str) -> bytes:
        pair = b"".join(
            len(name.encode()).to_bytes(4, "little") + name.encode() for name in sorted((one, other))
        )
        return hashlib.sha3_256(master + pair).digest()

    return tuple(
        Masks(
            adds=tuple(key(name, other) for other in names if name < other),
            subtracts=tuple(key(name, other) for other in names if other < name),
        )
        for name in names
    )
