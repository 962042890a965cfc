import hashlib

import numpy as np
import pytest

from market import matching
from market.book import OrderBook
from market.listing import TradePriceRule
from market.matching import CONDITIONS, MESSAGE, PRICE_LIMIT
from market.orders import OrderType, Side, TimeInForce
from market.placement import REFUSALS
from market.refusals import Refusal
from market.units import Malformed
from tests.benchmarks.flows import base_flow, hundred_instruments, shuffled_ids


def a_message(
    order_id, action, price=100, lots=5, side=Side.BUY, kind=OrderType.LIMIT, tif=TimeInForce.GTC, post=False
):
    owner = conditions = self_trade = 0
    return (order_id, price, lots, owner, conditions, action, side, kind, tif, post, self_trade)


def run(book, *rows):
    done = book.run(np.array(list(rows), MESSAGE))
    return done.fills.tolist(), [REFUSALS[code] for code in done.outcomes["code"]]


@pytest.mark.parametrize("flow", [base_flow, shuffled_ids])
@pytest.mark.parametrize("rule", TradePriceRule)
def test_a_batch_does_what_its_messages_do_one_by_one(flow, rule):
    messages = flow(3000).messages
    whole, single = (OrderBook(rule=rule, weight_ppm=300_000, capacity=16) for _ in range(2))
    done = whole.run(messages)
    fills = []
    for (order_id, price, lots, _, _, action, side, *_), outcome in zip(
        messages.tolist(), done.outcomes, strict=True
    ):
        if action == matching.CANCEL:
            assert single.cancel(order_id) == (outcome["dropped_lots"] if outcome["code"] == 0 else None)
        else:
            placed = single.place(order_id, Side(side), OrderType.LIMIT, TimeInForce.GTC, price, lots)
            assert (placed.resting_lots, placed.dropped_lots) == (
                outcome["resting_lots"],
                outcome["dropped_lots"],
            )
            for fill in placed.fills:
                limits = (fill.price_ticks, fill.maker_limit_ticks)
                fills.append((order_id, fill.maker_order_id, *limits, fill.quantity_lots))
        assert len(fills) == outcome["fills_end"]
    assert done.fills.tolist() == fills
    assert whole.state_bytes() == single.state_bytes()


def test_a_batch_in_two_halves_does_what_the_whole_does():
    messages = hundred_instruments(5000).messages
    whole, halves = OrderBook(), OrderBook()
    together = whole.run(messages)
    first, second = halves.run(messages[:1234]), halves.run(messages[1234:])
    assert np.concatenate([first.fills, second.fills]).tolist() == together.fills.tolist()
    assert halves.state_bytes() == whole.state_bytes()


def test_the_same_messages_give_the_same_fills_on_any_machine():
    book = OrderBook(rule=TradePriceRule.NASH, weight_ppm=123_456)
    done = book.run(base_flow(20_000).messages)
    digest = hashlib.sha256(done.fills.tobytes() + done.outcomes["code"].tobytes() + book.state_bytes())
    assert digest.hexdigest() == "e6cf4acf94a74ff1f5ecbf88b7aeb255d5e9314c271f736c117df0aa02929056"


def test_every_message_that_cannot_be_carried_out_says_why_and_changes_nothing():
    book = OrderBook()
    book.rest(1, Side.SELL, 100, 5)
    before = book.state_bytes()
    fills, refusals = run(
        book,
        a_message(1, matching.NEW),
        a_message(1, matching.REST),
        a_message(2, matching.CANCEL),
        a_message(2, matching.REPLACE),
        a_message(2, matching.REDUCE),
        a_message(2, matching.TAKE),
        a_message(2, matching.NEW, lots=0),
        a_message(2, matching.NEW, lots=-3),
        a_message(2, matching.NEW, price=PRICE_LIMIT),
        a_message(2, matching.NEW, price=-PRICE_LIMIT),
        a_message(2, matching.NEW, price=-(1 << 63)),
        a_message(1, matching.REDUCE, lots=6),
        a_message(1, matching.TAKE, lots=0),
        a_message(1, matching.REPLACE, lots=0),
        a_message(1, matching.REPLACE, lots=-1),
        a_message(2, matching.NEW, post=True),
        a_message(2, matching.NEW, lots=6, tif=TimeInForce.FOK),
    )
    assert fills == []
    assert refusals == [
        *[Refusal.CLIENT_ORDER_ID_REUSED] * 2,
        *[Refusal.UNKNOWN_ORDER] * 4,
        *[Refusal.QUANTITY_NOT_POSITIVE] * 2,
        *[Refusal.PRICE_OUTSIDE_BAND] * 3,
        *[Refusal.QUANTITY_NOT_POSITIVE] * 4,
        Refusal.WOULD_TAKE,
        Refusal.CANNOT_FILL_WHOLLY,
    ]
    assert book.state_bytes() == before


def test_a_replacement_that_only_shrinks_keeps_its_place():
    book = OrderBook()
    run(book, *(a_message(order_id, matching.NEW) for order_id in (1, 2)))
    run(book, a_message(1, matching.REPLACE, lots=3))
    assert book.orders(Side.BUY).tolist() == [(100, 1, 3, 3), (100, 2, 5, 5)]


@pytest.mark.parametrize("changed", [{"lots": 6}, {"price": 99, "lots": 3}])
def test_any_other_replacement_goes_to_the_back(changed):
    book = OrderBook()
    run(
        book,
        *(a_message(order_id, matching.NEW) for order_id in (1, 2)),
        a_message(3, matching.NEW, price=99),
    )
    run(book, a_message(1, matching.REPLACE, **changed))
    assert book.orders(Side.BUY)["order_id"].tolist() == ([2, 1, 3] if "price" not in changed else [2, 3, 1])


def test_a_replacement_trades_when_it_crosses_whatever_side_the_message_names():
    book = OrderBook()
    book.rest(1, Side.SELL, 105, 5)
    book.rest(2, Side.BUY, 100, 3)
    fills, _ = run(book, a_message(1, matching.REPLACE, price=99, lots=4, side=Side.BUY))
    assert fills == [(1, 2, 100, 100, 3)]
    assert book.orders(Side.SELL).tolist() == [(99, 1, 1, 1)]


def test_a_refused_replacement_leaves_the_old_order_in_place():
    book = OrderBook()
    book.rest(1, Side.SELL, 105, 5)
    book.rest(2, Side.BUY, 100, 3)
    before = book.state_bytes()
    _, refusals = run(
        book,
        a_message(1, matching.REPLACE, price=100, post=True),
        a_message(1, matching.REPLACE, price=100, tif=TimeInForce.FOK),
    )
    assert refusals == [Refusal.WOULD_TAKE, Refusal.CANNOT_FILL_WHOLLY]
    assert book.state_bytes() == before


def test_resting_ignores_how_the_order_would_have_matched():
    book = OrderBook()
    book.rest(1, Side.SELL, 100, 5)
    ways = {"kind": OrderType.MARKET, "tif": TimeInForce.FOK}, {"post": True}, {"tif": TimeInForce.IOC}
    for order_id, way in enumerate(ways, start=2):
        assert run(book, a_message(order_id, matching.REST, lots=9, **way)) == ([], [None])
        assert book.remaining(order_id) == 9


def test_resting_an_order_that_contradicts_itself_is_refused():
    rest = a_message(2, matching.REST, kind=OrderType.MARKET, tif=TimeInForce.FOK, post=True)
    assert run(OrderBook(), rest) == ([], [Refusal.CONDITIONS_CONFLICT])


@pytest.mark.parametrize(
    ("field", "highest"),
    [
        ("action", 8),
        ("side", 1),
        ("order_type", 1),
        ("time_in_force", 4),
        ("post_only", 1),
        ("self_trade", 4),
    ],
)
def test_a_field_outside_its_values_is_malformed_and_named(field, highest):
    messages = np.array([a_message(1, matching.NEW), a_message(2, matching.NEW)], MESSAGE)
    messages[field][1] = highest + 1
    with pytest.raises(Malformed, match=f"message 1: found .*, expected .* at most .*{field} {highest}"):
        OrderBook().run(messages)


@pytest.mark.parametrize("row", [-1, 3, 1 << 30])
def test_conditions_that_are_not_there_are_malformed_and_counted(row):
    messages = np.array([a_message(1, matching.NEW), a_message(2, matching.NEW)], MESSAGE)
    messages["conditions"] = 2, row
    with pytest.raises(Malformed, match=r"message 1: found .*, expected conditions below 3 and"):
        OrderBook().run(messages, np.zeros(3, CONDITIONS))
    with pytest.raises(Malformed, match=r"message 0: found .*, expected conditions below 1 and"):
        OrderBook().run(messages)


def test_other_records_than_messages_are_malformed():
    with pytest.raises(Malformed, match="messages: found int64"):
        OrderBook().run(np.zeros(3, np.int64))


def test_no_messages_do_nothing():
    done = OrderBook().run(np.zeros(0, MESSAGE))
    assert (len(done.fills), len(done.outcomes)) == (0, 0)


def test_messages_may_be_a_view_with_gaps():
    messages = base_flow(2000).messages
    assert (
        OrderBook().run(messages[::2]).fills.tolist() == OrderBook().run(messages[::2].copy()).fills.tolist()
    )
