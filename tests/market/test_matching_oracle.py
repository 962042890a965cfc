"""The compiled kernel does what the slow, obvious matcher does, message by message."""

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from market import matching
from market.book import REFUSALS, Fill, OrderBook, Placement
from market.matching import MESSAGE, PRICE_LIMIT
from market.orders import OrderType, Side, TimeInForce, TradePriceRule
from tests.market.oracle import SlowBook

near = st.integers(95, 105)
prices = st.one_of(near, near, near, st.integers(-300, 300), st.integers(1 - PRICE_LIMIT, PRICE_LIMIT - 1))
quantities = st.integers(1, 30)
order_ids = st.one_of(st.integers(0, 40), st.integers(-(1 << 63), (1 << 63) - 1))
kinds = st.sampled_from([OrderType.LIMIT, OrderType.LIMIT, OrderType.MARKET])
times = st.sampled_from([TimeInForce.GTC, TimeInForce.GTC, *TimeInForce])


class KernelAndOracle(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.book = OrderBook(capacity=1)
        self.slow = SlowBook()
        self.placed = self.traded = self.gone = 0

    def one_that_rests(self, data):
        return data.draw(st.sampled_from(sorted(order.order_id for order in self.slow.arrived)))

    def count(self, placement, quantity):
        self.placed += quantity
        self.traded += sum(fill.quantity_lots for fill in placement.fills)
        self.gone += placement.dropped_lots

    @rule(
        order_id=order_ids,
        side=st.sampled_from(Side),
        kind=kinds,
        tif=times,
        price=prices,
        quantity=quantities,
        post_only=st.booleans(),
    )
    def place(self, order_id, side, kind, tif, price, quantity, post_only):
        if self.slow.find(order_id):
            return
        found = self.book.place(order_id, side, kind, tif, price, quantity, post_only=post_only)
        assert found == self.slow.place(order_id, side, kind, tif, price, quantity, post_only=post_only)
        if found.refusal is None:
            self.count(found, quantity)

    @rule(order_id=order_ids, side=st.sampled_from(Side), price=prices, quantity=quantities)
    def rest(self, order_id, side, price, quantity):
        if self.slow.find(order_id):
            return
        self.book.rest(order_id, side, price, quantity)
        self.slow.rest(order_id, side, price, quantity)
        self.placed += quantity

    @rule(order_id=order_ids)
    def cancel(self, order_id):
        left = self.slow.cancel(order_id)
        assert self.book.cancel(order_id) == left
        self.gone += left or 0

    @precondition(lambda self: self.slow.arrived)
    @rule(data=st.data())
    def cancel_one_that_rests(self, data):
        self.cancel(self.one_that_rests(data))

    @precondition(lambda self: self.slow.arrived)
    @rule(data=st.data())
    def reduce(self, data):
        order_id = self.one_that_rests(data)
        before = self.slow.find(order_id).remaining
        left = data.draw(st.integers(1, before))
        self.book.reduce(order_id, left)
        self.slow.reduce(order_id, left)
        self.gone += before - left

    @precondition(lambda self: self.slow.arrived)
    @rule(data=st.data())
    def take(self, data):
        order_id = self.one_that_rests(data)
        quantity = data.draw(st.integers(1, self.slow.find(order_id).remaining))
        self.book.take(order_id, quantity)
        self.slow.take(order_id, quantity)
        self.gone += quantity

    @precondition(lambda self: self.slow.arrived)
    @rule(data=st.data(), kind=kinds, tif=times, price=prices, quantity=quantities, post_only=st.booleans())
    def replace(self, data, kind, tif, price, quantity, post_only):
        order_id = self.one_that_rests(data)
        old = self.slow.find(order_id)
        before = old.remaining
        price = data.draw(st.sampled_from([old.price, price]))
        row = (order_id, price, quantity, matching.REPLACE, 0, kind, tif, post_only)
        done = self.book.run(np.array([row], MESSAGE))
        found = Placement(
            tuple(Fill(*fill[1:]) for fill in done.fills.tolist()),
            int(done.outcomes["resting_lots"][0]),
            int(done.outcomes["dropped_lots"][0]),
            REFUSALS[done.outcomes["code"][0]],
        )
        assert found == self.slow.replace(order_id, kind, tif, price, quantity, post_only=post_only)
        if found.refusal is None:
            self.count(found, quantity)
            self.gone += before

    @rule(rule=st.sampled_from(TradePriceRule), weight_ppm=st.integers(0, 1_000_000))
    def change_the_rule(self, rule, weight_ppm):
        self.book.set_rule(rule, weight_ppm)
        self.slow.rule, self.slow.weight_ppm = rule, weight_ppm

    @invariant()
    def the_books_are_equal(self):
        for side in Side:
            assert self.book.orders(side).tolist() == self.slow.orders(side)
        assert len(self.book) == len(self.slow.arrived)
        depth = self.book.depth(1000)
        for levels, side in ((depth.bids, Side.BUY), (depth.asks, Side.SELL)):
            at_price = {}
            for price, _, remaining in self.slow.orders(side):
                at_price.setdefault(price, []).append(remaining)
            assert levels == tuple((price, sum(lots), len(lots)) for price, lots in at_price.items())
        assert self.book.best_bid() == (depth.bids[0].price_ticks if depth.bids else None)
        assert self.book.best_ask() == (depth.asks[0].price_ticks if depth.asks else None)

    @invariant()
    def no_lot_is_lost_or_made(self):
        resting = sum(order.remaining for order in self.slow.arrived)
        assert self.placed == 2 * self.traded + resting + self.gone

    @invariant()
    def freed_memory_is_used_again(self):
        state = self.book._state
        if len(self.book) == 0:
            assert state[[matching.LOTS, matching.LOTS + 1, matching.LADDER_USED]].tolist() == [0, 0, 0]
            assert (self.book._book.ids == matching.NONE).all()
            assert not self.book._book.ladder["value"].any()


KernelAndOracle.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestKernelAndOracle = KernelAndOracle.TestCase


@pytest.mark.soak
def test_kernel_and_oracle_agree_for_a_million_messages():
    long = settings(max_examples=20_000, stateful_step_count=50, deadline=None)
    run_state_machine_as_test(KernelAndOracle, settings=long)
