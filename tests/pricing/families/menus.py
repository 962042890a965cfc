"""Menus: screening of suppliers and of buyers, and pay for effort."""

import re

from pricing.menus import (
    CaraUtility,
    CrraUtility,
    PowerUtility,
    ProcurementMenu,
    QuadraticValue,
    UniformQualityMenu,
    Utility,
    binary_contract,
    linear_contract,
    procurement_menu,
)
from tests.pricing.families import Case, Family, Outcome, Unsupported


def offered(menu: ProcurementMenu) -> Outcome:
    return {
        "q": list(menu.quantities),
        "transfers": list(menu.payments),
        "rents": list(menu.rents),
        "principal": menu.profit,
        "first_best_q": list(menu.first_best),
        "virtual_costs": list(menu.virtual_costs),
        "bunching": menu.bunching,
    }


def two_types(case: Case) -> Outcome:
    inputs = case["inputs"]
    probabilities = [inputs["nu"], 1 - inputs["nu"]]
    value = QuadraticValue(inputs["a"], inputs.get("b", 1))
    return offered(procurement_menu(inputs["theta"], probabilities, value))


def many_types(case: Case) -> Outcome:
    inputs = case["inputs"]
    value = QuadraticValue(inputs["a"], inputs.get("b", 1))
    return offered(procurement_menu(inputs["theta"], inputs["prob"], value))


def qualities(case: Case) -> Outcome:
    inputs = case["inputs"]
    ends = re.fullmatch(r"U\[\s*([\d.]+)\s*,\s*([\d.]+)\s*\]", inputs["dist"])
    if not ends:
        raise Unsupported(f"tastes {inputs['dist']!r}")
    menu = UniformQualityMenu(float(ends[1]), float(ends[2]), inputs.get("c", 1))
    return {
        "q": [menu.quality(theta) for theta in inputs["thetas"]],
        "p": [menu.price(theta) for theta in inputs["thetas"]],
        "profit": menu.profit,
    }


def linear_pay(case: Case) -> Outcome:
    inputs = case["inputs"]
    found = linear_contract(
        risk_aversion=inputs["r"],
        effort_cost=inputs["c"],
        variance=inputs["s2"],
        reservation=inputs.get("reservation", 0),
    )
    return {
        "slope": found.slope,
        "effort": found.effort,
        "fixed": found.fixed_pay,
        "total_ce": found.total_certainty_equivalent,
    }


def utility_of(inputs: dict) -> Utility:
    match inputs["utility"]:
        case "sqrt":
            return PowerUtility(0.5)
        case "log" | "ln":
            return CrraUtility(1.0)
        case "crra" | "CRRA":
            return CrraUtility(inputs["r"])
        case "cara" | "CARA":
            return CaraUtility(inputs["r"])
    raise Unsupported(f"utility {inputs['utility']!r}")


def two_outcomes(case: Case) -> Outcome:
    inputs = case["inputs"]
    found = binary_contract(
        success_high=inputs["pH"],
        success_low=inputs["pL"],
        effort_cost=inputs["effort_cost"],
        reservation=inputs["reservation_utility"],
        utility=utility_of(inputs),
    )
    return {
        "w_success": found.wage_success,
        "w_fail": found.wage_failure,
        "expected_wage": found.expected_wage,
        "first_best_wage": found.first_best_wage,
    }


FAMILIES = (
    Family("contract", frozenset({"a", "theta", "nu"}), two_types, optional=frozenset({"b"})),
    Family("contract", frozenset({"a", "theta", "prob"}), many_types, optional=frozenset({"b"})),
    Family("contract", frozenset({"dist", "thetas"}), qualities, optional=frozenset({"c"})),
    Family("contract", frozenset({"r", "c", "s2"}), linear_pay, optional=frozenset({"reservation"})),
    Family(
        "contract",
        frozenset({"pH", "pL", "effort_cost", "reservation_utility", "utility"}),
        two_outcomes,
        optional=frozenset({"r"}),
    ),
)
