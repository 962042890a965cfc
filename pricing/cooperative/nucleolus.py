"""The nucleolus: shares that make the greatest complaint as small as possible, then the next, and so on."""

import numpy as np

from pricing.cooperative._excess_program import PLAYERS_PROGRAM_MAX, ExcessProgram
from pricing.cooperative.game import Game, checked_players
from pricing.errors import Infeasible, NotConverged

PRICE_MIN = 1e-6
"""A vertex's prices are ratios of small determinants of 0 and 1: zero, or far above this."""


def nucleolus(game: Game) -> tuple[float, ...]:
    """Return the shares, none worse than a player's alone, whose sorted excesses are lexicographically least.

    In the unit of the game; unique, and in the core whenever there is one. Schmeidler (1969), for up to 12 players by
    a sequence of at most n − 1 linear programs (Kopelowitz 1967; Maschler, Peleg and Shapley 1979):

    1. Make the greatest excess of the open coalitions as small as possible.
    2. Coalitions with a positive dual price have that excess at every optimum: fix their shares.
    3. Close each coalition whose indicator lies in the span of the fixed ones; its share follows from theirs.
    4. Repeat until n independent shares are fixed, and solve for them.

    >>> from pricing.cooperative.standard_games import bankruptcy_game
    >>> [round(share, 6) for share in nucleolus(bankruptcy_game(200, [100, 200, 300]))]
    [50.0, 75.0, 75.0]

    Raises:
        Infeasible: if the players alone have more than all together: then only `prenucleolus` is defined.
        PricingError: if there are more than 12 players.
    """
    program = _program(game, rational=True)
    if program.worth[-1] < -1e-12:
        alone = game.singles.sum()
        raise Infeasible(
            f"game: found {alone:g} for the players alone and {game.total:g} together, expected no loss together"
        )
    return _lexicographic(program)


def prenucleolus(game: Game) -> tuple[float, ...]:
    """Return the shares whose sorted excesses are lexicographically least, even if a player alone would do better.

    In the unit of the game; unique, and defined for every game. Where it leaves nobody worse than alone, as whenever
    there is a core, it is the nucleolus. The same linear programs, without limits on single shares. Sobolev (1975).

    >>> prenucleolus(Game(np.array([0.0, 3.0, 3.0, 4.0])))  # alone they have 3 each
    (2.0, 2.0)

    Raises:
        PricingError: if there are more than 12 players.
    """
    return _lexicographic(_program(game, rational=False))


def _program(game: Game, *, rational: bool) -> ExcessProgram:
    checked_players(game.players, PLAYERS_PROGRAM_MAX)
    return ExcessProgram(game, rational=rational)


def _lexicographic(program: ExcessProgram) -> tuple[float, ...]:
    players = program.rows.shape[1]
    while (found := len(program.rows)) < players:
        program.close_implied()
        solved = program.solve()
        for place in np.flatnonzero(solved.price_of_coalition > PRICE_MIN):
            mask = int(program.open[place])
            program.fix(program.member_row(mask), float(program.worth[mask]) - solved.epsilon)
        for player in np.flatnonzero(solved.price_of_player > PRICE_MIN):
            program.fix(program.member_row(1 << int(player)), 0.0)
        if len(program.rows) == found:
            raise NotConverged(
                f"nucleolus: found no tight coalition after {found - 1} of {players - 1} shares"
            )
    return program.shares(np.linalg.solve(program.rows, program.levels).astype(np.float64))
