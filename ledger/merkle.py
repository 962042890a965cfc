"""Merkle trees over byte strings, as in RFC 6962, section 2.1: one hash for many, and a short proof that one is among them.

    leaf = sha256(0x00 || data)        node = sha256(0x01 || left || right)        nothing = sha256()

The first byte tells leaves from nodes, so that no node can pass for somebody's data. The left part of a tree is the largest
that is full, which is the same as pairing neighbours level by level and letting an odd last one rise.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeAlias

from msgspec import Raw

Data: TypeAlias = bytes | Raw


@dataclass(frozen=True, slots=True)
class Step:
    """One step from a leaf to the root: the hash that it is joined with, and whether that stands on the left."""

    hash: bytes
    is_left: bool


def root_of(data: Iterable[Data]) -> bytes:
    """Return the root over byte strings, in their sequence.

    >>> root_of([]).hex()[:16]
    'e3b0c44298fc1c14'
    """
    level = _leaves(data)
    if not level:
        return sha256().digest()
    while len(level) > 1:
        level = _joined(level)
    return level[0]


def path_of(data: Sequence[Data], index: int) -> tuple[Step, ...]:
    """Return the steps from one of the byte strings to the root over all.

    Raises:
        IndexError: if there is none at `index`.
    """
    if not 0 <= index < len(data):
        raise IndexError(f"Merkle path: found index {index}, expected 0 to {len(data) - 1}")
    level, steps = _leaves(data), []
    while len(level) > 1:
        neighbour = index ^ 1
        if neighbour < len(level):  # an odd last one rises without a step
            steps.append(Step(level[neighbour], is_left=neighbour < index))
        level, index = _joined(level), index // 2
    return tuple(steps)


def climb(data: Data, path: Iterable[Step]) -> bytes:
    """Return the root that a byte string and its path lead to."""
    reached = sha256(b"\x00" + data).digest()
    for step in path:
        pair = step.hash + reached if step.is_left else reached + step.hash
        reached = sha256(b"\x01" + pair).digest()
    return reached


def _leaves(data: Iterable[Data]) -> list[bytes]:
    return [sha256(b"\x00" + each).digest() for each in data]


def _joined(level: list[bytes]) -> list[bytes]:
    """Return the level above."""
    joined = [
        sha256(b"\x01" + left + right).digest() for left, right in zip(level[::2], level[1::2], strict=False)
    ]
    if len(level) % 2:
        joined.append(level[-1])
    return joined
