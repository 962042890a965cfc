"""A game holds a worth for every coalition, and nothing that is none."""

import math

import numpy as np
import pytest

from pricing.cooperative import Game, airport_game, bankruptcy_game, glove_game, voting_game
from pricing.errors import EmptySide, PricingError


def test_members_are_the_bits_of_a_place():
    game = Game.from_function(3, lambda members: float(sum(10**player for player in members)))
    assert game.values.tolist() == [0, 1, 10, 11, 100, 101, 110, 111]
    assert game.value([2, 0]) == 101
    assert game.total == 111
    assert game.singles.tolist() == [1, 10, 100]
    assert game.membership()[5].tolist() == [True, False, True]


def test_a_table_and_a_function_make_the_same_game():
    table = {(0,): 1, (1,): 2, (2,): 3, (0, 1): 4, (2, 0): 5, (1, 2): 6, (0, 1, 2): 7}
    by_table = Game.from_coalitions(3, table, cost=True)
    by_function = Game.from_function(3, lambda s: table.get(tuple(sorted(s)), 5), cost=True)
    assert by_table.values.tolist() == by_function.values.tolist()
    assert by_table.cost


def test_values_cannot_be_changed_from_outside():
    values = np.array([0.0, 1.0])
    game = Game(values)
    values[1] = 5
    assert game.total == 1
    with pytest.raises(ValueError, match="read-only"):
        game.values[1] = 5


def test_usual_games():
    assert airport_game([3, 1]).values.tolist() == [0, 3, 1, 3]
    assert airport_game([3, 1]).cost
    assert glove_game(1, 2).values.tolist() == [0, 0, 0, 1, 0, 1, 0, 1]
    assert bankruptcy_game(5, [3, 4]).values.tolist() == [0, 1, 2, 5]
    assert voting_game(3, [2, 1, 1]).values.tolist() == [0, 0, 0, 1, 0, 1, 0, 1]


def test_votes_that_add_up_to_the_quota_but_for_rounding_win():
    assert 0.7 + 0.1 < 0.8
    assert voting_game(0.8, [0.7, 0.1, 0.2]).value([0, 1]) == 1


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Game(np.zeros(1)), EmptySide, "expected at least one player"),
        (lambda: Game(np.zeros(3)), PricingError, "values: found 3, expected 2"),
        (lambda: Game(np.zeros(0)), PricingError, "values: found 0, expected 2"),
        (lambda: Game(np.ones(2)), PricingError, r"values\[0\]: found 1, expected 0"),
        (lambda: Game(np.array([0, math.nan])), PricingError, r"values\[1\]: found nan"),
        (lambda: Game(np.array([0, 1e301])), PricingError, r"values\[1\]: found 1e\+301"),
        (lambda: Game.from_function(0, lambda _: 0.0), EmptySide, "players: found none"),
        (lambda: Game.from_function(21, lambda _: 0.0), PricingError, "from 1 to 20"),
        (lambda: Game.from_function(2, lambda _: math.inf), PricingError, r"worth of \[0\]: found inf"),
        (lambda: Game.from_coalitions(2, {(0,): 1, (0, 1): 2}), PricingError, r"found none for \[1\]"),
        (lambda: Game.from_coalitions(1, {(0,): 1, (1,): 2}), PricingError, r"found the coalition \(1,\)"),
        (
            lambda: Game.from_coalitions(2, {(0, 1): 1, (1, 0): 2}),
            PricingError,
            r"found the coalition \(1, 0\)",
        ),
        (lambda: Game(np.zeros(2)).value([1]), PricingError, "players 0 to 0"),
        (lambda: airport_game([]), EmptySide, "players: found none"),
        (lambda: airport_game([-1]), PricingError, r"costs\[0\]: found -1"),
        (lambda: glove_game(-1, 3), PricingError, "left: found -1"),
        (lambda: glove_game(1.5, 1.5), PricingError, "players: found 3.0"),
        (lambda: bankruptcy_game(math.inf, [1]), PricingError, "estate: found inf"),
        (lambda: voting_game(0, [1]), PricingError, "quota: found 0"),
        (lambda: voting_game(3, [1, 1]), PricingError, "quota: found 3"),
    ],
)
def test_what_is_no_game_is_named(make, error, message):
    with pytest.raises(error, match=message):
        make()
