"""A cooperative game: what each coalition is worth, and what its players should have of it."""

from collections.abc import Collection
from itertools import combinations
from typing import ClassVar

from api.bargain.answer import Answer
from api.bargain.kind import Asked, Kind, names_of
from pricing.cooperative import (
    Game,
    blocking_coalitions,
    in_core,
    least_core,
    nucleolus,
    prenucleolus,
    shapley,
)
from pricing.cooperative.core import TOLERANCE
from pricing.cooperative.game import WORTH_MAX
from pricing.errors import EmptySide, Infeasible, PricingError, number

JOINED_BY = "+"


class CoalitionalGame(Kind, frozen=True, kw_only=True):
    """Players, and the worth of every coalition by its members' names: "compute+energy"; a `cost` is shared the same way.

    A single player that is not listed has nothing alone.
    """

    kind: ClassVar[str] = "game"

    players: tuple[str, ...]
    worth: dict[str, float]
    cost: bool = False

    def solutions(self) -> tuple[str, ...]:
        """Return none: all values are shown."""
        return ()

    def solve(self, asked: Asked) -> Answer:  # noqa: ARG002  (nothing can be asked for)
        """Return the Shapley value and the nucleolus, and whether there is a core with them in it."""
        players = self._players()
        game = Game.from_coalitions(len(players), self._worth(players), cost=self.cost)
        least = least_core(game)
        nucleolar, shares = _nucleolus(game)
        values = {"shapley": shapley(game), nucleolar: shares}
        alone = game.singles.tolist()
        slack = TOLERANCE * max(1.0, max(map(abs, self.worth.values()), default=0.0))
        return Answer(
            self.kind,
            {
                "together": game.total,
                "core": "empty" if least.epsilon > slack else "not empty",
                "least_core_excess": least.epsilon,
            },
            {
                "shares": tuple(
                    {
                        "player": name,
                        "alone": alone[place],
                        **{value: each[place] for value, each in values.items()},
                    }
                    for place, name in enumerate(players)
                ),
                "stability": tuple(
                    {
                        "value": value,
                        "in_core": in_core(game, each),
                        "first_to_leave": _first_to_leave(game, each, players),
                    }
                    for value, each in values.items()
                ),
            },
        )

    def _players(self) -> list[str]:
        if not self.players:
            raise EmptySide("players: found none, expected at least one")
        for place, name in enumerate(self.players):
            if JOINED_BY in name:
                raise PricingError(f"players[{place}]: found {name!r}, expected a name without {JOINED_BY}")
        return names_of(self.players, len(self.players), key="players")

    def _worth(self, players: list[str]) -> dict[Collection[int], float]:
        places = {name: place for place, name in enumerate(players)}
        worth: dict[Collection[int], float] = {}
        for key, figure in self.worth.items():
            members = [each.strip() for each in key.split(JOINED_BY)]
            for name in members:
                if name not in places or members.count(name) > 1:
                    raise PricingError(
                        f"worth.{key}: found the member {name!r}, expected some of {', '.join(players)}, each once"
                    )
            coalition = tuple(sorted(places[name] for name in members))
            if coalition in worth:
                raise PricingError(f"worth.{key}: found the coalition again, expected each once")
            worth[coalition] = number(f"worth.{key}", figure, low=-WORTH_MAX, high=WORTH_MAX)
        for place in range(len(players)):
            worth.setdefault((place,), 0.0)
        for size in range(2, len(players) + 1):
            for coalition in combinations(range(len(players)), size):
                if coalition not in worth:
                    name = JOINED_BY.join(players[place] for place in coalition)
                    raise PricingError(
                        f"worth: found nothing for {name!r}, expected all {(1 << len(players)) - 1} coalitions"
                    )
        return worth


def _first_to_leave(game: Game, shares: tuple[float, ...], players: list[str]) -> str | None:
    blocking = blocking_coalitions(game, shares)
    return JOINED_BY.join(players[place] for place in sorted(blocking[0])) if blocking else None


def _nucleolus(game: Game) -> tuple[str, tuple[float, ...]]:
    """Return the nucleolus, or the prenucleolus where players would lose by all being together."""
    try:
        return "nucleolus", nucleolus(game)
    except Infeasible:
        return "prenucleolus", prenucleolus(game)
