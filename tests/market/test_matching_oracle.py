"""The compiled kernel does what the slow, obvious book does, message by message, for every order type."""

from random import Random

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from market import matching
from market.book import OrderBook
from market.listing import Allocation, TradePriceRule
from market.matching import PRICE_LIMIT
from market.orders import OrderType, SelfTrade, Side, TimeInForce
from market.placement import REFUSALS
from market.refusals import Refusal
from market.units import QUANTITY_MAX, InvariantBroken
from tests.market.oracle import Fill, Notice, NoticeKind, Placement, SlowBook
from tests.market.random_messages import RandomMessages

near = st.integers(95, 105)
far = st.one_of(st.integers(-300, 300), st.integers(1 - PRICE_LIMIT, PRICE_LIMIT - 1))
prices = st.one_of(near, near, near, near, far)
few = st.integers(1, 30)
quantities = st.one_of(few, few, few, few, few, st.integers(1, QUANTITY_MAX))
order_ids = st.one_of(st.integers(0, 40), st.integers(-(1 << 63), (1 << 63) - 1))
sides = st.sampled_from(Side)
kinds = st.sampled_from([OrderType.LIMIT, OrderType.LIMIT, OrderType.LIMIT, OrderType.MARKET])
times = st.sampled_from([TimeInForce.GTC] * 4 + [*TimeInForce])
ownership = st.one_of(
    st.just({}), st.fixed_dictionaries({"owner": st.integers(0, 3), "self_trade": st.sampled_from(SelfTrade)})
)
conditions = st.one_of(
    st.just({}),
    st.just({"post_only": True}),
    st.just({"all_or_none": True}),
    st.fixed_dictionaries({"minimum_lots": few}),
    st.fixed_dictionaries({"display_lots": st.integers(0, 6)}),
    st.fixed_dictionaries({"budget": st.integers(1, 5000)}),
    st.fixed_dictionaries(
        {},
        optional={
            "post_only": st.booleans(),
            "all_or_none": st.booleans(),
            "minimum_lots": st.integers(-1, 9),
            "display_lots": st.integers(-1, 9),
            "budget": st.integers(-1, 5000),
        },
    ),
)
stops = st.one_of(st.just({}), st.just({}), st.fixed_dictionaries({"stop_ticks": prices}))
asked = st.builds(
    lambda *parts: {key: value for part in parts for key, value in part.items()}, ownership, conditions, stops
)


def views(book):
    """Everything that can be seen of a book."""
    return {
        "orders": [book.orders(side).tolist() for side in Side],
        "stops": [book.stops(side).tolist() for side in Side],
        "depth": book.depth(1000),
        "best": (book.best_bid(), book.best_ask()),
        "last": book.last_price(),
        "halted": book.halted,
        "count": len(book),
    }


def told_by(book, method, arguments, keywords):
    """What a call gives: its result, or that it broke an invariant."""
    try:
        return getattr(book, method)(*arguments, **keywords)
    except InvariantBroken:
        return InvariantBroken


class KernelAndOracle(RuleBasedStateMachine):
    """Both books get the same messages; every answer and everything that can be seen must be the same."""

    @initialize(
        rule=st.sampled_from(TradePriceRule),
        weight_ppm=st.integers(0, 1_000_000),
        allocation=st.sampled_from([Allocation.TIME, Allocation.TIME, Allocation.PRO_RATA]),
        width=st.sampled_from([0, 0, 2, 5]),
    )
    def begin(self, rule, weight_ppm, allocation, width):
        settings = {"rule": rule, "weight_ppm": weight_ppm, "allocation": allocation}
        self.book, self.slow = OrderBook(**settings, capacity=1), SlowBook(**settings)
        self.both("set_collar", 100, width)

    def both(self, method, *arguments, **keywords):
        """Call both books; `lots` is the last argument of every method whose order may be an iceberg."""
        if keywords.get("display_lots", 0) > 0:  # an iceberg of 2^63 lots trades in as many slices
            arguments = (*arguments[:-1], min(arguments[-1], 100))
        expected = told_by(self.slow, method, arguments, keywords)
        assert told_by(self.book, method, arguments, keywords) == expected
        return expected

    def one_that_is_here(self, data):
        return data.draw(st.sampled_from(self.slow.arrived))

    @rule(order_id=order_ids, side=sides, kind=kinds, tif=times, price=prices, lots=quantities, asked=asked)
    def place(self, order_id, side, kind, tif, price, lots, asked):
        self.both("place", order_id, side, kind, tif, price, lots, **asked)

    @rule(order_id=order_ids, side=sides, price=near, lots=few, asked=ownership)
    def place_plainly(self, order_id, side, price, lots, asked):
        self.both("place", order_id, side, OrderType.LIMIT, TimeInForce.GTC, price, lots, **asked)

    @precondition(lambda self: self.slow.arrived)
    @rule(data=st.data(), kind=kinds, tif=times, price=prices, lots=quantities, asked=asked)
    def replace(self, data, kind, tif, price, lots, asked):
        order = self.one_that_is_here(data)
        price = data.draw(st.sampled_from([order.price, price]))
        self.both("replace", order.order_id, kind, tif, price, lots, **asked)

    @rule(
        order_id=order_ids,
        side=sides,
        price=prices,
        lots=quantities,
        owner=st.integers(0, 3),
        asked=st.one_of(
            st.just({}),
            st.just({"all_or_none": True}),
            st.fixed_dictionaries({"display_lots": st.integers(0, 6)}),
        ),
    )
    def rest(self, order_id, side, price, lots, owner, asked):
        self.both("rest", order_id, side, price, lots, owner=owner, **asked)

    @rule(
        order_id=order_ids, side=sides, kind=kinds, tif=times, price=prices, lots=few, stop=near, asked=asked
    )
    def rest_to_wait(self, order_id, side, kind, tif, price, lots, stop, asked):
        asked = {**asked, "stop_ticks": stop, "order_type": kind, "time_in_force": tif}
        self.both("rest", order_id, side, price, lots, **asked)

    @rule(order_id=order_ids)
    def cancel(self, order_id):
        self.both("cancel", order_id)

    @precondition(lambda self: self.slow.arrived)
    @rule(data=st.data())
    def cancel_one_that_is_here(self, data):
        self.both("cancel", self.one_that_is_here(data).order_id)

    @precondition(lambda self: self.slow.arrived)
    @rule(data=st.data())
    def reduce(self, data):
        order = self.one_that_is_here(data)
        self.both("reduce", order.order_id, data.draw(st.integers(1, order.remaining)))

    @precondition(lambda self: self.slow.arrived)
    @rule(data=st.data(), incoming=st.booleans())
    def take(self, data, incoming):
        order = self.one_that_is_here(data)
        lots = data.draw(st.integers(1, order.remaining))
        self.both("take", order.order_id, lots, incoming=incoming)

    @precondition(lambda self: self.slow.arrived)
    @rule(data=st.data())
    def trigger(self, data):
        self.both("trigger", self.one_that_is_here(data).order_id)

    @rule(price=prices)
    def note_price(self, price):
        self.both("note_price", price)

    @rule()
    def activate(self):
        self.both("activate")

    @rule(rule=st.sampled_from(TradePriceRule), weight_ppm=st.integers(0, 1_000_000))
    def change_the_rule(self, rule, weight_ppm):
        self.both("set_rule", rule, weight_ppm)

    @rule(reference=near, width=st.sampled_from([0, 1, 3, 8]))
    def move_the_collar(self, reference, width):
        self.both("set_collar", reference, width)

    @rule()
    def halt(self):
        self.both("halt")

    @rule()
    def resume(self):
        self.both("resume")

    @invariant()
    def the_books_look_the_same(self):
        if hasattr(self, "book"):
            assert views(self.book) == views(self.slow)

    @invariant()
    def whoever_is_here_is_found(self):
        if hasattr(self, "book"):
            for order in self.slow.arrived:
                assert self.book.remaining(order.order_id) == order.remaining


KernelAndOracle.TestCase.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
TestKernelAndOracle = KernelAndOracle.TestCase


def campaign(seed, count, book_length):
    """Send `count` random messages to fresh pairs of books, `book_length` to each pair; compare every answer."""
    random = Random(seed)
    for _ in range(count // book_length):
        allocation = random.choice([Allocation.TIME, Allocation.TIME, Allocation.TIME, Allocation.PRO_RATA])
        book, slow = OrderBook(allocation=allocation, capacity=1), SlowBook(allocation=allocation)
        messages = RandomMessages(random, plain=random.choice([20, 50, 90]))
        for at in range(book_length):
            message = messages.next(slow)
            expected = told_by(slow, *message)
            assert told_by(book, *message) == expected, (seed, at, message)
            if at % 10 == 0:
                assert views(book) == views(slow), (seed, at, message)


ACTIONS = {
    "place": matching.NEW,
    "cancel": matching.CANCEL,
    "replace": matching.REPLACE,
    "reduce": matching.REDUCE,
}


def as_records(calls):
    """Write calls of a book's methods as the records of one batch: the messages, and the conditions that they name."""
    messages = np.zeros(len(calls), matching.MESSAGE)
    conditions = np.zeros(len(calls) + 1, matching.CONDITIONS)  # row 0 stands for none
    for row, (method, arguments, asked) in enumerate(calls):
        message = messages[row]
        message["action"], message["order_id"] = ACTIONS[method], arguments[0]
        if method == "reduce":
            message["quantity_lots"] = arguments[1]
        if method not in {"place", "replace"}:
            continue
        *_, kind, tif, message["price_ticks"], message["quantity_lots"] = arguments
        message["order_type"], message["time_in_force"] = kind, tif
        message["side"] = arguments[1] if method == "place" else 0
        message["owner"], message["self_trade"] = asked.get("owner", 0), asked.get("self_trade") or 0
        message["post_only"] = asked.get("post_only", False)
        message["conditions"] = row + 1
        condition = conditions[row + 1]
        condition["stop_ticks"] = asked.get("stop_ticks", matching.NO_PRICE)
        condition["display_lots"] = asked.get("display_lots", -1)
        condition["minimum_lots"] = asked.get("minimum_lots", 0)
        condition["budget"] = asked.get("budget", 0)
        condition["all_or_none"] = asked.get("all_or_none", False)
    return messages, conditions


def batch(seed, count):
    """Send random messages to the oracle one by one and to the kernel all at once; compare every answer."""
    random = Random(seed)
    allocation = random.choice([Allocation.TIME, Allocation.TIME, Allocation.PRO_RATA])
    book, slow = OrderBook(allocation=allocation, capacity=1), SlowBook(allocation=allocation)
    random_messages = RandomMessages(random, plain=random.choice([20, 50, 90]), only=tuple(ACTIONS))
    width = random.choice([0, 0, 0, 6])
    book.set_collar(100, width)
    slow.set_collar(100, width)
    calls, expected = [], []
    for _ in range(count):
        call = random_messages.next(slow)
        if call[2].get("display_lots") == -1:  # in a record that says: all of it
            del call[2]["display_lots"]
        calls.append(call)
        expected.append(told_by(slow, *call))
    done = book.run(*as_records(calls))
    fills = done.fills.tolist()
    notices = [
        Notice(
            int(each["order_id"]), NoticeKind(int(each["kind"])), int(each["lots"]), int(each["after_fills"])
        )
        for each in done.notices
    ]
    filled = noticed = 0
    for call, wanted, outcome in zip(calls, expected, done.outcomes, strict=True):
        fills_end, notices_end = int(outcome["fills_end"]), int(outcome["notices_end"])
        if isinstance(wanted, Placement):
            told = tuple(
                each._replace(after_fills=each.after_fills - filled) for each in notices[noticed:notices_end]
            )
            found = Placement(
                tuple(Fill(*fill) for fill in fills[filled:fills_end]),
                int(outcome["resting_lots"]),
                int(outcome["dropped_lots"]),
                REFUSALS[outcome["code"]],
                told,
            )
            assert found == wanted, (seed, call)
        elif call[0] == "cancel":
            left = (
                None if REFUSALS[outcome["code"]] is Refusal.UNKNOWN_ORDER else int(outcome["dropped_lots"])
            )
            assert left == wanted, (seed, call)
        filled, noticed = fills_end, notices_end
    assert (filled, noticed) == (len(fills), len(notices))
    assert views(book) == views(slow)


@pytest.mark.parametrize("seed", range(10))
def test_a_batch_does_what_its_messages_do_one_by_one(seed):
    batch(seed, 400)


@pytest.mark.parametrize("seed", range(4))
def test_kernel_and_oracle_agree_on_random_messages(seed):
    campaign(seed, 1_000, book_length=250)


@pytest.mark.soak
def test_kernel_and_oracle_agree_on_ten_million_random_messages():
    for seed in range(100, 200):
        campaign(seed, 90_000, book_length=1_000)
        for part in range(10):
            batch(1000 * seed + part, 1_000)


@pytest.mark.soak
def test_kernel_and_oracle_agree_for_a_million_steps():
    long = settings(max_examples=20_000, stateful_step_count=50, deadline=None)
    run_state_machine_as_test(KernelAndOracle, settings=long)
