"""Sets of payoffs: a total in money, a polygon, a frontier, finitely many outcomes, goods to hand out."""

from collections.abc import Sequence

import msgspec

from api.bargain.answer import Answer, Cell, shown
from api.bargain.kind import SOLUTIONS, Asked, Kind, names_of
from pricing.bargaining import (
    Agreement,
    Barter,
    FiniteSet,
    Good,
    Polygon,
    Problem,
    Transferable,
    egalitarian,
    kalai_smorodinsky,
    nash,
    parse_frontier,
    utilitarian,
)
from pricing.errors import PricingError


class PayoffSet(Kind, frozen=True):
    """A set of payoffs and the disagreement payoffs. Each form of it says what its `problem` is."""

    weights: tuple[float, ...] | None = None
    parties: tuple[str, ...] | None = None

    def solutions(self) -> Sequence[str]:
        """Return all four."""
        return SOLUTIONS

    def problem(self) -> Problem:
        """Return the problem as `pricing.bargaining` states it."""
        raise NotImplementedError

    def outcome(self, agreed: Agreement) -> str | None:
        """Return how the payoffs come about, in words; None where the set does not know."""
        return None

    def solve(self, asked: Asked) -> Answer:
        """Return the solutions side by side."""
        problem = self.problem()
        parties = names_of(self.parties, len(problem.disagreement))
        solved = {
            name: _solution(name, problem, self.weights)
            for name in SOLUTIONS
            if asked.solution in (None, name)
        }
        rows = []
        for name, agreed in solved.items():
            row: dict[str, Cell] = {
                "solution": name,
                "payoff": dict(zip(parties, agreed.payoffs, strict=True)),
                "gain": dict(zip(parties, agreed.gains, strict=True)),
            }
            if (words := self.outcome(agreed)) is not None:
                row["outcome"] = words
            rows.append(row)

        def draw() -> "Figure":
            from api.bargain.plot_set import plot_set

            return plot_set(problem, parties, solved, self.points())

        return Answer(
            self.kind_name(),
            {
                "agreed": all(agreed.agreed for agreed in solved.values()),
                "disagreement": dict(zip(parties, problem.disagreement, strict=True)),
                "ideal": dict(zip(parties, problem.ideal(), strict=True)),
            },
            {"solutions": tuple(rows)},
            draw if len(parties) == 2 else None,
        )
