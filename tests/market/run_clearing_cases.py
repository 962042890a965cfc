"""Run published auction cases: `python -m tests.market.run_clearing_cases FILE.json [...]`.

A line for each case; then how many are of families that later rooms clear, or lack their file; then `N passed, M failed`.
Everything that a case expects is compared, to its tolerance; what cannot be compared fails it. Two things differ:
the pay-as-clear rule of gsy-framework trades too little, and its cases are compared with the efficient outcome, which they
tell too; and where the step orders of a block auction leave an hour several prices, the expected one must be among them.
"""

import json
import sys
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import numpy as np

from market.auctions import HALF, clear_pay_as_bid, clear_uniform
from market.block_orders import Block, simple_order
from market.blocks import clear_blocks, largest_welfare
from market.listing import Allocation
from market.orders import Side
from market.trade_reduction import clear_trade_reduction
from market.units import PPM_ONE
from market.zonal import Line, ZonalOrder, clear_zonal

PRICE_SCALE, QUANTITY_SCALE = 10**8, 10**6
COARSE_SCALE = 10**3
"""Lots of a unit where a block's minimum is finer than a part per million: so coarse that it comes out at the right lot."""
SIDES = {"buy": Side.BUY, "sell": Side.SELL}
TIES = {"volume_max": Allocation.TIME, "pro_rata": Allocation.PRO_RATA}
PLAIN = {"id", "side", "qty", "price"}
FIELDS = {
    "gsy_pay_as_bid": PLAIN | {"owner"},
    "gsy_pay_as_clear": PLAIN | {"owner"},
    "block_orders": PLAIN | {"hour", "hours", "profile", "min_fraction", "parent", "exclusive_group"},
    "zonal": PLAIN | {"zone", "hour"},
    "zonal_real": PLAIN | {"zone", "hour"},
    "tie_break": PLAIN | {"zone", "hour"},
}
INPUTS = {"orders", "bids", "offers", "k", "rule", "hours", "zones", "lines", "buy_values", "sell_costs"}


def ticks(price):
    return int((Decimal(price) * PRICE_SCALE).to_integral_value())


def lots(quantity, lots_per_unit=QUANTITY_SCALE):
    return int((Decimal(quantity) * lots_per_unit).to_integral_value())


def price_of(found):
    return None if found is None else Decimal(found) / PRICE_SCALE


def quantity_of(found):
    return Decimal(int(found)) / QUANTITY_SCALE


def money_of(found, lots_per_unit=QUANTITY_SCALE):
    return Decimal(int(found)) / PRICE_SCALE / lots_per_unit


# --- one product -----------------------------------------------------------------------------------------------------


def sides_of(inputs):
    if "orders" not in inputs:
        return inputs["bids"], inputs["offers"]
    return tuple([each for each in inputs["orders"] if each["side"] == side] for side in ("buy", "sell"))


def arrays_of(*sides):
    for orders in sides:
        yield np.array([ticks(each["price"]) for each in orders], np.int64)
        yield np.array([lots(each["qty"]) for each in orders], np.int64)


def trades_at_own_limit(bids, offers, pays):
    return [
        (bids[buy]["id"], offers[sell]["id"], quantity_of(traded), price_of(price))
        for buy, sell, traded, price in clear_pay_as_bid(*arrays_of(bids, offers), pays=pays).pairs.tolist()
    ]


def money_by(trades, place):
    paid = defaultdict(Decimal)
    for trade in trades:
        paid[trade[place]] += trade[2] * trade[3]
    return dict(paid)


def uniform(case):
    """Clear at one price, and at everybody's own; tell what either says."""
    inputs, expect = case["inputs"], case["expect"]
    bids, offers = sides_of(inputs)
    k_ppm = int(Decimal(inputs["k"]) * PPM_ONE) if "k" in inputs else HALF
    clearing = clear_uniform(
        *arrays_of(bids, offers), k_ppm=k_ppm, ties=TIES[inputs.get("rule", "volume_max")]
    )
    fills = [*clearing.buy_fills.tolist(), *clearing.sell_fills.tolist()]
    filled = {order["id"]: quantity_of(each) for order, each in zip(bids + offers, fills, strict=True)}
    paid_to = money_by(trades_at_own_limit(bids, offers, Side.SELL), 1)
    paid_by = money_by(trades_at_own_limit(bids, offers, Side.BUY), 0)
    volume, price = quantity_of(clearing.volume_lots), price_of(clearing.price_ticks)
    interval = [price_of(clearing.low_ticks), price_of(clearing.high_ticks)]
    margins = margins_of(bids, offers, filled)
    by_rule = {"midpoint": price, "equilibrium": price, "last_accepted_sell": margins["last_accepted_offer"]}
    revenue = expect.get("seller_revenue", {})
    return {
        **margins,
        "volume": volume,
        "welfare": money_of(clearing.welfare),
        "price": price,
        "filled": {name: filled[name] for name in expect.get("filled", {})},
        "equilibrium_price_interval": interval,
        "price_by_rule": {rule: by_rule[rule] for rule in expect.get("price_by_rule", {}) if rule in by_rule},
        "seller_revenue": {offer: paid_to.get(offer, Decimal(0)) for offer in revenue},
        "avg_price": sum(paid_to.values()) / volume if volume else None,
        "discriminative_seller_payments": paid_to,
        "discriminative_buyer_payments": paid_by,
        "efficient_volume": volume,
        "efficient_welfare": money_of(clearing.welfare),
        "efficient_price_interval": interval,
    }


def margins_of(bids, offers, filled):
    """Return the limits at the margin, and the prices that auction rules make of them."""

    def limits(orders, accepted):
        return [each["price"] for each in orders if bool(filled[each["id"]]) == accepted]

    last_offer, last_bid = max(limits(offers, True), default=None), min(limits(bids, True), default=None)
    next_offer, next_bid = min(limits(offers, False), default=None), max(limits(bids, False), default=None)
    margins = {
        "last_accepted_offer": last_offer,
        "last_accepted_bid": last_bid,
        "first_rejected_offer": next_offer,
        "first_rejected_bid": next_bid,
    }
    if last_offer is None:
        return margins
    if any(0 < filled[each["id"]] < each["qty"] for each in bids):  # a bid is at the margin
        prices = last_bid, max(last_offer, last_offer if next_bid is None else next_bid)
    else:
        prices = last_offer, min(last_bid, last_bid if next_offer is None else next_offer)
    split = (Decimal(last_offer) + Decimal(last_bid)) / 2
    return {**margins, "first_price": prices[0], "second_price": prices[1], "split_the_difference": split}


def one_offer_after_the_other(case):
    """Auction the offers in turn among the bids of other owners: the cheapest first, at equal prices the latest."""
    bids, offers = sides_of(case["inputs"])
    left = {bid["id"]: Decimal(bid["qty"]) for bid in bids}
    trades = []
    latest_first = offers[::-1]
    for offer in sorted(latest_first, key=lambda each: each["price"]):
        others = [
            {**bid, "qty": left[bid["id"]]}
            for bid in bids
            if left[bid["id"]] and (offer.get("owner") is None or bid.get("owner") != offer["owner"])
        ]
        for trade in trades_at_own_limit(others, [offer], Side.BUY):
            left[trade[0]] -= trade[2]
            trades.append(trade)
    named = [
        dict(zip(("buy", "sell", "qty", "price"), trade, strict=True)) for trade in in_order(trades, case)
    ]
    return {"trades": named, "volume": sum((trade[2] for trade in trades), Decimal(0))}


def in_order(trades, case):
    """Return trades in the order in which the case has them; the others last."""
    places = {(each["buy"], each["sell"]): at for at, each in enumerate(case["expect"]["trades"])}
    return sorted(trades, key=lambda trade: places.get(trade[:2], len(places)))


def reduced(case):
    sides = (case["inputs"][name] for name in ("buy_values", "sell_costs"))
    cleared = clear_trade_reduction(*(np.array([ticks(each) for each in side], np.int64) for side in sides))
    return {
        "trades": len(cleared.buyers),
        "buyer_price": price_of(cleared.buyer_price_ticks),
        "seller_price": price_of(cleared.seller_price_ticks),
        "auctioneer_surplus": price_of(cleared.auctioneer_surplus),
    }


# --- many hours ------------------------------------------------------------------------------------------------------


def blocks_of(rows, lots_per_unit):
    """Turn the orders that are not divisible, or are of several hours, into blocks."""
    at = {each["id"]: index for index, each in enumerate(rows)}
    return [
        Block(
            side=SIDES[each["side"]],
            price_ticks=ticks(each["price"]),
            profile=tuple(
                (hour, lots(quantity, lots_per_unit))
                for hour, quantity in zip(
                    each.get("hours", [each.get("hour")]), each.get("profile", [each.get("qty")]), strict=True
                )
            ),
            minimum_ppm=round(minimum_of(each) * PPM_ONE),
            parent=at[each["parent"]] if each.get("parent") is not None else None,
            group=each.get("exclusive_group"),
        )
        for each in rows
    ]


def minimum_of(row):
    return Decimal(row.get("min_fraction") or 0)


def in_blocks(case):
    inputs, expect = case["inputs"], case["expect"]
    parents = {each["parent"] for each in inputs["orders"] if each.get("parent") is not None}
    rows = [
        each
        for each in inputs["orders"]
        if "profile" in each or each["id"] in parents or each.get("parent") is not None or minimum_of(each)
    ]
    hourly = [each for each in inputs["orders"] if each not in rows]
    exact = all(minimum_of(each) * PPM_ONE % 1 == 0 for each in rows)
    lots_per_unit = QUANTITY_SCALE if exact else COARSE_SCALE
    orders = [
        simple_order(
            SIDES[each["side"]], each["hour"], ticks(each["price"]), lots(each["qty"], lots_per_unit)
        )
        for each in hourly
    ]
    blocks = blocks_of(rows, lots_per_unit)
    clearing = clear_blocks(orders, blocks)
    filled = {each["id"]: bought for each, bought in zip(hourly, clearing.step_fills, strict=True)}
    filled |= {each["id"]: sum(fills) for each, fills in zip(rows, clearing.block_fills, strict=True)}
    whole = {each["id"]: lots(each["qty"], lots_per_unit) for each in hourly}
    whole |= {
        each["id"]: sum(part for _, part in block.profile) for each, block in zip(rows, blocks, strict=True)
    }
    named = {*expect.get("accepted", ()), *expect.get("rejected", ()), *(each["id"] for each in rows)}
    ratios = expect.get("acceptance_ratio", {})
    return {
        "price": prices_of(clearing, inputs["hours"], expect.get("price")),
        "accepted": {name for name in named if filled[name]},
        "rejected": {name for name in named if not filled[name]},
        "paradoxically_rejected": {rows[at]["id"] for at in clearing.paradoxically_rejected},
        "welfare": money_of(clearing.welfare, lots_per_unit),
        "max_welfare_without_price_rule": money_of(largest_welfare(orders, blocks), lots_per_unit),
        "acceptance_ratio": {name: Decimal(filled[name]) / whole[name] for name in ratios},
    }


def prices_of(clearing, hours, expected):
    """Return an auction's prices; where its orders leave an hour several, the expected one if it is among them."""
    if expected is None:
        return None
    found = []
    intervals = dict(zip(clearing.hours, clearing.intervals, strict=True))
    prices = dict(zip(clearing.hours, clearing.prices, strict=True))
    for hour, wanted in zip(hours, expected, strict=True):
        low, high = (price_of(end) for end in intervals.get(hour, (None, None)))
        among = wanted is not None and (low is None or low <= wanted) and (high is None or wanted <= high)
        found.append(Decimal(wanted) if among else price_of(prices.get(hour)))
    return found


# --- many zones ------------------------------------------------------------------------------------------------------


def line_of(row):
    """Read a line whose capacity is the same both ways (`cap`), or that says its least and its greatest flow."""
    if "cap" in row:
        least, greatest = -row["cap"], row["cap"]
    else:
        least, greatest = (next(row[name] for name in row if name.startswith(end)) for end in ("min", "max"))
    return Line(row["from"], row["to"], lots(greatest), lots(-least))


def in_zones(case):
    inputs, expect = case["inputs"], case["expect"]
    lines, rows = inputs["lines"], [each for each in inputs["orders"] if lots(each["qty"])]
    hours = sorted({each.get("hour", 1) for each in rows})
    prices, flows = defaultdict(list), defaultdict(list)
    filled, volume, welfare = {each.get("id"): Decimal(0) for each in inputs["orders"]}, 0, 0
    for hour in hours:
        these = [each for each in rows if each.get("hour", 1) == hour]
        clearing = clear_zonal(
            inputs["zones"],
            [line_of(each) for each in lines],
            [
                ZonalOrder(SIDES[each["side"]], each["zone"], ticks(each["price"]), lots(each["qty"]))
                for each in these
            ],
            ties=TIES[inputs.get("rule", "volume_max")],
        )
        for zone, price in clearing.prices.items():
            prices[zone].append(price_of(price))
        for line, flow in zip(lines, clearing.flows, strict=True):
            flows[line.get("id", f"{line['from']}-{line['to']}")].append(quantity_of(flow))
        filled |= {
            each.get("id"): quantity_of(part) for each, part in zip(these, clearing.fills, strict=True)
        }
        volume, welfare = volume + clearing.volume_lots, welfare + clearing.welfare
    one_hour = len(hours) == 1
    by_zone, by_line = (
        {name: each[0] if one_hour else each for name, each in found.items()} for found in (prices, flows)
    )
    return {
        "price": {zone: by_zone[zone] for zone in expect.get("price", {})},
        "flow": {line: by_line[line] for line in expect.get("flow", {})},
        "filled": {name: filled[name] for name in expect.get("filled", {})},
        "volume": quantity_of(volume),
        "welfare": money_of(welfare),
    }


def with_borders(inputs):
    """Make each place outside a zone that buys and sells as much as its lines carry, at the price of the border."""
    zones, rows = list(inputs["zones"]), list(inputs["orders"])
    lines = [line for line in inputs["lines"] if {line["from"], line["to"]} & set(zones)]
    for outside in sorted({end for line in lines for end in (line["from"], line["to"])} - set(zones)):
        carried = [line_of(line) for line in lines if outside in (line["from"], line["to"])]
        most = sum(max(line.forward_lots, line.backward_lots) for line in carried)
        price = inputs["border_prices"][outside]
        rows += [{"side": side, "zone": outside, "price": price, "qty": quantity_of(most)} for side in SIDES]
        zones.append(outside)
    return {"zones": zones, "lines": lines, "orders": rows}


def in_real_zones(case):
    return in_zones({**case, "inputs": with_borders(case["inputs"])})


def in_zones_or_not(case):
    return in_zones(case) if "zones" in case["inputs"] else uniform(case)


FAMILIES = {
    "uniform_price": uniform,
    "pricing_rule": uniform,
    "pay_as_bid": uniform,
    "gsy_pay_as_clear": uniform,
    "gsy_pay_as_bid": one_offer_after_the_other,
    "tie_break": in_zones_or_not,
    "trade_reduction": reduced,
    "block_orders": in_blocks,
    "zonal": in_zones,
    "zonal_real": in_real_zones,
}
OF_THAT_FRAMEWORK = {"gsy_pay_as_clear": {"trades", "volume", "peer_welfare"}}


# --- comparing and telling -------------------------------------------------------------------------------------------


def alike(found, expected, tolerance):
    if isinstance(expected, dict):
        return (
            isinstance(found, dict)
            and set(found) == set(expected)
            and all(alike(found[each], value, tolerance) for each, value in expected.items())
        )
    if isinstance(found, set):
        return found == set(expected)
    if isinstance(expected, list):
        return (
            isinstance(found, list)
            and len(found) == len(expected)
            and all(alike(*pair, tolerance) for pair in zip(found, expected, strict=True))
        )
    if isinstance(expected, int | Decimal) and isinstance(found, int | Decimal):
        return abs(found - expected) <= tolerance
    return found == expected


def plain(value):
    match value:
        case dict():
            return {key: plain(each) for key, each in value.items()}
        case list():
            return [plain(each) for each in value]
        case set():
            return sorted(value)
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
    return value


def unknown(case):
    """Return what a case asks for that is not read here, None if nothing."""
    inputs = case["inputs"]
    other = set() if case["family"] == "zonal_real" else set(inputs) - INPUTS
    for order in (*inputs.get("orders", ()), *inputs.get("bids", ()), *inputs.get("offers", ())):
        other |= set(order) - FIELDS.get(case["family"], PLAIN)
    if inputs.get("rule", "volume_max") not in TIES:
        other.add(f"rule {inputs['rule']}")
    return f"asks for {', '.join(sorted(other))}" if other else None


def run(case):
    """Run one case; return what differs from what it expects, beyond its tolerance."""
    if reason := unknown(case):
        return [reason]
    found = FAMILIES[case["family"]](case)
    wrong = []
    for name, expected in case["expect"].items():
        if name in OF_THAT_FRAMEWORK.get(case["family"], ()):
            continue
        if name not in found:
            wrong.append(f"{name}: found nothing to compare, expected {plain(expected)}")
        elif not alike(found[name], expected, Decimal(case["tolerance"])):
            wrong.append(f"{name}: found {plain(found[name])}, expected {plain(expected)}")
    return wrong


def read(path):
    return json.loads(Path(path).read_text(), parse_float=Decimal)


def load(path):
    """Return a file's cases, inputs in files of their own read; each with the reason why it is not run, or None."""
    cases = []
    for given in read(path)["cases"]:
        case, reason = given, None
        if case["family"] not in FAMILIES:
            reason = f"family {case['family']}"
        elif "file" in case["inputs"]:
            beside = Path(path).parent / case["inputs"]["file"]
            if beside.exists():
                document = read(beside)
                case = {**case, "inputs": document.get("inputs", document)}
            else:
                reason = f"its file {beside.name} is not beside {Path(path).name}"
        cases.append((case, reason))
    return cases


def main(paths):
    """Run files of cases, tell of each case, and return the exit status."""
    passed = failed = later = without_file = 0
    for case, reason in (entry for path in paths for entry in load(path)):
        if reason is not None:
            is_later = case["family"] not in FAMILIES
            later, without_file = later + is_later, without_file + (not is_later)
            print(f"{'later' if is_later else 'no file':<10}{case['id']}: {reason}")
            continue
        wrong = run(case)
        passed, failed = passed + (not wrong), failed + bool(wrong)
        print(f"failed    {case['id']}: {'; '.join(wrong)}" if wrong else f"passed    {case['id']}")
    if later or without_file:
        print(f"{later} later, of families that other rooms clear; {without_file} without their file")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    if not sys.argv[1:]:
        sys.exit("usage: python -m tests.market.run_clearing_cases FILE.json [...]")
    sys.exit(main(sys.argv[1:]))
