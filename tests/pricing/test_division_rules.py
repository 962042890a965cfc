"""Too little to go round: the Talmud rule and its rivals; and how even a division is."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing.cooperative import equal_awards, equal_losses, gini, jain_index, proportional, talmud
from pricing.errors import EmptySide, PricingError

RULES = (talmud, proportional, equal_awards, equal_losses)
CLAIMS = st.lists(st.integers(0, 1000), min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("estate", "awards"),
    [
        (100, [100 / 3] * 3),
        (200, [50, 75, 75]),
        (300, [50, 100, 150]),
        (400, [50, 125, 225]),
        (500, [200 / 3, 500 / 3, 800 / 3]),
        (600, [100, 200, 300]),
        (0, [0, 0, 0]),
    ],
)
def test_three_wives(estate, awards):
    assert talmud(estate, [100, 200, 300]) == pytest.approx(awards, abs=1e-12)


@given(CLAIMS, st.floats(0, 1))
@settings(max_examples=30, deadline=None)
def test_all_is_divided_and_nobody_gets_more_than_claimed(claims, part):
    estate = part * sum(claims)
    for rule in RULES:
        awards = rule(estate, claims)
        assert sum(awards) == pytest.approx(estate, abs=1e-9)
        assert all(-1e-9 <= award <= claim + 1e-9 for award, claim in zip(awards, claims, strict=True))


@given(CLAIMS, st.floats(0, 1))
@settings(max_examples=30, deadline=None)
def test_any_two_divide_what_they_get_as_a_contested_garment(claims, part):
    awards = talmud(part * sum(claims), claims)
    for one in range(len(claims)):
        for other in range(one):
            both = awards[one] + awards[other]
            mine, yours = (max(0.0, both - claims[place]) for place in (other, one))
            assert awards[one] == pytest.approx(mine + (both - mine - yours) / 2, abs=1e-9)


@given(CLAIMS, st.floats(0, 1))
@settings(max_examples=20, deadline=None)
def test_dividing_losses_by_the_dual_rule_gives_the_same(claims, part):
    estate = part * sum(claims)
    for rule, dual in ((talmud, talmud), (proportional, proportional), (equal_awards, equal_losses)):
        losses = dual(sum(claims) - estate, claims)
        awards = [claim - loss for claim, loss in zip(claims, losses, strict=True)]
        assert rule(estate, claims) == pytest.approx(awards, abs=1e-9)


@pytest.mark.parametrize("rule", RULES)
def test_a_division_needs_claims_that_cover_the_estate(rule):
    assert rule(0, [0, 0]) == (0, 0)
    with pytest.raises(EmptySide, match="claims: found none"):
        rule(0, [])
    with pytest.raises(PricingError, match="estate: found 7, expected at most all claims, 6"):
        rule(7, [1, 2, 3])
    with pytest.raises(PricingError, match="estate: found -1"):
        rule(-1, [1])
    with pytest.raises(PricingError, match=r"claims\[1\]: found nan"):
        rule(1, [1, math.nan])
    with pytest.raises(PricingError, match=r"claims\[0\]: found 1e\+308"):
        rule(1, [1e308, 1e308])


@pytest.mark.parametrize(
    ("shares", "jain", "unevenness"),
    [
        ([1, 0, 0, 0], 0.25, 0.75),
        ([1, 2, 3, 4], 5 / 6, 0.25),
        ([3, 3, 3], 1.0, 0.0),
        ([1e200, 0], 0.5, 0.5),
        ([5e-324, 5e-324], 1.0, 0.0),
    ],
)
def test_evenness(shares, jain, unevenness):
    assert jain_index(shares) == pytest.approx(jain, abs=1e-12)
    assert gini(shares) == pytest.approx(unevenness, abs=1e-12)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=20).filter(any))
@settings(max_examples=30, deadline=None)
def test_gini_is_the_mean_difference_over_twice_the_mean(shares):
    n, total = len(shares), math.fsum(shares)
    differences = math.fsum(abs(one - other) for one in shares for other in shares)
    assert gini(shares) == pytest.approx(differences / (2 * n * total), abs=1e-9)
    assert 1 / n - 1e-9 <= jain_index(shares) <= 1 + 1e-9


@pytest.mark.parametrize("index", [jain_index, gini])
def test_evenness_is_of_something(index):
    with pytest.raises(EmptySide, match="shares: found none"):
        index([])
    with pytest.raises(PricingError, match="shares: found only zeros"):
        index([0, 0])
    with pytest.raises(PricingError, match=r"shares\[0\]: found -1"):
        index([-1, 2])
