"""Frontiers written down come out as the set that the words mean, and nothing is executed."""

import math

import pytest

from pricing.bargaining import Frontier, Polygon, kalai_smorodinsky, nash, parse_frontier
from pricing.errors import DisagreementOutside, PricingError, Unbounded


@pytest.mark.parametrize(
    "text",
    [
        "u1+u2=10, u1<=4",
        "u2 = 10 - u1; u1 <= 4",
        "10 >= u1 + u2 and 0 <= u1 <= 4",
        "2u1 + 2 u2 <= 20, u1 ≤ 4, u2 >= 0",
        "(u1 + u2)/2 = 5, 8 >= 2*u1",
        "-u1 - u2 = -10, u1 < 2^2",
    ],
)
def test_straight_limits_make_a_polygon(text):
    problem = parse_frontier(text, (0, 0))
    assert isinstance(problem, Polygon)
    assert nash(problem).payoffs == pytest.approx((4, 6))
    assert kalai_smorodinsky(problem).payoffs == pytest.approx((20 / 7, 50 / 7))


@pytest.mark.parametrize(
    ("text", "u1_range"),
    [
        ("u2=1-u1**2", [0, 1]),
        ("u2 = 1 - u1^2", None),
        ("u1 = sqrt(1 - u2)", None),
        ("u1**2 + u2 = 1", None),
        ("1 - u1*u1 >= u2, u1 >= 0", None),
        ("1 = u2 + u1**2", [0, 2]),
    ],
)
def test_curves_make_a_frontier(text, u1_range):
    problem = parse_frontier(text, (0, 0), u1_range=u1_range)
    assert isinstance(problem, Frontier)
    assert nash(problem).payoffs == pytest.approx((1 / math.sqrt(3), 2 / 3), abs=1e-8)
    golden = (math.sqrt(5) - 1) / 2
    assert kalai_smorodinsky(problem).payoffs == pytest.approx((golden, golden), abs=1e-8)


def test_a_circle_and_a_cap():
    assert nash(parse_frontier("u1**2 + u2**2 = 1", (0, 0))).payoffs == pytest.approx((math.sqrt(0.5),) * 2)
    capped = nash(parse_frontier("u1**2 + u2**2 <= 1, u1 <= 0.6", (0, 0))).payoffs
    assert capped == pytest.approx((0.6, 0.8), abs=1e-8)


def test_a_range_limits_the_first_party():
    assert nash(parse_frontier("u1 + u2 = 10", (0, 0), u1_range=[0, 4])).payoffs == (4, 6)
    # what lies left of the range is below it, and free to have
    assert nash(parse_frontier("u1 + u2 = 10", (0, 0), u1_range=[6, 8])).payoffs == (6, 4)
    assert nash(parse_frontier("u2 = 4 - exp(u1)", (0, 0.5), u1_range=[0, 1])).payoffs[1] > 0.5


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("u1 + u2", PricingError, "expected two formulas"),
        ("", PricingError, "expected 1 to"),
        ("u1 + x = 3", PricingError, "found 'x'"),
        ("__import__('os') = u1", PricingError, "found"),
        ("u1.real + u2 = 1", PricingError, "found 'u1.real'"),
        ("abs(u1) + u2 = 1", PricingError, "found 'abs"),
        ("u1 + u2 = 1 1", PricingError, "found '1 1'"),
        ("u1 + u2 = 9**9**9", PricingError, "found '9"),
        ("u1 + u2 = 1/0", PricingError, "found '1/0'"),
        ("u1 + u2 = True", PricingError, "found 'True'"),
        ("u1 - u2 = 1", PricingError, "both gain"),
        ("u1 <= 4", Unbounded, "direction"),
        ("u1 * u2 <= 4", Unbounded, "no end above"),
        ("u2 = 4 - sqrt(u1)", PricingError, "not concave"),
        ("u1 + u2 = 10, u1 <= -1", DisagreementOutside, r"found \(0, 0\)"),
        ("u2 = -1 - u1**2", DisagreementOutside, r"found \(0, 0\)"),
        ("(" * 600 + "u1" + ")" * 600 + "<= 1", PricingError, "expected"),
    ],
)
def test_what_cannot_be_read_or_is_no_problem_is_named(text, error, words):
    with pytest.raises(error, match=words):
        parse_frontier(text, (0, 0))
