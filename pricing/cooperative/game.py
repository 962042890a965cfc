"""A cooperative game: what every coalition of players is worth, or costs, by itself."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from pricing.errors import EmptySide, PricingError, number, vector

PLAYERS_MAX = 20
"""A million coalitions. Above, hand the value function to `sample_shapley`."""
WORTH_MAX = 1e300
"""Sums of worths stay finite."""


@dataclass(frozen=True, slots=True, eq=False)
class Game:
    """n players and the worth v(S) of each coalition S, in any one unit: money, energy, saved carbon.

    `values[m]` belongs to the coalition whose members are the bits set in m: player i is the bit 1 << i, and
    `values[0]` is 0. In a value game (the default) members share v(N) and want more; with `cost=True` the values are
    costs, members share the cost of all and want less. Every solution here reads that flag: the shares of a cost
    game are costs too, never negated savings.

    >>> game = Game.from_function(2, lambda members: 10.0 if len(members) == 2 else 0.0)
    >>> game.values.tolist(), game.players
    ([0.0, 0.0, 0.0, 10.0], 2)

    Raises:
        EmptySide: if there is no player.
        PricingError: if the number of values is no power of two from 2 to 2^20, one is beyond ±1e300, or the
            empty coalition has a worth.
    """

    values: NDArray[np.float64]
    cost: bool = False

    def __post_init__(self) -> None:
        values = vector("values", self.values, low=-WORTH_MAX, high=WORTH_MAX)
        count = len(values)
        if count == 1:
            raise EmptySide("values: found the empty coalition alone, expected at least one player")
        if count & (count - 1) or not 2 <= count <= 1 << PLAYERS_MAX:
            raise PricingError(f"values: found {count}, expected 2^n of them for 1 to {PLAYERS_MAX} players")
        if values[0] != 0:
            raise PricingError(f"values[0]: found {values[0]:g}, expected 0 for the empty coalition")
        values.flags.writeable = False
        object.__setattr__(self, "values", values)

    @classmethod
    def from_function(
        cls, players: int, worth: Callable[[frozenset[int]], float], *, cost: bool = False
    ) -> Self:
        """Return the game in which each non-empty coalition of players 0 … n−1 is worth what the function says.

        >>> Game.from_function(3, lambda members: float(len(members) ** 2)).value({0, 2})
        4.0

        Raises:
            EmptySide, PricingError: as for the game itself; also if the number of players is no integer up to 20.
        """
        count = checked_players(players)
        values = [0.0]
        for mask in range(1, 1 << count):
            members = members_of(mask)
            values.append(number(f"worth of {sorted(members)}", worth(members)))
        return cls(np.array(values), cost)

    @classmethod
    def from_coalitions(
        cls, players: int, worth: Mapping[Collection[int], float], *, cost: bool = False
    ) -> Self:
        """Return the game with the listed worths: every non-empty coalition once, its members in any order.

        >>> Game.from_coalitions(2, {(0,): 1, (1,): 2, (0, 1): 5}).values.tolist()
        [0.0, 1.0, 2.0, 5.0]

        Raises:
            EmptySide, PricingError: as for the game itself; also if a coalition is missing, is listed twice, or names
                somebody who does not play.
        """
        count = checked_players(players)
        listed: dict[frozenset[int], float] = {}
        for given, value in worth.items():
            members = frozenset(given)
            if len(members) != len(given) or not members <= set(range(count)) or members in listed:
                raise PricingError(
                    f"worth: found the coalition {given!r}, expected players 0 to {count - 1} once"
                )
            listed[members] = value
        listed.setdefault(frozenset(), 0.0)
        missing = [sorted(s) for s in map(members_of, range(1 << count)) if s not in listed]
        if missing:
            raise PricingError(
                f"worth: found none for {missing[0]}, expected all {(1 << count) - 1} coalitions"
            )
        values = [number(f"worth of {sorted(s)}", listed[s]) for s in map(members_of, range(1 << count))]
        return cls(np.array(values), cost)

    @property
    def players(self) -> int:
        """The number of players, n."""
        return len(self.values).bit_length() - 1

    @property
    def total(self) -> float:
        """The worth of all players together, v(N)."""
        return float(self.values[-1])

    @property
    def singles(self) -> NDArray[np.float64]:
        """The worth of each player alone, v({i})."""
        return np.asarray(self.values[1 << np.arange(self.players)])

    def value(self, members: Collection[int]) -> float:
        """Return v(S) of the coalition with these members.

        Raises:
            PricingError: if somebody is named who does not play.
        """
        if not set(members) <= set(range(self.players)):
            raise PricingError(f"members: found {members!r}, expected players 0 to {self.players - 1}")
        return float(self.values[sum(1 << player for player in set(members))])

    def membership(self) -> NDArray[np.bool_]:
        """Return a row per coalition, in the order of `values`, and a column per player: is the player in it?"""
        return np.asarray((np.arange(len(self.values))[:, None] >> np.arange(self.players)) & 1 == 1)


def checked_players(players: int, most: int = PLAYERS_MAX) -> int:
    """Return the number of players once it is an integer from 1 to `most`.

    >>> checked_players(3)
    3

    Raises:
        EmptySide: if there is none.
        PricingError: if it is no integer, or more than `most`.
    """
    if type(players) is not int or not 0 <= players <= most:
        raise PricingError(f"players: found {players!r}, expected an integer from 1 to {most}")
    if players == 0:
        raise EmptySide("players: found none, expected at least one")
    return players


def members_of(mask: int) -> frozenset[int]:
    """Return the players whose bits are set: the coalition at place `mask` of a game's values.

    >>> sorted(members_of(0b101))
    [0, 2]
    """
    return frozenset(player for player in range(mask.bit_length()) if mask >> player & 1)
