"""Egalitarian: equal gains, as large as possible. Utilitarian: the largest sum, leaving nobody below disagreement."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from pricing.bargaining import ConvexSet, FiniteSet, Frontier, Polygon, Transferable, egalitarian, utilitarian

few = settings(max_examples=25, deadline=None)
gain = st.floats(0.1, 50.0)
vertices = st.lists(st.tuples(gain, gain), min_size=1, max_size=6)


def test_gains_are_equal_or_in_the_ratio_of_the_weights():
    assert egalitarian(Transferable(100, (20, 10))).gains == (35, 35)
    assert egalitarian(Transferable(100, (20, 10)), weights=(3, 1)).gains == (52.5, 17.5)


def test_equal_gains_end_where_one_party_can_gain_no_more():
    assert egalitarian(Transferable(100, (0, 0), caps=(30, None))).payoffs == (30, 30)


@few
@given(vertices, st.lists(st.tuples(gain, gain), min_size=1, max_size=3))
def test_a_larger_set_harms_nobody(points, more):
    before = egalitarian(Polygon(points, (0, 0))).payoffs
    after = egalitarian(Polygon([*points, *more], (0, 0))).payoffs
    assert before[0] == pytest.approx(before[1], rel=1e-9)
    assert after[0] >= before[0] - 1e-9


@few
@given(vertices, st.floats(0.05, 1), st.floats(0.05, 1))
def test_no_vertex_has_a_larger_sum(points, w1, w2):
    agreed = utilitarian(Polygon(points, (0, 0)), (w1, w2)).payoffs
    assert np.dot(agreed, (w1, w2)) == pytest.approx(
        max(np.dot(point, (w1, w2)) for point in points), rel=1e-9
    )


def test_the_middle_of_equal_sums_is_taken():
    assert utilitarian(Polygon([(0, 2), (2, 0)], (0, 0))).payoffs == (1, 1)
    assert utilitarian(Frontier(lambda x: 2 - x, 0, 2, (0, 0))).payoffs == pytest.approx((1, 1), abs=1e-9)
    assert utilitarian(Transferable(100, (20, 10))).payoffs == (55, 45)


def test_money_goes_to_the_highest_weight_and_then_to_the_next():
    pie = Transferable(100, (10, 20, 0), caps=(40, None, None))
    assert utilitarian(pie, weights=(3, 1, 1)).payoffs == (40, 40, 20)
    assert utilitarian(Transferable(100, (10, 20)), weights=(1, 2)).payoffs == (10, 90)


def test_nobody_is_left_below_disagreement():
    # the largest sum is at (0, 10); party 1 would not agree to less than 1
    assert utilitarian(Polygon([(0, 10), (2, 6), (3, 0)], (1, 0))).payoffs == (1, 8)


def test_a_maximum_at_the_end_of_a_frontier_is_at_the_end():
    assert utilitarian(Frontier(lambda x: 4 - x * x, 0, 2, (0, 0)), weights=(0, 1)).payoffs == (0, 4)
    assert utilitarian(Frontier(lambda x: 4 - x * x, 0, 2, (0, 0)), weights=(1, 0)).payoffs == (2, 0)


def test_many_parties_agree_with_a_linear_program():
    rng = np.random.default_rng(4)
    rows, bounds = rng.random((5, 4)) + 0.1, rng.random(5) + 1
    d, w = (0.01, 0.0, 0.02, 0.0), (0.4, 0.3, 0.2, 0.1)
    problem = ConvexSet.polytope(rows, bounds, d)
    best = linprog(-np.array(w), A_ub=rows, b_ub=bounds, bounds=[(each, None) for each in d])
    assert np.dot(utilitarian(problem, w).payoffs, w) == pytest.approx(-best.fun, abs=1e-8)
    ray = linprog([-1.0], A_ub=(rows @ np.array(w))[:, None], b_ub=bounds - rows @ np.array(d))
    assert egalitarian(problem, w).gains == pytest.approx(np.array(w) * -ray.fun, abs=1e-8)


def test_of_finitely_many_outcomes_the_smallest_gain_counts():
    outcomes = [(9, 1), (4, 3), (3, 5), (3, 4)]
    assert egalitarian(FiniteSet(outcomes, (0, 0))).payoffs == (3, 5)
    assert utilitarian(FiniteSet(outcomes, (0, 0))).payoffs == (9, 1)
    assert utilitarian(FiniteSet(outcomes, (0, 2))).payoffs == (3, 5)
