"""Run published order-book cases: `python -m tests.market.run_cases FILE.json [...]`.

A line for each case; then how many differ, then `N passed, M failed`. A case differs, and counts as neither, only if it is
marked as a convention of one engine and comes out otherwise here: its line says how. Files of auctions are handed on.
"""

import json
import sys
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import numpy as np

from market.auctions import clear_pay_as_bid, clear_uniform
from market.book import OrderBook
from market.orders import Side
from market.units import PPM_ONE, QUANTITY_MAX
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
    if not is_of_order_books(path):
        document = json.loads(Path(path).read_text(), parse_float=Decimal)
        return [(case["id"], case, not_cleared(case), run_clearing) for case in document["cases"]]
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
        try:
            from tests.market.run_clearing_cases import main as run_clearing_cases
        except ModuleNotFoundError:  # until it is there: the old runner below
            return main_of_clearing(paths)
        return run_clearing_cases(paths)
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


CLEARED_FIELDS = {"id", "side", "qty", "price", "owner"}
CLEARED_INPUTS = {"orders", "bids", "offers", "k", "rule"}
FAMILIES = {"uniform_price", "tie_break", "pricing_rule", "pay_as_bid", "gsy_pay_as_bid", "gsy_pay_as_clear"}
PRICE_SCALE, QUANTITY_SCALE = 10**8, 10**6
FINEST_QUANTITY = 10**12


# --- auctions ------------------------------------------------------------------------------------------------------


def not_cleared(case):
    inputs = case["inputs"]
    if case["family"] not in FAMILIES:
        return f"family {case['family']} is not a single-product auction of this room"
    if other := set(inputs) - CLEARED_INPUTS:
        return f"asks for {', '.join(sorted(other))}"
    if inputs.get("rule", "volume_max") != "volume_max":
        return f"asks for rule {inputs['rule']}"
    bids, offers = orders_of(inputs)
    for order in bids + offers:
        if other := set(order) - CLEARED_FIELDS:
            return f"asks for {', '.join(sorted(other))}"
    if case["family"] == "gsy_pay_as_bid":
        for bid, offer, *_ in pay_as_bid_trades(inputs, Side.BUY):
            owners = [order["owner"] for order in bids + offers if order["id"] in (bid, offer)]
            if len(set(owners)) == 1:
                return f"asks for self-trade prevention: bid {bid} and offer {offer} belong to {owners[0]}"
    return None


def orders_of(inputs):
    if "orders" not in inputs:
        return inputs["bids"], inputs["offers"]
    return tuple([each for each in inputs["orders"] if each["side"] == side] for side in ("buy", "sell"))


def arrays_of(inputs):
    for orders in orders_of(inputs):
        yield np.array([int(each["price"] * PRICE_SCALE) for each in orders], np.int64)
        yield np.array([int(each["qty"] * QUANTITY_SCALE) for each in orders], np.int64)


def pay_as_bid_trades(inputs, pays):
    bids, offers = orders_of(inputs)
    pairs = clear_pay_as_bid(*arrays_of(inputs), pays=pays).pairs.tolist()
    return [
        (bids[buy]["id"], offers[sell]["id"], Decimal(lots) / QUANTITY_SCALE, Decimal(price) / PRICE_SCALE)
        for buy, sell, lots, price in pairs
    ]


def money_by(trades, place):
    paid = defaultdict(Decimal)
    for trade in trades:
        paid[trade[place]] += trade[2] * trade[3]
    return paid


def run_clearing(case):
    """Run one case; return what differs from what it expects, beyond its tolerance."""
    inputs, expect = case["inputs"], case["expect"]
    bids, offers = orders_of(inputs)
    half = Decimal("0.5")
    clearing = clear_uniform(*arrays_of(inputs), k_ppm=int(Decimal(inputs.get("k", half)) * PPM_ONE))
    fills = [*clearing.buy_fills.tolist(), *clearing.sell_fills.tolist()]
    filled = {
        order["id"]: Decimal(lots) / QUANTITY_SCALE for order, lots in zip(bids + offers, fills, strict=True)
    }
    volume = Decimal(clearing.volume_lots) / QUANTITY_SCALE
    welfare = Decimal(clearing.welfare) / PRICE_SCALE / QUANTITY_SCALE
    price, low, high = (
        None if ticks is None else Decimal(ticks) / PRICE_SCALE
        for ticks in (clearing.price_ticks, clearing.low_ticks, clearing.high_ticks)
    )
    sold_by_offer, sold_by_bid = pay_as_bid_trades(inputs, Side.SELL), pay_as_bid_trades(inputs, Side.BUY)
    seller_revenue, buyer_payments = money_by(sold_by_offer, 1), money_by(sold_by_bid, 0)
    last_sell = max((each["price"] for each in offers if filled[each["id"]]), default=None)
    last_buy = min((each["price"] for each in bids if filled[each["id"]]), default=None)
    by_rule = {"midpoint": price, "equilibrium": price, "last_accepted_sell": last_sell}
    found = {
        "volume": volume,
        "welfare": welfare,
        "equilibrium_price_interval": [low, high],
        "price_by_rule": {rule: by_rule[rule] for rule in expect.get("price_by_rule", {})},
        "price": price,
        "filled": filled,
        "seller_revenue": {offer: seller_revenue[offer] for offer in expect.get("seller_revenue", {})},
        "avg_price": sum(seller_revenue.values()) / volume if volume else None,
        "last_accepted_offer": last_sell,
        "last_accepted_bid": last_buy,
        "discriminative_seller_payments": seller_revenue,
        "discriminative_buyer_payments": buyer_payments,
    }
    if case["family"] == "gsy_pay_as_bid":
        found["trades"] = sorted(sold_by_bid)
        trades = [(each["buy"], each["sell"], each["qty"], each["price"]) for each in expect["trades"]]
        expect = {**expect, "trades": sorted(trades)}
    if (
        case["family"] == "gsy_pay_as_clear"
    ):  # that framework's rule trades too little; its efficient outcome is ours
        found = {
            "efficient_volume": volume,
            "efficient_price_interval": [low, high],
            "efficient_welfare": welfare,
        }
    tolerance = Decimal(case["tolerance"])
    return differences(
        {name: (value, expect[name]) for name, value in found.items() if name in expect}, tolerance
    )


# --- comparing and telling -----------------------------------------------------------------------------------------


def alike(found, expected, tolerance):
    if isinstance(expected, dict):
        return set(found) == set(expected) and all(alike(found[k], v, tolerance) for k, v in expected.items())
    if isinstance(expected, list | tuple):
        return len(found) == len(expected) and all(map(alike, found, expected, [tolerance] * len(expected)))
    if isinstance(expected, int | Decimal) and isinstance(found, int | Decimal):
        return abs(found - expected) <= tolerance
    return found == expected


def differences(pairs, tolerance=Decimal(0)):
    return [
        f"{name}: found {found}, expected {expected}"
        for name, (found, expected) in pairs.items()
        if not alike(found, expected, tolerance)
    ]


def main_of_clearing(paths):
    passed = failed = left_out = 0
    for name, case, reason, run in (entry for path in paths for entry in load(path)):
        if reason is not None:
            left_out += 1
            print(f"left out  {name}: {reason}")
            continue
        wrong = run(case)
        if wrong and case.get("semantics") == "engine-specific":
            left_out += 1
            print(f"left out  {name}: a convention of that engine; {'; '.join(wrong)}")
            continue
        passed += not wrong
        failed += bool(wrong)
        print(f"failed    {name}: {'; '.join(wrong)}" if wrong else f"passed    {name}")
    print(f"{passed} passed, {failed} failed, {left_out} left out")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
