"""What was traded in a run, period by period, and what it left to each trader."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from market.units import InvariantBroken
from pricing.errors import LARGEST, PricingError, number, vector, whole
from pricing.experiments.compiled import BUYER, PERIOD, PRICE, SELLER
from pricing.experiments.environment import Environment

PERIODS_MAX = 1_000_000
"""Of one run."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One period: prices in the order of the deals, each trader's gain, and how many of its units each traded.

    `paid` by the buyer and `received` by the seller differ only where a mechanism does not balance its budget.
    """

    environment: Environment
    paid: tuple[float, ...]
    received: tuple[float, ...]
    buyer_gains: tuple[float, ...]
    seller_gains: tuple[float, ...]
    buyer_units: tuple[int, ...]
    seller_units: tuple[int, ...]

    @property
    def surplus(self) -> float:
        """What the traded units are worth to their buyers over what they cost: whoever got it."""
        return traded(self.environment.values, self.buyer_units) - traded(
            self.environment.costs, self.seller_units
        )


def traded(units: Sequence[Sequence[float]], counts: Sequence[int]) -> float:
    """Return the sum of each trader's first units, as many of them as `counts` says.

    >>> traded([(3.0, 2.0), (4.0,)], [2, 0])
    5.0
    """
    return sum(sum(row[:count]) for row, count in zip(units, counts, strict=True))


@dataclass(frozen=True, slots=True)
class Session:
    """The deals of a run in order: period (from 1), buyer and seller (from 0), money paid and received per unit.

    Arrays are read-only. A trader's units trade in their order, and all are there again at the start of a period.

    Raises:
        PricingError: if there is not one of each per deal, a period or trader is not there, or a price no number.
    """

    environment: Environment
    periods: int
    period: NDArray[np.int64]
    buyer: NDArray[np.int64]
    seller: NDArray[np.int64]
    paid: NDArray[np.float64]
    received: NDArray[np.float64]

    def __post_init__(self) -> None:
        whole("periods", self.periods, low=1, high=PERIODS_MAX)
        deals, market = len(self.period), self.environment
        for what, low, high in (
            ("period", 1, self.periods),
            ("buyer", 0, len(market.values) - 1),
            ("seller", 0, len(market.costs) - 1),
        ):
            places = np.asarray(getattr(self, what))
            if places.shape != (deals,) or places.dtype.kind not in "iu":
                raise PricingError(
                    f"{what}: found {places.dtype} of shape {places.shape}, expected {deals} integers"
                )
            if deals and not low <= places.min() <= places.max() <= high:
                raise PricingError(
                    f"{what}: found {places.min()} to {places.max()}, expected {low} to {high}"
                )
        for what in ("paid", "received"):
            vector(what, getattr(self, what), size=deals)
        for array in (self.period, self.buyer, self.seller, self.paid, self.received):
            array.setflags(write=False)

    @classmethod
    def of_ticks(
        cls, environment: Environment, periods: int, deals: NDArray[np.int64], *, tick: float
    ) -> Self:
        """Return the session of a compiled market: a row of period, buyer, seller and price in ticks per deal.

        Raises:
            PricingError: if the rows are no such integers, or the tick is not positive.
        """
        deals = np.asarray(deals)
        if deals.ndim != 2 or deals.shape[1] != 4 or deals.dtype.kind not in "iu":
            raise PricingError(
                f"deals: found shape {deals.shape} of {deals.dtype}, expected four integers a deal"
            )
        number("tick", tick, low=0, high=LARGEST, open_low=True)
        # 57 · 0.01 is 0.5700000000000001: the price nearest to it that can be written down is meant
        prices = np.round(deals[:, PRICE] * tick, 12)
        period, buyer, seller = (deals[:, column].copy() for column in (PERIOD, BUYER, SELLER))
        return cls(environment, periods, period, buyer, seller, prices, prices)

    def outcome(self, period: int) -> Outcome:
        """Return what happened in one period.

        Raises:
            PricingError: if there was no such period.
            InvariantBroken: if a trader traded more units than it has.
        """
        chosen = np.flatnonzero(self.period == whole("period", period, low=1, high=self.periods))
        paid = tuple(self.paid[chosen].tolist())
        received = tuple(self.received[chosen].tolist())
        values, costs = self.environment.values, self.environment.costs
        buyer_gains, buyer_units = [0.0] * len(values), [0] * len(values)
        seller_gains, seller_units = [0.0] * len(costs), [0] * len(costs)
        pairs = zip(self.buyer[chosen].tolist(), self.seller[chosen].tolist(), paid, received, strict=True)
        for buyer, seller, price, proceeds in pairs:
            if buyer_units[buyer] == len(values[buyer]) or seller_units[seller] == len(costs[seller]):
                raise InvariantBroken(f"buyer {buyer} or seller {seller} traded more units than it has")
            buyer_gains[buyer] += values[buyer][buyer_units[buyer]] - price
            seller_gains[seller] += proceeds - costs[seller][seller_units[seller]]
            buyer_units[buyer] += 1
            seller_units[seller] += 1
        return Outcome(
            self.environment,
            paid,
            received,
            tuple(buyer_gains),
            tuple(seller_gains),
            tuple(buyer_units),
            tuple(seller_units),
        )

    def outcomes(self) -> Iterator[Outcome]:
        """Yield the outcome of each period, the first first."""
        return (self.outcome(period) for period in range(1, self.periods + 1))
