"""A valid call of every public function, class and method of `pricing`: what the tests of bad input spoil, figure by figure.

A row has the callable itself, so that it cannot point at something else. Sizes are small, and figures ordinary.
"""

from tests.pricing.valid_calls import (
    auctions,
    bargaining,
    base,
    coalition,
    competition,
    cooperative,
    experiments,
    load,
    menus,
    properties,
)
from tests.pricing.valid_calls.call import Call

__all__ = ["VALID_CALLS", "Call"]

VALID_CALLS: tuple[Call, ...] = tuple(
    valid
    for room in (
        bargaining,
        load,
        menus,
        base,
        coalition,
        cooperative,
        competition,
        auctions,
        experiments,
        properties,
    )
    for valid in room.calls()
)
