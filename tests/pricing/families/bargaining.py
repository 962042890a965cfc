"""Bargaining: solutions of each form of problem, outside options, contracts, bundles, alternating offers."""

from typing import Any

from pricing.bargaining import (
    Barter,
    Cost,
    Good,
    OutsideMode,
    Polygon,
    Problem,
    Seller,
    Transferable,
    Value,
    bargain_bundle,
    bargain_price,
    bilateral_contract,
    buyer_outside,
    discounts_of,
    divide,
    egalitarian,
    kalai_smorodinsky,
    nash,
    parse_frontier,
    patience_weights,
    rubinstein,
    seller_outside,
    split,
    utilitarian,
    wholesale_price,
)
from tests.pricing.families import Case, Family, Outcome, Unsupported


def of_two(inputs: dict[str, Any]) -> list[float] | None:
    """Return the weights of two parties, listed or as the first one's `alpha`; None for equal ones."""
    if inputs.get("weights") is not None:
        return inputs["weights"]
    alpha = inputs.get("alpha")
    return None if alpha is None else [alpha, 1 - alpha]


def solutions(problem: Problem, weights: list[float] | None) -> Outcome:
    return {
        "nash": nash(problem, weights).payoffs,
        "ks": kalai_smorodinsky(problem).payoffs,
        "egalitarian": egalitarian(problem, weights).payoffs,
        "utilitarian": utilitarian(problem, weights).payoffs,
        "ideal": problem.ideal(),
    }


def barter(case: Case) -> Outcome:
    goods = case["inputs"]["goods"]
    parties = [key.removeprefix("u_") for key in goods[0] if key.startswith("u_")]
    exchange = Barter(
        [
            Good(
                good["name"],
                tuple(good[f"u_{party}"] for party in parties),
                parties.index(good["owner"].lower()),
            )
            for good in goods
        ]
    )
    agreed = nash(exchange.problem())
    receivers = exchange.allocation(agreed.decision.index(1.0))
    mixed = nash(exchange.problem(lotteries=True))
    paid = nash(Transferable(exchange.transferable_total(), exchange.endowment))
    return {
        "disagreement": exchange.endowment,
        "utilities": agreed.payoffs,
        "gains": agreed.gains,
        "nash_product": agreed.product,
        "lottery_utilities": mixed.payoffs,
        "lottery_nash_product": mixed.product,
        "money_utilities": paid.payoffs,
    } | {
        f"{party}_gets": [
            good["name"] for good, receiver in zip(goods, receivers, strict=True) if receiver == place
        ]
        for place, party in enumerate(parties)
    }


def divided_pie(case: Case) -> Outcome:
    inputs = case["inputs"]
    found = divide(
        inputs["pie"],
        [inputs["u1_exponent"], inputs["u2_exponent"]],
        disagreement=inputs.get("d"),
        weights=of_two(inputs),
    )
    (x1, x2), (u1, u2) = found.shares, found.payoffs
    return {"agreement": found.agreed, "x1": x1, "x2": x2, "u1": u1, "u2": u2, "payoffs": found.payoffs}


def polygon(case: Case) -> Outcome:
    inputs = case["inputs"]
    return solutions(Polygon(inputs["vertices"], inputs.get("d") or (0, 0)), of_two(inputs))


def frontier(case: Case) -> Outcome:
    inputs = case["inputs"]
    problem = parse_frontier(inputs["frontier"], inputs.get("d") or (0, 0), u1_range=inputs.get("u1_range"))
    return solutions(problem, of_two(inputs))


def transferable(case: Case) -> Outcome:
    inputs = case["inputs"]
    problem = Transferable(inputs["total"], inputs["d"], caps=inputs.get("caps"))
    weights = inputs.get("weights")
    agreed = nash(problem, weights)
    return solutions(problem, weights) | {
        "agreement": agreed.agreed,
        "payoffs": agreed.payoffs,
        "gains": agreed.gains,
        "surplus": problem.surplus,
    }


def alternating_offers(case: Case) -> Outcome:
    inputs = case["inputs"]
    x1, x2 = rubinstein(
        inputs["delta"],
        pie=inputs.get("pie", 1),
        first=inputs.get("first", 1) - 1,
        periods=inputs.get("periods"),
    )
    return {"x1": x1, "x2": x2}


def vanishing_period(case: Case) -> Outcome:
    inputs = case["inputs"]
    pie, alpha = inputs.get("pie", 1), patience_weights(inputs["r"])[0]
    return {
        "x1_by_delta": [
            rubinstein(discounts_of(inputs["r"], period), pie=pie, first=inputs.get("first", 1) - 1)[0]
            for period in inputs["deltas"]
        ],
        "limit": alpha * pie,
        "alpha": alpha,
    }


def outside_options(case: Case) -> Outcome:
    inputs = case["inputs"]
    return {
        mode.value: [
            split(inputs["pie"], each["b"], of_two(inputs), mode=mode).payoffs for each in inputs["cases"]
        ]
        for mode in OutsideMode
    }


def saturation(margin: float, curvature: float) -> float:
    """Return how many units pay at a best price that is there for any quantity."""
    return margin / curvature if margin > 0 else 0.0


def quantity_contract(case: Case) -> Outcome:
    inputs = case["inputs"]
    value, cost, fee = Value(inputs["a"], inputs["b"]), Cost(inputs["c"], inputs["e"]), inputs.get("fee") or 0
    d_buyer, d_seller = inputs.get("d_buyer") or 0.0, inputs.get("d_seller") or 0.0
    if inputs.get("best_ask") is not None:
        wanted = saturation(value.slope - inputs["best_ask"] - fee, value.curvature)
        d_buyer = buyer_outside(value, [(inputs["best_ask"], wanted)], wanted, fee)
    if inputs.get("best_bid") is not None:
        wanted = saturation(inputs["best_bid"] - fee - cost.slope, cost.curvature)
        d_seller = seller_outside(cost, [(inputs["best_bid"], wanted)], wanted, fee)
    found = bilateral_contract(
        value,
        cost,
        outside_buyer=d_buyer,
        outside_seller=d_seller,
        weight_seller=inputs.get("alpha_seller", 0.5),
        mode=OutsideMode(inputs.get("mode", "disagreement")),
    )
    return {
        "agreement": found.agreed,
        "q": found.quantity,
        "transfer": found.transfer,
        "unit_price": found.unit_price,
        "d_buyer": found.outside_buyer,
        "d_seller": found.outside_seller,
        "surplus_over_d": found.surplus,
        "gain_buyer": found.gain_buyer,
        "gain_seller": found.gain_seller,
    }


def wholesale(case: Case) -> Outcome:
    inputs = case["inputs"]
    found = wholesale_price(
        choke_price=inputs["a"], cost=inputs.get("c", 0), weight_upstream=inputs["beta_upstream"]
    )
    return {
        "w": found.price,
        "q": found.quantity,
        "retail": found.retail_price,
        "pi_up": found.profit_upstream,
        "pi_down": found.profit_downstream,
    }


def bundle(case: Case) -> Outcome:
    inputs = case["inputs"]
    outside = inputs.get("d") or {}
    weights = inputs.get("weights") or dict.fromkeys(["buyer", *inputs["costs"]], 1.0)
    found = bargain_bundle(
        inputs["V"],
        {name: Seller(cost, outside.get(name, 0.0), weights[name]) for name, cost in inputs["costs"].items()},
        outside_buyer=outside.get("buyer", 0.0),
        weight_buyer=weights["buyer"],
    )
    return {
        "agreement": found.agreed,
        "surplus": found.surplus,
        "payments": found.payments if found.agreed else None,
        "bundle_price": found.price,
        "buyer_utility": found.buyer_utility,
        "seller_utilities": found.seller_utilities,
    }


def manipulation(case: Case) -> Outcome:
    inputs = case["inputs"]
    liar = next(int(key[-1]) for key in inputs if key.startswith("overstate_player")) - 1
    told = list(inputs["d_true"])
    told[liar] += inputs[f"overstate_player{liar + 1}"]
    truthful, manipulated = (
        nash(Transferable(inputs["total"], d), inputs.get("weights")) for d in (inputs["d_true"], told)
    )
    # without an agreement the liar is left with what there is in truth
    payoffs = manipulated.payoffs if manipulated.agreed else tuple(inputs["d_true"])
    return {
        "truthful": truthful.payoffs,
        "manipulated": payoffs,
        f"gain{liar + 1}": payoffs[liar] - truthful.payoffs[liar],
    }


WEIGHTED = frozenset({"weights", "alpha"})
CURVES = frozenset({"a", "b", "c", "e"})
BOOK = frozenset({"best_bid", "best_ask", "fee", "alpha_seller", "d_buyer", "d_seller", "mode"})

FAMILIES = (
    Family("bargaining", frozenset({"goods"}), barter),
    Family("bargaining", frozenset({"pie", "u1_exponent", "u2_exponent"}), divided_pie, WEIGHTED | {"d"}),
    Family("bargaining", frozenset({"vertices"}), polygon, WEIGHTED | {"d"}),
    Family("bargaining", frozenset({"frontier"}), frontier, WEIGHTED | {"d", "u1_range"}),
    Family("bargaining", frozenset({"total", "d"}), transferable, frozenset({"weights", "caps"})),
    Family("bargaining", frozenset({"delta"}), alternating_offers, frozenset({"pie", "first", "periods"})),
    Family("bargaining", frozenset({"r", "deltas"}), vanishing_period, frozenset({"pie", "first"})),
    Family("bargaining", frozenset({"pie", "cases"}), outside_options, WEIGHTED),
    Family("bargaining", CURVES, quantity_contract, BOOK),
    Family("bargaining", frozenset({"a", "beta_upstream"}), wholesale, frozenset({"c"})),
    Family("bargaining", frozenset({"V", "costs"}), bundle, frozenset({"d", "weights"})),
    *(
        Family("bargaining", frozenset({"total", "d_true", liar}), manipulation, frozenset({"weights"}))
        for liar in ("overstate_player1", "overstate_player2")
    ),
)


def known(case: Case, *names: str) -> dict[str, Any]:
    """Return the inputs of a clearing case, all of which have to be known by name."""
    odd = set(case["inputs"]) - set(names)
    if odd:
        raise Unsupported(f"{case['family']} case with inputs {', '.join(sorted(odd))}")
    return case["inputs"]


def priced_trade(case: Case) -> Outcome:
    inputs = known(case, "buyer_value", "seller_cost", "disagreement", "power")
    d_buyer, d_seller = inputs.get("disagreement") or (0, 0)
    buyer, seller = inputs.get("power") or (1, 1)
    found = bargain_price(
        value=inputs["buyer_value"],
        cost=inputs["seller_cost"],
        outside_buyer=d_buyer,
        outside_seller=d_seller,
        weight_seller=seller / (buyer + seller),
    )
    return {
        "trade": found.agreed,
        "price": found.price,
        "buyer_gain": found.gain_buyer,
        "seller_gain": found.gain_seller,
    }


def worded(case: Case) -> tuple[Problem, list[float] | None]:
    inputs = known(case, "frontier", "disagreement", "power", "u1_range")
    disagreement = inputs.get("disagreement") or (0, 0)
    problem = parse_frontier(inputs["frontier"], disagreement, u1_range=inputs.get("u1_range"))
    return problem, inputs.get("power")


def nash_in_words(case: Case) -> Outcome:
    problem, weights = worded(case)
    return {"u": nash(problem, weights).payoffs}


def kalai_smorodinsky_in_words(case: Case) -> Outcome:
    problem, _ = worded(case)
    return {"u": kalai_smorodinsky(problem).payoffs, "ideal": problem.ideal()}


def first_mover(case: Case) -> Outcome:
    inputs = known(case, "delta", "pie", "first", "periods")
    first = inputs.get("first", 1) - 1
    shares = rubinstein(inputs["delta"], pie=inputs.get("pie", 1), first=first, periods=inputs.get("periods"))
    return {"first_mover": shares[first], "second_mover": shares[1 - first], "u": shares}


CLEARING = {
    "nash_bargaining": priced_trade,
    "nash_bargaining_frontier": nash_in_words,
    "kalai_smorodinsky": kalai_smorodinsky_in_words,
    "rubinstein": first_mover,
}
