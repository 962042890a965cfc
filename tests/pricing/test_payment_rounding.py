"""Payments become micro-units by largest remainders, and sum to exactly what they should."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.errors import PricingError
from pricing.payments import round_payments

amounts = st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=30)


def test_what_is_whole_stays():
    assert round_payments([61.5, -61.5]) == (61_500_000, -61_500_000)


def test_the_largest_remainder_gets_the_missing_unit():
    assert round_payments([0.4, 0.7, -1.1], per_unit=1) == (0, 1, -1)


def test_the_first_of_equal_remainders_gets_the_missing_unit():
    assert round_payments([0.5, 0.5, -0.5, -0.5], per_unit=1) == (1, 1, -1, -1)
    assert round_payments([0.5, 0.5], per_unit=1, total=1) == (1, 0)


def test_a_total_can_be_shared_out():
    assert round_payments([100 / 3] * 3, per_unit=100, total=10_000) == (3334, 3333, 3333)


def test_nobody_pays_nothing():
    assert round_payments([]) == ()


@given(amounts)
def test_the_sum_is_exactly_zero_and_nobody_moves_by_a_unit(given_amounts):
    mean = sum(map(Fraction, given_amounts)) / len(given_amounts)
    payments = [float(each - mean) for each in map(Fraction, given_amounts)]
    rounded = round_payments(payments)
    assert sum(rounded) == 0
    # in micro-units: what the float sum is off by is shared, and may be some units at a thousand million dollars
    off = abs(sum(map(Fraction, payments))) * 10**6 / len(payments)
    assert all(
        abs(micros - Fraction(each) * 10**6) < 1 + off for micros, each in zip(rounded, payments, strict=True)
    )


@given(st.lists(st.integers(-(10**12), 10**12), max_size=20))
def test_integers_come_through(micros):
    micros.append(-sum(micros))
    assert round_payments([each / 1e6 for each in micros]) == tuple(micros)


@pytest.mark.parametrize(
    ("payments", "options", "words"),
    [
        ([1.0, 2.0], {}, "payments: found a sum of 3, expected 0"),
        ([1.0, float("nan")], {}, r"payments\[1\]: found nan"),
        ([], {"total": 1, "per_unit": 1}, "payments: found a sum of 0, expected 1"),
        ([1.0, -1.0], {"per_unit": 0}, "per_unit: found 0, expected an integer of at least 1"),
    ],
)
def test_what_does_not_sum_is_refused(payments, options, words):
    with pytest.raises(PricingError, match=words):
        round_payments(payments, **options)
