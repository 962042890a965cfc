"""Games that come up again and again: a shared facility, complements, claims on too little, votes."""

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from pricing.cooperative.game import PLAYERS_MAX, WORTH_MAX, Game, checked_players
from pricing.errors import number, vector


def airport_game(costs: Iterable[float]) -> Game:
    """Return the cost game c(S) = max of c_i over S: one facility, as large as its largest user needs.

    A link, a transformer or a cooling plant that everybody shares is such a facility. Littlechild and Owen (1973).

    >>> airport_game([1, 2, 3]).value({0, 1})
    2.0

    Raises:
        EmptySide: if there is no player.
        PricingError: if a cost is negative, or there are more than 20.
    """
    given = _players("costs", costs)
    values = np.zeros(1)
    for cost in given:
        values = np.concatenate((values, np.maximum(values, cost)))
    return Game(values, cost=True)


def glove_game(left: int, right: int) -> Game:
    """Return v(S) = min(left gloves in S, right gloves in S): only pairs sell, at 1 each.

    The first `left` players own a left glove each, the others a right one: data centres and power, say, of which one
    is scarce. Shapley and Shubik (1969).

    >>> glove_game(1, 2).value({0, 2})
    1.0

    Raises:
        EmptySide: if there is no player.
        PricingError: if a number is no integer from 0, or both together are more than 20.
    """
    for what, count in (("left", left), ("right", right)):
        number(what, count, low=0)
    players = checked_players(left + right)
    holds_left = np.arange(players) < left
    return Game(np.minimum(_sums(holds_left.astype(float)), _sums((~holds_left).astype(float))))


def bankruptcy_game(estate: float, claims: Iterable[float]) -> Game:
    """Return v(S) = max(0, E − claims of the others): what S gets when all others are paid first. O'Neill (1982).

    Its nucleolus is `talmud`, its Shapley value the average over all orders of arrival.

    >>> bankruptcy_game(200, [100, 200, 300]).value({1, 2})
    100.0

    Raises:
        EmptySide: if there is no player.
        PricingError: if the estate or a claim is negative, or there are more than 20 claims.
    """
    amount = number("estate", estate, low=0, high=WORTH_MAX)
    claimed = _sums(_players("claims", claims))
    return Game(np.maximum(0.0, amount - claimed[::-1]))  # the mask of the others counts from the other end


def voting_game(quota: float, votes: Iterable[float]) -> Game:
    """Return the game in which a coalition wins, v(S) = 1, once its votes reach the quota. Shapley and Shubik (1954).

    Sums of votes count as reached within 10⁻¹² of all votes, so that shares like 0.7 + 0.1 reach 0.8.

    >>> voting_game(51, [50, 49, 1]).value({0, 2})
    1.0

    Raises:
        EmptySide: if there is no player.
        PricingError: if votes are negative, there are more than 20 players, or the quota is not in (0, all votes].
    """
    weights = _players("votes", votes)
    total = math.fsum(weights)
    needed = number("quota", quota, low=0, high=total, open_low=True)
    return Game((_sums(weights) >= needed - 1e-12 * total).astype(float) * (np.arange(1 << len(weights)) > 0))


def _players(what: str, values: Iterable[float]) -> NDArray[np.float64]:
    given = vector(what, values, low=0, high=WORTH_MAX / PLAYERS_MAX)
    checked_players(len(given))
    return given


def _sums(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    # a doubling for each player: coalitions without, then with
    sums = np.zeros(1)
    for weight in weights:
        sums = np.concatenate((sums, sums + weight))
    return sums
