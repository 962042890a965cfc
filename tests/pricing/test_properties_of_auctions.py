"""What auctions promise holds on random orders, and a mechanism with a flaw is caught with what shows it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.orders import Side
from pricing.auctions import MECHANISMS, Order, clear, k_double, mcafee, unit_book, vcg
from pricing.errors import EmptySide, PricingError
from pricing.properties import CLAIMS, Answer, Fills, Lie, Property, check_properties
from pricing.properties.auction_trial import auction_named, gains_of
from pricing.properties.efficiency import greatest_welfare
from tests.pricing.random_instances import step_market, unit_market

BOOK = unit_book([9, 8, 7, 4], [2, 3, 4, 6])
CHEAP = [each for each in Property if each is not Property.INCENTIVES]
seeds = st.integers(0, 2**32 - 1)


def test_every_auction_has_a_row_and_every_row_every_property():
    assert set(MECHANISMS) < set(CLAIMS)
    assert all(set(row) == set(Property) for row in CLAIMS.values())


@settings(max_examples=3, deadline=None)
@given(seed=seeds)
@pytest.mark.parametrize("name", MECHANISMS)
def test_claims_hold_for_single_units(name, seed):
    assert check_properties(name, unit_market(np.random.default_rng(seed)), properties=CHEAP).violations == ()


@settings(max_examples=3, deadline=None)
@given(seed=seeds)
@pytest.mark.parametrize("name", MECHANISMS)
def test_claims_hold_for_several_units(name, seed):
    assert check_properties(name, step_market(np.random.default_rng(seed)), properties=CHEAP).violations == ()


@settings(max_examples=2, deadline=None)
@given(seed=seeds)
@pytest.mark.parametrize("name", ["mcafee", "trade-reduction", "sbb-trade-reduction", "vcg", "muda"])
def test_no_lie_pays_where_truth_is_claimed(name, seed):
    book = unit_market(np.random.default_rng(seed), most=3)
    report = check_properties(name, book, properties=[Property.INCENTIVES], reports=25)
    assert report[Property.INCENTIVES].claimed is Answer.YES
    assert report[Property.INCENTIVES].holds


@settings(max_examples=2, deadline=None)
@given(seed=seeds)
def test_vcg_and_muda_are_truthful_for_several_units(seed):
    book = step_market(np.random.default_rng(seed), most=2)
    for name in ("vcg", "muda"):
        assert check_properties(name, book, properties=[Property.INCENTIVES], reports=10)[
            Property.INCENTIVES
        ].holds


def test_the_most_profitable_lie_in_the_k_double_auction_is_to_bid_like_the_one_left_out():
    found = check_properties("k-double", BOOK, reports=10)[Property.INCENTIVES]
    assert (found.claimed, found.holds, found.violated) == (Answer.NO, False, False)
    assert found.witness == Lie(1.0, "buyer 0", "4.000000 on order 0")


def test_mcafee_is_not_truthful_for_several_units_and_a_split_order_shows_it():
    orders = [
        Order("lab", Side.BUY, 9.0, 2),
        Order("shop", Side.BUY, 6.0),
        Order("sun", Side.SELL, 2.0, 2),
        Order("wind", Side.SELL, 4.0),
    ]
    found = check_properties("mcafee", orders)[Property.INCENTIVES]
    assert found.claimed is Answer.NO
    assert found.terms == "yes only where each participant has one order of one unit"
    assert found.witness == Lie(pytest.approx(1.5, abs=1e-6), "sun", "9.000001 on 1 units of order 2")


def test_a_lottery_counts_on_average():
    filled = auction_named("sbb-trade-reduction", {})(unit_book([9, 8], [4, 3])).filled
    outcomes = [
        clear("sbb-trade-reduction", unit_book([9, 8], [4, 3]), seed=seed).filled for seed in range(400)
    ]
    assert filled == (1.0, 0.0, 0.5, 0.5)
    assert np.mean(outcomes, axis=0) == pytest.approx(filled, abs=0.1)


def test_halves_that_are_given_are_not_drawn():
    report = check_properties("muda", BOOK, properties=CHEAP, left=[0, 1, 4, 5])
    assert report[Property.EFFICIENCY].explanation.startswith(
        f"welfare {clear('muda', BOOK, left=[0, 1, 4, 5]).welfare:g} of 15 dollars"
    )


@settings(max_examples=15, deadline=None)
@given(seed=seeds)
def test_greatest_welfare_is_that_of_the_crossing(seed):
    book = step_market(np.random.default_rng(seed))
    assert greatest_welfare(book)[0] == pytest.approx(k_double(book).efficient_welfare, abs=1e-9)


def test_units_are_valued_best_first_whatever_order_they_came_by():
    book = unit_book([9, 5], [1])
    twice = type(book)(book.prices, book.lots, book.buys, np.array([0, 0, 1]), ("lab", "sun"))
    assert gains_of(twice, Fills((0, 1, 1), (0.0, 3.0, -3.0))).tolist() == [6.0, 2.0]


class TestPlantedFlaws:
    def test_a_cent_that_nobody_paid(self):
        def leaky(book):
            outcome = k_double(book)
            return Fills(outcome.filled, (*outcome.paid[:-1], outcome.paid[-1] - 1e-6))

        found = check_properties(leaky, BOOK, reports=10, claims={Property.BUDGET_BALANCE: Answer.WEAK})
        (broken,) = found.violations
        assert (broken.property, broken.worst) == (Property.BUDGET_BALANCE, pytest.approx(1e-6))

    def test_the_wrong_side_pays(self):
        def upside_down(book):
            outcome = k_double(book)
            return Fills(outcome.filled, [-paid for paid in outcome.paid])

        found = check_properties(
            upside_down, BOOK, reports=10, claims={Property.INDIVIDUAL_RATIONALITY: Answer.YES}
        )
        assert found.violations[0].witness == "seller 2"
        assert found.violations[0].worst == 9.0

    def test_the_first_to_come_pays_less(self):
        def partial_to_the_first(book):
            outcome = k_double(book)
            return Fills(outcome.filled, (outcome.paid[0] - 0.5, *outcome.paid[1:]))

        assert check_properties(partial_to_the_first, BOOK, reports=10)[Property.SYMMETRY].worst == 0.5

    def test_a_friend_pays_less(self):
        def friendly(book):
            outcome = k_double(book)
            friend = [book.participants[owner] == "buyer 2" for owner in book.owners]
            return Fills(outcome.filled, np.where(friend, 0.0, outcome.paid).tolist())

        found = check_properties(friendly, BOOK, reports=10)[Property.SYMMETRY]
        assert found.holds is False
        assert found.witness is not None

    def test_first_price_sold_as_vcg(self):
        def first_price(book):
            filled = vcg(book).filled
            return Fills(filled, (book.signs * book.prices * filled).tolist())

        found = check_properties(
            first_price, BOOK, reports=10, claims=dict.fromkeys([Property.INCENTIVES], Answer.YES)
        )
        (broken,) = found.violations
        assert broken.witness == Lie(5.0, "buyer 0", "4.000000 on order 0")

    def test_a_trade_too_few(self):
        def lazy(book):
            return clear("trade-reduction", book)

        found = check_properties(lazy, BOOK, reports=10, claims={Property.EFFICIENCY: Answer.YES})
        assert found.violations[0].explanation == "welfare 12 of 15 dollars, expected at least 100 %"

    def test_a_price_floor_depends_on_the_unit_of_money(self):
        def floored(book):
            return k_double(book) if book.prices.max() < 10 else Fills([0] * len(book), [0.0] * len(book))

        found = check_properties(floored, BOOK, reports=10, claims={Property.SCALE_INVARIANCE: Answer.YES})
        assert [each.property for each in found.violations] == [Property.SCALE_INVARIANCE]


class TestRefusals:
    def test_fills_beyond_an_order(self):
        with pytest.raises(PricingError, match=r"filled\[0\]: found 2, expected 0 to the 1 of its order"):
            check_properties(lambda book: Fills([2] + [0] * 7, [0.0] * 8), BOOK)

    def test_more_bought_than_sold(self):
        with pytest.raises(PricingError, match="found 1 bought and 0 sold, expected as much"):
            check_properties(lambda book: Fills([1] + [0] * 7, [0.0] * 8), BOOK)

    def test_a_payment_that_is_no_number(self):
        with pytest.raises(PricingError, match=r"paid\[0\]: found nan"):
            check_properties(lambda book: Fills([0] * 8, [float("nan")] * 8), BOOK)

    @pytest.mark.parametrize(
        ("mechanism", "instance", "options", "message"),
        [
            ("auction", BOOK, {}, "mechanism: found 'auction', expected one of uniform"),
            (3, BOOK, {}, "mechanism: found 3, expected a name or a callable"),
            (mcafee, BOOK, {"k": 0.5}, "k: found a parameter of a callable"),
            ("mcafee", BOOK, {"k": 0.5}, "k: found a parameter of mcafee, expected none"),
            (
                "sbb-trade-reduction",
                BOOK,
                {"k": 0.5},
                "k: found a parameter of sbb-trade-reduction, expected first",
            ),
            ("mcafee", BOOK, {"smaller": [3]}, r"smaller: found \[3\], expected none"),
            ("mcafee", BOOK, {"reports": 0}, "reports: found 0"),
            ("mcafee", BOOK, {"tolerance": -1}, "tolerance: found -1"),
            ("mcafee", [3], {}, r"instance: found \[3\], expected all orders or all agents"),
            ("nash", {"total": 3}, {}, "instance: found dict, expected orders"),
            ("nash", BOOK, {}, "mechanism: found 'nash', expected one of uniform"),
        ],
    )
    def test_what_cannot_be_checked_is_named(self, mechanism, instance, options, message):
        with pytest.raises(PricingError, match=message):
            check_properties(mechanism, instance, **options)

    def test_nothing_given_back(self):
        with pytest.raises(PricingError, match="filled: found 0 values, expected 8"):
            check_properties(lambda book: None, BOOK)

    def test_nobody(self):
        with pytest.raises(EmptySide, match="instance: found nobody"):
            check_properties("mcafee", [])


def test_a_report_reads_as_a_table():
    report = check_properties("mcafee", BOOK, properties=[Property.BUDGET_BALANCE, Property.INDEPENDENCE])
    assert str(report).splitlines() == [
        "mcafee: 0 violated",
        "property                 claimed  holds  worst  what was found",
        "budget balance           weak     yes    0      0 dollars are left over",
        "irrelevant alternatives  -        -             not tried: no such question here",
    ]
    with pytest.raises(KeyError):
        report[Property.PARETO]
