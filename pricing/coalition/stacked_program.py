"""The problems of several members as one: theirs on the diagonal, and below them the rows that couple their imports."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from pricing.coalition.agents import Agent, commodities_of
from pricing.coalition.local_problem import LocalProblem, Places
from pricing.coalition.quadratic_program import Matrix, Solution, solve_quadratic
from pricing.errors import Infeasible, Unbounded

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class StackedProgram:
    """min ½ x'Px + q'x subject to l <= Ax <= u, x being all members' variables one after the other.

    `starts` are the places where members' variables begin, `imports` those of all their imports e, `balances` the rows of
    their balances. The last `coupled` rows link the members.
    """

    P: Matrix
    q: Floats
    A: Matrix
    l: Floats  # noqa: E741  (the name it has in OSQP)
    u: Floats
    starts: Places
    imports: Places
    balances: Places
    coupled: int

    @classmethod
    def of(cls, problems: Sequence[LocalProblem], flows: Matrix, limit: Floats) -> "StackedProgram":
        """Stack the problems over the rows −limit <= flows e <= limit, e being the imports of one member after the other."""
        starts = np.cumsum([0, *(len(problem.q) for problem in problems[:-1])])
        heights = np.cumsum([0, *(len(problem.l) for problem in problems[:-1])])
        pairs = list(zip(starts, heights, problems, strict=True))
        imports = np.concatenate([start + problem.exchange for start, _, problem in pairs])
        own = _diagonal([problem.A for problem in problems])
        size = len(imports)
        select = sparse.csc_array((np.ones(size), (np.arange(size), imports)), shape=(size, own.shape[1]))
        return cls(
            P=_diagonal([problem.P for problem in problems]),
            q=np.concatenate([problem.q for problem in problems]),
            A=sparse.vstack([own, flows @ select], format="csc"),
            l=np.concatenate([*(problem.l for problem in problems), -limit]),
            u=np.concatenate([*(problem.u for problem in problems), limit]),
            starts=starts,
            imports=imports,
            balances=np.concatenate(
                [height + np.arange(len(problem.exchange)) for _, height, problem in pairs]
            ),
            coupled=len(limit),
        )

    def solve(self, what: str, agents: Sequence[Agent]) -> tuple[Floats, Floats]:
        """Return the variables, and the duals of the coupling rows.

        Raises:
            Infeasible: if the agents' needs cannot be met; says whose, of what, when and how much is lacking.
            Unbounded: if the cost falls for ever; says at what prices they buy and sell.
            NotConverged: if the solver stopped short of its tolerance.
        """
        try:
            found = solve_quadratic(what, self.P, self.q, self.A, self.l, self.u)
        except Infeasible:
            raise Infeasible(f"{what}: {self._shortage(agents)}") from None
        except Unbounded as reason:
            raise Unbounded(
                f"{reason}; found {_tariffs(agents)}, expected a limit on what passes between them"
            ) from None
        return found.x, found.y[len(self.l) - self.coupled :]

    def _shortage(self, agents: Sequence[Agent]) -> str:
        try:
            gap = self._least_gap()
        except Infeasible:
            return "found a store or a flexible load that its own limits cannot serve, expected wider limits"
        worst = int(np.argmax(np.abs(gap)))
        member, place = divmod(worst, len(gap) // len(agents))
        commodity, slot = divmod(place, agents[0].slots)
        return (
            f"found {abs(gap[worst]):.6g} unit·hours of {commodities_of(agents)[commodity]} too "
            f"{'little' if gap[worst] > 0 else 'much'} for {agents[member].name} in slot {slot} at the best "
            f"({np.abs(gap).sum():.6g} in all), expected none"
        )

    def _least_gap(self) -> Floats:
        """Return what would have to be added to each balance, least in all: min Σ |added|."""
        (height, width), size = self.A.shape, len(self.balances)
        add = sparse.csc_array((np.ones(size), (self.balances, np.arange(size))), shape=(height, size))
        found: Solution = solve_quadratic(
            "shortage",
            sparse.csc_array((width + 2 * size, width + 2 * size)),
            np.concatenate([np.zeros(width), np.ones(2 * size)]),
            sparse.block_array(
                [
                    [self.A, add, -add],
                    [None, sparse.eye_array(size), None],
                    [None, None, sparse.eye_array(size)],
                ],
                format="csc",
            ),
            np.concatenate([self.l, np.zeros(2 * size)]),
            np.concatenate([self.u, np.full(2 * size, np.inf)]),
        )
        return found.x[width : width + size] - found.x[width + size :]


def _diagonal(blocks: Sequence[Matrix]) -> Matrix:
    """Put blocks on a diagonal: `scipy.sparse.block_diag`, without its detour over triples."""
    heights, widths = np.array([block.shape for block in blocks]).T
    below = np.repeat(np.cumsum(heights) - heights, [block.nnz for block in blocks])
    counts = np.concatenate([np.diff(block.indptr) for block in blocks])
    data, indices = (np.concatenate([getattr(each, name) for each in blocks]) for name in ("data", "indices"))
    starts = np.concatenate([[0], np.cumsum(counts)])
    return sparse.csc_array((data, indices + below, starts), shape=(heights.sum(), widths.sum()))


def _tariffs(agents: Sequence[Agent]) -> str:
    """Name the cheapest offer and the dearest bid from outside: where they cross, trading between them earns for ever."""
    grids = [
        (agent.name, balance.commodity, balance.grid)
        for agent in agents
        for balance in agent.balances
        if balance.grid is not None
    ]
    if not grids:
        return "no tariff"
    buyer, bought, cheapest = min(grids, key=lambda each: np.min(each[2].buy))
    seller, sold, dearest = max(grids, key=lambda each: np.max(each[2].sell))
    return (
        f"{buyer} buying {bought} from {np.min(cheapest.buy):g} and "
        f"{seller} selling {sold} up to {np.max(dearest.sell):g}"
    )
