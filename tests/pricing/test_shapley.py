"""Shapley values: the average over all orders of joining, exactly or with an interval."""

import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing.cooperative import Game, airport_game, glove_game, sample_shapley, shapley, voting_game
from pricing.errors import EmptySide, PricingError


@st.composite
def games(draw, fewest=1, most=5):
    n = draw(st.integers(fewest, most))
    worths = st.lists(st.integers(-50, 50), min_size=2**n - 1, max_size=2**n - 1)
    return Game(np.array([0, *draw(worths)], float))


def by_permutations(game):
    total = np.zeros(game.players)
    for order in permutations(range(game.players)):
        mask = 0
        for player in order:
            total[player] += game.values[mask | 1 << player] - game.values[mask]
            mask |= 1 << player
    return total / math.factorial(game.players)


@given(games())
@settings(max_examples=30, deadline=None)
def test_shares_average_over_all_orders_and_add_up(game):
    shares = shapley(game)
    assert shares == pytest.approx(by_permutations(game), abs=1e-9)
    assert sum(shares) == pytest.approx(game.total, abs=1e-9)


@given(games(4, 4), games(4, 4))
@settings(max_examples=30, deadline=None)
def test_shares_of_a_sum_of_games_are_sums_of_shares(one, other):
    both = np.add(shapley(one), shapley(other))
    assert shapley(Game(one.values + other.values)) == pytest.approx(both, abs=1e-9)


def test_costs_of_a_shared_facility_are_split_section_by_section():
    # each section is paid equally by all who need it (Littlechild and Owen 1973)
    costs = np.arange(1.0, 21.0)
    sections = np.cumsum(1 / np.arange(20, 0, -1))
    assert shapley(airport_game(costs)) == pytest.approx(sections, abs=1e-11)


def test_power_in_the_security_council():
    # 5 permanent members with a veto, 10 others, 9 votes needed: 421/2145 and 4/2145
    power = shapley(voting_game(39, [7] * 5 + [1] * 10))
    assert power[:5] == pytest.approx([421 / 2145] * 5, abs=1e-12)
    assert power[5:] == pytest.approx([4 / 2145] * 10, abs=1e-12)


def test_the_scarce_glove_earns_most():
    assert shapley(glove_game(1, 2)) == pytest.approx([2 / 3, 1 / 6, 1 / 6], abs=1e-15)
    assert shapley(Game(np.array([0.0, 7.0]))) == (7.0,)


def test_intervals_cover_the_value_about_as_often_as_they_say():
    game = airport_game([1, 2, 4, 8, 16])
    exact = np.array(shapley(game))
    covered = []
    for seed in range(60):
        estimate = sample_shapley(5, game.value, pairs=40, seed=seed, confidence=0.9)
        assert sum(estimate.shares) == pytest.approx(game.total, abs=1e-9)
        covered.append(np.abs(np.array(estimate.shares) - exact) <= estimate.half_widths)
    assert 0.84 < np.mean(covered) < 0.96  # 300 intervals, not independent within a sample


def test_a_sample_is_of_many_players_and_the_same_for_the_same_seed():
    def worth(members):
        return math.sqrt(len(members))

    estimate = sample_shapley(60, worth, pairs=10, seed=5)
    assert estimate == sample_shapley(60, worth, pairs=10, seed=np.random.default_rng(5))
    assert sum(estimate.shares) == pytest.approx(math.sqrt(60), abs=1e-9)
    assert min(estimate.half_widths) > 0
    assert (estimate.pairs, estimate.confidence) == (10, 0.95)


def test_reversed_orders_take_out_the_variance_of_a_symmetric_game():
    estimate = sample_shapley(6, lambda members: float(len(members) ** 2), pairs=2, seed=0)
    assert estimate.shares == (6.0,) * 6
    assert estimate.half_widths == (0.0,) * 6


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"players": 0}, EmptySide, "players: found none"),
        ({"players": True}, PricingError, "players: found True"),
        ({"pairs": 1}, PricingError, "pairs: found 1"),
        ({"seed": None}, PricingError, "seed: found None"),
        ({"seed": -1}, PricingError, "seed: found -1"),
        ({"confidence": 1.0}, PricingError, "confidence: found 1.0"),
        ({"confidence": 0.0}, PricingError, "confidence: found 0.0"),
        ({"worth": lambda _: math.nan}, PricingError, "worth of 1 players: found nan"),
    ],
)
def test_a_sample_needs_a_seed_pairs_and_finite_worths(changed, error, message):
    arguments = {"players": 3, "worth": lambda _: 0.0, "pairs": 2, "seed": 0} | changed
    with pytest.raises(error, match=message):
        sample_shapley(
            arguments.pop("players"),
            arguments.pop("worth"),
            **arguments,
        )
