"""Auctions: one unit each, step curves, packages, places, and one buyer with one seller."""

import re

import numpy as np

from market.orders import Side
from pricing.auctions import (
    LinearEquilibrium,
    Order,
    Outcome,
    PackageBid,
    UniformBidders,
    best_misreport,
    combinatorial_core,
    combinatorial_vcg,
    generalized_second_price,
    huang,
    k_double,
    market_profit,
    mcafee,
    muda,
    myerson_satterthwaite,
    peer_to_peer,
    percentage_traded,
    percentage_welfare,
    posted_price,
    profits,
    sbb_trade_reduction,
    step_book,
    trade_reduction,
    uniform,
    unit_book,
    vcg,
    vickrey_positions,
)
from pricing.auctions.bilateral import FIRST_BEST
from pricing.auctions.crossing import cross
from pricing.auctions.orders import Book, whole_millionths
from pricing.auctions.outcome import settle
from pricing.errors import EmptySide
from tests.pricing.families import Case, Family, Unsupported
from tests.pricing.families import Outcome as Found

REPORTS = 161
"""Points of the grid of misreports, as the published check has them."""
SIDES = {"buy": Side.BUY, "sell": Side.SELL}
SEED = 1


# --- one unit each ---------------------------------------------------------------------------------------------------


def units(case: Case) -> Book:
    return unit_book(case["inputs"]["bids"], case["inputs"]["asks"])


def found_for_units(outcome: Outcome) -> Found:
    low, high = outcome.interval or (None, None)
    return {
        "q": outcome.volume,
        "efficient_q": outcome.efficient_volume,
        "lo": low,
        "hi": high,
        "price": outcome.buyer_price,
        "buyer_price": outcome.buyer_price,
        "seller_price": outcome.seller_price,
        "surplus": outcome.welfare,
        "efficiency": outcome.efficiency,
        "broker_surplus": outcome.budget_surplus,
        "deficit": -outcome.budget_surplus,
        "case": outcome.rule,
    }


def lie(mechanism, book: Book) -> float:
    """Search a grid that reaches a quarter of the spread beyond all prices."""
    low, high = float(book.prices.min()), float(book.prices.max())
    margin = max((high - low) / 4, 1.0)
    return best_misreport(mechanism, book, np.linspace(low - margin, high + margin, REPORTS)).gain


def k_double_auction(case: Case) -> Found:
    return found_for_units(k_double(units(case), k=case["inputs"]["k"]))


def unit_auction(mechanism):
    def solve(case: Case) -> Found:
        book = units(case)
        found = found_for_units(mechanism(book))
        if "max_gain_from_misreport" in case["expected"]:
            found["max_gain_from_misreport"] = lie(mechanism, book)
        return found

    return solve


def divisible(case: Case) -> Found:
    book = step_book(case["inputs"]["bids"], case["inputs"]["asks"])
    outcome = uniform(book, k=case["inputs"].get("k", 0.5), ties="pro-rata")
    low, high = outcome.interval or (None, None)
    filled = np.array(outcome.filled)
    return {
        "volume": outcome.volume,
        "price_lo": low,
        "price_hi": high,
        "price": outcome.buyer_price,
        "surplus": outcome.welfare,
        "bid_fills": filled[book.buys].tolist(),
        "ask_fills": filled[~book.buys].tolist(),
    }


def is_step_curve(case: Case) -> bool:
    rows = [*case["inputs"]["bids"], *case["inputs"]["asks"]]
    return bool(rows) and all(isinstance(row, list) for row in rows)


def of_units(word: str = ""):
    return lambda case: not is_step_curve(case) and word in case["title"].lower()


# --- packages, places, one unit, two parties -------------------------------------------------------------------------


def items_of(package: str, items: list[str]) -> tuple[str, ...]:
    """Read a package such as "AB" or "A+B" as the items that it is made of."""
    longest_first = sorted(items, key=len, reverse=True)
    found = re.findall("|".join(re.escape(item) for item in longest_first), package)
    if re.sub(r"[\s+,|&]", "", package) != "".join(found):
        raise Unsupported(f"package {package!r} of items {items}")
    return tuple(found)


def packages(case: Case) -> Found:
    values, items = case["inputs"]["values"], case["inputs"]["items"]
    bidders = range(max(len(row) for row in values.values()))
    named = [
        (package, bidder, value)
        for package, row in values.items()
        for bidder, value in enumerate(row)
        if value > 0
    ]
    bids = [PackageBid(str(bidder), items_of(package, items), value) for package, bidder, value in named]
    truthful, core = combinatorial_vcg(bids), combinatorial_core(bids)
    return {
        "winners": {named[at][0]: named[at][1] for at in truthful.winning},
        "welfare": truthful.welfare,
        "vcg": [truthful.payments.get(str(bidder), 0.0) for bidder in bidders],
        "vcg_revenue": truthful.revenue,
        "nearest_vcg_core": [core.payments.get(str(bidder), 0.0) for bidder in bidders],
        "core_revenue": core.revenue,
    }


def chatterjee_samuelson(case: Case) -> Found:
    inputs = case["inputs"]
    equilibrium = LinearEquilibrium(inputs["k"])
    return {
        "bids": [equilibrium.bid(value) for value in inputs.get("buyer_values", [])],
        "asks": [equilibrium.ask(cost) for cost in inputs.get("seller_costs", [])],
        "expected_gains": equilibrium.expected_gains,
        "trade_probability": equilibrium.trade_probability,
        "first_best": FIRST_BEST,
        "efficiency": equilibrium.efficiency,
    }


def bilateral_bound(case: Case) -> Found:
    words = case["inputs"]["dist"]
    number = r"\s*(-?[\d.]+)\s*"
    supports = [tuple(map(float, ends)) for ends in re.findall(rf"U\[{number},{number}\]", words)]
    if not supports or len(supports) > 2:
        raise Unsupported(f"distribution {words!r}")
    bound = myerson_satterthwaite(supports[0], supports[-1])
    return {
        "threshold": bound.threshold,
        "second_best_gains": bound.second_best_gains,
        "first_best": bound.first_best_gains,
        "efficiency": bound.second_best_gains / bound.first_best_gains,
        "vcg_expected_deficit": bound.vcg_deficit,
    }


def optimal_auction(case: Case) -> Found:
    bidders = UniformBidders(case["inputs"]["n"])
    reserve = bidders.optimal_reserve
    return {
        "fpa_bid_slope": bidders.first_price_slope,
        "revenue": bidders.revenue(),
        "optimal_reserve": reserve,
        "revenue_with_reserve": bidders.revenue(reserve=reserve),
    }


def positions(case: Case) -> Found:
    clicks, values = case["inputs"]["clicks"], case["inputs"]["values"]
    gsp, truthful = generalized_second_price(clicks, values), vickrey_positions(clicks, values)
    return {
        "gsp_payments": list(gsp.payments),
        "gsp_revenue": gsp.revenue,
        "vcg_payments": list(truthful.payments),
        "vcg_revenue": truthful.revenue,
    }


SIDES_OF_UNITS = frozenset({"bids", "asks"})
FAMILIES = (
    Family("auction", frozenset({"bids", "asks", "k"}), k_double_auction, when=of_units()),
    Family("auction", SIDES_OF_UNITS, unit_auction(mcafee), when=of_units("mcafee")),
    Family("auction", SIDES_OF_UNITS, unit_auction(vcg), when=of_units("vcg")),
    Family(
        "auction", SIDES_OF_UNITS, unit_auction(trade_reduction), when=of_units("trade-reduction auction")
    ),
    Family("auction", SIDES_OF_UNITS, divisible, optional=frozenset({"k"}), when=is_step_curve),
    Family("auction", frozenset({"values", "items"}), packages),
    Family(
        "auction",
        frozenset({"k"}),
        chatterjee_samuelson,
        optional=frozenset({"buyer_values", "seller_costs"}),
    ),
    Family("auction", frozenset({"dist"}), bilateral_bound),
    Family("auction", frozenset({"n"}), optimal_auction),
    Family("auction", frozenset({"clicks", "values"}), positions),
)


# --- cases of the clearing file --------------------------------------------------------------------------------------


def valued(case: Case) -> Book:
    return unit_book(case["inputs"]["buy_values"], case["inputs"]["sell_costs"])


def cleared_units(mechanism):
    def solve(case: Case) -> Found:
        try:
            outcome = mechanism(valued(case))
        except EmptySide:  # refused, hence nothing trades
            return {
                "trades": 0,
                "buyer_price": None,
                "seller_price": None,
                "auctioneer_surplus": 0,
                "deficit": 0,
            }
        return {
            "trades": outcome.volume,
            "buyer_price": outcome.buyer_price,
            "seller_price": outcome.seller_price,
            "auctioneer_surplus": outcome.budget_surplus,
            "deficit": -outcome.budget_surplus,
        }

    return solve


def balanced_reduction(case: Case) -> Found:
    first = {"buyer": Side.BUY, "seller": Side.SELL}[case["inputs"]["category_order"][0]]
    found = sbb_trade_reduction(valued(case), first=first, seed=SEED)
    lottery, words = found.lottery, {Side.BUY: "buyers", Side.SELL: "sellers"}
    return {
        "trades": found.outcome.volume,
        "price": found.outcome.buyer_price,
        "buyer_price": found.outcome.buyer_price,
        "seller_price": found.outcome.seller_price,
        "auctioneer_surplus": found.outcome.budget_surplus,
        "lottery": lottery and f"{lottery.winners} of {lottery.entrants} {words[lottery.side]}",
    }


def named_book(case: Case) -> tuple[list[str], Book]:
    """Return the names of the orders, and their book; each is its own participant unless it names one."""
    rows = case["inputs"]["orders"]
    orders = [
        Order(str(row.get("user", row["id"])), SIDES[row["side"]], row["price"], row["qty"]) for row in rows
    ]
    return [row["id"] for row in rows], Book.of(orders)


def in_order(trades: list[Found], case: Case, names: tuple[str, ...]) -> list[Found]:
    """Return trades in the order in which the case has them; the others last."""
    listed = [tuple(each.get(name) for name in names) for each in case["expect"].get("trades", [])]
    places = {names_of: at for at, names_of in enumerate(listed)}
    return sorted(trades, key=lambda trade: places.get(tuple(trade[name] for name in names), len(places)))


def multi_unit(case: Case) -> Found:
    names, book = named_book(case)
    outcome = huang(book)
    trades = []
    for name, buys, limit, filled in zip(names, book.buys, book.prices, outcome.filled, strict=True):
        price = outcome.buyer_price if buys else outcome.seller_price
        # the published trades also list whoever is better than the margin, and gives up all of his quantity
        if filled or (price is not None and (limit > price if buys else limit < price)):
            trades.append({"id": name, "qty": filled, "price": price})
    return {
        "price_buy": outcome.buyer_price,
        "price_sell": outcome.seller_price,
        "volume": outcome.volume,
        "trades": in_order(trades, case, ("id",)),
        "auctioneer_surplus": outcome.budget_surplus,
    }


def halves(case: Case) -> Found:
    names, book = named_book(case)
    left = set(case["inputs"]["left"])
    found = muda(book, left=[at for at, name in enumerate(names) if name in left])
    trades = [
        {"id": name, "qty": filled, "price": found.price_right if name in left else found.price_left}
        for name, filled in zip(names, found.outcome.filled, strict=True)
        if filled
    ]
    return {
        "price_left": found.price_left,
        "price_right": found.price_right,
        "trades": in_order(trades, case, ("id",)),
        "fees": dict(found.fees),
    }


def at_outside_price(case: Case) -> Found:
    limits = {"buy": "unit_values", "sell": "unit_costs"}
    rows = [
        (name, user["side"], limit)
        for name, user in case["inputs"]["users"].items()
        for limit in user[limits[user["side"]]]
    ]
    found = posted_price(
        Book.of(Order(name, SIDES[side], limit) for name, side, limit in rows), case["inputs"]["price"]
    )
    traded = [row for row, filled in zip(rows, found.outcome.filled, strict=True) if filled]

    def of_side(side: str) -> dict[str, int]:
        users = [name for name, user in case["inputs"]["users"].items() if user["side"] == side]
        return {user: sum(name == user for name, *_ in traded) for user in users}

    return {
        "traded_units": found.outcome.volume,
        "buyer_units": of_side("buy"),
        "seller_units": of_side("sell"),
        "accepted_values": [limit for _, side, limit in traded if side == "buy"],
        "accepted_costs": [limit for _, side, limit in traded if side == "sell"],
        "fees": dict(found.fees),
    }


def pairwise(case: Case) -> Found:
    names, book = named_book(case)
    at = {name: index for index, name in enumerate(names)}
    rounds = [[(at[bid], at[offer]) for bid, offer in pairs] for pairs in case["inputs"]["rounds"]]
    found = peer_to_peer(book, k=case["inputs"].get("price_coefficient", 0.5), rounds=rounds)
    return {
        "trades": [
            {"buy": names[deal.bid], "sell": names[deal.offer], "qty": deal.quantity, "price": deal.price}
            for deal in found.deals
        ],
        "volume": found.outcome.volume,
    }


def bundles(case: Case) -> Found:
    inputs = case["inputs"]
    bids = [PackageBid(row["bidder"], tuple(row["items"]), row["value"]) for row in inputs["bids"]]
    language = inputs.get("language", "xor")
    truthful, core = (solve(bids, language=language) for solve in (combinatorial_vcg, combinatorial_core))
    return {
        "winners": sorted(
            {bids[at].bidder for at in truthful.winning}, key=[row.bidder for row in bids].index
        ),
        "payments": dict(truthful.payments),
        "welfare": truthful.welfare,
        "core_payments": dict(core.payments),
        "core_revenue": core.revenue,
    }


def statistics(case: Case) -> Found:
    names, book = named_book(case)
    at = {name: index for index, name in enumerate(names)}
    filled, paid = np.zeros(len(book)), np.zeros(len(book))
    for trade in case["inputs"]["trades"]:
        for side, sign in (("buy", 1), ("sell", -1)):
            filled[at[trade[side]]] += trade["qty"]
            paid[at[trade[side]]] += sign * trade["qty"] * trade["price"]
    for name, fee in case["inputs"].get("fees", {}).items():
        paid[at[name]] += fee
    lots = whole_millionths("filled", filled)
    outcome = settle(book, cross(book).efficient, lots, mechanism="given", rule="given", paid=paid)
    return {
        "percentage_traded": percentage_traded(book, outcome),
        "percentage_welfare": percentage_welfare(outcome),
        "profit": dict(profits(book, outcome)),
        "market_profit": market_profit(outcome),
    }


def knowing(solve, *inputs: str):
    """Refuse a case with an input that is not one of these: it would be half computed."""

    def checked(case: Case) -> Found:
        unknown = set(case["inputs"]) - set(inputs)
        if unknown:
            raise Unsupported(f"{case['family']} case with inputs {', '.join(sorted(unknown))}")
        return solve(case)

    return checked


VALUES = ("buy_values", "sell_costs")
CLEARING = {
    "mcafee": knowing(cleared_units(mcafee), *VALUES),
    "vcg_double_auction": knowing(cleared_units(vcg), *VALUES),
    "trade_reduction": knowing(cleared_units(trade_reduction), *VALUES),
    "strongly_budget_balanced_trade_reduction": knowing(balanced_reduction, *VALUES, "category_order"),
    "huang_multi_unit": knowing(multi_unit, "orders"),
    "muda": knowing(halves, "orders", "left", "right"),
    "muda_vickrey_side": knowing(at_outside_price, "price", "users"),
    "p2p_random": knowing(pairwise, "orders", "rounds", "price_coefficient"),
    "combinatorial_vcg": knowing(bundles, "bids", "language"),
    "statistic": knowing(statistics, "orders", "trades", "fees"),
}
