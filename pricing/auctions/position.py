"""Position auctions: bidders for places of falling worth, such as priority queues or early delivery slots.

Source: B. Edelman, M. Ostrovsky and M. Schwarz, "Internet advertising and the generalized second-price auction", American
Economic Review 97 (2007), 242-259.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pricing.auctions.orders import DOLLARS_MAX
from pricing.errors import EmptySide, PricingError, vector


@dataclass(frozen=True, slots=True)
class Positions:
    """Who gets which place: `holders` are bidders by index, best place first, `payments` dollars for each place."""

    holders: tuple[int, ...]
    payments: tuple[float, ...]

    @property
    def revenue(self) -> float:
        """What all pay, in dollars."""
        return float(sum(self.payments))


def generalized_second_price(clicks: Sequence[float], values: Sequence[float]) -> Positions:
    """Give places to the highest bids; the holder of place i pays c_i · b_{i+1}, dollars.

    `clicks` is the worth of each place in units (uses, clicks), falling; `values` are bids per unit. A bid that does not
    exist counts 0; of equal bids the earlier is better. Not truthful.

    >>> generalized_second_price([200, 100], [10, 4, 2]).payments
    (800.0, 200.0)

    Raises:
        PricingError: if a figure is negative or the clicks rise.
        EmptySide: if there is no place or no bid.
    """
    places, holders, bids = _ranked(clicks, values)
    return Positions(holders, tuple((places * bids[1 : len(places) + 1]).tolist()))


def vickrey_positions(clicks: Sequence[float], values: Sequence[float]) -> Positions:
    """Give places to the highest bids; the holder of place i pays Σ_{j>=i} (c_j − c_{j+1}) · b_{j+1}, dollars.

    This is what the others lose by his being there, hence truthful. Its revenue at truthful bids is at most that of the
    generalized second price.

    >>> vickrey_positions([200, 100], [10, 4, 2]).payments
    (600.0, 200.0)

    Raises:
        PricingError: if a figure is negative or the clicks rise.
        EmptySide: if there is no place or no bid.
    """
    places, holders, bids = _ranked(clicks, values)
    steps = (places - np.append(places[1:], 0.0)) * bids[1 : len(places) + 1]
    return Positions(holders, tuple(np.cumsum(steps[::-1])[::-1].tolist()))


def _ranked(
    clicks: Sequence[float], values: Sequence[float]
) -> tuple[np.ndarray, tuple[int, ...], np.ndarray]:
    """Return the places that are given away, their holders, and all bids descending with a 0 behind."""
    places, bids = (
        vector("clicks", clicks, low=0, high=DOLLARS_MAX),
        vector("values", values, low=0, high=DOLLARS_MAX),
    )
    if not len(places) or not len(bids):
        raise EmptySide(f"places: found {len(places)} and {len(bids)} bids, expected some of both")
    if np.any(np.diff(places) > 0):
        raise PricingError(f"clicks: found {places.tolist()}, expected them to fall from place to place")
    order = np.argsort(-bids, kind="stable")
    held = min(len(places), len(bids))
    return places[:held], tuple(order[:held].tolist()), np.append(bids[order], 0.0)
