"""Run published cases against the order book and the auctions: `python -m tests.market.run_cases FILE.json [...]`.

A line for each case, then `N passed, M failed`. A case that asks for something this market does not do is left out, with
the reason; the reason is computed from what the case holds, so that another file of the same schema can be run as well.
"""

import json
import sys
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import numpy as np

from market import matching
from market.auctions import clear_pay_as_bid, clear_uniform
from market.book import REFUSALS, OrderBook
from market.matching import MESSAGE, PRICE_LIMIT
from market.orders import OrderType, Side, TimeInForce
from market.refusals import Refusal
from market.units import PPM_ONE

SIDES = {"buy": Side.BUY, "sell": Side.SELL}
TYPES = {"limit": OrderType.LIMIT, "market": OrderType.MARKET}
TIMES = {None: TimeInForce.GTC, "GTC": TimeInForce.GTC, "IOC": TimeInForce.IOC, "FOK": TimeInForce.FOK}
OPERATIONS = {"new", "cancel", "replace", "reduce", "clear"}
KILLED = {None, Refusal.CANNOT_FILL_WHOLLY}  # the cases do not call a killed order rejected
MATCHED_FIELDS = {"op", "id", "side", "type", "tif", "price", "qty", "owner", "symbol"}
MATCHING_CONFIG = {"matching_algorithm": "fifo", "self_trade_policy": "NONE"}

CLEARED_FIELDS = {"id", "side", "qty", "price", "owner"}
CLEARED_INPUTS = {"orders", "bids", "offers", "k", "rule"}
FAMILIES = {"uniform_price", "tie_break", "pricing_rule", "pay_as_bid", "gsy_pay_as_bid", "gsy_pay_as_clear"}
PRICE_SCALE, QUANTITY_SCALE = 10**8, 10**6
FINEST_QUANTITY = 10**12


def load(path):
    """Return a file's cases as (name, case, the reason to leave it out or None, the function that runs it)."""
    document = json.loads(Path(path).read_text(), parse_float=Decimal)
    if "format" in document:
        return [(case["name"], case, not_matched(case), run_matching) for case in document["cases"]]
    return [(case["id"], case, not_cleared(case), run_clearing) for case in document["cases"]]


# --- order books ---------------------------------------------------------------------------------------------------


def not_matched(case):
    config = case.get("config", {})
    tick = Decimal(config.get("tick_size", 1))
    for key, ours in MATCHING_CONFIG.items():
        if config.get(key, ours) != ours:
            return f"asks for {key} {config[key]}"
    for order in case["orders"]:
        if order["op"] not in OPERATIONS:
            return f"asks for operation {order['op']}"
        if other := {key for key, value in order.items() if value is not None} - MATCHED_FIELDS:
            return f"asks for {', '.join(sorted(other))}"
        if order.get("type", "limit") not in TYPES:
            return f"asks for order type {order['type']}"
        if order.get("tif") not in TIMES:
            return f"asks for time in force {order['tif']}"
        if order.get("price") is not None and order["price"] % tick:
            return f"price {order['price']} is off the tick {tick}: this market refuses it and does not round"
    if case["expected_trades"] is None:
        return "gives the engine's executions order by order, and no trades"
    return None


def run_matching(case):
    """Run one case; return what differs from what it expects.

    A replacement is a cancel and a new order, as the format says: it loses its priority even when it only shrinks.
    """
    tick = Decimal(case.get("config", {}).get("tick_size", 1))
    lots = (
        1 if all(int(o.get("qty") or 0) == (o.get("qty") or 0) for o in case["orders"]) else FINEST_QUANTITY
    )
    books = defaultdict(OrderBook)
    trades, rejected, known = [], [], {}

    def send(symbol, action, order, price=0):
        side = SIDES[order["side"]] if "side" in order else Side.BUY
        kind = TYPES[order.get("type", "limit")]
        limit = (PRICE_LIMIT - 1) * (1 if side is Side.BUY else -1)
        price_ticks = limit if kind is OrderType.MARKET else int(price / tick)
        quantity = int((order.get("qty") or 0) * lots)
        row = (order["id"], price_ticks, quantity, action, side, kind, TIMES[order.get("tif")], 0)
        done = books[symbol].run(np.array([row], MESSAGE))
        for taker, maker, at, _, traded in done.fills.tolist():
            trades.append((symbol, maker, taker, at * tick, Decimal(traded) / lots))
        return REFUSALS[int(done.outcomes["code"][0])]

    for index, order in enumerate(case["orders"]):
        symbol = order.get("symbol")
        key = (symbol, order.get("id"))
        refusal = None
        match order["op"]:
            case "new":
                refusal = send(symbol, matching.NEW, order, order.get("price", 0))
                if refusal is None:
                    known[key] = order
            case "cancel":
                refusal = send(symbol, matching.CANCEL, order)
            case "reduce":
                left = Decimal(books[symbol].remaining(order["id"]) or 0) / lots
                refusal = send(symbol, matching.TAKE, {**order, "qty": min(order["qty"], left)})
            case "replace":
                left = books[symbol].remaining(order["id"])
                refusal = send(symbol, matching.CANCEL, order)
                if refusal is None:
                    given = {name: value for name, value in order.items() if value is not None}
                    known[key] = {**known[key], "qty": Decimal(left) / lots, **given}
                    refusal = send(symbol, matching.NEW, known[key], known[key]["price"])
            case "clear":
                books[symbol] = OrderBook()
        if refusal not in KILLED:
            rejected.append(index)

    def rows(book, side):
        return [
            [price * tick, name, Decimal(left) / lots] for price, name, left in book.orders(side).tolist()
        ]

    expected = case["expected_book"]
    only_symbol = case["orders"][0].get("symbol") if case["orders"] else None
    expected_books = {only_symbol: expected} if set(expected) == {"bids", "asks"} else expected
    wanted = [
        (t.get("symbol"), t["maker"], t["taker"], t["price"], t["qty"]) for t in case["expected_trades"]
    ]
    found = {
        symbol: {"bids": rows(books[symbol], Side.BUY), "asks": rows(books[symbol], Side.SELL)}
        for symbol in expected_books
    }
    return differences(
        {
            "trades": (trades, wanted),
            "rejected": (rejected, case["expected_rejected_ops"]),
            "book": (found, expected_books),
        }
    )


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


def main(paths):
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
