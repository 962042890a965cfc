"""Core, least core and nucleolus: complaints of coalitions, made as small as they can be."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from pricing.cooperative import (
    Game,
    airport_game,
    bankruptcy_game,
    blocking_coalitions,
    excesses,
    glove_game,
    in_core,
    least_core,
    nucleolus,
    prenucleolus,
    shapley,
    talmud,
    voting_game,
)
from pricing.errors import Infeasible, PricingError

TRIAD = Game.from_coalitions(
    3, {(0,): 0, (1,): 0, (2,): 0, (0, 1): 60, (0, 2): 48, (1, 2): 30, (0, 1, 2): 96}
)


@st.composite
def games(draw, most=5):
    n = draw(st.integers(2, most))
    return Game(
        np.array([0, *draw(st.lists(st.integers(-9, 9), min_size=2**n - 1, max_size=2**n - 1))], float)
    )


def is_balanced(rows, free):
    """Is 1 a combination of the rows with positive weights, the free ones non-negative?"""
    count = len(rows) + len(free)
    columns = np.vstack((rows, free)).T
    # as large as possible a t with weights >= t on the rows
    result = linprog(
        np.append(np.zeros(count), -1.0),
        A_eq=np.column_stack((columns, np.zeros(len(columns)))),
        b_eq=np.ones(len(columns)),
        A_ub=np.column_stack((-np.eye(count)[: len(rows)], np.ones(len(rows)))),
        b_ub=np.zeros(len(rows)),
        bounds=[(0, None)] * count + [(None, 1)],
    )
    return result.status == 0 and -result.fun > 1e-7


def satisfies_kohlberg(game, shares, held):
    """Kohlberg (1971): the coalitions complaining at least t are balanced for every t, those held at their own free."""
    complaints = np.round(excesses(game, shares)[1:-1], 7)
    members = game.membership()[1:-1].astype(float)
    free = np.eye(game.players)[held]
    return all(is_balanced(members[complaints >= t], free) for t in np.unique(complaints))


@given(games())
@settings(max_examples=15, deadline=None)
def test_prenucleolus_meets_kohlbergs_criterion(game):
    shares = prenucleolus(game)
    assert sum(shares) == pytest.approx(game.total, abs=1e-9)
    assert satisfies_kohlberg(game, shares, np.zeros(game.players, bool))


@given(games())
@settings(max_examples=15, deadline=None)
def test_nucleolus_leaves_nobody_worse_than_alone_and_meets_kohlbergs_criterion(game):
    assume(game.total >= game.singles.sum())
    shares = np.array(nucleolus(game))
    assert shares.sum() == pytest.approx(game.total, abs=1e-9)
    assert (shares >= game.singles - 1e-9).all()
    assert satisfies_kohlberg(game, shares, shares <= game.singles + 1e-7)


@given(games(), st.integers(1, 5), st.lists(st.integers(-9, 9), min_size=5, max_size=5))
@settings(max_examples=20, deadline=None)
def test_a_change_of_unit_and_of_zero_changes_shares_alike(game, scale, gifts):
    gift = np.array(gifts[: game.players], float)
    changed = Game(scale * game.values + game.membership() @ gift)
    assert prenucleolus(changed) == pytest.approx(scale * np.array(prenucleolus(game)) + gift, abs=1e-8)


@given(games(4))
@settings(max_examples=15, deadline=None)
def test_nucleolus_is_in_the_core_where_there_is_one(game):
    least = least_core(game)
    assert max(excesses(game, least.shares)[1:-1]) == pytest.approx(least.epsilon, abs=1e-8)
    if least.epsilon <= -1e-9:
        assert in_core(game, nucleolus(game))
        assert nucleolus(game) == pytest.approx(prenucleolus(game), abs=1e-8)
    if least.epsilon >= 1e-6:
        assert blocking_coalitions(game, prenucleolus(game))


@given(st.lists(st.integers(0, 100), min_size=1, max_size=6), st.floats(0, 1))
@settings(max_examples=15, deadline=None)
def test_nucleolus_of_a_bankruptcy_is_the_talmud_rule(claims, part):
    estate = part * sum(claims)
    assert nucleolus(bankruptcy_game(estate, claims)) == pytest.approx(talmud(estate, claims), abs=1e-8)


def test_shares_of_costs_are_costs():
    assert nucleolus(airport_game([8, 11, 13, 18])) == pytest.approx([3.25, 3.25, 3.25, 8.25], abs=1e-9)
    game = airport_game([1, 2, 3])
    assert excesses(game, [1, 1, 1]).tolist() == [0, 0, -1, 0, -2, -1, -1, 0]
    assert blocking_coalitions(game, [2, 0, 1]) == (frozenset({0}),)  # pays 2 for what alone costs 1
    savings = Game(-game.values)
    assert nucleolus(savings) == pytest.approx([-share for share in nucleolus(game)], abs=1e-12)


def test_compute_network_and_energy_share_what_they_make_together():
    assert nucleolus(TRIAD) == pytest.approx([48, 30, 18], abs=1e-9)
    assert in_core(TRIAD, shapley(TRIAD))
    assert in_core(TRIAD, nucleolus(TRIAD))
    assert least_core(TRIAD).epsilon == pytest.approx(-18, abs=1e-9)


def test_the_long_side_of_the_market_gets_nothing():
    assert nucleolus(glove_game(2, 3)) == pytest.approx([1, 1, 0, 0, 0], abs=1e-9)
    assert not in_core(glove_game(1, 2), shapley(glove_game(1, 2)))


def test_a_majority_has_no_core():
    game = voting_game(2, [1, 1, 1])
    assert least_core(game).epsilon == pytest.approx(1 / 3, abs=1e-9)
    assert blocking_coalitions(game, [0.5, 0.3, 0.2]) == (
        frozenset({1, 2}),
        frozenset({0, 2}),
        frozenset({0, 1}),
    )


def test_prenucleolus_and_nucleolus_differ_where_alone_somebody_would_do_better():
    # the pair complains that it had 9: the least complaint of all takes from the third, who has nothing alone
    game = Game.from_coalitions(3, {(0,): 0, (1,): 0, (2,): 0, (0, 1): 9, (0, 2): 0, (1, 2): 0, (0, 1, 2): 1})
    assert prenucleolus(game)[2] < 0
    assert nucleolus(game) == pytest.approx([0.5, 0.5, 0], abs=1e-9)


def test_an_additive_game_pays_everybody_his_own():
    own = [0.1, 0.2, 0.3, 0.7]
    game = Game.from_function(4, lambda members: sum(own[player] for player in members))
    assert nucleolus(game) == pytest.approx(own, abs=1e-15)
    assert prenucleolus(Game(np.array([0.0, 7.0]))) == (7.0,)
    assert least_core(Game(np.array([0.0, 7.0]))).shares == (7.0,)


def test_shares_do_not_depend_on_the_unit():
    for scale in (1e-9, 1e9):
        game = Game(TRIAD.values * scale)
        assert nucleolus(game) == pytest.approx([48 * scale, 30 * scale, 18 * scale], rel=1e-9)


def test_without_anything_to_share_there_is_no_nucleolus():
    with pytest.raises(Infeasible, match="found 6 for the players alone and 4 together"):
        nucleolus(Game(np.array([0.0, 3.0, 3.0, 4.0])))


@pytest.mark.parametrize("solution", [nucleolus, prenucleolus, least_core])
def test_programs_are_for_twelve_players(solution):
    with pytest.raises(PricingError, match="players: found 13, expected an integer from 1 to 12"):
        solution(Game(np.zeros(1 << 13)))


def test_shares_are_one_finite_number_each():
    with pytest.raises(PricingError, match="shares: found 2 values, expected 3"):
        in_core(TRIAD, [1, 2])
    with pytest.raises(PricingError, match=r"shares\[0\]: found nan"):
        excesses(TRIAD, [float("nan"), 1, 2])
    with pytest.raises(PricingError, match="tolerance: found -1"):
        in_core(TRIAD, [1, 2, 3], tolerance=-1)
