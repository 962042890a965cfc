"""Nash: the published solutions of every form, and the axioms that single it out."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from pricing.bargaining import ConvexSet, FiniteSet, Frontier, Limits, Polygon, Transferable, Utility, nash

few = settings(max_examples=25, deadline=None)
quick = settings(max_examples=8, deadline=None)
share = st.floats(0.05, 1.0)
gain = st.floats(0.1, 50.0)


@st.composite
def polygons(draw, least=1, most=6):
    """Vertices above d = (0, 0), on no common line more often than not."""
    count = draw(st.integers(least, most))
    return [(draw(gain), draw(gain)) for _ in range(count)]


@st.composite
def pies(draw):
    parties = draw(st.integers(1, 5))
    d = tuple(draw(st.floats(-50, 50)) for _ in range(parties))
    surplus = draw(st.floats(0.1, 100))
    w = [draw(share) for _ in range(parties)]
    caps = [
        draw(st.one_of(st.none(), st.floats(0, surplus).map(lambda g, d=d[i]: d + g))) for i in range(parties)
    ]
    return math.fsum(d) + surplus, d, w, caps


def log_product(payoffs, d, w):
    gains = np.maximum(np.subtract(payoffs, d), 0)
    with np.errstate(divide="ignore"):
        return float(np.dot(w, np.log(gains)))


def test_everybody_has_disagreement_and_a_weighted_share_of_the_surplus():
    agreed = nash(Transferable(100, (10, 20, 5, 0)), weights=(4, 3, 2, 1))
    assert agreed.payoffs == pytest.approx((36, 39.5, 18, 6.5), abs=1e-12)
    assert agreed.gains == pytest.approx((26, 19.5, 13, 6.5), abs=1e-12)
    assert agreed.agreed


def test_what_a_cap_withholds_is_shared_by_the_others_in_their_proportions():
    agreed = nash(
        Transferable(100, (10, 20, 5, 0), caps=(30, None, None, None)), weights=(0.4, 0.3, 0.2, 0.1)
    )
    assert agreed.payoffs == pytest.approx((30, 42.5, 20, 7.5), abs=1e-12)


def test_a_cap_met_by_what_another_withholds_binds_in_turn():
    # 30 goes back, of which 2 would have had half: 45 + 15 is over 50, so 3 has the rest
    agreed = nash(Transferable(120, (0, 0, 0), caps=(10, 50, None)))
    assert agreed.payoffs == pytest.approx((10, 50, 60), abs=1e-12)


def test_what_nobody_may_have_is_left_over():
    assert nash(Transferable(100, (0, 0), caps=(30, 20))).payoffs == (30, 20)


def test_a_party_of_no_weight_has_only_what_the_others_may_not_have():
    assert nash(Transferable(10, (1, 2)), weights=(1, 0)).payoffs == (8, 2)
    assert nash(Transferable(10, (1, 2), caps=(3, None)), weights=(1, 0)).payoffs == (3, 7)


def test_there_is_no_agreement_on_less_than_the_disagreement_payoffs():
    agreed = nash(Transferable(25, (20, 10)))
    assert not agreed.agreed
    assert agreed.payoffs == (20, 10)
    assert agreed.gains == (0, 0)


def test_a_surplus_of_nothing_is_agreed_on():
    assert nash(Transferable(30, (20, 10))).agreed


def test_a_cap_below_disagreement_rules_an_agreement_out():
    assert not nash(Transferable(100, (20, 10), caps=(15, None))).agreed


@few
@given(pies())
def test_water_filling_meets_the_conditions_of_the_optimum(pie):
    total, d, w, caps = pie
    agreed = nash(Transferable(total, d, caps=caps), w)
    ceiling = np.array([math.inf if cap is None else cap for cap in caps])
    gains = np.array(agreed.payoffs) - d
    level = gains / w
    below = np.array(agreed.payoffs) < ceiling - 1e-9
    assert np.all(np.array(agreed.payoffs) <= ceiling + 1e-9)
    # all below their cap stand at one level, no lower than that of the capped
    assert np.ptp(level[below]) <= 1e-7 if below.any() else True
    assert not below.any() or np.all(level[~below] <= level[below].min() + 1e-7)
    spent = math.fsum(agreed.payoffs)
    assert spent == pytest.approx(min(total, math.fsum(np.minimum(ceiling, 1e18))), abs=1e-7)


@quick
@given(pies())
def test_closed_form_agrees_with_the_exponential_cone(pie):
    total, d, w, caps = pie
    capped = [i for i, cap in enumerate(caps) if cap is not None and cap > d[i] + 1e-2]
    caps = [caps[i] if i in capped else None for i in range(len(d))]
    rows = [np.ones(len(d)), *(np.eye(len(d))[i] for i in capped)]
    cone = nash(ConvexSet.polytope(rows, [total, *(caps[i] for i in capped)], d), w)
    closed = nash(Transferable(total, d, caps=caps), w)
    assert cone.payoffs == pytest.approx(closed.payoffs, abs=1e-5)


@few
@given(polygons(), share, share)
def test_no_point_of_the_polygon_has_a_larger_product(vertices, w1, w2):
    agreed = nash(Polygon(vertices, (0, 0)), (w1, w2))
    best = log_product(agreed.payoffs, (0, 0), (w1, w2))
    for x1, y1 in vertices:
        for x2, y2 in vertices:
            for t in (0.0, 0.1, 0.3, 0.5):
                other = log_product((x1 + t * (x2 - x1), y1 + t * (y2 - y1)), (0, 0), (w1, w2))
                assert other <= best + 1e-9


@few
@given(polygons(), st.floats(0.01, 100), st.floats(0.01, 100), st.floats(-20, 20), st.floats(-20, 20))
def test_scale_and_origin_of_utilities_do_not_matter(vertices, k1, k2, m1, m2):
    plain = nash(Polygon(vertices, (0, 0))).payoffs
    scaled = nash(Polygon([(k1 * u + m1, k2 * v + m2) for u, v in vertices], (m1, m2))).payoffs
    assert scaled == pytest.approx((k1 * plain[0] + m1, k2 * plain[1] + m2), rel=1e-7, abs=1e-7)


@few
@given(polygons())
def test_equal_parties_are_treated_equally(vertices):
    mirrored = vertices + [(v, u) for u, v in vertices]
    u1, u2 = nash(Polygon(mirrored, (0, 0))).payoffs
    assert u1 == pytest.approx(u2, abs=1e-9)
    swapped = nash(Polygon([(v, u) for u, v in vertices], (0, 0))).payoffs
    assert swapped == pytest.approx(nash(Polygon(vertices, (0, 0))).payoffs[::-1], abs=1e-7)


@few
@given(polygons(2), st.integers(0, 5))
def test_an_alternative_that_was_not_chosen_is_irrelevant(vertices, dropped):
    chosen = nash(Polygon(vertices, (0, 0))).payoffs
    rest = [each for j, each in enumerate(vertices) if j != dropped % len(vertices)]
    again = nash(Polygon([*rest, chosen], (0, 0))).payoffs
    assert again == pytest.approx(chosen, abs=1e-7)


@few
@given(polygons())
def test_nobody_can_gain_more_without_another_losing(vertices):
    # Pareto: the farthest that the ray through the agreement goes is the agreement
    agreed = nash(Polygon(vertices, (0, 0)))
    beyond = Polygon(vertices, (0, 0)).farthest(np.array(agreed.payoffs))
    assert beyond.payoffs == pytest.approx(agreed.payoffs, rel=1e-9)


def test_nash_harms_a_party_whose_prospects_improve():
    # Kalai & Smorodinsky 1975: the second set contains the first
    assert nash(Polygon([(0, 1), (0.75, 0.75), (1, 0)], (0, 0))).payoffs == (0.75, 0.75)
    assert nash(Polygon([(0, 1), (1, 0.7), (1, 0)], (0, 0))).payoffs == pytest.approx((1, 0.7), abs=1e-12)


def test_disagreement_at_the_end_of_the_frontier_leaves_one_party_all_the_gain():
    assert nash(Polygon([(0, 1), (1, 0.7)], (1, 0))).payoffs == (1, 0.7)
    assert nash(Polygon([(3, 2)], (0, 0))).payoffs == (3, 2)


@pytest.mark.parametrize(
    ("function", "high"),
    [
        (lambda x: 1 - x**2, 1.0),
        (lambda x: math.sqrt(1 - x), 1.0),
        (lambda x: math.log(5 - x), 4.0),
        (lambda x: 6 - 2 * x, 3.0),
    ],
)
@pytest.mark.parametrize("d", [(0.0, 0.0), (0.1, 0.2)])
@pytest.mark.parametrize("w", [0.5, 0.2])
def test_frontier_agrees_with_scipy(function, high, d, w):
    found = nash(Frontier(function, 0, high, d), (w, 1 - w)).payoffs

    def loss(u1):
        return -log_product((u1, function(u1)), d, (w, 1 - w))

    oracle = minimize_scalar(loss, bounds=(d[0], high), method="bounded", options={"xatol": 1e-10})
    assert found[0] == pytest.approx(oracle.x, abs=2e-7)
    assert loss(found[0]) <= oracle.fun + 1e-12


def test_frontier_closed_form():
    found = nash(Frontier(lambda x: 1 - x**2, 0, 1, (0, 0))).payoffs
    assert found == pytest.approx((1 / math.sqrt(3), 2 / 3), abs=1e-9)


def test_quadratic_utilities_of_a_shared_decision():
    # u1 = 4x − x²/2, u2 = 10 − x: maximise by hand over x
    problem = ConvexSet(
        [Utility([4.0], curvature=[[1.0]]), Utility([-1.0], constant=10.0)],
        (0.0, 0.0),
        limits=Limits([[-1.0], [1.0]], [0.0, 4.0]),
    )
    agreed = nash(problem)
    oracle = minimize_scalar(
        lambda x: -math.log(4 * x - x * x / 2) - math.log(10 - x),
        bounds=(0.1, 4),
        method="bounded",
        options={"xatol": 1e-11},
    )
    assert agreed.decision[0] == pytest.approx(oracle.x, abs=1e-5)
    assert agreed.payoffs == pytest.approx((4 * oracle.x - oracle.x**2 / 2, 10 - oracle.x), abs=1e-5)


@quick
@given(polygons(2, 5), share)
def test_polygon_agrees_with_the_exponential_cone(vertices, w1):
    columns = np.array(vertices).T
    size = len(vertices)
    cone = ConvexSet(
        [Utility(column) for column in columns],
        (0, 0),
        limits=Limits(-np.eye(size), np.zeros(size)),
        equalities=Limits(np.ones((1, size)), [1.0]),
    )
    exact = nash(Polygon(vertices, (0, 0)), (w1, 1.0))
    assert nash(cone, (w1, 1.0)).payoffs == pytest.approx(exact.payoffs, abs=1e-5)


def test_party_that_cannot_gain_does_not_stop_the_others():
    problem = ConvexSet.polytope([[1, 1, 0], [0, 0, 1]], [10, 3], (0, 0, 3))
    assert nash(problem).payoffs == pytest.approx((5, 5, 3), abs=1e-7)


def test_finite_set_without_gain_for_all_lets_as_many_gain_as_possible():
    agreed = nash(FiniteSet([(0, 0, 0), (0, 5, 0), (2, 1, 0)], (0, 0, 0)))
    assert agreed.payoffs == (2, 1, 0)
