"""Load price: the curves, the controller and its limits, links, stocks, queues and peaks."""

import math
from statistics import NormalDist

from scipy import stats

from pricing.dynamic import (
    GainLimits,
    LoadController,
    delay_limits,
    kinked_multiplier,
    next_base_fee,
    smoothing_limits,
)
from pricing.load import (
    ReservationSale,
    SharedLinks,
    admission_toll,
    logit_prices,
    nested_protection,
    peak_load_prices,
    protection_level,
)
from tests.pricing.families import Case, Family, Outcome, Unsupported


def base_fee(case: Case) -> Outcome:
    inputs = case["inputs"]
    rule = {"elasticity": inputs.get("elasticity", 2), "denominator": inputs.get("denominator", 8)}
    fees, used, limits = inputs["base_fee"], inputs["gas_used"], inputs["gas_limit"]
    if isinstance(used, list) and not isinstance(limits, list):
        limits = [limits] * len(used)
    if isinstance(fees, list):
        rows = zip(fees, used, limits, strict=True)
        return {"next": [next_base_fee(base_fee=fee, used=u, limit=most, **rule) for fee, u, most in rows]}
    if not isinstance(used, list):
        return {"next": next_base_fee(base_fee=fees, used=used, limit=limits, **rule)}
    path = [fees]  # one fee and many blocks: a chain of them
    for u, most in zip(used, limits, strict=True):
        path.append(next_base_fee(base_fee=path[-1], used=u, limit=most, **rule))
    return {"next": path[1:]}


def controlled_path(case: Case) -> Outcome:
    inputs = case["inputs"]
    # The cases clip neither step nor load: a target far below capacity, and bounds out of reach
    fixed_point = (inputs["A"] / inputs["target"]) ** (1 / inputs["eps"])
    controller = LoadController(
        gain=inputs["eta"],
        target_load=1e-6,
        elasticity_max=inputs["eps"],
        step_max=100.0,
        log_low=-100.0,
        log_high=100.0,
    )
    capacity = inputs["target"] / controller.target_load
    x, path = 0.0, {}
    for step in range(1, max(inputs["steps"]) + 1):
        demand = inputs["A"] * (inputs["p0"] * controller.multiplier(x)) ** -inputs["eps"]
        x = controller.step(x, demand / capacity)
        path[step] = inputs["p0"] * controller.multiplier(x)
    predicted = controller.diagnose(elasticity=inputs["eps"]).predicted_multiplier
    return {
        "fixed_point": fixed_point,
        "path": [path[step] for step in inputs["steps"]],
        "local_multiplier": predicted,
        "stable": abs(predicted) < 1,
        "monotone_local": 0 <= predicted < 1,
    }


def kinked(case: Case) -> Outcome:
    inputs = case["inputs"]
    return {
        "p": [
            kinked_multiplier(
                u, at_zero=inputs["r0"], rise_to_knee=inputs["s1"], rise_above=inputs["s2"], knee=inputs["k"]
            )
            for u in inputs["u"]
        ]
    }


def gain_limits(limits: list[GainLimits], gains: list[float] | None) -> Outcome:
    found: Outcome = {
        "k_stable": [limit.stable_below for limit in limits],
        "k_no_overshoot": [limit.no_overshoot_up_to for limit in limits],
    }
    if gains is not None:
        pairs = list(zip(limits, gains, strict=True))
        found["stable"] = [k < limit.stable_below for limit, k in pairs]
        found["no_overshoot"] = [k <= limit.no_overshoot_up_to for limit, k in pairs]
    return found


def delayed(case: Case) -> Outcome:
    return gain_limits([delay_limits(tau) for tau in case["inputs"]["tau"]], case["inputs"].get("k"))


def smoothed(case: Case) -> Outcome:
    return gain_limits([smoothing_limits(weight) for weight in case["inputs"]["a"]], case["inputs"].get("k"))


def reservations(case: Case) -> Outcome:
    inputs = case["inputs"]
    sale, state = ReservationSale(inputs["a"], inputs.get("alpha", 1)), (inputs["n"], inputs["t"])
    return {
        "value": sale.value(*state),
        "price": sale.price(*state),
        "deterministic_bound": sale.fluid_value(*state),
        "det_price": sale.fluid_price(*state),
    }


def queue(case: Case) -> Outcome:
    inputs = case["inputs"]
    toll = admission_toll(
        reward=inputs["R"], waiting_cost=inputs["C"], service_rate=inputs["mu"], arrival_rate=inputs["lam"]
    )
    return {
        "n_individual": toll.length_individual,
        "n_social": toll.length_social,
        "n_revenue": toll.length_revenue,
        "social_welfare": toll.welfare,
        "revenue": toll.revenue,
        "toll_interval": [toll.toll_low, toll.toll_high],
    }


def protection(case: Case) -> Outcome:
    inputs = case["inputs"]
    if "low" in inputs:
        quantile = stats.uniform(inputs["low"], inputs["high"] - inputs["low"]).ppf
    elif "sd" in inputs:
        quantile = NormalDist(inputs["mean"], inputs["sd"]).inv_cdf
    elif str(inputs.get("dist")).lower() in ("poisson", "exponential"):
        mean = inputs["mean"]
        quantile = (
            stats.poisson(mean).ppf if inputs["dist"].lower() == "poisson" else stats.expon(scale=mean).ppf
        )
    else:
        raise Unsupported(f"demand {inputs.get('dist')!r}")
    level = protection_level(reserved_price=inputs["p1"], spot_price=inputs["p2"], reserved_quantile=quantile)
    return {"protection": level}


def nested(case: Case) -> Outcome:
    inputs = case["inputs"]
    return {"protection": list(nested_protection(inputs["prices"], inputs["means"], inputs["sds"]))}


def logit(case: Case) -> Outcome:
    inputs = case["inputs"]
    found = logit_prices(inputs["a"], inputs["c"], sensitivity=inputs["b"])
    return {
        "prices": list(found.prices),
        "markup": found.markup,
        "shares": list(found.shares),
        "profit": found.profit,
    }


def peak_load(case: Case) -> Outcome:
    inputs = case["inputs"]
    found = peak_load_prices(
        inputs["A"],
        running_cost=inputs["b"],
        capacity_cost=inputs["beta"],
        slopes=inputs.get("slopes"),
        durations=inputs.get("durations"),
    )
    return {"prices": list(found.prices), "q": list(found.quantities), "K": found.capacity}


def flow_shares(links: SharedLinks, alpha: float | str | None) -> Outcome:
    if alpha is None or alpha in ("inf", "max-min", math.inf):
        return {"x": list(links.max_min_rates())}
    shares = links.equilibrium()
    return {"x": list(shares.rates), "prices": list(shares.prices)}


def fairness(inputs: dict) -> float:
    alpha = inputs.get("alpha", 1)
    return alpha if isinstance(alpha, int | float) and math.isfinite(alpha) else 1.0


def single_link(case: Case) -> Outcome:
    inputs = case["inputs"]
    links = SharedLinks([[1.0] * len(inputs["w"])], [inputs["C"]], inputs["w"], fairness(inputs))
    found = flow_shares(links, inputs.get("alpha", 1))
    return found | ({"price": found["prices"][0]} if "prices" in found else {})


def parking_lot(case: Case) -> Outcome:
    """One long flow crosses all the links, and each of them has a short one."""
    inputs = case["inputs"]
    count = inputs["L"]
    routes = [list(range(count)), *([link] for link in range(count))]
    links = SharedLinks.from_routes(routes, [inputs.get("C", 1)] * count, fairness=fairness(inputs))
    found = flow_shares(links, inputs.get("alpha", 1))
    named = {"long": found["x"][0], "short": found["x"][1]}
    return named | ({"link_price": found["prices"][0]} if "prices" in found else {})


def routed(case: Case) -> Outcome:
    inputs = case["inputs"]
    first = min(link for route in inputs["routes"] for link in route)
    links = SharedLinks.from_routes(  # the cases count links from 1
        [[link - min(first, 1) for link in route] for route in inputs["routes"]],
        inputs["C"],
        weights=inputs.get("w"),
        fairness=fairness(inputs),
    )
    return flow_shares(links, inputs.get("alpha", 1))


FAMILIES = (
    Family(
        "dynamic",
        frozenset({"base_fee", "gas_used", "gas_limit"}),
        base_fee,
        optional=frozenset({"elasticity", "denominator"}),
    ),
    Family("dynamic", frozenset({"A", "eps", "target", "eta", "p0", "steps"}), controlled_path),
    Family("dynamic", frozenset({"r0", "s1", "s2", "k", "u"}), kinked),
    Family("dynamic", frozenset({"tau"}), delayed, optional=frozenset({"k"})),
    Family("dynamic", frozenset({"a"}), smoothed, optional=frozenset({"k"})),
    Family("dynamic", frozenset({"n", "t", "a"}), reservations, optional=frozenset({"alpha"})),
    Family("dynamic", frozenset({"R", "C", "mu", "lam"}), queue),
    Family(
        "dynamic",
        frozenset({"p1", "p2"}),
        protection,
        optional=frozenset({"mean", "sd", "low", "high", "dist"}),
    ),
    Family("dynamic", frozenset({"prices", "means", "sds"}), nested),
    Family("dynamic", frozenset({"a", "c", "b"}), logit),
    Family(
        "peakload",
        frozenset({"A", "b", "beta"}),
        peak_load,
        optional=frozenset({"slopes", "durations"}),
    ),
    Family("network", frozenset({"C", "w"}), single_link, optional=frozenset({"alpha"})),
    Family("network", frozenset({"L"}), parking_lot, optional=frozenset({"alpha", "C"})),
    Family("network", frozenset({"routes", "C"}), routed, optional=frozenset({"w", "alpha"})),
)
