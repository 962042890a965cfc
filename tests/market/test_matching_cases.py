"""Published order-book cases: all that any price-time book must agree on, and most conventions of single engines."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from market.book import OrderBook
from tests.market.oracle import SlowBook
from tests.market.run_cases import load, main, run

CASES = Path(__file__).resolve().parents[2].parent / "shared" / "cases" / "matching.json"
needs_cases = pytest.mark.skipif(not CASES.exists(), reason=f"{CASES.name} is not beside the repository")
both_books = pytest.mark.parametrize("new_book", [OrderBook, SlowBook], ids=["kernel", "oracle"])

CONVENTIONS = {
    # A stop wakes here when a trade reaches its price; there the best price across, or none at all, is enough.
    "cpptrader_stop_order",
    "cpptrader_stop_limit_empty_market",
    # A market order never rests here.
    "liquibook_stop_on_market_trades_immediately",
}
"""The cases that follow another convention than this market."""


def a_case(*orders, trades=(), bids=(), asks=(), **others):
    return {
        "name": "a case",
        "source": "here",
        "semantics": "ordinary",
        "orders": list(orders),
        "expected_trades": list(trades),
        "expected_rejected_ops": [],
        "expected_book": {"bids": list(bids), "asks": list(asks)},
        **others,
    }


def new(order_id, side, price, qty, **asked):
    return {"op": "new", "id": order_id, "side": side, "price": price, "qty": qty, **asked}


@needs_cases
@both_books
def test_every_case_comes_out_but_for_known_conventions_of_others(new_book, capsys):
    assert main([CASES], new_book) == 0
    *_, counted, last = capsys.readouterr().out.splitlines()
    assert counted.startswith(f"{len(CONVENTIONS)} differ:")
    assert last == f"{len(load(CASES)) - len(CONVENTIONS)} passed, 0 failed"


@needs_cases
def test_the_conventions_that_differ_are_these():
    differing = {case["name"] for case in load(CASES) if run(case)}
    assert differing == CONVENTIONS


def write(path, *cases):
    path.write_text(json.dumps({"format": {}, "cases": cases}))
    return path


def test_an_ordinary_case_that_comes_out_otherwise_fails(tmp_path, capsys):
    wrong = a_case(new(1, "buy", 100, 5), bids=[[100, 1, 4]])
    assert main([write(tmp_path / "cases.json", wrong)]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "0 passed, 1 failed"


def test_an_engines_own_convention_is_told_and_counts_as_neither(tmp_path, capsys):
    wrong = a_case(new(1, "buy", 100, 5), bids=[[100, 1, 4]], semantics="engine-specific")
    right = a_case(new(1, "buy", 100, 5), bids=[[100, 1, 5]])
    assert main([write(tmp_path / "cases.json", wrong, right)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("differs   a case: book: found {None: {'bids': [[100, 1, 5]]")
    assert told[-1] == "1 passed, 0 failed"


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"tif": "GTX"}, "asks for tif GTX"),
        ({"type": "pegged"}, "asks for type pegged"),
        ({"offset": 3}, "asks for offset"),
    ],
)
def test_what_no_order_can_say_is_named(asked, reason):
    assert run(a_case(new(1, "buy", 100, 5, **asked))) == [reason]


def test_fractions_of_prices_and_quantities_are_exact():
    half = Decimal("0.5")
    case = a_case(
        new(1, "sell", Decimal("100.25"), Decimal("1.5")),
        new(2, "buy", Decimal("100.3"), half),
        trades=[{"maker": 1, "taker": 2, "price": Decimal("100.25"), "qty": half}],
        asks=[[Decimal("100.25"), 1, 1]],
    )
    assert run(case) == []


def test_executions_are_compared_as_sums_per_order():
    orders = new(1, "sell", 100, 5), new(2, "sell", 101, 5), new(3, "buy", 101, 8)
    executions = [
        {"id": 1, "price": 100, "qty": 5},
        {"id": 3, "price": 101, "qty": 3},
        {"id": 2, "price": 101, "qty": 3},
        {"id": 3, "price": 100, "qty": 5},
    ]
    case = a_case(*orders, asks=[[101, 2, 2]], expected_trades=None, expected_executions=executions)
    assert run(case) == []
    executions[0]["qty"] = 4
    assert "executions" in run(case)[0]


@both_books
def test_slices_of_an_iceberg_count_as_one_trade(new_book):
    case = a_case(
        new(1, "sell", 100, 9, display=2),
        new(2, "buy", 100, 7),
        trades=[{"maker": 1, "taker": 2, "price": 100, "qty": 7}],
        asks=[[100, 1, 2]],
    )
    assert run(case, new_book) == []


GRID = {"tick_size": "0.01", "matching_algorithm": "fifo", "self_trade_policy": "NONE"}


def test_where_a_case_names_a_tick_a_price_goes_to_the_nearest_and_one_that_becomes_nothing_is_rejected():
    prices = [Decimal("100.006"), Decimal("100.004"), Decimal("100.015"), Decimal("0.004")]
    case = a_case(
        *(new(order_id, "buy", price, 1) for order_id, price in enumerate(prices, start=1)),
        bids=[[Decimal("100.02"), 3, 1], [Decimal("100.01"), 1, 1], [100, 2, 1]],
        config=GRID,
        expected_rejected_ops=[3],
        expected_reject_reasons={"3": "INVALID_ORDER"},
    )
    assert run(case) == []


def test_shares_of_a_pro_rata_book_are_as_fine_as_the_case_says():
    third, left = Decimal("0.333333333333"), Decimal("0.666666666667")
    case = a_case(
        *(new(order_id, "sell", 100, 1) for order_id in (1, 2, 3)),
        new(4, "buy", 100, 1, tif="IOC"),
        trades=[{"maker": maker, "taker": 4, "price": 100, "qty": third} for maker in (1, 2, 3)],
        asks=[[100, maker, left] for maker in (1, 2, 3)],
        config=GRID | {"matching_algorithm": "pro_rata", "quantity_decimal_places": 12},
    )
    assert run(case) == []


def test_a_replacement_that_cannot_be_placed_leaves_the_old_order():
    case = a_case(
        new(1, "buy", 100, 5),
        {"op": "replace", "id": 1, "price": 0, "qty": 5},
        {"op": "replace", "id": 2, "price": 100, "qty": 5},
        bids=[[100, 1, 5]],
        expected_rejected_ops=[1, 2],
        expected_reject_reasons={"1": "INVALID_REPLACEMENT", "2": "ORDER_NOT_ACTIVE"},
    )
    assert run(case) == []


@pytest.mark.parametrize(
    ("policy", "trades", "bids", "asks"),
    [
        ("NONE", [(1, 3), (2, 1)], [], [[100, 2, 1]]),
        ("CANCEL_INCOMING", [], [], [[100, 1, 3], [100, 2, 2]]),
        ("CANCEL_RESTING", [(2, 2)], [[100, 3, 2]], []),
        ("CANCEL_BOTH", [], [], [[100, 2, 2]]),
        ("DECREMENT", [(2, 1)], [], [[100, 2, 1]]),
    ],
)
def test_every_self_trade_policy_has_a_name(policy, trades, bids, asks):
    case = a_case(
        new(1, "sell", 100, 3, owner="me"),
        new(2, "sell", 100, 2, owner="other"),
        new(3, "buy", 100, 4, owner="me"),
        trades=[{"maker": maker, "taker": 3, "price": 100, "qty": qty} for maker, qty in trades],
        bids=bids,
        asks=asks,
        config={"self_trade_policy": policy},
    )
    assert run(case) == []
