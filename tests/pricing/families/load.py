"""Load price: the curves, the controller and its limits."""

from pricing.dynamic import LoadController, delay_limits, kinked_multiplier, next_base_fee, smoothing_limits
from tests.pricing.families import Case, Family, Outcome


def base_fee(case: Case) -> Outcome:
    inputs = case["inputs"]
    rows = zip(inputs["base_fee"], inputs["gas_used"], inputs["gas_limit"], strict=True)
    return {
        "next": [
            next_base_fee(
                base_fee=fee,
                used=used,
                limit=limit,
                elasticity=inputs["elasticity"],
                denominator=inputs["denominator"],
            )
            for fee, used, limit in rows
        ]
    }


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


def delayed(case: Case) -> Outcome:
    inputs = case["inputs"]
    limits = [delay_limits(tau) for tau in inputs["tau"]]
    return {
        "k_stable": [limit.stable_below for limit in limits],
        "k_no_overshoot": [limit.no_overshoot_up_to for limit in limits],
    }


def smoothed(case: Case) -> Outcome:
    inputs = case["inputs"]
    limits = [smoothing_limits(weight) for weight in inputs["a"]]
    return {
        "k_stable": [limit.stable_below for limit in limits],
        "k_no_overshoot": [limit.no_overshoot_up_to for limit in limits],
    }


FAMILIES = (
    Family(
        "dynamic", frozenset({"base_fee", "gas_used", "gas_limit", "elasticity", "denominator"}), base_fee
    ),
    Family("dynamic", frozenset({"A", "eps", "target", "eta", "p0", "steps"}), controlled_path),
    Family("dynamic", frozenset({"r0", "s1", "s2", "k", "u"}), kinked),
    Family("dynamic", frozenset({"tau"}), delayed),
    Family("dynamic", frozenset({"a"}), smoothed),
)
