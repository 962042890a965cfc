"""Run published order-book cases: `python -m tests.market.run_cases FILE.json [...]`.

A line for each case; then how many differ, then `N passed, M failed`. A case differs, and counts as neither, only if it is
marked as a convention of one engine and comes out otherwise here: its line says how. Files of auctions are handed on.
"""

import json
import sys
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

from market.book import OrderBook
from market.orders import Side
from market.units import QUANTITY_MAX
from tests.market import run_clearing_cases
from tests.market.book_door import ALLOCATIONS, POLICIES, TIMES, TYPES, Door

OPERATIONS = {"new", "cancel", "replace", "reduce", "clear"}
FIELDS = {
    *("op", "id", "symbol", "owner", "side", "type", "tif", "price", "qty", "stop_price", "display"),
}
ENGINE_SPECIFIC = "engine-specific"


def is_of_order_books(path):
    """Tell order-book cases, which say how they are to be read, from those of auctions."""
    return "format" in json.loads(Path(path).read_text())


def load(path):
    """Return a file's cases."""
    return json.loads(Path(path).read_text(), parse_float=Decimal)["cases"]


def unknown(case):
    """Return what a case asks for that no order of this market can say, None if nothing."""
    config = case.get("config", {})
    for name, known in (("matching_algorithm", ALLOCATIONS), ("self_trade_policy", POLICIES)):
        if config.get(name) is not None and config[name] not in known:
            return f"asks for {name} {config[name]}"
    for order in case["orders"]:
        if other := {key for key, value in order.items() if value is not None} - FIELDS:
            return f"asks for {', '.join(sorted(other))}"
        for name, known in (("op", OPERATIONS), ("type", TYPES), ("tif", TIMES)):
            if order.get(name) is not None and order[name] not in known:
                return f"asks for {name} {order[name]}"
    return None


def finest(orders, *names):
    """Return the decimal step that all these fields are multiples of: 0.1 for 10 and 10.5."""
    given = [Decimal(order[name]) for order in orders for name in names if order.get(name) is not None]
    return Decimal(1).scaleb(min([0, *(value.as_tuple().exponent for value in given)]))


def smallest_lot(case):
    """Return the quantity step: what the quantities need; in a pro-rata book, whose shares may be finer, what fits."""
    config, orders = case.get("config", {}), case["orders"]
    lot = finest(orders, "qty", "display")
    if config.get("matching_algorithm") == "pro_rata":
        lot = min(lot, Decimal(1).scaleb(-config.get("quantity_decimal_places", 0)))
        while sum(order.get("qty") or 0 for order in orders) > lot * QUANTITY_MAX:
            lot *= 10
    return lot


def door_of(case, new_book=OrderBook):
    """Return the door that a case asks for."""
    config = case.get("config", {})
    return Door(
        new_book=new_book,
        tick=Decimal(config["tick_size"])
        if "tick_size" in config
        else finest(case["orders"], "price", "stop_price"),
        lot=smallest_lot(case),
        policy=config.get("self_trade_policy", "NONE"),
        algorithm=config.get("matching_algorithm", "fifo"),
        strict_reduce="tracebook" in case["source"],
    )


def joined(trades, icebergs):
    """Put the slices of an iceberg that one taker took one after the other together, as the cases count them."""
    whole = []
    for trade in trades:
        if whole and trade.maker in icebergs and whole[-1][:4] == trade[:4]:
            before = whole.pop()
            whole.append(trade._replace(quantity=before.quantity + trade.quantity))
        else:
            whole.append(trade)
    return whole


def executions(rows):
    """Return how much of each order traded, and for how much money, from rows of (order, price, quantity)."""
    total = defaultdict(lambda: (0, 0))
    for name, price, quantity in rows:
        lots, money = total[name]
        total[name] = (lots + quantity, money + price * quantity)
    return dict(total)


def run(case, new_book=OrderBook):
    """Run one case; return what differs from what it expects."""
    if reason := unknown(case):
        return [reason]
    door = door_of(case, new_book)
    trades, rejected = [], {}
    for index, order in enumerate(case["orders"]):
        answer = door.apply(order)
        trades += answer.trades
        if answer.rejected is not None:
            rejected[index] = answer.rejected

    book = case["expected_book"]
    only_symbol = case["orders"][0].get("symbol") if case["orders"] else None
    books = {only_symbol: book} if set(book) == {"bids", "asks"} else book
    pairs = {
        "rejected": (sorted(rejected), case["expected_rejected_ops"]),
        "book": (
            {each: {"bids": door.rows(each, Side.BUY), "asks": door.rows(each, Side.SELL)} for each in books},
            books,
        ),
    }
    if case.get("expected_reject_reasons") is not None:
        expected = {int(index): reason for index, reason in case["expected_reject_reasons"].items()}
        pairs["reasons"] = (rejected, expected)
    if case["expected_trades"] is not None:
        icebergs = {order["id"] for order in case["orders"] if order.get("display") is not None}
        wanted = [
            (t.get("symbol"), t["maker"], t["taker"], t["price"], t["qty"]) for t in case["expected_trades"]
        ]
        pairs["trades"] = (joined(trades, icebergs), wanted)
    elif case.get("expected_executions") is not None:
        both = [(name, t.price, t.quantity) for t in trades for name in (t.maker, t.taker)]
        wanted = [(each["id"], each["price"], each["qty"]) for each in case["expected_executions"]]
        pairs["executions"] = (executions(both), executions(wanted))
    found, wanted = ({name: plain(pair[at], case) for name, pair in pairs.items()} for at in (0, 1))
    return [
        f"{name}: found {found[name]}, expected {wanted[name]}"
        for name in pairs
        if found[name] != wanted[name]
    ]


def plain(value, case):
    """Return a value as it is compared and shown: a trade as a tuple, a whole decimal as an integer.

    Shares of a pro-rata book are compared to nine decimals: engines that compute them in floating point give no more.
    """
    match value:
        case dict():
            return {key: plain(each, case) for key, each in value.items()}
        case list():
            return [plain(each, case) for each in value]
        case tuple():
            return tuple(plain(each, case) for each in value)
        case Decimal():
            shared = case.get("config", {}).get("matching_algorithm") == "pro_rata"
            value = round(value, 9) if shared else value
            return int(value) if value == value.to_integral_value() else value
    return value


def main(paths, new_book=OrderBook):
    """Run files of cases, tell of each case, and return the exit status."""
    if not all(is_of_order_books(path) for path in paths):
        return run_clearing_cases.main(paths)
    passed = failed = differ = 0
    for case in (case for path in paths for case in load(path)):
        wrong = run(case, new_book)
        if not wrong:
            passed += 1
            print(f"passed    {case['name']}")
        elif case["semantics"] == ENGINE_SPECIFIC:
            differ += 1
            print(f"differs   {case['name']}: {'; '.join(wrong)}")
        else:
            failed += 1
            print(f"failed    {case['name']}: {'; '.join(wrong)}")
    if differ:
        print(f"{differ} differ: conventions of one engine that this market does not follow")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
