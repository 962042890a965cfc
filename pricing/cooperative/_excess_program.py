"""The linear program behind least core and nucleolus: make the greatest open excess as small as possible."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from pricing.cooperative.game import Game
from pricing.errors import NotConverged

PLAYERS_PROGRAM_MAX = 12
ROUNDING = 1e-13
"""Of the largest worth: a game that is additive up to this has nothing left to share out."""


@dataclass(frozen=True, slots=True)
class Solved:
    """The smallest greatest excess, a point that attains it, and the prices of its limits (all non-negative).

    A limit with a positive price holds with equality at *every* optimal point (complementary slackness), which a
    limit that merely happens to be tight at `point` may not.
    """

    epsilon: float
    point: NDArray[np.float64]
    price_of_coalition: NDArray[np.float64]
    price_of_player: NDArray[np.float64]


class ExcessProgram:
    """min ε over x: v(S) − x(S) <= ε for open S, rows fixed so far hold, and x_i >= v({i}) if `rational`.

    Works on the game in which each player alone is worth 0 and the largest worth is 1: solutions follow such a change
    of zero and scale exactly, and the solver's tolerances then mean the same for every game. Costs become savings.
    """

    def __init__(self, game: Game, *, rational: bool) -> None:
        self._members = game.membership().astype(float)
        self._sign = -1.0 if game.cost else 1.0
        self._singles = self._sign * game.singles
        worth = self._sign * game.values - self._members @ self._singles
        worth[1 << np.arange(game.players)] = 0.0
        largest = float(np.abs(worth).max())
        self.scale = largest if largest > ROUNDING * float(np.abs(game.values).max()) else 1.0
        self.worth = worth / self.scale
        self.open = np.arange(1, len(worth) - 1)
        self.rational = rational
        self.rows = np.ones((1, game.players))
        self.levels = self.worth[-1:]

    def fix(self, row: NDArray[np.float64], level: float) -> None:
        """Hold row·x = level from now on, unless the rows fixed so far imply it."""
        if not self._implied(row[None])[0]:
            self.rows = np.vstack((self.rows, row))
            self.levels = np.append(self.levels, level)

    def close_implied(self) -> None:
        """Take out the coalitions whose share is the same at all points that are left."""
        self.open = self.open[~self._implied(self._members[self.open])]

    def member_row(self, mask: int) -> NDArray[np.float64]:
        """Return the row that adds up a coalition's shares."""
        return np.asarray(self._members[mask])

    def solve(self) -> Solved:
        """Return the optimum, by HiGHS's dual simplex, whose prices belong to a vertex."""
        players = self.rows.shape[1]
        result = linprog(
            np.append(np.zeros(players), 1.0),
            A_ub=np.column_stack((-self._members[self.open], -np.ones(len(self.open)))),
            b_ub=-self.worth[self.open],
            A_eq=np.column_stack((self.rows, np.zeros(len(self.rows)))),
            b_eq=self.levels,
            bounds=[(0.0 if self.rational else None, None)] * players + [(None, None)],
            method="highs-ds",
        )
        if result.status != 0 or result.x is None:
            raise NotConverged(f"linear program of {len(self.open)} coalitions: {result.message}")
        return Solved(
            float(result.x[-1]), result.x[:-1], -result.ineqlin.marginals, result.lower.marginals[:-1]
        )

    def shares(self, point: NDArray[np.float64]) -> tuple[float, ...]:
        """Return the point in the unit and sign of the game."""
        shares = self._sign * (self._singles + self.scale * point)
        return tuple((shares + 0.0).tolist())  # no negative zero

    def _implied(self, rows: NDArray[np.float64]) -> NDArray[np.bool_]:
        # what is left of a row of 0 and 1 outside the span of fixed ones is either rounding or far above it
        basis, _ = np.linalg.qr(self.rows.T)
        return np.asarray(np.linalg.norm(rows - rows @ basis @ basis.T, axis=1) < 1e-7)
