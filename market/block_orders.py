"""Orders of an auction over many hours: step orders of one hour, and blocks over several.

A *step order* trades along its curve: each further step at a worse price for the others (dearer if it sells, cheaper if it
buys). A simple order has one step.

A *block* is accepted at one ratio in all of its hours: not at all, or from its minimum ratio up to 1. A child is accepted
at most at its parent's ratio; the ratios of an exclusive group add up to 1 at most. Terms as in "EUPHEMIA Public
Description" (NEMO Committee, 2020): curtailable, linked, exclusive and flexible orders.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from market.orders import Side
from market.units import PPM_ONE, QUANTITY_MAX, Lots, Malformed, Ppm, Ticks

PRICE_LIMIT = 1 << 53
"""Prices stay below this many ticks: a solver computes with them in floating point before they are checked exactly."""


class Step(NamedTuple):
    """So many lots at this limit."""

    price_ticks: Ticks
    quantity_lots: Lots


@dataclass(frozen=True, slots=True)
class StepOrder:
    """An order of one hour, accepted along its steps; divisible."""

    side: Side
    hour: int
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """An order of one limit over several hours, `profile` saying how many lots in which hour.

    `minimum_ppm` is the least ratio at which it can be accepted; by default it is all or nothing. `parent` is the index of
    the block without which this one is not accepted, `group` the name of its exclusive group.
    """

    side: Side
    price_ticks: Ticks
    profile: tuple[tuple[int, Lots], ...]
    minimum_ppm: Ppm = PPM_ONE
    parent: int | None = None
    group: str | None = None


def simple_order(side: Side, hour: int, price_ticks: Ticks, quantity_lots: Lots) -> StepOrder:
    """Return a step order of one step."""
    return StepOrder(side, hour, (Step(price_ticks, quantity_lots),))


def flexible_order(
    side: Side, price_ticks: Ticks, quantity_lots: Lots, hours: Iterable[int], *, group: str
) -> tuple[Block, ...]:
    """Return the blocks of an order that trades wholly in one of these hours, whichever is best; `group` names it."""
    return tuple(Block(side, price_ticks, ((hour, quantity_lots),), group=group) for hour in hours)


def check_step_orders(orders: Sequence[StepOrder]) -> None:
    """Check step orders.

    Raises:
        Malformed: if one has no step, a step without lots, a price out of range, or a curve that runs the wrong way.
    """
    for at, order in enumerate(orders):
        what = f"step order {at}"
        if not order.steps:
            raise Malformed(f"{what}: found no step, expected at least one")
        for step in order.steps:
            _check_lots(what, step.quantity_lots)
            _check_price(what, step.price_ticks)
        for one, following in pairwise(order.steps):
            rising = following.price_ticks - one.price_ticks
            if rising < 0 if order.side is Side.SELL else rising > 0:
                expected = "the same or a higher" if order.side is Side.SELL else "the same or a lower"
                raise Malformed(
                    f"{what}: found a step at {following.price_ticks} after one at {one.price_ticks}, "
                    f"expected {expected} price"
                )


def check_blocks(blocks: Sequence[Block]) -> None:
    """Check blocks.

    Raises:
        Malformed: if one has no hours, an hour twice, no lots in an hour, a price or minimum out of range, a parent that
            is not there, or is its own ancestor.
    """
    for at, block in enumerate(blocks):
        what = f"block {at}"
        hours = [hour for hour, _ in block.profile]
        if not hours or len(set(hours)) < len(hours):
            raise Malformed(f"{what}: found hours {hours}, expected at least one and each once")
        for _, lots in block.profile:
            _check_lots(what, lots)
        _check_price(what, block.price_ticks)
        if not 0 <= block.minimum_ppm <= PPM_ONE:
            raise Malformed(f"{what}: found a minimum of {block.minimum_ppm} ppm, expected 0 to {PPM_ONE}")
        if block.parent is not None and not 0 <= block.parent < len(blocks):
            raise Malformed(f"{what}: found parent {block.parent}, expected 0 to {len(blocks) - 1}")
    for at in range(len(blocks)):
        ancestors(blocks, at)


def ancestors(blocks: Sequence[Block], at: int) -> list[int]:
    """Return a block's parent, the parent's parent and so on.

    Raises:
        Malformed: if the block is its own ancestor.
    """
    found: list[int] = []
    parent = blocks[at].parent
    while parent is not None:
        found.append(parent)
        if parent == at or len(found) > len(blocks):
            raise Malformed(f"block {at}: found parents {found[: len(blocks)]}, expected an end to them")
        parent = blocks[parent].parent
    return found


def _check_lots(what: str, lots: int) -> None:
    if not 1 <= lots <= QUANTITY_MAX:
        raise Malformed(f"{what}: found {lots} lots, expected 1 to {QUANTITY_MAX}")


def _check_price(what: str, price: int) -> None:
    if abs(price) >= PRICE_LIMIT:
        raise Malformed(f"{what}: found price {price}, expected less than {PRICE_LIMIT} ticks")
