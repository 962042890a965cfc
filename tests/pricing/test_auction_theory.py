"""What theory says of single sales, places, and one buyer with one seller, checked by integrating and by searching."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import dblquad, quad

from pricing.auctions import (
    LinearEquilibrium,
    UniformBidders,
    first_price,
    generalized_second_price,
    myerson_satterthwaite,
    second_price,
    vickrey_positions,
)
from pricing.auctions.bilateral import FIRST_BEST
from pricing.errors import EmptySide, PricingError

shares = st.floats(0, 1)


class TestLinearEquilibrium:
    @pytest.mark.parametrize(
        ("k", "gains", "probability"), [(0, 0.125, 0.25), (0.5, 9 / 64, 9 / 32), (1, 0.125, 0.25)]
    )
    def test_published_gains(self, k, gains, probability):
        equilibrium = LinearEquilibrium(k)
        assert equilibrium.expected_gains == pytest.approx(gains)
        assert equilibrium.trade_probability == pytest.approx(probability)
        assert equilibrium.efficiency == pytest.approx(gains / FIRST_BEST)

    @pytest.mark.parametrize("k", [0, 0.3, 0.5, 0.8, 1])
    def test_gains_and_probability_are_their_integrals(self, k):
        equilibrium = LinearEquilibrium(k)

        def lowest_cost_that_waits(value):
            return min(1.0, max(0.0, (equilibrium.bid(value) - equilibrium.ask(0)) * (2 - k)))

        probability, _ = quad(lowest_cost_that_waits, 0, 1, points=[(1 - k) / 2])
        gains, _ = dblquad(lambda c, v: v - c, (1 - k) / 2, 1, 0, lowest_cost_that_waits)
        assert (equilibrium.trade_probability, equilibrium.expected_gains) == pytest.approx(
            (probability, gains)
        )

    @pytest.mark.parametrize("k", [0.2, 0.5, 0.9])
    def test_no_other_bid_or_offer_is_better(self, k):
        equilibrium = LinearEquilibrium(k)
        costs = (np.arange(4000) + 0.5) / 4000
        asks = costs / (2 - k) + (1 - k) / 2
        values = costs
        bids = values / (1 + k) + k * (1 - k) / (2 * (1 + k))
        offers = np.linspace(0, 1, 401)
        for value in (0.6, 0.8, 1.0):
            gains = [np.mean((value - k * bid - (1 - k) * asks) * (bid >= asks)) for bid in offers]
            own = equilibrium.bid(value)
            assert np.mean((value - k * own - (1 - k) * asks) * (own >= asks)) >= max(gains) - 1e-4
        for cost in (0.0, 0.2, 0.4):
            gains = [np.mean((k * bids + (1 - k) * ask - cost) * (bids >= ask)) for ask in offers]
            own = equilibrium.ask(cost)
            assert np.mean((k * bids + (1 - k) * own - cost) * (bids >= own)) >= max(gains) - 1e-4

    @given(k=shares)
    def test_nothing_beats_the_second_best(self, k):
        assert LinearEquilibrium(k).expected_gains <= 9 / 64 + 1e-12

    @pytest.mark.parametrize("bad", [-0.1, 1.1, float("nan")])
    def test_shares_and_values_lie_in_the_unit_interval(self, bad):
        for refused in (LinearEquilibrium, LinearEquilibrium().bid, LinearEquilibrium().ask):
            with pytest.raises(PricingError):
                refused(bad)


class TestBilateralBound:
    def test_on_the_unit_interval(self):
        bound = myerson_satterthwaite()
        assert bound.threshold == pytest.approx(0.25)
        assert bound.second_best_gains == pytest.approx(9 / 64)
        assert bound.first_best_gains == pytest.approx(1 / 6)
        assert bound.vcg_deficit == pytest.approx(1 / 6)

    @given(low=st.floats(-5, 5), width=st.floats(0.1, 10))
    @settings(max_examples=30)
    def test_it_scales_with_the_width(self, low, width):
        bound = myerson_satterthwaite((low, low + width), (low, low + width))
        assert bound.threshold == pytest.approx(width / 4, rel=1e-6)
        assert bound.second_best_gains == pytest.approx(width * 9 / 64, rel=1e-6)

    def test_where_all_values_exceed_all_costs_nothing_is_lost(self):
        bound = myerson_satterthwaite((2, 3), (0, 1))
        assert (bound.threshold, bound.second_best_gains) == (0, bound.first_best_gains)
        assert bound.first_best_gains == pytest.approx(2)

    @pytest.mark.parametrize(
        ("values", "costs"), [((0, 2), (0.5, 1)), ((0.2, 1), (0, 1.5)), ((0, 1), (0.9, 3))]
    )
    def test_the_least_threshold_balances_the_budget(self, values, costs):
        bound = myerson_satterthwaite(values, costs)
        grid = (np.arange(1500) + 0.5) / 1500
        v = values[0] + (values[1] - values[0]) * grid[:, None]
        c = costs[0] + (costs[1] - costs[0]) * grid
        trades = v - c >= bound.threshold
        assert np.mean((2 * v - values[1] - 2 * c + costs[0]) * trades) == pytest.approx(0, abs=2e-3)
        assert np.mean((v - c) * trades) == pytest.approx(bound.second_best_gains, abs=2e-3)
        assert np.mean(np.maximum(v - c, 0)) == pytest.approx(bound.first_best_gains, abs=2e-3)

    def test_intervals_are_checked(self):
        with pytest.raises(PricingError, match="values: found at most 1"):
            myerson_satterthwaite((0, 1), (2, 3))
        with pytest.raises(PricingError, match="highest of costs"):
            myerson_satterthwaite((0, 1), (1, 1))


class TestSingleSales:
    def test_the_second_price_is_paid_unless_the_reserve_is_more(self):
        assert second_price([3, 8, 5]).price == 5
        assert second_price([3, 8, 5], reserve=6).price == 6
        assert second_price([8]).price == 0
        assert first_price([3, 8, 5], reserve=6).price == 8
        assert (second_price([3], reserve=4).winner, first_price([3], reserve=4).price) == (None, None)

    @pytest.mark.parametrize(
        ("n", "revenue", "best"),
        [(1, 0, 1 / 4), (2, 1 / 3, 5 / 12), (3, 1 / 2, 17 / 32), (5, 2 / 3, 43 / 64)],
    )
    def test_revenue_on_the_unit_interval(self, n, revenue, best):
        bidders = UniformBidders(n)
        assert bidders.revenue() == pytest.approx(revenue)
        assert bidders.revenue(reserve=bidders.optimal_reserve) == pytest.approx(best)
        assert bidders.first_price_slope == (n - 1) / n

    @given(n=st.integers(1, 8), low=st.floats(0, 3), width=st.floats(0.1, 5), reserve=st.floats(0, 9))
    @settings(max_examples=30, deadline=None)
    def test_revenue_is_that_of_the_second_price_and_no_reserve_beats_the_best(self, n, low, width, reserve):
        bidders = UniformBidders(n, low, low + width)
        t = min(1, max(0, (reserve - low) / width))

        def density_of_second(x):
            return n * (n - 1) * x ** (n - 2) * (1 - x) if n > 1 else 0.0

        pays_reserve = n * t ** (n - 1) * (1 - t) * (low + t * width)
        pays_second, _ = quad(lambda x: (low + x * width) * density_of_second(x), t, 1)
        assert bidders.revenue(reserve=reserve) == pytest.approx(pays_reserve + pays_second, abs=1e-7)
        assert bidders.revenue(reserve=bidders.optimal_reserve) >= bidders.revenue(reserve=reserve) - 1e-9

    def test_the_first_price_earns_the_same(self):
        bidders = UniformBidders(3, 1, 4)
        expected_bid, _ = quad(lambda x: bidders.first_price_bid(1 + 3 * x) * 3 * x**2, 0, 1)
        assert expected_bid == pytest.approx(bidders.revenue())

    def test_bidders_are_checked(self):
        with pytest.raises(EmptySide, match="bids: found none"):
            second_price([])
        for wrong in ((0,), (2, 1, 1), (2, -1, 1), (1.5,)):
            with pytest.raises(PricingError):
                UniformBidders(*wrong)


class TestPositions:
    def test_published_payments(self):
        gsp, truthful = (
            rule([200, 100], [10, 4, 2]) for rule in (generalized_second_price, vickrey_positions)
        )
        assert (gsp.holders, gsp.payments, gsp.revenue) == ((0, 1), (800, 200), 1000)
        assert (truthful.holders, truthful.payments, truthful.revenue) == ((0, 1), (600, 200), 800)

    def test_without_a_bid_below_the_last_place_is_free(self):
        assert generalized_second_price([200, 100], [4, 10]).payments == (800, 0)
        assert vickrey_positions([200, 100, 50], [4, 10]).payments == (400, 0)

    @given(
        clicks=st.lists(st.integers(0, 50), min_size=1, max_size=5).map(
            lambda each: sorted(each, reverse=True)
        ),
        values=st.lists(st.integers(0, 20), min_size=1, max_size=6),
    )
    def test_vickrey_payments_are_what_the_others_lose(self, clicks, values):
        found = vickrey_positions(clicks, values)

        def welfare(bids):
            return sum(place * bid for place, bid in zip(clicks, sorted(bids, reverse=True), strict=False))

        for place, (holder, payment) in enumerate(zip(found.holders, found.payments, strict=True)):
            others = values[:holder] + values[holder + 1 :]
            assert payment == welfare(others) - (welfare(values) - clicks[place] * values[holder])
        assert generalized_second_price(clicks, values).revenue >= found.revenue

    def test_places_are_checked(self):
        with pytest.raises(PricingError, match="clicks: found"):
            vickrey_positions([1, 2], [3])
        with pytest.raises(EmptySide, match="places: found 0 and 1 bids"):
            generalized_second_price([], [3])
