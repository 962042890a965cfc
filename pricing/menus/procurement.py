"""A menu for suppliers whose unit cost only they know: how much to buy from each kind, and for how much.

The buyer offers pairs (quantity, payment), and each supplier takes the one it likes best. Costs are money per unit,
payments money.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import isotonic_regression

from pricing.errors import LARGEST, EmptySide, PricingError, number, vector
from pricing.menus.incentives import deviation_gains, distribution, verify
from pricing.menus.value import ConcaveValue


@dataclass(frozen=True, slots=True)
class ProcurementMenu:
    """An item for each type, cheapest first; `virtual_costs` add to each cost what the cheaper types' rents cost.

    `ironed_costs` are the virtual costs made nondecreasing, and `bunching` says that this took pooling types into one
    item. A type with quantity 0 is left out (shutdown). `profit` is what the buyer expects, S(q) − t.
    """

    costs: tuple[float, ...]
    probabilities: tuple[float, ...]
    virtual_costs: tuple[float, ...]
    ironed_costs: tuple[float, ...]
    quantities: tuple[float, ...]
    payments: tuple[float, ...]
    rents: tuple[float, ...]
    first_best: tuple[float, ...]
    profit: float
    bunching: bool

    def incentives(self) -> tuple[tuple[float, ...], ...]:
        """Return what type i (row) gains by taking the item of type j (column) instead of its own: no entry above 0.

        U_ij = (t_j − θ_i q_j) − (t_i − θ_i q_i), in money.

        >>> from pricing.menus import QuadraticValue
        >>> procurement_menu([2, 3], [0.5, 0.5], QuadraticValue(10)).incentives()
        ((0.0, 0.0), (-2.0, 0.0))
        """
        return deviation_gains(np.array(self.payments) - np.outer(self.costs, self.quantities))


def procurement_menu(
    costs: Sequence[float], probabilities: Sequence[float], value: ConcaveValue
) -> ProcurementMenu:
    """Return the menu that is best for a buyer who knows only how likely each unit cost θ_1 < … < θ_n is.

    1. Virtual costs vc_i = θ_i + (F_{i−1}/p_i)(θ_i − θ_{i−1}), F the cumulated probability.
    2. Where they fall, pool neighbours at their mean weighted by p (pool adjacent violators). Since every type has the
       same S, a block's condition is S′(q) = mean vc, so that this is exact for every concave S.
    3. Quantities S′(q_i) = vc_i, and 0 where S′(0) <= vc_i: the cheapest type's is first best, the others' is less.
    4. Payments t_i = θ_i q_i + Σ_{j>i} (θ_j − θ_{j−1}) q_j: the dearest type just takes part, and each other type is
       indifferent to the next item.
    5. All n² incentives and all participation are checked on the result.

    Source: Laffont & Martimort, The Theory of Incentives (2002), chapters 2 and 3; Myerson, Math. Oper. Res. 6
    (1981), for ironing; cases T01 to T06.

    >>> from pricing.menus import QuadraticValue
    >>> menu = procurement_menu([2, 3], [0.5, 0.5], QuadraticValue(10))
    >>> menu.quantities, menu.payments, menu.profit
    ((8.0, 6.0), (22.0, 18.0), 25.0)

    Raises:
        EmptySide: if there is no type.
        PricingError: if costs do not rise, or the probabilities are not positive with the sum 1, or S refuses.
        InvariantBroken: if the menu that results is not incentive compatible; it always is for a concave S.
    """
    theta = vector("costs", costs, low=0, high=LARGEST)
    if not len(theta):
        raise EmptySide("costs: found no type, expected at least 1")
    for i in np.flatnonzero(np.diff(theta) <= 0):
        raise PricingError(f"costs[{i + 1}]: found {theta[i + 1]:g}, expected more than {theta[i]:g}")
    p = distribution(probabilities, len(theta))
    steps = np.diff(theta, prepend=theta[0])
    cheaper = np.concatenate(([0.0], np.cumsum(p)[:-1]))
    virtual = theta + cheaper / p * steps
    ironed = isotonic_regression(virtual, weights=p).x
    quantities = np.array([value.demand(float(cost)) for cost in ironed])
    rents = np.append(np.cumsum((steps[1:] * quantities[1:])[::-1])[::-1], 0.0)
    payments = theta * quantities + rents
    verify(payments - np.outer(theta, quantities))
    profit = math.fsum(
        share * (value.worth(float(q)) - t) for share, q, t in zip(p, quantities, payments, strict=True)
    )
    return ProcurementMenu(
        costs=tuple(theta.tolist()),
        probabilities=tuple(p.tolist()),
        virtual_costs=tuple(virtual.tolist()),
        ironed_costs=tuple(ironed.tolist()),
        quantities=tuple(quantities.tolist()),
        payments=tuple(payments.tolist()),
        rents=tuple(rents.tolist()),
        first_best=tuple(value.demand(float(cost)) for cost in theta),
        profit=number("profit", profit),
        bunching=bool(np.any(np.diff(virtual) < 0)),
    )
