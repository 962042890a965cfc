"""Sets of payoffs, solved in every way side by side: a total in money, a polygon, a frontier."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from api.bargain.answer import Answer, Row
from api.bargain.kind import SOLUTIONS, Asked, Kind, names_of
from pricing.bargaining import (
    Agreement,
    Polygon,
    Problem,
    Transferable,
    egalitarian,
    kalai_smorodinsky,
    nash,
    parse_frontier,
    utilitarian,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class PayoffSet(Kind, frozen=True, kw_only=True):
    """A set of payoffs and the disagreement payoffs. Each form of it says what its `problem` is."""

    weights: tuple[float, ...] | None = None
    parties: tuple[str, ...] | None = None

    def solutions(self) -> Sequence[str]:
        """Return all four."""
        return SOLUTIONS

    @abstractmethod
    def problem(self) -> Problem:
        """Return the problem as `pricing.bargaining` states it."""

    def points(self) -> Sequence[Sequence[float]]:
        """Return the payoff vectors that the set is made of, to be drawn; nothing where it is not made of points."""
        return ()

    def outcome(self, agreed: Agreement) -> str | None:  # noqa: ARG002  (for those that know)
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
        payoffs: tuple[Row, ...] = tuple(
            {
                "party": name,
                "disagreement": problem.disagreement[place],
                "ideal": ideal,
                **{solution.replace("-", "_"): agreed.payoffs[place] for solution, agreed in solved.items()},
            }
            for place, (name, ideal) in enumerate(zip(parties, problem.ideal(), strict=True))
        )
        outcomes: tuple[Row, ...] = tuple(
            {"solution": solution, "outcome": words}
            for solution, agreed in solved.items()
            if (words := self.outcome(agreed)) is not None
        )

        def draw() -> "Figure":
            from api.bargain.plot_set import plot_set

            return plot_set(problem, parties, solved, self.points(), self.weights or (0.5, 0.5))

        return Answer(
            self.kind,
            {"agreed": all(agreed.agreed for agreed in solved.values())},
            {"payoffs": payoffs} | ({"outcomes": outcomes} if outcomes else {}),
            draw if len(parties) == 2 else None,
        )


class TransferableTotal(PayoffSet, frozen=True, kw_only=True):
    """A total in money that the parties share in any way, each up to a cap if there is one."""

    kind: ClassVar[str] = "transferable"

    total: float
    disagreement: tuple[float, ...]
    caps: tuple[float | None, ...] | None = None

    def problem(self) -> Problem:
        """Return the total to be shared."""
        return Transferable(self.total, self.disagreement, self.caps)


class PolygonSet(PayoffSet, frozen=True, kw_only=True):
    """Payoff pairs that two parties may mix."""

    kind: ClassVar[str] = "polygon"

    vertices: tuple[tuple[float, float], ...]
    disagreement: tuple[float, float]

    def problem(self) -> Problem:
        """Return the convex hull and what is below it."""
        return Polygon(self.vertices, self.disagreement)

    def points(self) -> Sequence[Sequence[float]]:
        """Return the vertices."""
        return self.vertices


class FrontierSet(PayoffSet, frozen=True, kw_only=True):
    """Limits on the payoffs u1 and u2 of two parties, written down."""

    kind: ClassVar[str] = "frontier"

    frontier: str
    disagreement: tuple[float, float]
    u1_range: tuple[float, float] | None = None

    def problem(self) -> Problem:
        """Return the set within the limits."""
        return parse_frontier(self.frontier, self.disagreement, u1_range=self.u1_range)


def _solution(name: str, problem: Problem, weights: tuple[float, ...] | None) -> Agreement:
    if name == "kalai-smorodinsky":
        return kalai_smorodinsky(problem)
    return {"nash": nash, "egalitarian": egalitarian, "utilitarian": utilitarian}[name](problem, weights)
