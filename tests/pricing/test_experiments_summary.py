"""Intervals against scipy's own tests, their coverage, and Holm's correction against its definition."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pricing.errors import EmptySide, PricingError
from pricing.experiments import bootstrap_interval, holm, mean_interval, paired_difference

samples = st.lists(st.integers(-1000, 1000), min_size=2, max_size=30)
chances = st.lists(st.floats(0, 1), min_size=1, max_size=12)


@given(samples, st.floats(0.5, 0.99))
def test_interval_of_a_mean_is_students(sample, confidence):
    found = mean_interval(sample, confidence=confidence)
    assert found.mean == pytest.approx(np.mean(sample))
    assert found.sd == pytest.approx(np.std(sample, ddof=1))
    assert found.n == len(sample)
    if found.sd > 0:
        expected = stats.ttest_1samp(sample, 0).confidence_interval(confidence)
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


@given(samples)
def test_difference_of_pairs_is_students_test(sample):
    other = [value // 2 for value in sample]
    found = paired_difference(sample, other)
    if found.estimate.sd > 0:
        expected = stats.ttest_rel(sample, other)
        assert found.p_value == pytest.approx(expected.pvalue)
        assert found.estimate.low == pytest.approx(expected.confidence_interval().low)


def test_pairs_that_always_differ_alike_leave_no_doubt():
    assert paired_difference([2, 3, 4], [1, 2, 3]).p_value == 0
    assert paired_difference([2, 3, 4], [2, 3, 4]).p_value == 1


def test_bootstrap_depends_on_its_seed_alone_and_leans_where_the_sample_does():
    sample = [1.0, 1.0, 2.0, 2.0, 3.0, 4.0, 8.0, 30.0]
    found = bootstrap_interval(sample, seed=4, resamples=2000)
    assert found == bootstrap_interval(sample, seed=4, resamples=2000)
    assert found.high - found.mean > found.mean - found.low


def test_bootstrap_covers_the_mean_about_as_often_as_it_says():
    generator = np.random.default_rng(5)
    inside = 0
    for seed in range(150):
        found = bootstrap_interval(generator.exponential(size=40), seed=seed, confidence=0.9, resamples=300)
        inside += found.low <= 1.0 <= found.high
    assert 0.78 < inside / 150 < 0.97


def test_bootstrap_of_equal_values_is_that_value():
    found = bootstrap_interval([3.0, 3.0, 3.0], seed=0)
    assert (found.mean, found.sd, found.low, found.high) == (3.0, 0.0, 3.0, 3.0)


@given(chances, st.floats(0.001, 0.5))
def test_holm_rejects_what_stepping_down_rejects(p_values, level):
    rejected = set()
    for step, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        if p_values[place] * (len(p_values) - step) > level:
            break
        rejected.add(place)
    assert {place for place, p in enumerate(holm(p_values)) if p <= level} == rejected


def test_holm_on_a_worked_example():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))
    assert holm([]) == ()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: mean_interval([1.0]), EmptySide, "sample: found 1 values"),
        (lambda: mean_interval([1.0, math.nan]), PricingError, r"sample\[1\]"),
        (lambda: mean_interval([1.0, 2.0], confidence=1), PricingError, "confidence"),
        (lambda: mean_interval([1.0, 2.0], confidence=0), PricingError, "confidence"),
        (lambda: bootstrap_interval([1.0, 2.0], seed=-1), PricingError, "seed"),
        (lambda: bootstrap_interval([1.0, 2.0], seed=1, resamples=0), PricingError, "resamples"),
        (lambda: paired_difference([1.0, 2.0], [1.0]), PricingError, "b: found 1 values, expected 2"),
        (lambda: holm([0.5, 1.5]), PricingError, r"p_values\[1\]"),
    ],
)
def test_what_says_nothing_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
