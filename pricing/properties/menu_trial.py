"""A menu on trial: whom it is for, the items that a mechanism offers them, and what each type makes of each item."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np

from pricing.bargaining.problem import Vector
from pricing.errors import LARGEST, EmptySide, PricingError, number, vector
from pricing.menus.incentives import distribution
from pricing.menus.procurement import procurement_menu
from pricing.menus.quality import quality_menu
from pricing.menus.value import ConcaveValue

Items = Sequence[tuple[float, float]]
"""An item for each type: a quantity or quality, and the money for it."""


class MenuProblem(Protocol):
    """Types that the one who offers the menu cannot tell apart; how likely they are, and what items mean to both sides."""

    @property
    def probabilities(self) -> Sequence[float]:
        """How likely each type is."""
        ...

    @property
    def tastes(self) -> Sequence[float]:
        """What a unit is worth to each type; a cost counts below 0."""
        ...

    @property
    def money_sign(self) -> float:
        """+1 where money goes to the type, −1 where it pays."""
        ...

    def principal_value(self, quantity: float) -> float:
        """Return what the quantity is worth to the one who offers it, before money."""
        ...

    def largest(self) -> float:
        """Return a quantity beyond which nobody would go."""
        ...


@dataclass(frozen=True, slots=True)
class ProcurementProblem:
    """A buyer who values q units at S(q), and suppliers of unknown unit cost: what `procurement_menu` solves.

    Raises:
        EmptySide: if there is no type.
        PricingError: if a cost is no number of at least 0, the probabilities are not positive with the sum 1, or the
            value has no worth and demand.
    """

    costs: Sequence[float]
    probabilities: Sequence[float]
    value: ConcaveValue

    def __post_init__(self) -> None:
        _set_types(self, "costs", self.costs, self.probabilities)
        if not (hasattr(self.value, "worth") and hasattr(self.value, "demand")):
            raise PricingError(f"value: found {self.value!r:.60}, expected a ConcaveValue")

    @property
    def tastes(self) -> Sequence[float]:
        """Minus the costs."""
        return [-cost for cost in self.costs]

    @property
    def money_sign(self) -> float:
        """+1: suppliers are paid."""
        return 1.0

    def principal_value(self, quantity: float) -> float:
        """Return S(q)."""
        return self.value.worth(quantity)

    def largest(self) -> float:
        """Return what would be bought from the cheapest at cost."""
        return number("largest quantity", self.value.demand(min(self.costs)), high=LARGEST)


@dataclass(frozen=True, slots=True)
class QualityProblem:
    """A seller to whom quality q costs c·q²/2, and buyers of unknown taste: what `quality_menu` solves.

    Raises:
        EmptySide: if there is no type.
        PricingError: if a taste is no number of at least 0, the probabilities are not positive with the sum 1, or the cost
            is not positive.
    """

    tastes: Sequence[float]
    probabilities: Sequence[float]
    cost: float = 1.0

    def __post_init__(self) -> None:
        _set_types(self, "tastes", self.tastes, self.probabilities)
        number("cost", self.cost, low=0, high=LARGEST, open_low=True)

    @property
    def money_sign(self) -> float:
        """−1: buyers pay."""
        return -1.0

    def principal_value(self, quantity: float) -> float:
        """Return −c·q²/2."""
        q = number("quantity", quantity, low=0, high=LARGEST)
        return -self.cost * q * q / 2

    def largest(self) -> float:
        """Return the quality that is efficient for the best taste."""
        return number("largest quality, taste/cost", max(self.tastes) / self.cost, high=LARGEST)


def _set_types(problem: object, what: str, figures: Sequence[float], probabilities: Sequence[float]) -> None:
    """Check what is known of the types of a frozen problem, and make tuples of it."""
    types = vector(what, figures, low=0, high=LARGEST)
    if not len(types):
        raise EmptySide(f"{what}: found no type, expected at least 1")
    object.__setattr__(problem, what, tuple(types.tolist()))
    shares = distribution(probabilities, len(types))
    object.__setattr__(problem, "probabilities", tuple(shares.tolist()))


MenuMechanism = Callable[[MenuProblem], Items]


@dataclass(frozen=True, slots=True, eq=False)
class MenuTrial:
    """A menu and those it is for. `payoffs[i, j]` is what type i makes of the item of type j, in money."""

    problem: MenuProblem
    tolerance: float
    quantities: Vector
    money: Vector
    payoffs: Vector

    @classmethod
    def of(cls, mechanism: MenuMechanism, problem: MenuProblem, *, tolerance: float) -> Self:
        """Make the menu.

        Raises:
            PricingError: if the mechanism refuses the types, or offers not one item of finite numbers for each.
        """
        size, offered = len(problem.tastes), mechanism(problem)
        if not isinstance(offered, Iterable):
            raise PricingError(f"items: found {offered!r:.60}, expected one for each of {size} types")
        items = [
            vector(f"items[{j}]", item, size=2, low=-LARGEST, high=LARGEST) for j, item in enumerate(offered)
        ]
        if len(items) != size:
            raise PricingError(f"items: found {len(items)}, expected one for each of {size} types")
        q, money = np.array(items).T
        payoffs = np.outer(problem.tastes, q) + problem.money_sign * money
        return cls(problem, tolerance, q, money, payoffs)

    @property
    def slack(self) -> float:
        """The money that counts as rounding."""
        return self.tolerance * max(1.0, float(np.max(np.abs(self.payoffs))))

    @property
    def profit(self) -> float:
        """What the one who offers the menu expects, in money."""
        return expected_profit(self.problem, self.quantities, self.money)


def expected_profit(problem: MenuProblem, quantities: Vector, money: Vector) -> float:
    """Return Σ p_i (value of q_i − money to type i).

    >>> expected_profit(QualityProblem([2.0], [1.0]), np.array([2.0]), np.array([4.0]))
    2.0
    """
    values = np.array([problem.principal_value(float(q)) for q in quantities])
    profit = np.asarray(problem.probabilities) @ (values - problem.money_sign * money)
    return number("profit", float(profit))


def menu_named(name: str) -> MenuMechanism:
    """Return "procurement-menu" or "quality-menu".

    >>> menu_named("quality-menu")(QualityProblem([1.0, 1.5], [0.5, 0.5]))
    [(0.5, 0.5), (1.5, 2.0)]

    Raises:
        PricingError: if it is neither, or is handed the other's problem.
    """
    if name == "procurement-menu":
        return _procure
    if name == "quality-menu":
        return _sell_qualities
    raise PricingError(f"mechanism: found {name!r}, expected procurement-menu or quality-menu")


def _procure(problem: MenuProblem) -> Items:
    if not isinstance(problem, ProcurementProblem):
        raise PricingError(f"instance: found {type(problem).__name__}, expected ProcurementProblem")
    menu = procurement_menu(problem.costs, problem.probabilities, problem.value)
    return list(zip(menu.quantities, menu.payments, strict=True))


def _sell_qualities(problem: MenuProblem) -> Items:
    if not isinstance(problem, QualityProblem):
        raise PricingError(f"instance: found {type(problem).__name__}, expected QualityProblem")
    menu = quality_menu(problem.tastes, problem.probabilities, cost=problem.cost)
    return list(zip(menu.qualities, menu.prices, strict=True))
