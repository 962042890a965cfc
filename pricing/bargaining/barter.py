"""Barter of indivisible goods: every way to hand them out, as a finite bargaining problem."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pricing.bargaining.finite_set import FiniteSet
from pricing.errors import EmptySide, PricingError, vector, whole

ALLOCATIONS_MAX = 1 << 20


@dataclass(frozen=True, slots=True)
class Good:
    """A good that cannot be divided: what it is worth to each party, and the place of the party who owns it."""

    name: str
    values: tuple[float, ...]
    owner: int


@dataclass(frozen=True, slots=True)
class Barter:
    """Goods whose values add up, and all the allocations of them.

    `problem` and `allocation` speak of the same outcomes: outcome j hands the goods to the parties of `allocation(j)`.

    Raises:
        EmptySide: if there is no good.
        PricingError: if a value is not finite, the goods do not name the same parties, an owner is none of them, or there
            are more than 2^20 allocations.
    """

    goods: Sequence[Good]

    def __post_init__(self) -> None:
        goods = tuple(self.goods)
        if not goods:
            raise EmptySide("goods: found none, expected at least one")
        object.__setattr__(self, "goods", goods)
        for good in goods:
            vector(f"values of {good.name}", good.values, size=self.parties)
            if type(good.owner) is not int or not 0 <= good.owner < self.parties:
                raise PricingError(
                    f"owner of {good.name}: found {good.owner!r}, expected one of {self.parties} parties, from 0"
                )
        if self.parties ** len(goods) > ALLOCATIONS_MAX:
            raise PricingError(
                f"goods: found {self.parties}^{len(goods)} allocations, expected at most {ALLOCATIONS_MAX}"
            )

    @property
    def parties(self) -> int:
        """How many there are."""
        return len(self.goods[0].values)

    @property
    def endowment(self) -> tuple[float, ...]:
        """What each party's own goods are worth to it: the disagreement payoffs.

        >>> Barter([Good("pen", (10, 1), owner=1), Good("book", (2, 4), owner=0)]).endowment
        (2.0, 1.0)
        """
        return tuple(
            math.fsum(good.values[party] for good in self.goods if good.owner == party)
            for party in range(self.parties)
        )

    def problem(self, *, lotteries: bool = False) -> FiniteSet:
        """Return the payoffs of all allocations, disagreement being that everybody keeps what they own.

        Source: Nash (1950), the example of Bill and Jack.

        >>> from pricing.bargaining import nash
        >>> goods = Barter([Good("pen", (10, 1), owner=1), Good("book", (2, 4), owner=0)])
        >>> nash(goods.problem()).payoffs
        (10.0, 4.0)
        """
        receivers = self._receivers()
        payoffs = np.zeros((len(receivers), self.parties))
        for place, good in enumerate(self.goods):
            payoffs[np.arange(len(receivers)), receivers[:, place]] += np.asarray(good.values)[
                receivers[:, place]
            ]
        return FiniteSet(payoffs.tolist(), self.endowment, lotteries=lotteries)

    def allocation(self, outcome: int) -> tuple[int, ...]:
        """Return which party has each good in an outcome of `problem`.

        >>> Barter([Good("pen", (10, 1), owner=1), Good("book", (2, 4), owner=0)]).allocation(1)
        (0, 1)

        Raises:
            PricingError: if there is no such outcome.
        """
        count = self.parties ** len(self.goods)
        place = whole("outcome", outcome, high=count - 1)
        return tuple(int(each) for each in np.unravel_index(place, self._shape()))

    def transferable_total(self) -> float:
        """Return the largest sum of payoffs, Σ max_i v_i(good): what there is to share where money changes hands too.

        >>> Barter([Good("pen", (10, 1), owner=1), Good("book", (2, 4), owner=0)]).transferable_total()
        14.0
        """
        return math.fsum(max(good.values) for good in self.goods)

    def _shape(self) -> tuple[int, ...]:
        return (self.parties,) * len(self.goods)

    def _receivers(self) -> NDArray[np.intp]:
        """Return a row per allocation: the party that has each good."""
        return np.column_stack([each.ravel() for each in np.indices(self._shape())])
