"""Rubinstein: patience is power, and with ever quicker offers it becomes a Nash weight."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing.bargaining import discounts_of, patience_weights, rubinstein
from pricing.errors import PricingError

few = settings(max_examples=25, deadline=None)
discount = st.floats(0.0, 0.99)


def test_published_shares():
    assert rubinstein((0.9, 0.8)) == pytest.approx((0.2 / 0.28, 0.08 / 0.28))
    assert rubinstein((0.9, 0.8), first=1) == pytest.approx((1 - 0.1 / 0.28, 0.1 / 0.28))
    assert rubinstein((0.9, 0.9), pie=10)[0] == pytest.approx(10 / 1.9)


@few
@given(discount, discount)
def test_each_proposer_offers_what_the_other_would_wait_for(d1, d2):
    first, second = rubinstein((d1, d2), first=0), rubinstein((d1, d2), first=1)
    assert first[1] == pytest.approx(d2 * second[1], abs=1e-12)
    assert second[0] == pytest.approx(d1 * first[0], abs=1e-12)


@few
@given(discount, discount, st.integers(0, 1))
def test_a_far_end_does_not_matter(d1, d2, first):
    assert rubinstein((d1, d2), first=first, periods=3000) == pytest.approx(
        rubinstein((d1, d2), first=first), abs=1e-9
    )


def test_backward_induction():
    assert rubinstein((0.9, 0.8), periods=1) == (1, 0)
    assert rubinstein((0.9, 0.8), periods=2) == pytest.approx((0.2, 0.8))
    assert rubinstein((0.9, 0.8), periods=3) == pytest.approx((1 - 0.8 * (1 - 0.9), 0.8 * (1 - 0.9)))
    assert rubinstein((0.9, 0.8), first=1, periods=2) == pytest.approx((0.9, 0.1))


def test_quick_offers_lead_to_the_nash_weights():
    rates = (0.05, 0.1)
    gaps = [
        abs(rubinstein(discounts_of(rates, period), first=first)[0] - patience_weights(rates)[0])
        for first in (0, 1)
        for period in (1, 0.1, 0.01)
    ]
    assert gaps == sorted(gaps[:3], reverse=True) + sorted(gaps[3:], reverse=True)
    assert gaps[2] < 1e-3
    assert patience_weights(rates) == pytest.approx((2 / 3, 1 / 3))
    assert patience_weights((1e-300, 1e300)) == (1.0, 0.0)


def test_a_perfectly_patient_answerer_takes_all():
    assert rubinstein((0.5, 1.0)) == (0, 1)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: rubinstein((1, 1)), r"discounts: found \(1, 1\)"),
        (lambda: rubinstein((0.5, 1.1)), r"discounts\[1\]: found 1.1"),
        (lambda: rubinstein((0.5,)), "discounts: found 1 values, expected 2"),
        (lambda: rubinstein((0.5, 0.5), first=2), "first: found 2"),
        (lambda: rubinstein((0.5, 0.5), periods=0), "periods: found 0"),
        (lambda: rubinstein((0.5, 0.5), pie=math.inf), "pie: found inf"),
        (lambda: discounts_of((0.1, 0.1), 0), "period: found 0"),
        (lambda: patience_weights((0.1, 0)), r"rates\[1\]: found 0"),
        (lambda: patience_weights(()), "rates: found none"),
    ],
)
def test_what_is_wrong_is_named(call, words):
    with pytest.raises(PricingError, match=words):
        call()
