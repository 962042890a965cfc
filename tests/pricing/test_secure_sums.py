"""Masked sums are exact, in any order, and a masked part looks uniform."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.coalition.masking import (
    COUNTS_PER_UNIT,
    EXCHANGE_MAX,
    NO_MASKS,
    from_counts,
    pairwise_masks,
    squares_of_words,
    sum_of,
    to_counts,
    words_of_squares,
)
from pricing.errors import PricingError

SECRET = bytes(range(32))
counts = st.integers(-(2**50), 2**50)


@given(st.lists(st.tuples(counts, counts), min_size=1, max_size=8), st.integers(0, 2**63), st.randoms())
def test_masks_cancel_exactly_in_any_order(parts, round_, chance):
    names = [f"member {place}" for place in range(len(parts))]
    hidden = [
        masks.hide(np.array(part, np.int64), round=round_)
        for masks, part in zip(pairwise_masks(names, secret=SECRET), parts, strict=True)
    ]
    chance.shuffle(hidden)
    assert sum_of(hidden).tolist() == [sum(column) for column in zip(*parts, strict=True)]


def test_a_masked_part_looks_uniform():
    north = pairwise_masks(["north", "south"], secret=SECRET)[0]
    words = north.hide(np.zeros(16_000, np.int64), round=1)
    for shift in (0, 28, 60):
        digits = np.bincount(((words >> np.uint64(shift)) & np.uint64(15)).astype(int), minlength=16)
        assert np.sum((digits - 1000) ** 2) / 1000 < 45  # chi-square of 15 degrees, 99.99 % are below


def test_every_round_has_masks_of_its_own():
    north = pairwise_masks(["north", "south"], secret=SECRET)[0]
    first, second = (north.hide(np.zeros(64, np.int64), round=round_) for round_ in (1, 2))
    assert not np.any(first == second)


def test_every_pair_has_a_key_of_its_own():
    masks = pairwise_masks(["a", "b", "ab", ""], secret=SECRET)
    assert len({key for each in masks for key in (*each.adds, *each.subtracts)}) == 6


def test_members_that_miss_one_see_only_its_mask():
    masks = pairwise_masks(["a", "b", "c"], secret=SECRET)
    hidden = [each.hide(np.array([1], np.int64), round=1) for each in masks]
    assert abs(int(sum_of(hidden[:2])[0])) > 2**40


def test_without_masks_words_are_the_counts():
    assert NO_MASKS.hide(np.array([-1, 2], np.int64), round=1).tolist() == [2**64 - 1, 2]


@given(st.floats(-EXCHANGE_MAX, EXCHANGE_MAX))
def test_counts_are_the_nearest(value):
    assert abs(float(from_counts(to_counts("e", np.array([value])))[0]) - value) <= 0.5 / COUNTS_PER_UNIT


@pytest.mark.parametrize("value", [2.0**20 + 1, np.inf, np.nan])
def test_what_does_not_fit_is_refused(value):
    with pytest.raises(PricingError, match=r"north: found .* unit·hours in a slot, expected at most"):
        to_counts("north", np.array([0.0, value]))


@given(st.lists(st.floats(0, 2**45), min_size=1, max_size=5))
def test_squares_keep_what_a_float_keeps(squares):
    given_ = np.array(squares)
    assert squares_of_words(words_of_squares(given_)) == pytest.approx(given_, abs=1e-18, rel=1e-15)


def test_a_short_secret_is_refused():
    with pytest.raises(PricingError, match="secret: found 3 bytes, expected at least 16"):
        pairwise_masks(["a"], secret=b"abc")
