"""Coefficients from observed prices: exact where there is no noise, restricted in sign, an index at constant quality."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import lsq_linear

from pricing.errors import PricingError
from pricing.hedonic import fit_hedonic
from pricing.index import price_index
from pricing.rolling import rolling_fits, shrink

HARDWARE = Path(__file__).parents[3] / "shared" / "data" / "epoch_ml_hardware.csv"


def a_market(seed=0, n=60, beta=(0.4, 0.7, 0.2), noise=0.1):
    rng = np.random.default_rng(seed)
    design = np.column_stack([np.ones(n), rng.normal(size=(n, len(beta) - 1))])
    return design.tolist(), np.exp(design @ np.array(beta) + noise * rng.normal(size=n)).tolist()


def test_errors_are_hc1_as_the_sandwich_defines_them():
    rows, prices = a_market()
    fit = fit_hedonic(rows, prices)
    x, y = np.array(rows), np.log(prices)
    bread = np.linalg.inv(x.T @ x)
    u = y - x @ bread @ x.T @ y
    sandwich = len(y) / (len(y) - x.shape[1]) * bread @ x.T @ np.diag(u**2) @ x @ bread
    assert fit.standard_errors == pytest.approx(np.sqrt(np.diag(sandwich)), rel=1e-10)
    assert fit.r_squared == pytest.approx(1 - u @ u / np.sum((y - y.mean()) ** 2), rel=1e-12)
    assert fit.smearing == pytest.approx(np.mean(np.exp(u)), rel=1e-12)
    assert fit.observations == 60


def test_mean_predicted_price_is_unbiased_where_the_median_is_not():
    rows, prices = a_market(n=2000, beta=(0.4, 0.0), noise=0.8)
    fit = fit_hedonic(rows, prices)
    at_mean = fit.predict([1.0, 0.0])
    assert at_mean == pytest.approx(np.mean(prices), rel=0.02)
    assert at_mean / fit.smearing < 0.8 * np.mean(prices)  # e^(0.32) above the median


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.lists(st.floats(-0.5, 0.5), min_size=1, max_size=4))
def test_sign_restrictions_give_the_bounded_least_squares(seed, slopes):
    rows, prices = a_market(seed, n=40, beta=(0.4, *slopes), noise=0.3)
    names = ["constant", *(f"q{j}" for j in range(len(slopes)))]
    fit = fit_hedonic(rows, prices, names=names, nonnegative=names[1:])
    oracle = lsq_linear(
        np.array(rows), np.log(prices), bounds=([-np.inf, *[0.0] * len(slopes)], np.inf), tol=1e-14
    )
    assert fit.coefficients == pytest.approx(oracle.x, abs=1e-6)
    assert set(fit.at_zero) == {name for name, b in zip(names, fit.coefficients, strict=True) if b == 0}


def test_restriction_that_does_not_bind_changes_nothing():
    rows, prices = a_market()
    free = fit_hedonic(rows, prices)
    assert fit_hedonic(rows, prices, nonnegative=["x1", "x2"]) == free
    assert free.at_zero == ()


def test_a_restriction_that_binds_drops_the_column_and_says_so():
    rows, prices = a_market(beta=(0.4, -0.7, 0.2))
    fit = fit_hedonic(rows, prices, names=["constant", "memory", "speed"], nonnegative=["memory", "speed"])
    without = fit_hedonic([[row[0], row[2]] for row in rows], prices)
    assert fit.at_zero == ("memory",)
    assert fit.coefficients == pytest.approx((without.coefficients[0], 0, without.coefficients[1]))
    assert fit.standard_errors == pytest.approx((without.standard_errors[0], 0, without.standard_errors[1]))
    assert "memory            0.0000      0.0000  held at 0 by its sign" in fit.describe()


def test_all_columns_may_be_restricted():
    fit = fit_hedonic([[1.0], [2.0]], [0.5, 0.25], nonnegative=["x0"])
    assert fit.coefficients == (0.0,)
    assert fit.at_zero == ("x0",)


def test_time_dummies_give_the_index_at_constant_quality():
    true = {2021: 1.0, 2022: 0.9, 2023: 0.7}
    periods = [year for year in true for _ in range(3)]
    # later years sell better machines, so that the mean price rises while the price of quality falls
    quality = [0.1, 0.5, 0.9, 1.2, 1.9, 2.0, 2.5, 3.1, 3.0]
    prices = [5 * true[year] * math.exp(0.8 * q) for year, q in zip(periods, quality, strict=True)]
    index = price_index(periods, [[q] for q in quality], prices, names=["q"])
    assert index.periods == (2021, 2022, 2023)
    assert index.levels == pytest.approx((1.0, 0.9, 0.7), rel=1e-12)
    assert index.level(2023) == pytest.approx(0.7)
    assert index.fit.names == ("constant", "period 2022", "period 2023", "q")
    assert index.log_errors == pytest.approx((0, 0, 0), abs=1e-12)
    with pytest.raises(PricingError, match=r"period: found 2020, expected one of \[2021, 2022, 2023\]"):
        index.level(2020)


def test_rolling_fit_forgets_and_shrinks():
    rows = [[1.0, q] for q in (0.0, 1.0, 2.0)] * 3
    periods = [1] * 3 + [2] * 3 + [3] * 3
    slopes = {1: 0.5, 2: 0.5, 3: 0.9}
    prices = [math.exp(slopes[t] * row[1]) for t, row in zip(periods, rows, strict=True)]
    history = rolling_fits(periods, rows, prices, window=1, weight=0.25)
    assert [each.coefficients[1] for each in history] == pytest.approx([0.5, 0.5, 0.6])  # .75·.5 + .25·.9
    assert history[-1].fit.coefficients[1] == pytest.approx(0.9)


def test_a_window_that_says_too_little_leaves_the_coefficients():
    history = rolling_fits(
        [1, 2, 2, 3, 9],
        [[1, 1], [1, 0], [1, 2], [1, 1], [1, 1]],
        [2.0, 1.0, 4.0, 2.0, 7.0],
        window=2,
        weight=0.5,
    )
    assert [each.period for each in history] == [2, 3, 9]  # one price in period 1 does not determine two
    assert history[2].fit is None
    assert history[2].coefficients == history[1].coefficients


@given(
    st.lists(st.tuples(st.floats(-5, 5), st.floats(-5, 5)), min_size=1, max_size=5),
    st.floats(0, 1),
)
def test_shrinking_stays_between_old_and_new(pairs, weight):
    before, now = zip(*pairs, strict=True)
    for low, high, beta in zip(before, now, shrink(before, now, weight=weight), strict=True):
        assert min(low, high) - 1e-12 <= beta <= max(low, high) + 1e-12


def test_released_accelerators_show_memory_rewarded_and_quality_adjusted_prices_falling():
    if not HARDWARE.exists():
        pytest.skip("the shared folder with epoch_ml_hardware.csv is not on this machine")
    figures = (
        ("FP32 (single precision) performance (FLOP/s)", 1e12),
        ("Memory size per board (Byte)", 1e9),
        ("Memory bandwidth (byte/s)", 1e12),
    )
    with HARDWARE.open(encoding="utf-8", newline="") as file:
        known = [
            row
            for row in csv.DictReader(file)
            if row["Release price (USD)"] and all(row[name] for name, _ in figures)
        ]
    years = [2008 + 3 * ((int(row["Release date"][:4]) - 2008) // 3) for row in known]
    rows = [[math.log(float(row[name]) / unit) for name, unit in figures] for row in known]
    prices = [float(row["Release price (USD)"]) for row in known]
    names = ["ln TFLOPS", "ln memory", "ln bandwidth"]

    index = price_index(years, rows, prices, names=names, nonnegative=names)

    assert index.fit.observations == 49
    assert index.fit.at_zero == (
        "ln TFLOPS",
    )  # memory and bandwidth already say it: the free coefficient is −0.33
    assert index.fit.coefficients[-2] == pytest.approx(1.3419, abs=1e-3)
    assert index.fit.r_squared == pytest.approx(0.755, abs=1e-3)
    assert index.levels == pytest.approx((1, 0.459, 0.162, 0.141, 0.053, 0.024), abs=1e-3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rows": [], "prices": []}, "rows: found 0 for 0 prices"),
        ({"rows": [[1], [1, 2]]}, "all of one length"),
        ({"prices": [1.0, 0.0]}, r"prices\[1\]: found 0"),
        ({"prices": [1.0, math.nan]}, r"prices\[1\]: found nan"),
        ({"rows": [[1, math.inf], [1, 2]]}, r"rows\[0\]\[1\]: found inf"),
        ({"rows": [[1, 1], [1, 1]]}, "rank 1, expected 2"),
        ({"names": ["a"]}, "expected 2 different ones"),
        ({"names": ["a", "a"]}, "expected 2 different ones"),
        ({"nonnegative": ["z"]}, r"nonnegative: found \['z'\]"),
    ],
)
def test_impossible_observations_are_refused(changes, message):
    with pytest.raises(PricingError, match=message):
        fit_hedonic(**({"rows": [[1, 0], [1, 1]], "prices": [1.0, 2.0]} | changes))


def test_impossible_series_are_refused():
    with pytest.raises(PricingError, match="periods: found 1 for 2 rows"):
        price_index([1], [[0.0], [1.0]], [1.0, 2.0])
    with pytest.raises(PricingError, match="periods: found 1 for 2 rows"):
        rolling_fits([1], [[0.0], [1.0]], [1.0, 2.0], window=1, weight=0.5)
    with pytest.raises(PricingError, match="window: found 0"):
        rolling_fits([1], [[1.0]], [1.0], window=0, weight=0.5)
    with pytest.raises(PricingError, match="weight: found 2"):
        rolling_fits([1], [[1.0]], [1.0], window=1, weight=2)
    with pytest.raises(PricingError, match="estimate: found 1 values, expected 2"):
        shrink([1, 2], [1], weight=0.5)
