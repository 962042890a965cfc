"""Competition: few sellers, a leader, bidders for capacity, and selfish routing."""

import re
from collections.abc import Callable

from pricing.competition import (
    Arc,
    Demand,
    LinearUtility,
    PriceLeadership,
    QuantityEquilibrium,
    bertrand,
    competitive,
    cournot,
    double_marginalisation,
    equilibrium_flow,
    price_to_log_followers,
    price_to_quadratic_followers,
    quantity_leader,
    route,
    share_by_bids,
)
from tests.pricing.families import Case, Family, Outcome, Unsupported


def polynomial(text: str, symbol: str) -> list[float]:
    """Return [constant, linear, quadratic] of words like "30-4Q", "q+0.5q^2" or "q^2/2"."""
    plain = re.sub(r"\s|\*(?!\*)(?<!\*\*)", "", text.replace("²", "^2").replace("**", "^"))
    found = [0.0, 0.0, 0.0]
    term = rf"([+-]?)(\d*\.?\d*)({symbol}(?:\^([12]))?)?(?:/(\d+\.?\d*))?"
    while plain:
        read = re.match(term, plain)
        if not read or not (read[2] or read[3]):
            raise Unsupported(f"polynomial in {symbol}: {text}")
        size = float(read[2] or 1) / float(read[5] or 1)
        found[int(read[4] or 1) if read[3] else 0] += -size if read[1] == "-" else size
        plain = plain[read.end() :]
    return found


def titled(*words: str) -> Callable[[Case], bool]:
    return lambda case: any(word in case.get("title", "").lower() for word in words)


def each(value: float | list[float], count: int) -> list[float]:
    return value if isinstance(value, list) else [value] * count


def cournot_linear(case: Case) -> Outcome:
    inputs = case["inputs"]
    outcome = cournot(
        intercept=inputs["a"], slope=inputs.get("b", 1), costs=each(inputs["c"], inputs.get("n", 1))
    )
    return {
        "q": list(outcome.quantities),
        "Q": sum(outcome.quantities),
        "P": outcome.price,
        "profits": list(outcome.profits),
    }


def quantity_leadership(case: Case) -> Outcome:
    inputs = case["inputs"]
    leader, *followers = each(inputs["c"], inputs.get("n", 2))
    outcome = quantity_leader(
        intercept=inputs["a"], slope=inputs.get("b", 1), leader_cost=leader, follower_costs=followers
    )
    return {
        "leader": outcome.leader,
        "follower": outcome.followers[0] if len(followers) == 1 else list(outcome.followers),
        "followers": list(outcome.followers),
        "q": [outcome.leader, *outcome.followers],
        "P": outcome.price,
        "profits": [outcome.leader_profit, *outcome.follower_profits],
    }


def differentiated(case: Case) -> Outcome:
    inputs = case["inputs"]
    n = len(inputs["c"])
    d = inputs["d"]
    cross = d if isinstance(d, list) else [[0 if i == j else d for j in range(n)] for i in range(n)]
    outcome = bertrand(
        intercepts=each(inputs["a"], n),
        own_slopes=each(inputs["b"], n),
        cross_slopes=cross if isinstance(cross[0], list) else [[0, cross[0]], [cross[1], 0]],
        costs=inputs["c"],
    )
    return {
        "p": list(outcome.prices),
        "q": list(outcome.quantities),
        "profits": list(outcome.profits),
    }


def two_margins(case: Case) -> Outcome:
    inputs = case["inputs"]
    chain = double_marginalisation(
        intercept=inputs["a"],
        slope=inputs.get("b", 1),
        upstream_cost=inputs["c"],
        downstream_cost=inputs.get("d", 0),
    )
    return {
        "wholesale": chain.wholesale,
        "retail": chain.retail,
        "q": chain.quantity,
        "pi_up": chain.upstream_profit,
        "pi_down": chain.downstream_profit,
        "integrated_profit": chain.integrated_profit,
    }


def price_leadership(outcome: PriceLeadership) -> Outcome:
    return {
        "price": outcome.price,
        "demands": list(outcome.demands),
        "leader_profit": outcome.leader_profit,
        "follower_utils": list(outcome.follower_utilities),
        "local_optima": [optimum.price for optimum in outcome.local_optima],
    }


def log_followers(case: Case) -> Outcome:
    return price_leadership(price_to_log_followers(case["inputs"]["w"], unit_cost=case["inputs"]["c"]))


def quadratic_followers(case: Case) -> Outcome:
    inputs = case["inputs"]
    slopes = each(inputs.get("b", 1), len(inputs["a"]))
    return price_leadership(price_to_quadratic_followers(inputs["a"], slopes, unit_cost=inputs["c"]))


def bids_for_capacity(case: Case) -> Outcome:
    inputs = case["inputs"]
    shared = share_by_bids([LinearUtility(slope) for slope in inputs["slopes"]], capacity=inputs["C"])
    return {
        "price": shared.price,
        "x": list(shared.shares),
        "bids": list(shared.bids),
        "welfare": shared.welfare,
        "efficiency": shared.efficiency,
    }


def arc(start: str, end: str, latency: str) -> Arc:
    fixed, slope, curved = polynomial(latency, "x")
    if curved:
        raise Unsupported(f"latency {latency}")
    return Arc(start, end, fixed, slope)


def demand_in(words: str) -> float:
    stated = re.search(r"demand ?=? ?(\d+\.?\d*)", words)
    return float(stated[1]) if stated else 1.0


def pigou(words: str) -> Outcome:
    """Read "c1=1,c2=x,demand 1": parallel links. The toll asked for is that of the congestible link."""
    latencies = re.findall(r"c\d+ ?= ?([^,;]+)", words)
    routing = route([arc("s", "t", each) for each in latencies], [Demand("s", "t", demand_in(words))])
    return {
        "pigou_eq": routing.equilibrium.total_cost,
        "pigou_opt": routing.optimum.total_cost,
        "pigou_poa": routing.price_of_anarchy,
        "pigou_toll": max(routing.tolls),
    }


def braess(words: str) -> Outcome:
    """Read "x,1 / 1,x with zero-cost bridge": two paths of two links, and a bridge from the first to the second."""
    paths = re.match(r"([^,/]+),([^,/]+)/([^,/]+),([^,/ ]+)", words.replace(" / ", "/"))
    if not paths:
        raise Unsupported(f"network {words}")
    stated = re.search(r"bridge ?(?:of )?cost ?=? ?(\d+\.?\d*)", words)
    upper_in, upper_out, lower_in, lower_out = paths.groups()
    arcs = [
        arc("s", "v", upper_in),
        arc("v", "t", upper_out),
        arc("s", "w", lower_in),
        arc("w", "t", lower_out),
        Arc("v", "w", float(stated[1]) if stated else 0.0),
    ]
    demands = [Demand("s", "t", demand_in(words))]
    return {
        "braess_with": equilibrium_flow(arcs, demands).unit_costs[0],
        "braess_without": equilibrium_flow(arcs[:-1], demands).unit_costs[0],
    }


def selfish_routing(case: Case) -> Outcome:
    readers = {"pigou": pigou, "braess": braess}
    return {
        key: value for name, words in case["inputs"].items() for key, value in readers[name](words).items()
    }


def quadratic_costs(case: Case) -> Outcome:
    inputs = case["inputs"]
    left, _, right = inputs["inverse_demand"].replace(" ", "").partition("=")
    intercept, falling, curved = polynomial(right, "Q")
    if left not in ("P", "p") or curved:
        raise Unsupported(f"inverse demand {inputs['inverse_demand']}")
    texts = each(inputs["cost"], inputs.get("firms", 2))
    _, costs, halves = zip(*(polynomial(text, "q") for text in texts), strict=True)

    def reported(outcome: QuantityEquilibrium) -> Outcome:
        # one cost for all firms, one quantity for all
        same = not isinstance(inputs["cost"], list)
        return {
            "q": outcome.quantities[0] if same else list(outcome.quantities),
            "price": outcome.price,
        }

    return {
        name: reported(
            solve(intercept=intercept, slope=-falling, costs=costs, cost_slopes=[2 * half for half in halves])
        )
        for name, solve in (("competitive", competitive), ("cournot", cournot))
    }


def is_list(key: str) -> Callable[[Case], bool]:
    return lambda case: isinstance(case["inputs"][key], list)


def neither(*tests: Callable[[Case], bool]) -> Callable[[Case], bool]:
    return lambda case: not any(test(case) for test in tests)


LEADS, MARGINS = titled("stackelberg", "leader"), titled("marginali")
FAMILIES = (
    Family(
        "oligopoly",
        frozenset({"a", "c"}),
        cournot_linear,
        frozenset({"b", "n"}),
        when=neither(LEADS, MARGINS),
    ),
    Family("oligopoly", frozenset({"a", "c"}), quantity_leadership, frozenset({"b", "n"}), when=LEADS),
    Family("oligopoly", frozenset({"a", "c"}), two_margins, frozenset({"b", "d"}), when=MARGINS),
    Family("oligopoly", frozenset({"a", "b", "c", "d"}), differentiated, when=neither(MARGINS)),
    Family("stackelberg", frozenset({"w", "c"}), log_followers),
    Family("stackelberg", frozenset({"a", "c"}), quadratic_followers, frozenset({"b"}), when=is_list("a")),
    Family(
        "stackelberg",
        frozenset({"a", "c"}),
        quantity_leadership,
        frozenset({"b", "n"}),
        when=neither(is_list("a")),
    ),
    Family("network", frozenset({"slopes", "C"}), bids_for_capacity),
    Family("network", frozenset({"pigou", "braess"}), selfish_routing),
    Family("network", frozenset({"pigou"}), selfish_routing),
    Family("network", frozenset({"braess"}), selfish_routing),
)
CLEARING = {"cournot": quadratic_costs}
