"""Pay for effort that nobody sees: linear in output, or after success and failure."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from pricing.errors import Infeasible, PricingError
from pricing.menus import CaraUtility, CrraUtility, PowerUtility, binary_contract, linear_contract

UTILITIES = {
    "sqrt": (PowerUtility(0.5), 3.0, math.sqrt),
    "cube root": (PowerUtility(1 / 3), 3.0, lambda w: w ** (1 / 3)),
    "crra 0.5": (CrraUtility(0.5), 3.0, lambda w: 2 * math.sqrt(w)),
    "log": (CrraUtility(1.0), 1.0, math.log),
    "crra 2": (CrraUtility(2.0), -6.0, lambda w: -1 / w),
    "cara": (CaraUtility(0.5), -6.0, lambda w: -math.exp(-0.5 * w)),
}


@given(st.floats(0, 5), st.floats(0.1, 5), st.floats(0, 5), st.floats(-3, 3))
def test_linear_pay_is_the_best_slope_and_gives_the_reservation(r, c, s2, reservation):
    found = linear_contract(risk_aversion=r, effort_cost=c, variance=s2, reservation=reservation)

    def total(slope):  # output less the cost of effort and of risk
        return slope / c - slope**2 / (2 * c) - r * slope**2 * s2 / 2

    best = minimize_scalar(lambda slope: -total(slope), bounds=(0, 1), method="bounded")
    assert total(found.slope) >= -best.fun - 1e-9
    assert found.total_certainty_equivalent == pytest.approx(total(found.slope), rel=1e-9)
    supplier = found.fixed_pay + found.slope * found.effort - c * found.effort**2 / 2
    assert supplier - r * found.slope**2 * s2 / 2 == pytest.approx(reservation, abs=1e-9)


@pytest.mark.parametrize("name", UTILITIES)
def test_wage_inverts_utility(name):
    utility, _, function = UTILITIES[name]
    for wage in (0.3, 1.0, 7.5):
        assert utility.wage(function(wage)) == pytest.approx(wage, rel=1e-12)


@pytest.mark.parametrize("name", UTILITIES)
@pytest.mark.parametrize(("high", "low", "effort"), [(0.8, 0.4, 1.0), (0.9, 0.1, 0.5), (1.0, 0.5, 0.2)])
def test_no_cheaper_wages_make_effort_worth_while(name, high, low, effort):
    utility, reservation, _ = UTILITIES[name]
    found = binary_contract(
        success_high=high, success_low=low, effort_cost=effort, reservation=reservation, utility=utility
    )
    least, most = max(utility.low, reservation - 8), min(utility.high - 1e-6, reservation + 8)
    failures = np.linspace(least, most, 1500)
    # for each failure utility the cheapest success utility that keeps both conditions
    successes = np.maximum(
        failures + effort / (high - low), (reservation + effort - (1 - high) * failures) / high
    )
    pairs = [(u, v) for u, v in zip(successes, failures, strict=True) if u < utility.high]
    cheapest = min(high * utility.wage(u) + (1 - high) * utility.wage(v) for u, v in pairs)
    assert found.expected_wage <= cheapest + 1e-9
    assert found.expected_wage >= found.first_best_wage - 1e-9
    assert found.rent == pytest.approx(0, abs=1e-12)


def test_a_floor_under_wages_leaves_a_rent():
    found = binary_contract(
        success_high=0.8, success_low=0.6, effort_cost=1, reservation=0, utility=PowerUtility(0.5)
    )
    # unconstrained, failure would give 0 + 1 − 0.8·5 = −3 < 0
    assert (found.wage_failure, found.wage_success) == (0.0, pytest.approx(25.0))
    assert found.rent == pytest.approx(0.8 * 5 - 1)


def test_effort_that_costs_nothing_is_paid_flat():
    found = binary_contract(
        success_high=0.8, success_low=0.4, effort_cost=0, reservation=3, utility=PowerUtility(0.5)
    )
    assert found.wage_success == found.wage_failure == found.first_best_wage == pytest.approx(9)


@pytest.mark.parametrize("utility", [CaraUtility(1.0), CrraUtility(2.0)])
def test_utility_that_no_wage_reaches_is_infeasible(utility):
    with pytest.raises(Infeasible, match="success needs a utility of"):
        binary_contract(success_high=0.8, success_low=0.4, effort_cost=1, reservation=-1.2, utility=utility)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: linear_contract(risk_aversion=-1, effort_cost=1, variance=1), "risk_aversion: found -1"),
        (lambda: linear_contract(risk_aversion=1, effort_cost=0, variance=1), "effort_cost: found 0"),
        (
            lambda: binary_contract(
                success_high=0.4, success_low=0.4, effort_cost=1, reservation=3, utility=PowerUtility()
            ),
            "success_low: found 0.4, expected less than success_high, 0.4",
        ),
        (
            lambda: binary_contract(
                success_high=1.4, success_low=0.4, effort_cost=1, reservation=3, utility=PowerUtility()
            ),
            "success_high: found 1.4",
        ),
        (lambda: PowerUtility(1.0), "exponent: found 1"),
        (lambda: CaraUtility(0.0), "aversion: found 0"),
        (lambda: CrraUtility(1.0).wage(800.0), "wage: found inf"),
        (lambda: PowerUtility(0.001).wage(10.0), "wage: found inf"),
        (lambda: CrraUtility(2.0).wage(0.0), "utility: found -0.0"),
        (lambda: CaraUtility(1.0).wage(0.0), "utility: found 0"),
    ],
)
def test_impossible_pay_is_refused(call, message):
    with pytest.raises(PricingError, match=message):
        call()
