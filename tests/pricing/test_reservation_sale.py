"""Selling a stock before a deadline, and keeping units for those who pay more later."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import solve_ivp

from pricing.errors import PricingError
from pricing.load import ReservationSale, nested_protection, protection_level

SALES = st.builds(ReservationSale, st.floats(0.5, 50), st.floats(0.2, 5))


@pytest.mark.parametrize(("n", "a", "alpha"), [(1, 10, 1), (5, 20, 1), (8, 7, 0.5), (3, 40, 2)])
def test_value_solves_the_hamilton_jacobi_bellman_equation(n, a, alpha):
    # dJ_n/dt = max_p λ(p)(p − (J_n − J_{n−1})) = (a/(αe)) e^{−α(J_n − J_{n−1})}
    def slope(_, values):
        return a / (alpha * math.e) * np.exp(-alpha * np.diff(values, prepend=0.0))

    path = solve_ivp(slope, (0, 1.5), np.zeros(n), rtol=1e-10, atol=1e-12).y[:, -1]
    sale = ReservationSale(a, alpha)
    assert sale.value(n, 1.5) == pytest.approx(path[-1], rel=1e-7)
    before = path[-2] if n > 1 else 0.0
    assert sale.price(n, 1.5) == pytest.approx(path[-1] - before + 1 / alpha, rel=1e-7)


@given(SALES, st.integers(1, 400), st.floats(0, 20))
def test_value_is_below_the_fluid_bound_and_prices_move_the_right_way(sale, n, t):
    assert sale.value(n, t) <= sale.fluid_value(n, t) * (1 + 1e-12)
    assert sale.value(n, t) >= sale.value(n - 1, t) * (1 - 1e-12)
    assert sale.price(n, t) >= sale.price(n + 1, t) * (1 - 1e-12)  # a unit less: dearer
    assert sale.price(n, t) <= sale.price(n, t + 1) * (1 + 1e-12)  # less time: cheaper
    assert sale.price(n, t) >= 1 / sale.sensitivity * (1 - 1e-12)


@given(SALES, st.integers(1, 60), st.floats(0.1, 10))
def test_price_is_the_difference_of_values(sale, n, t):
    gap = sale.value(n, t) - sale.value(n - 1, t)
    assert sale.price(n, t) == pytest.approx(gap + 1 / sale.sensitivity, rel=1e-9)


def test_a_million_units_are_as_exact_as_one():
    sale = ReservationSale(math.e, 1.0)  # at/e = t
    assert sale.value(2_000_000, 1_000_000) == pytest.approx(1_000_000, rel=1e-14)  # Σ z^i/i! is e^z
    # scarce: the last term leads, and the ratio of two sums is near t/n
    assert sale.price(1_000_000, 1_000_000_000) == pytest.approx(1 + math.log(1000), rel=1e-5)


def test_no_time_or_no_stock_is_worth_nothing():
    sale = ReservationSale(10, 2)
    assert (sale.value(0, 3), sale.fluid_value(0, 3), sale.value(3, 0), sale.fluid_value(3, 0)) == (
        0,
        0,
        0,
        0,
    )
    assert sale.price(3, 0) == 0.5


@settings(max_examples=30)
@given(st.floats(10, 100), st.floats(1, 30), st.floats(0.05, 0.95))
def test_littlewood_maximises_expected_revenue(mean, deviation, ratio):
    demand = NormalDist(mean, deviation)
    level = protection_level(reserved_price=1.0, spot_price=ratio, reserved_quantile=demand.inv_cdf)
    capacity = mean + 6 * deviation

    def revenue(kept):  # spot takes the rest; reserved sell min(D, kept): E min(D, y) = ∫_0^y P(D > x)
        grid = np.linspace(0, kept, 4001)
        return ratio * (capacity - kept) + np.trapezoid(stats.norm.sf(grid, mean, deviation), grid)

    best = revenue(level)
    assert revenue(level + 1) <= best + 1e-6
    assert revenue(max(0.0, level - 1)) <= best + 1e-6


def test_littlewood_takes_counts():
    # keep the y-th unit while P(D >= y) > p_spot/p_res
    level = protection_level(reserved_price=10, spot_price=4, reserved_quantile=stats.poisson(7).ppf)
    assert stats.poisson(7).sf(level - 1) > 0.4 >= stats.poisson(7).sf(level)


def test_spot_at_the_reserved_price_keeps_nothing():
    assert (
        protection_level(reserved_price=60, spot_price=60, reserved_quantile=NormalDist(50, 15).inv_cdf) == 0
    )


def test_two_nested_classes_are_littlewood():
    level = protection_level(reserved_price=100, spot_price=60, reserved_quantile=NormalDist(50, 15).inv_cdf)
    assert nested_protection([100, 60], [50, 200], [15, 1]) == (level,)


def test_nested_levels_of_the_published_example_rise():
    # Belobaba's rule by hand: p̄ = (100·50 + 60·60)/110, N(110, 15² + 20²)
    mean_price = (100 * 50 + 60 * 60) / 110
    by_hand = NormalDist(110, 25).inv_cdf(1 - 40 / mean_price)
    first, second = nested_protection([100, 60, 40], [50, 60, 80], [15, 20, 25])
    assert second == pytest.approx(by_hand, rel=1e-12)
    assert first < second


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ReservationSale(0, 1), "arrival_rate: found 0"),
        (lambda: ReservationSale(1, math.nan), "sensitivity: found nan"),
        (lambda: ReservationSale(1, 1).value(-1, 1), "units: found -1"),
        (lambda: ReservationSale(1, 1).value(1.0, 1), "units: found 1.0"),
        (lambda: ReservationSale(1, 1).price(0, 1), "units: found 0"),
        (lambda: ReservationSale(1, 1).value(1, -1), "time_left: found -1"),
        (lambda: nested_protection([1], [1], [1]), "prices: found 1, expected one for each of at least 2"),
        (lambda: nested_protection([1, 2], [1, 1], [1, 1]), r"prices\[1\]: found 2, expected at most 1"),
        (lambda: nested_protection([2, 1], [1], [1, 1]), "means: found 1 values"),
        (
            lambda: protection_level(reserved_price=1, spot_price=0, reserved_quantile=abs),
            "spot_price: found 0",
        ),
        (
            lambda: protection_level(reserved_price=2, spot_price=1, reserved_quantile=lambda _: math.inf),
            "reserved_quantile: found inf",
        ),
    ],
)
def test_impossible_sales_are_refused(call, message):
    with pytest.raises(PricingError, match=message):
        call()
