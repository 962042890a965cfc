"""Efficiency: as much is gained together as can be, by a program that knows nothing of the mechanism."""

import numpy as np
from scipy import sparse
from scipy.optimize import linprog

from pricing.auctions.orders import LOTS_PER_UNIT, Book
from pricing.bargaining.problem import Vector
from pricing.bargaining.transferable import Transferable
from pricing.coalition.agents import commodities_of
from pricing.coalition.dispatch import dispatch
from pricing.coalition.local_problem import LocalProblem, local_problem
from pricing.coalition.quadratic_program import solve_quadratic
from pricing.errors import NotConverged, number
from pricing.properties.auction_trial import AuctionTrial
from pricing.properties.bargaining_trial import BargainingTrial, shareable
from pricing.properties.coalition_trial import CoalitionTrial
from pricing.properties.findings import Answer, Measured, measured
from pricing.properties.menu_trial import MenuProblem, MenuTrial

POINTS = 65
"""Quantities at which a concave value is looked at first, and again about each solution."""
REACH = 4
"""Steps of the grid before that the next one reaches to either side."""
REFINEMENTS = 4

NEARLY = 1e-3
"""How far from the least cost a coalition may be that is efficient in the weak sense."""


def auction_is_efficient(trial: AuctionTrial, asked: Answer) -> Measured:
    """Check that the welfare is the greatest, or at least 1 − 1/K of it if asked weakly, in dollars.

    Greatest welfare by linear program (HiGHS): max Σ ±p x, as much bought as sold, 0 <= x <= q; K is its volume in units.
    """
    book = trial.book
    welfare = float((book.signs * book.prices) @ np.array(trial.traded.filled))
    greatest, volume = greatest_welfare(book)
    share = max(0.0, 1 - 1 / volume) if asked is Answer.WEAK and volume > 0 else 1.0
    found = f"welfare {welfare:.6g} of {greatest:.6g} dollars, expected at least {share * 100:.4g} %"
    return measured(share * greatest - welfare, max(trial.slack, 1e-9 * greatest), found, welfare)


def greatest_welfare(book: Book) -> tuple[float, float]:
    """Return the greatest welfare of a book in dollars, and the units that it takes, by linear program.

    >>> from pricing.auctions import unit_book
    >>> greatest_welfare(unit_book([9, 8, 3], [2, 4]))
    (11.0, 2.0)

    Raises:
        NotConverged: if the program was not solved.
    """
    limits = book.lots / LOTS_PER_UNIT
    found = linprog(
        -book.signs * book.prices,
        A_eq=book.signs[None, :],
        b_eq=np.zeros(1),
        bounds=[(0.0, limit) for limit in limits.tolist()],
        method="highs",
    )
    if found.x is None or found.fun is None:
        raise NotConverged(f"greatest welfare: found {found.message!r}, expected a solution")
    return max(0.0, -float(found.fun)), float(found.x[book.buys].sum())


def total_is_spent(trial: BargainingTrial, _: Answer) -> Measured | None:
    """Check that what a total and the caps allow is all shared out, where utility is transferable."""
    problem = trial.problem
    if not isinstance(problem, Transferable):
        return None
    possible = shareable(problem)
    most = sum(problem.disagreement) if possible is None else possible
    shared = float(trial.payoffs.sum())
    slack = trial.tolerance * max(1.0, float(np.sum(trial.unit)))
    return measured(most - shared, slack, f"{shared:.6g} of {most:.6g} are shared out", shared)


def menu_is_efficient(trial: MenuTrial, asked: Answer) -> Measured:
    """Check that no menu is better for the one who offers it; wholly, none would be even if it knew the types, in money.

    Asked weakly, among the menus that types accept and do not misuse: a concave program in all quantities and payments
    with all n² incentives, by linear programs.
    """
    problem = trial.problem
    best = second_best(problem) if asked is Answer.WEAK else _first_best(problem)
    found = f"profit {trial.profit:.6g} of {best:.6g}"
    return measured(best - trial.profit, max(trial.slack, 1e-6 * max(1.0, abs(best))), found, best)


def second_best(problem: MenuProblem) -> float:
    """Return the greatest profit from types who know more, in money, by linear programs (HiGHS) over more and more points.

    A concave value is what its chords approach from below. The program mixes, for each type, points whose value is known,
    and is solved again with more points about the quantities that it found. Quantities count in the largest that anybody
    would want, and money in what that means to either side: the program has the same size whatever the units.

    >>> from pricing.menus import QuadraticValue
    >>> from pricing.properties import ProcurementProblem
    >>> round(second_best(ProcurementProblem([2, 3], [0.5, 0.5], QuadraticValue(10))), 6)
    25.0

    Raises:
        PricingError: if a quantity or a profit is out of range.
        NotConverged: if a program was not solved.
    """
    size, largest = len(problem.tastes), problem.largest()
    tastes = np.array(problem.tastes, np.float64) * largest
    unit = max(float(np.abs(tastes).max()), abs(problem.principal_value(largest)))
    if unit == 0:
        return 0.0
    tastes /= unit
    coarse = np.linspace(0.0, 1.0, POINTS)
    points, step, profit = [coarse] * size, float(coarse[1]), 0.0
    for _ in range(REFINEMENTS):
        values = [np.array([problem.principal_value(largest * q) for q in each]) / unit for each in points]
        profit, quantities = _best_mixture(problem, tastes, points, values)
        points = [
            np.unique(np.clip(np.append(each, q + REACH * step * (2 * coarse - 1)), 0.0, 1.0))
            for each, q in zip(points, quantities, strict=True)
        ]
        step *= 2 * REACH / (POINTS - 1)
    return number("second best", unit * profit)


def _best_mixture(
    problem: MenuProblem, tastes: Vector, points: list[Vector], values: list[Vector]
) -> tuple[float, Vector]:
    """Return the best profit and the quantities, each type's a mixture of its points; IR and all n² incentives hold."""
    size, sign = len(points), problem.money_sign
    lengths = [len(each) for each in points]
    mixes = np.repeat(np.eye(size), lengths, axis=1)  # each type's weights sum to 1
    quantity: Vector = mixes * np.concatenate(points)
    own, other = np.divmod(np.arange(size * size), size)  # type `own` looks at the item of `other`
    items = np.eye(size)[own] - np.eye(size)[other] * (own != other)[:, None]  # its own item: against nothing
    gains = np.hstack([tastes[own, None] * items @ quantity, sign * items])
    found = linprog(
        np.concatenate(
            [
                *(-p * each for p, each in zip(problem.probabilities, values, strict=True)),
                sign * np.array(problem.probabilities),
            ]
        ),
        A_ub=-gains,
        b_ub=np.zeros(size * size),
        A_eq=np.hstack([mixes, np.zeros((size, size))]),
        b_eq=np.ones(size),
        bounds=[(0, None)] * mixes.shape[1] + [(None, None)] * size,
        method="highs",
    )
    if found.x is None or found.fun is None:
        raise NotConverged(f"second best: found no solution, {found.message}")
    return -float(found.fun), quantity @ found.x[:-size]


def _first_best(problem: MenuProblem) -> float:
    """Return the greatest surplus: where types are known, all of it can be had."""
    grid = np.linspace(0.0, problem.largest(), 2001)
    worth = np.array([problem.principal_value(float(q)) for q in grid])
    return float(
        sum(
            p * (worth + taste * grid).max()
            for p, taste in zip(problem.probabilities, problem.tastes, strict=True)
        )
    )


def coalition_is_efficient(trial: CoalitionTrial, asked: Answer) -> Measured | None:
    """Check the total cost against a bound by weak duality, in dollars: Σ f_i(x_i) >= Σ min (f_i + λ'e_i) at any λ.

    The bound takes each member by itself, at the prices of a central dispatch, within exchanges four times as large.
    """
    if trial.with_lines:
        return None  # the bound knows nothing of lines
    commodities = commodities_of(trial.agents)
    central = dispatch(trial.agents)
    prices = central.prices.ravel()
    reach = 4 * max(1.0, float(np.abs(central.exchanges).max()))
    bound = sum(
        _least_at_prices(agent.name, local_problem(agent, commodities), prices, reach)
        for agent in trial.agents
    )
    cost = float(trial.costs.sum())
    slack = NEARLY * max(1.0, float(np.abs(trial.alone).sum())) if asked is Answer.WEAK else trial.slack
    return measured(cost - bound, slack, f"cost {cost:.8g} dollars, expected at most {bound:.8g}", cost)


def _least_at_prices(name: str, problem: LocalProblem, prices: Vector, reach: float) -> float:
    linear = problem.q.copy()
    linear[problem.exchange] += prices
    size, width = len(problem.exchange), len(linear)
    select = sparse.csc_array((np.ones(size), (np.arange(size), problem.exchange)), shape=(size, width))
    A = sparse.vstack([problem.A, select], format="csc")
    limits = np.full(size, reach)
    low, high = np.concatenate([problem.l, -limits]), np.concatenate([problem.u, limits])
    found = solve_quadratic(name, problem.P, linear, A, low, high)
    return problem.cost(found.x) + float(prices @ found.x[problem.exchange])
