"""Bids for packages: winners by integer program, Clarke payments, and payments in the core."""

from itertools import chain, combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from pricing.auctions import PackageBid, combinatorial_core, combinatorial_vcg
from pricing.auctions.packages import Packages, determine_winners
from pricing.errors import EmptySide, PricingError

bids = st.lists(
    st.builds(
        PackageBid,
        bidder=st.sampled_from("pqrs"),
        items=st.sets(st.sampled_from(["compute", "network", "energy"]), min_size=1).map(
            lambda each: tuple(sorted(each))
        ),
        value=st.integers(0, 12),
    ),
    min_size=1,
    max_size=6,
)
languages = st.sampled_from(["xor", "or"])


def subsets(things):
    return chain.from_iterable(combinations(things, size) for size in range(len(things) + 1))


def greatest(bids, language, bidders):
    """Try every set of bids."""
    best = 0
    for chosen in subsets([bid for bid in bids if bid.bidder in bidders]):
        items = [item for bid in chosen for item in bid.items]
        names = [bid.bidder for bid in chosen]
        if len(set(items)) == len(items) and (language == "or" or len(set(names)) == len(names)):
            best = max(best, sum(bid.value for bid in chosen))
    return best


def local_and_global(*locals_and_global):
    *own, together = locals_and_global
    items = "ABC"[: len(own)]
    return [PackageBid(item, (item,), value) for item, value in zip(items, own, strict=True)] + [
        PackageBid("all", tuple(items), together)
    ]


def test_locals_win_and_pay_clarke_or_core():
    outcome, core = (solve(local_and_global(5, 2, 6)) for solve in (combinatorial_vcg, combinatorial_core))
    assert (outcome.winning, outcome.welfare, dict(outcome.payments)) == (
        (0, 1),
        7,
        {"A": 4, "B": 1, "all": 0},
    )
    assert core.payments == pytest.approx({"A": 4.5, "B": 1.5, "all": 0}, abs=1e-7)


def test_the_bundle_wins_where_it_is_worth_more():
    outcome = combinatorial_vcg(local_and_global(4, 5, 10))
    assert (outcome.winning, dict(outcome.payments)) == ((2,), {"A": 0, "B": 0, "all": 9})
    assert combinatorial_core(local_and_global(4, 5, 10)).payments == pytest.approx(
        {"A": 0, "B": 0, "all": 9}
    )


def test_clarke_may_leave_the_seller_nothing_where_the_core_does_not():
    assert combinatorial_vcg(local_and_global(2, 2, 2)).revenue == 0
    assert combinatorial_core(local_and_global(2, 2, 2)).payments == pytest.approx(
        {"A": 1, "B": 1, "all": 0}, abs=1e-7
    )


def test_bids_of_one_bidder_exclude_each_other_or_not():
    both = [PackageBid("lab", ("A",), 3), PackageBid("lab", ("B",), 2)]
    assert combinatorial_vcg(both).winning == (0,)
    assert combinatorial_vcg(both, language="or").winning == (0, 1)


def test_values_of_any_size_are_told_apart():
    for scale in (1e-6, 1e9):
        close = [PackageBid("a", ("A",), 1.0000001 * scale), PackageBid("b", ("A",), scale)]
        outcome = combinatorial_vcg(close)
        assert outcome.winning == (0,)
        assert outcome.payments["a"] == scale


def test_bids_without_value_never_win():
    outcome = combinatorial_core([PackageBid("a", ("A",), 0)])
    assert (outcome.winning, outcome.welfare, dict(outcome.payments)) == ((), 0, {"a": 0})


@given(bids=bids, language=languages)
@settings(max_examples=20, deadline=None)
def test_winners_and_clarke_payments_are_those_of_trying_everything(bids, language):
    outcome = combinatorial_vcg(bids, language=language)
    everybody = {bid.bidder for bid in bids}
    assert outcome.welfare == greatest(bids, language, everybody)
    for bidder in everybody:
        worth = sum(bids[at].value for at in outcome.winning if bids[at].bidder == bidder)
        without = greatest(bids, language, everybody - {bidder})
        assert outcome.payments[bidder] == without - (outcome.welfare - worth)


@given(bids=bids, language=languages)
@settings(max_examples=20, deadline=None)
def test_core_payments_cannot_be_blocked_and_are_the_nearest_of_least_revenue(bids, language):
    core, clarke = (solve(bids, language=language) for solve in (combinatorial_core, combinatorial_vcg))
    everybody = sorted({bid.bidder for bid in bids})
    worth = {
        name: sum(bids[at].value for at in core.winning if bids[at].bidder == name) for name in everybody
    }
    winners = [name for name in everybody if worth[name]]

    def blocks(payments):
        """How much better a group could make it for the seller and itself, at most."""
        return max(
            greatest(bids, language, group)
            - sum(worth[name] - payments[name] for name in group)
            - sum(payments.values())
            for group in subsets(everybody)
        )

    assert blocks(core.payments) <= 1e-6
    assert all(
        clarke.payments[name] - 1e-9 <= core.payments[name] <= worth[name] + 1e-9 for name in everybody
    )
    if not winners:
        return
    groups = list(subsets(everybody))
    rows = [[-float(name not in group) for name in winners] for group in groups]
    limits = [sum(worth[name] for name in group) - greatest(bids, language, group) for group in groups]
    bounds = [(0, worth[name]) for name in winners]
    least = linprog([1] * len(winners), A_ub=rows, b_ub=limits, bounds=bounds).fun
    assert core.revenue == pytest.approx(least, abs=1e-6)
    # the nearest point of a convex set: from it, no way into the set leads nearer to the aim
    found = np.array([core.payments[name] for name in winners])
    away = found - [clarke.payments[name] for name in winners]
    rows.append([1.0] * len(winners))
    reached = linprog(away, A_ub=rows, b_ub=[*limits, core.revenue + 1e-9], bounds=bounds).fun
    assert reached >= away @ found - 1e-6


def test_malformed_bids_are_refused_by_name():
    with pytest.raises(EmptySide, match="bids: found none"):
        combinatorial_vcg([])
    with pytest.raises(PricingError, match=r"bids\[0\].value: found nan"):
        combinatorial_vcg([PackageBid("a", ("A",), float("nan"))])
    with pytest.raises(PricingError, match=r"bids\[0\].items: found \('A', 'A'\), expected items, each once"):
        combinatorial_vcg([PackageBid("a", ("A", "A"), 1)])
    with pytest.raises(PricingError, match="language: found 'and', expected xor or or"):
        combinatorial_core([PackageBid("a", ("A",), 1)], language="and")


def test_a_few_hundred_bids_are_awarded():
    chance = np.random.default_rng(2)
    many = [
        PackageBid(
            str(at),
            tuple(f"slot {item}" for item in range(start, start + length)),
            float(length + chance.random()),
        )
        for at, (start, length) in enumerate(
            zip(chance.integers(0, 90, 150), chance.integers(1, 8, 150), strict=True)
        )
    ]
    award = determine_winners(Packages(tuple(many)))
    sold = [item for at in award.winning for item in many[at].items]
    assert len(set(sold)) == len(sold)
    assert award.welfare == pytest.approx(sum(many[at].value for at in award.winning))
