"""A pie between parties of different risk aversion."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing.bargaining import Frontier, divide, nash
from pricing.errors import EmptySide, PricingError

few = settings(max_examples=20, deadline=None)


def test_the_more_risk_averse_gets_less():
    assert divide(1, (1, 0.5)).shares == pytest.approx((2 / 3, 1 / 3))
    assert divide(1, (0.5, 0.5)).shares == (0.5, 0.5)
    assert divide(12, (1, 0.5), weights=(0.2, 0.8)).shares == pytest.approx((4, 8))
    assert divide(10, (1, 0.5, 0.5)).shares == pytest.approx((5, 2.5, 2.5))


def test_linear_utilities_share_the_surplus_over_disagreement():
    found = divide(10, (1, 1), disagreement=(2, 0), weights=(0.25, 0.75))
    assert found.shares == pytest.approx((4, 6))


@few
@given(st.floats(0.3, 1), st.floats(0.3, 1), st.floats(0, 0.4), st.floats(0, 0.4), st.floats(0.1, 0.9))
def test_any_disagreement_agrees_with_the_frontier(a, b, d1, d2, w):
    found = divide(1, (a, b), disagreement=(d1, d2), weights=(w, 1 - w))
    if not found.agreed or d1 ** (1 / a) + d2 ** (1 / b) > 0.95:
        return
    curve = Frontier(lambda u1: max(0.0, 1 - u1 ** (1 / a)) ** b, 0, 1, (d1, d2))
    assert found.payoffs == pytest.approx(nash(curve, (w, 1 - w)).payoffs, abs=1e-6)
    assert math.fsum(found.shares) == pytest.approx(1, abs=1e-12)


def test_a_pie_too_small_for_what_all_have_anyway_is_not_divided():
    found = divide(1, (1, 0.5), disagreement=(0.8, 0.5))
    assert not found.agreed
    assert found.payoffs == (0.8, 0.5)


def test_no_weight_no_more_than_disagreement():
    assert divide(1, (1, 0.5), disagreement=(0, 0.5), weights=(1, 0)).shares == pytest.approx((0.75, 0.25))


def test_what_is_wrong_is_named():
    with pytest.raises(EmptySide, match="exponents"):
        divide(1, ())
    with pytest.raises(PricingError, match=r"exponents\[1\]: found 0"):
        divide(1, (1, 0))
    with pytest.raises(PricingError, match="pie: found 0"):
        divide(0, (1, 1))
    with pytest.raises(PricingError, match=r"disagreement\[0\]: found -1"):
        divide(1, (1, 1), disagreement=(-1, 0))
