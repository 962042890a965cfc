"""Kalai–Smorodinsky: equal shares of the ideal gains, and monotone where Nash is not."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing.bargaining import ConvexSet, Frontier, Polygon, Transferable, kalai_smorodinsky

few = settings(max_examples=25, deadline=None)
gain = st.floats(0.1, 50.0)
vertices = st.lists(st.tuples(gain, gain), min_size=1, max_size=6)


def test_published_pair_of_sets():
    assert kalai_smorodinsky(Polygon([(0, 1), (0.75, 0.75), (1, 0)], (0, 0))).payoffs == pytest.approx(
        (0.75, 0.75)
    )
    larger = kalai_smorodinsky(Polygon([(0, 1), (1, 0.7), (1, 0)], (0, 0))).payoffs
    assert larger == pytest.approx((10 / 13, 10 / 13), abs=1e-12)


def test_the_ideal_counts_only_what_the_other_would_accept():
    # with d2 = 1 party 1 can have at most 2.5 on the edge from (2, 1.5) to (3, 0.5)
    problem = Polygon([(0, 2), (2, 1.5), (3, 0.5)], (0, 1))
    assert problem.ideal() == pytest.approx((2.5, 2))


def test_frontier_meets_the_ray():
    golden = (math.sqrt(5) - 1) / 2
    assert kalai_smorodinsky(Frontier(lambda x: 1 - x * x, 0, 1, (0, 0))).payoffs == pytest.approx(
        (golden, golden)
    )


def test_transferable_gains_are_shared_in_the_ratio_of_what_caps_allow():
    # ideal gains 4 and 10 of a pie of 10: the ray meets u1 + u2 = 10 at 10/14 of each
    assert kalai_smorodinsky(Transferable(10, (0, 0), caps=(4, None))).payoffs == pytest.approx(
        (20 / 7, 50 / 7)
    )


@few
@given(vertices)
def test_everybody_gains_the_same_share_of_the_ideal(points):
    problem = Polygon(points, (0, 0))
    shares = np.divide(kalai_smorodinsky(problem).payoffs, problem.ideal())
    assert shares[0] == pytest.approx(shares[1], rel=1e-9)
    assert 0.5 - 1e-9 <= shares[0] <= 1 + 1e-9


@few
@given(vertices, st.floats(0.01, 100), st.floats(0.01, 100))
def test_scale_of_utilities_does_not_matter(points, k1, k2):
    u1, u2 = kalai_smorodinsky(Polygon(points, (0, 0))).payoffs
    scaled = kalai_smorodinsky(Polygon([(k1 * u, k2 * v) for u, v in points], (0, 0))).payoffs
    assert scaled == pytest.approx((k1 * u1, k2 * u2), rel=1e-9)


@few
@given(vertices, st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=4))
def test_a_larger_set_of_the_same_ideal_harms_nobody(points, more):
    problem = Polygon(points, (0, 0))
    a1, a2 = problem.ideal()
    larger = Polygon([*points, *((x * a1, y * a2) for x, y in more)], (0, 0))
    before, after = kalai_smorodinsky(problem).payoffs, kalai_smorodinsky(larger).payoffs
    assert after[0] >= before[0] - 1e-9
    assert after[1] >= before[1] - 1e-9


@few
@given(vertices)
def test_equal_parties_are_treated_equally(points):
    u1, u2 = kalai_smorodinsky(Polygon(points + [(v, u) for u, v in points], (0, 0))).payoffs
    assert u1 == pytest.approx(u2, rel=1e-9)


def test_more_than_two_parties_by_linear_programs():
    # ideal (3, 12, 6); t (3 + 12 + 2·6) = 12
    problem = ConvexSet.polytope([[1, 1, 2], [1, 0, 0]], [12, 3], (0, 0, 0))
    assert problem.ideal() == pytest.approx((3, 12, 6), abs=1e-7)
    assert kalai_smorodinsky(problem).payoffs == pytest.approx((4 / 3, 16 / 3, 8 / 3), abs=1e-7)


def test_where_nobody_can_gain_all_keep_what_they_have():
    agreed = kalai_smorodinsky(Polygon([(2, 3)], (2, 3)))
    assert agreed.agreed
    assert agreed.payoffs == (2, 3)
    assert not kalai_smorodinsky(Transferable(1, (2, 3))).agreed
