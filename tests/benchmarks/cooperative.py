"""Measure cooperative values and duopolies beside peers: Shapley, nucleolus, and a Cournot equilibrium.

The machine is shared: all ways to do the same take turns, the fastest turn of each counts, and only ratios mean anything.
Peers are measured if they are installed (`make bench`), and have to agree with ours first.
"""

import argparse
import json
import math
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from pricing.competition import cournot
from pricing.cooperative import Game, bankruptcy_game, nucleolus, shapley, talmud
from tests.benchmarks.order_flows import seconds

SEED = 20_261_122
OPEN_SPIEL_PLAYERS = 7
READING = """
rows:
  shapley       exact, of random worths; "plain loop" is the formula over subsets in Python; open_spiel averages over all
                n! orders, and so is measured at fewer players
  nucleolus     of a bankruptcy, checked against the Talmud rule
  duopoly       P = 100 - Q, unit costs 10; nashpy gets a bimatrix game on a grid of quantities, and
                enumerates supports up to the first equilibrium, which any game allows and a formula does not need

columns:
  × ours        the time, divided by that of ours on the same problem
"""


@dataclass(frozen=True)
class Figure:
    """What one way to solve a problem took; None if it is not installed."""

    problem: str
    way: str
    seconds: float | None
    times_ours: float | None


def measure(problem: str, ways: dict[str, Callable[[], object] | None], repeats: int) -> list[Figure]:
    """Let the ways take turns; the first is ours."""
    turns = {
        way: min(seconds(solve) for _ in range(repeats)) for way, solve in ways.items() if solve is not None
    }
    ours = next(iter(turns.values()))
    return [
        Figure(problem, way, round(turns[way], 7), round(turns[way] / ours, 2))
        if way in turns
        else Figure(problem, f"{way}: not installed", None, None)
        for way in ways
    ]


def random_game(players: int) -> Game:
    """Draw worths that grow with the number of members, somewhat unevenly."""
    chance = np.random.default_rng(SEED)
    values = np.bitwise_count(np.arange(1 << players)) ** 1.5 + chance.random(1 << players)
    values[0] = 0.0
    return Game(values)


def plain_shapley(game: Game) -> list[float]:
    """Sum the formula over subsets, in Python."""
    n, values = game.players, game.values.tolist()
    shares = []
    for player in range(n):
        others = [1 << other for other in range(n) if other != player]
        shares.append(
            math.fsum(
                (values[sum(chosen) | 1 << player] - values[sum(chosen)]) / (n * math.comb(n - 1, size))
                for size in range(n)
                for chosen in combinations(others, size)
            )
        )
    return shares


def open_spiel_game(game: Game) -> Any:
    """Return the game as open_spiel's, or None if that is not installed."""
    try:
        from open_spiel.python.coalitional_games import coalitional_game
    except ImportError:
        return None

    bits, values = 1 << np.arange(game.players), game.values

    class Given(coalitional_game.CoalitionalGame):
        def coalition_value(self, coalition: np.ndarray) -> float:
            return float(values[coalition @ bits])

    return Given(num_players=game.players)


def measure_shapley(players: int, repeats: int) -> list[Figure]:
    """Measure ours beside the plain loop, and beside open_spiel at no more than seven players."""
    game = random_game(players)
    ways: dict[str, Callable[[], object] | None] = {
        "ours": lambda: shapley(game),
        "plain loop": lambda: plain_shapley(game),
    }
    _agree(plain_shapley(game), shapley(game))
    if players <= OPEN_SPIEL_PLAYERS:
        ways["open_spiel"] = None
        if (peer := open_spiel_game(game)) is not None:
            from open_spiel.python.coalitional_games.shapley_values import compute_shapley_values

            _agree(compute_shapley_values(peer), shapley(game))
            ways["open_spiel"] = lambda: compute_shapley_values(peer)
    return measure(f"shapley, {players} players", ways, repeats)


def measure_nucleolus(players: int, repeats: int) -> list[Figure]:
    """Measure the nucleolus of a bankruptcy."""
    claims = [100.0 * place for place in range(1, players + 1)]
    estate = sum(claims) * 0.4
    game = bankruptcy_game(estate, claims)
    _agree(nucleolus(game), talmud(estate, claims))
    return measure(f"nucleolus, {players} players", {"ours": lambda: nucleolus(game)}, repeats)


def measure_duopoly(points: int, repeats: int) -> list[Figure]:
    """Measure the closed form beside nashpy's support enumeration on a grid, up to its first equilibrium."""
    costs = [10.0, 10.0]
    grid = np.linspace(0.0, 60.0, points)
    ways: dict[str, Callable[[], object] | None] = {
        "ours": lambda: cournot(intercept=100.0, slope=1.0, costs=costs),
        "nashpy": None,
    }
    try:
        import nashpy
    except ImportError:
        return measure(f"duopoly, grid of {points}", ways, repeats)

    earned = (90.0 - grid[:, None] - grid[None, :]) * grid[:, None]
    game = nashpy.Game(earned, earned.T)

    def peer() -> list[float]:
        return [float(mixed @ grid) for mixed in next(game.support_enumeration())]

    _agree(peer(), cournot(intercept=100.0, slope=1.0, costs=costs).quantities, within=float(grid[1]))
    return measure(f"duopoly, grid of {points}", ways | {"nashpy": peer}, repeats)


def _agree(peer: Iterable[float], ours: Iterable[float], within: float = 1e-6) -> None:
    apart = float(np.abs(np.array(list(peer)) - np.array(list(ours))).max())
    if apart > within:
        raise SystemExit(f"found results {apart:g} apart, expected at most {within:g}")


def print_table(figures: list[Figure]) -> None:
    """Print the figures."""
    table = Table(box=SIMPLE_HEAD, padding=0)
    table.add_column("problem", no_wrap=True)
    table.add_column("way", no_wrap=True)
    table.add_column("seconds", justify="right", no_wrap=True)
    table.add_column("× ours", justify="right", no_wrap=True)
    for each in figures:
        table.add_row(
            each.problem,
            each.way,
            "" if each.seconds is None else f"{each.seconds:.6f}",
            "" if each.times_ours is None else f"{each.times_ours:,.1f}",
        )
    Console().print(table)


def main() -> None:
    """Measure, and print a table or a JSON list."""
    arguments = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.cooperative",
        description=__doc__,
        epilog=READING,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    arguments.add_argument("--players", type=int, default=12, help="of the large games; 12 by default")
    arguments.add_argument("--repeats", type=int, default=3, help="turns of each way; 3 by default")
    arguments.add_argument("--json", action="store_true", help="print a list of figures")
    chosen = arguments.parse_args()
    figures = [
        *measure_shapley(chosen.players, chosen.repeats),
        *measure_shapley(OPEN_SPIEL_PLAYERS, chosen.repeats),
        *measure_nucleolus(chosen.players, chosen.repeats),
        *measure_duopoly(11, chosen.repeats),
    ]
    if chosen.json:
        print(json.dumps([asdict(each) for each in figures], indent=2))
    else:
        print_table(figures)


if __name__ == "__main__":
    main()
