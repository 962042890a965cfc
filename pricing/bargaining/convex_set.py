"""Any number of parties and any convex set: linear or concave quadratic utilities of decisions within linear limits."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from pricing.bargaining.cone_program import ConeProgram, Solved
from pricing.bargaining.problem import Agreement, Vector, agreement
from pricing.errors import (
    LARGEST,
    DisagreementOutside,
    EmptySide,
    Infeasible,
    PricingError,
    matrix,
    number,
    vector,
)

NOTHING_TO_GAIN = 1e-9
"""An ideal gain of less than this, relative to the size of the payoffs, is none."""
PSD_TOLERANCE = 1e-10
"""An eigenvalue of less than this share of the largest is 0."""


@dataclass(frozen=True, slots=True, eq=False)
class Utility:
    """U(x) = linear·x + constant − ½ x'·curvature·x, curvature symmetric and positive semidefinite, or none.

    Raises:
        PricingError: if a figure is not finite, the curvature has another size, or U is not concave.
    """

    linear: ArrayLike
    constant: float = 0.0
    curvature: ArrayLike | None = None

    def __post_init__(self) -> None:
        linear = vector("linear", np.asarray(self.linear), low=-LARGEST, high=LARGEST)
        number("constant", self.constant, low=-LARGEST, high=LARGEST)
        object.__setattr__(self, "linear", _frozen(linear))
        if self.curvature is not None:
            size = len(linear)
            square = matrix("curvature", self.curvature)
            if square.shape != (size, size) or not np.allclose(square, square.T):
                raise PricingError(f"curvature: found no symmetric matrix of {size} rows, expected one")
            eigenvalues = np.linalg.eigvalsh(square)
            if eigenvalues[0] < -PSD_TOLERANCE * np.abs(eigenvalues).max():
                raise PricingError(
                    f"curvature: found the eigenvalue {eigenvalues[0]:g}, expected none below 0 (U concave)"
                )
            object.__setattr__(self, "curvature", _frozen(square))

    def of(self, decision: ArrayLike) -> float:
        """Return U(x).

        >>> Utility([3, 1], constant=1, curvature=[[2, 0], [0, 0]]).of([2, 5])
        8.0

        Raises:
            PricingError: if there is not one finite number for each decision.
        """
        size = len(np.asarray(self.linear))
        x = vector("decision", np.asarray(decision), size=size, low=-LARGEST, high=LARGEST)
        bend = 0.0 if self.curvature is None else x @ np.asarray(self.curvature) @ x / 2
        return float(np.asarray(self.linear) @ x + self.constant - bend)

    def _normalised(self, centre: Vector, spread: float, floor: float, unit: float) -> "Utility":
        """Return y ↦ (U(centre + spread·y) − floor) / unit."""
        square = None if self.curvature is None else np.asarray(self.curvature)
        slope = np.asarray(self.linear) - (0.0 if square is None else square @ centre)
        return Utility(
            slope * (spread / unit),
            (self.of(centre) - floor) / unit,
            None if square is None else square * (spread**2 / unit),
        )

    def factor(self) -> Vector:
        """Return F with F'F = curvature, a row per positive eigenvalue."""
        size = len(np.asarray(self.linear))
        if self.curvature is None:
            return np.zeros((0, size))
        eigenvalues, vectors = np.linalg.eigh(np.asarray(self.curvature))
        kept = eigenvalues > PSD_TOLERANCE * eigenvalues[-1]
        return np.asarray(np.sqrt(eigenvalues[kept])[:, None] * vectors[:, kept].T)


@dataclass(frozen=True, slots=True, eq=False)
class Limits:
    """matrix·x <= bounds, or = where they are given as equalities.

    Raises:
        PricingError: if a figure is not finite, or the bounds are not one per row.
    """

    matrix: ArrayLike
    bounds: Iterable[float]

    def __post_init__(self) -> None:
        rows = matrix("matrix", self.matrix)
        object.__setattr__(self, "matrix", _frozen(rows))
        object.__setattr__(self, "bounds", _frozen(vector("bounds", self.bounds, size=len(rows))))

    def _normalised(self, centre: Vector, spread: float) -> "Limits":
        """Return the same limits of y, where x = centre + spread·y."""
        rows = np.asarray(self.matrix)
        return Limits(rows * spread, np.asarray(self.bounds) - rows @ centre)


@dataclass(frozen=True, slots=True)
class ConvexSet:
    """S = {u : u_i <= U_i(x), x within its limits}, for any number of parties.

    Attributes:
        utilities: U_i, one per party, all of the same decisions x.
        disagreement: d.
        limits: matrix·x <= bounds.
        equalities: matrix·x = bounds.

    Solved as a convex program by CLARABEL, an interior-point method: linear and second-order cones for S, exponential
    cones for the logarithms of Nash (Boyd & Vandenberghe 2004, 4.3–4.4; Goulart & Chen, Clarabel, 2024). Payoffs are
    right to about 1e-6 of the ideal gains; where payoffs are 1e4 times the gains, measure them from nearer by. Where a
    closed form fits, `Transferable` and `Polygon` are exact.

    Every solution raises:
        DisagreementOutside: if no x gives everybody at least d.
        Infeasible: if no x meets the limits.
        Unbounded: if somebody's payoff has no limit.
        NotConverged: if the solver stopped short of its tolerance.
    """

    utilities: Sequence[Utility]
    disagreement: tuple[float, ...]
    limits: Limits | None = None
    equalities: Limits | None = None

    def __post_init__(self) -> None:
        utilities = tuple(self.utilities)
        if not utilities:
            raise EmptySide("utilities: found no party, expected at least one")
        floor = vector("disagreement", self.disagreement, size=len(utilities), low=-LARGEST, high=LARGEST)
        object.__setattr__(self, "utilities", utilities)
        object.__setattr__(self, "disagreement", tuple(floor.tolist()))
        sizes = {len(np.asarray(utility.linear)) for utility in utilities}
        sizes |= {np.asarray(each.matrix).shape[1] for each in (self.limits, self.equalities) if each}
        if len(sizes) != 1:
            raise PricingError(f"utilities: found {sorted(sizes)} decisions, expected one number everywhere")

    @classmethod
    def polytope(cls, matrix: ArrayLike, bounds: Iterable[float], disagreement: tuple[float, ...]) -> Self:
        """Return S = {u : matrix·u <= bounds}, and whatever is below: the payoffs are the decisions.

        >>> problem = ConvexSet.polytope([[1, 1, 2], [1, 0, 0]], [12, 3], (0, 0, 0))
        >>> [round(payoff, 6) for payoff in problem.best_product(np.ones(3) / 3).payoffs]
        [3.0, 4.5, 2.25]
        """
        return cls(
            [Utility(row) for row in np.eye(len(disagreement))], disagreement, limits=Limits(matrix, bounds)
        )

    def ideal(self) -> tuple[float, ...]:
        """Return the most that each can have while everybody has at least d: a program for each party."""
        gains = [max(0.0, float(best.gains[party])) for party, best in enumerate(self._best_of_each())]
        return tuple(np.add(self.disagreement, gains).tolist())

    def farthest(self, direction: Vector) -> Agreement:
        """Return where the ray leaves S: the largest t with d_i + t·direction_i <= U_i(x)."""
        direction = vector("direction", direction, size=len(self.utilities), low=0, high=LARGEST)
        if not direction.any():
            return agreement(self.disagreement, self.disagreement)
        scale = direction / direction.max()
        return self._agree_on(self._solve(scale[:, None], np.ones(1)), scale[:, None])

    def best_product(self, weights: Vector) -> Agreement:
        """Return argmax Σ w_i ln g_i.

        The solution does not depend on the scale of utilities, so it is computed in ideal gains, and from the middle of
        the best decisions for each: logarithms are far more sensitive to the size of numbers than the rest. Whoever
        cannot gain at all keeps d and is left out of the product.
        """
        weights = vector("weights", weights, size=len(self.utilities), low=0, high=LARGEST)
        best, floor = self._best_of_each(), np.array(self.disagreement)
        gains = np.array([each.gains[party] for party, each in enumerate(best)])
        gaining = gains > NOTHING_TO_GAIN * (1 + np.abs(floor))
        unit = np.where(gaining, gains, 1.0)
        decisions = np.array([each.decision for each in best])
        centre = decisions.mean(axis=0)
        spread = float(np.abs(decisions - centre).max())
        if spread <= NOTHING_TO_GAIN * (1 + float(np.abs(centre).max())):
            spread = 1.0
        solved = self._normalised(centre, spread, unit)._solve(
            np.eye(len(unit)), np.where(gaining, weights, 0.0), logarithmic=True
        )
        return agreement(
            floor + unit * np.maximum(solved.gains, 0.0), floor, centre + spread * solved.decision
        )

    def best_sum(self, weights: Vector) -> Agreement:
        """Return argmax Σ w_i u_i; of several, one inside the face that they form."""
        weights = vector("weights", weights, size=len(self.utilities), low=0, high=LARGEST)
        scale = np.eye(len(weights))
        return self._agree_on(self._solve(scale, weights), scale)

    def _best_of_each(self) -> list[Solved]:
        everybody = np.eye(len(self.utilities))
        return [self._solve(everybody, party) for party in everybody]

    def _normalised(self, centre: Vector, spread: float, unit: Vector) -> Self:
        """Return the same problem for y with x = centre + spread·y, utilities less d in the units given."""
        return type(self)(
            [
                utility._normalised(centre, spread, floor, float(size))
                for utility, floor, size in zip(self.utilities, self.disagreement, unit, strict=True)
            ],
            (0.0,) * len(unit),
            *(
                None if each is None else each._normalised(centre, spread)
                for each in (self.limits, self.equalities)
            ),
        )

    def _agree_on(self, solved: Solved, scale: Vector) -> Agreement:
        return agreement(
            np.add(self.disagreement, scale @ np.maximum(solved.gains, 0.0)),
            self.disagreement,
            solved.decision,
        )

    def _solve(self, scale: Vector, objective: Vector, *, logarithmic: bool = False) -> Solved:
        """Maximise objective·v, or objective·ln v, over d + scale·v <= U(x), v >= 0, x within its limits."""
        program = self._program(scale)
        try:
            return program.maximise_logarithms(objective) if logarithmic else program.maximise(objective)
        except Infeasible:
            self._program(np.zeros((len(self.utilities), 1)), bounded_below=False).maximise(np.zeros(1))
            raise DisagreementOutside(
                f"disagreement: found {self.disagreement}, expected some decision to give everybody as much"
            ) from None

    def _program(self, scale: Vector, *, bounded_below: bool = True) -> ConeProgram:
        decisions, gains = len(np.asarray(self.utilities[0].linear)), scale.shape[1]
        program = ConeProgram(decisions, gains)
        if self.equalities is not None:
            program.equal(np.asarray(self.equalities.matrix), np.asarray(self.equalities.bounds))
        if self.limits is not None:
            program.at_most(np.asarray(self.limits.matrix), np.asarray(self.limits.bounds))
        if bounded_below:
            for row, utility, floor in zip(scale, self.utilities, self.disagreement, strict=True):
                program.utility_above(
                    np.asarray(utility.linear), utility.constant - floor, utility.factor(), row
                )
        return program


def _frozen(values: Vector) -> Vector:
    values.flags.writeable = False
    return values
