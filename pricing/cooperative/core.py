"""The core: shares that no coalition can better by itself, and by how little it is missed where there are none."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pricing.cooperative._excess_program import PLAYERS_PROGRAM_MAX, ExcessProgram
from pricing.cooperative.game import WORTH_MAX, Game, checked_players, members_of
from pricing.errors import number, vector

TOLERANCE = 1e-9
"""Of the largest worth: what counts as nothing when shares that were computed are tested."""


def excesses(game: Game, shares: Iterable[float]) -> NDArray[np.float64]:
    """Return e(S, x) = v(S) − x(S) for each coalition in the order of `game.values`: what it gains by leaving.

    Of a cost game e(S, x) = x(S) − c(S): what it is overcharged. Either way, positive is a complaint.

    >>> excesses(Game(np.array([0.0, 1.0, 1.0, 4.0])), [3, 1]).tolist()
    [0.0, -2.0, 0.0, 0.0]

    Raises:
        PricingError: if there is not one finite share for each player.
    """
    x = vector("shares", shares, size=game.players, low=-WORTH_MAX, high=WORTH_MAX)
    paid = game.membership() @ x
    return np.asarray(paid - game.values if game.cost else game.values - paid)


def blocking_coalitions(
    game: Game, shares: Iterable[float], *, tolerance: float = TOLERANCE
) -> tuple[frozenset[int], ...]:
    """Return the coalitions that would do better by themselves, the greatest complaint first.

    >>> blocking_coalitions(Game(np.array([0.0, 1.0, 2.0, 4.0])), [3, 1])
    (frozenset({1}),)

    Raises:
        PricingError: if there is not one finite share for each player, or the tolerance is negative.
    """
    complaints = excesses(game, shares)[:-1]
    slack = _slack(game, tolerance)
    order = np.argsort(-complaints, kind="stable")
    return tuple(members_of(int(mask)) for mask in order if complaints[mask] > slack)


def in_core(game: Game, shares: Iterable[float], *, tolerance: float = TOLERANCE) -> bool:
    """Return whether the shares add up to v(N) and no coalition does better by itself. Gillies (1959).

    Both within `tolerance` times the largest worth (at least 1).

    >>> game = Game(np.array([0.0, 1.0, 2.0, 4.0]))
    >>> in_core(game, [1.5, 2.5]), in_core(game, [3, 1])
    (True, False)

    Raises:
        PricingError: as `blocking_coalitions`.
    """
    complaints, slack = excesses(game, shares), _slack(game, tolerance)
    return bool(abs(complaints[-1]) <= slack and complaints.max() <= slack)


@dataclass(frozen=True, slots=True)
class LeastCore:
    """`epsilon`: the smallest greatest complaint; `shares`: one point that attains it, of possibly many."""

    epsilon: float
    shares: tuple[float, ...]


def least_core(game: Game) -> LeastCore:
    """Return ε* = min over x, x(N) = v(N), of the greatest excess of a coalition other than none and all.

    The core is empty exactly if ε* > 0: then ε* is what leaving would have to cost. A linear program (HiGHS simplex).
    Maschler, Peleg and Shapley (1979). Of a single player ε* is 0.

    >>> from pricing.cooperative.standard_games import voting_game
    >>> round(least_core(voting_game(2, [1, 1, 1])).epsilon, 9)  # any majority of two can leave the third
    0.333333333

    Raises:
        PricingError: if there are more than 12 players.
    """
    checked_players(game.players, PLAYERS_PROGRAM_MAX)
    program = ExcessProgram(game, rational=False)
    if game.players == 1:
        return LeastCore(0.0, (game.total,))
    solved = program.solve()
    return LeastCore(solved.epsilon * program.scale, program.shares(solved.point))


def _slack(game: Game, tolerance: float) -> float:
    return number("tolerance", tolerance, low=0) * max(1.0, float(np.abs(game.values).max()))
