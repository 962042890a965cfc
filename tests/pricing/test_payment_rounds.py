"""Payments found by rounds are those of the closed form, and nobody pays more than it saves."""

import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pricing.coalition import share_savings
from pricing.coalition.payment_rounds import Payer, payment_rounds
from pricing.errors import DisagreementOutside, NotConverged, PricingError

MICRO = 1_000_000


def test_published_case_m08_comes_out():
    found = payment_rounds([12, -3, 6, 9], [1, 1, 1, 1])
    assert found.payments == pytest.approx((6, -9, 0, 3), abs=1e-6)
    assert found.gains == pytest.approx((6, 6, 6, 6), abs=1e-6)
    assert found.payments_micros == pytest.approx((6 * MICRO, -9 * MICRO, 0, 3 * MICRO), abs=1)
    assert found.iterations <= 40


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-10, 10), st.floats(0.1, 1)), min_size=2, max_size=12),
    st.floats(-3, 4),
)
def test_rounds_end_at_the_closed_form(members, magnitude):
    savings = [saving * 10**magnitude for saving, _ in members]
    weights = [weight for _, weight in members]
    total = math.fsum(savings)
    assume(total > 0.05 * math.fsum(map(abs, savings)) and total > 1e-3)
    found = payment_rounds(savings, weights)
    expected = share_savings(savings, [0.0] * len(savings), weights).payments
    assert found.payments == pytest.approx(expected, abs=1e-5 * total)
    assert sum(found.payments_micros) == 0
    for paid, saving in zip(found.payments_micros, savings, strict=True):
        assert paid <= saving * MICRO


def test_many_members_need_about_as_many_rounds():
    assert payment_rounds([1.0 + 0.1 * place for place in range(100)]).iterations <= 60


def test_a_member_without_weight_pays_its_whole_saving_and_no_more():
    found = payment_rounds([1 / 3, 1.0, 2.0], [0, 1, 1])
    assert found.payments_micros[0] in (333_332, 333_333)
    assert sum(found.payments_micros) == 0


def test_a_step_minimises_what_the_member_weighs_up():
    saving, weight, mean, dual, penalty = 2.0, 0.4, 0.3, -0.5, 0.7
    member = Payer(saving, weight, payment=0.5)
    found = member.answer(mean, dual, penalty)

    def burden(payment):
        wanted = 0.5 - mean - dual
        return -weight * math.log(saving - payment) + penalty / 2 * (payment - wanted) ** 2

    assert burden(found) <= min(burden(found - 1e-4), burden(found + 1e-4))


@pytest.mark.parametrize("savings", [[1.0, -2.0], [0.0, 0.0], []])
def test_nothing_to_share_is_no_bargain(savings):
    with pytest.raises(DisagreementOutside, match="savings: found a sum of"):
        payment_rounds(savings)


def test_less_than_a_micro_unit_cannot_be_shared():
    with pytest.raises(DisagreementOutside, match="expected at least a micro-unit"):
        payment_rounds([-1.5e-6, 1.9e-6])


def test_a_cap_that_is_hit_tells_the_residuals():
    with pytest.raises(NotConverged, match=r"residuals .* after 5 iterations"):
        payment_rounds([12, -3, 6, 9], iterations_max=5)


@pytest.mark.parametrize(
    ("savings", "options", "message"),
    [
        ([1.0, math.nan], {}, r"savings\[1\]: found nan"),
        ([1.0, 2.0], {"weights": [1, -1]}, r"weights\[1\]: found -1"),
        ([1.0, 2.0], {"weights": [1]}, "weights: found 1 values, expected 2"),
        ([1.0, 2.0], {"tolerance": 0}, "tolerance: found 0"),
        ([1.0, 2.0], {"iterations_max": 0}, "iterations_max: found 0"),
    ],
)
def test_bad_input_is_named(savings, options, message):
    with pytest.raises(PricingError, match=message):
        payment_rounds(savings, **options)
