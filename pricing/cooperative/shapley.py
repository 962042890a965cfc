"""The Shapley value: each player's marginal contribution, averaged over all orders of joining."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from pricing.cooperative.game import Game, checked_players
from pricing.errors import PricingError, number, whole

PLAYERS_SAMPLED_MAX = 100_000
PAIRS_MAX = 100_000_000


def shapley(game: Game) -> tuple[float, ...]:
    """Return φ_i = Σ_{S∌i} |S|!·(n−|S|−1)!/n! · [v(S∪i) − v(S)], in the unit of the game. Shapley (1953).

    The shares add up to v(N). A coalition enters with w(|S|−1)·v(S) for its members and with −w(|S|)·v(S) for the
    others, w(s) = s!·(n−s−1)!/n!; folding the sum of both over one player after the other gives all shares in
    2·2ⁿ additions, without a loop over coalitions.

    >>> from pricing.cooperative.standard_games import airport_game
    >>> [round(share, 9) for share in shapley(airport_game([8, 11, 13, 18]))]
    [2.0, 3.0, 4.0, 9.0]
    """
    n, size = game.players, np.bitwise_count(np.arange(len(game.values)))
    weight = [1 / (n * math.comb(n - 1, s)) for s in range(n)]
    inside = np.array([0.0, *weight])[size] * game.values
    outside = np.array([*weight, 0.0])[size] * game.values
    total_outside, folded = outside.sum(), inside + outside
    shares = []
    for _ in range(n):  # the last player's bit splits the coalitions into halves
        without, with_last = folded.reshape(2, -1)
        shares.append(float(with_last.sum() - total_outside))
        folded = without + with_last
    return tuple(reversed(shares))


@dataclass(frozen=True, slots=True)
class ShapleyEstimate:
    """Sampled Shapley values, each with half the width of its confidence interval, in the unit of the game.

    An interval covers its own share with probability `confidence`, not all shares at once. `pairs` is how many pairs
    of orders were drawn.
    """

    shares: tuple[float, ...]
    half_widths: tuple[float, ...]
    confidence: float
    pairs: int


def sample_shapley(
    players: int,
    worth: Callable[[frozenset[int]], float],
    *,
    pairs: int,
    seed: int | np.random.Generator,
    confidence: float = 0.95,
) -> ShapleyEstimate:
    """Estimate the Shapley value from random orders of joining, for any number of players.

    1. Draw an order of the players, and take its reverse too: who comes early in one comes late in the other, which
       takes out much of the variance (antithetic pairs).
    2. Average each player's marginal contributions over the pair; the pairs are independent.
    3. Return the mean over pairs, ± t·s/√pairs by Student's t.

    The shares add up to the worth of all, since those of every order do. A pair asks for 2·players worths. Source:
    Castro, Gómez and Tejada (2009); pairs as in Mitchell, Cooper, Frank and Holmes (2022).

    >>> estimate = sample_shapley(3, lambda members: float(len(members) ** 2), pairs=10, seed=1)
    >>> estimate.shares, estimate.half_widths  # the order of joining and its reverse always average to 3
    ((3.0, 3.0, 3.0), (0.0, 0.0, 0.0))

    Raises:
        EmptySide: if there is no player.
        PricingError: if there are more than 100,000, fewer than two pairs, the seed is neither an integer nor a
            generator, the confidence is not inside (0, 1), or a worth is not finite.
    """
    count = checked_players(players, PLAYERS_SAMPLED_MAX)
    whole("pairs", pairs, low=2, high=PAIRS_MAX)
    if not isinstance(seed, np.random.Generator) and (type(seed) is not int or seed < 0):
        raise PricingError(f"seed: found {seed!r}, expected an integer of at least 0 or a numpy Generator")
    number("confidence", confidence, low=0, high=math.nextafter(1, 0), open_low=True)
    chance = np.random.default_rng(seed)
    mean, squares = np.zeros(count), np.zeros(count)
    for drawn in range(1, pairs + 1):
        order = chance.permutation(count)
        pair = (_contributions(order, worth) + _contributions(order[::-1], worth)) / 2
        step = pair - mean  # Welford (1962): no cancellation between large sums of squares
        mean += step / drawn
        squares += step * (pair - mean)
    quantile = float(stdtrit(pairs - 1, (1 + confidence) / 2))
    half_widths = quantile * np.sqrt(squares / (pairs - 1) / pairs)
    return ShapleyEstimate(tuple(mean.tolist()), tuple(half_widths.tolist()), confidence, pairs)


def _contributions(order: np.ndarray, worth: Callable[[frozenset[int]], float]) -> np.ndarray:
    contributions = np.empty(len(order))
    members: frozenset[int] = frozenset()
    before = 0.0
    for player in order.tolist():
        members |= {player}
        after = number(f"worth of {len(members)} players", worth(members))
        contributions[player], before = after - before, after
    return contributions
