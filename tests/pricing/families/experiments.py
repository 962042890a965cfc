"""Markets of zero-intelligence and ZIP traders: the equilibrium, closed forms, and means over many seeds."""

import re
import statistics
from typing import Any

from pricing.experiments import (
    CompetitiveEquilibrium,
    Environment,
    GodeSunder,
    OpenOutcry,
    ZeroIntelligence,
    Zip,
    competitive_equilibrium,
    measure,
    pair_meeting,
    run_seed,
    smith_alpha,
    unconstrained_efficiency,
)
from pricing.experiments.mechanism import Agents, Mechanism
from tests.pricing.families import Case, Family, Outcome, Unsupported

GODE_SUNDER_RUNS = 500
OPEN_OUTCRY_RUNS = 400
"""More than the cases ask for: the ends of the bands are three standard errors or more from the mean."""
NAMES = {
    "eff": "efficiency",
    "eff_ziu": "efficiency",
    "alpha": "alpha",
    "trades": "trades",
    "Q": "trades",
    "mean_price": "mean_price",
    "price": "mean_price",
    "profit_dispersion": "profit_dispersion",
    "volume_ratio": "volume_ratio",
    "volatility": "price_volatility",
    "gini": "gini",
}
"""What the cases call our metrics."""


def words(case: Case) -> str:
    return f"{case.get('title', '')} {case['inputs'].get('rules', '')}"


def dealt(units: list[float], traders: int, deal: str) -> list[tuple[float, ...]]:
    """Deal sorted units: `deal` says which is unit k of trader i, as in "sorted[i+6k]"."""
    place = re.search(r"sorted\[(.*?)\]", deal.replace(" ", "").replace("*", ""))
    steps = {name: int(step or 1) for step, name in re.findall(r"(\d*)([ik])", place[1] if place else "")}
    each = len(units) // traders
    rows = [[i * steps.get("i", 0) + k * steps.get("k", 0) for k in range(each)] for i in range(traders)]
    if sorted(place for row in rows for place in row) != list(range(len(units))):
        raise Unsupported(f"a deal {deal!r} of {len(units)} units to {traders} traders")
    return [tuple(units[place] for place in row) for row in rows]


def environment(inputs: dict[str, Any]) -> Environment:
    """Deal the units round unless `deal` says otherwise; each has a trader of its own if nothing is said of traders."""
    sides = []
    for side, units, falling in (("buyers", "values", True), ("sellers", "costs", False)):
        ordered = sorted(inputs[units], reverse=falling)
        traders = inputs.get(side) or len(ordered) // (inputs.get("units_each") or 1)
        sides.append(dealt(ordered, traders, inputs.get("deal") or f"sorted[i+{traders}k]"))
    return Environment(*map(tuple, sides), reference_price=inputs.get("P0") or 0.0)


def agents(case: Case) -> Agents:
    """Read who trades from the title, as the rules tell of several kinds; a range of prices is of zero intelligence."""
    named = re.search(r"ZIP\b|ZI-?C\b|ZI-?U\b", case.get("title", ""), re.IGNORECASE)
    drawn = {"price_range", "price_cap"} & set(case["inputs"])
    kind = named[0].upper() if named else "ZIC" if drawn else "ZIP"
    return Zip() if kind == "ZIP" else ZeroIntelligence(constrained=kind.endswith("C"))


def means(
    market: Environment, mechanism: Mechanism, traders: Agents, *, runs: int, period: int, expected: Outcome
) -> Outcome:
    """Return the sample means of what is expected, over the runs in which it exists."""
    asked = {name for name in expected if name in NAMES}
    samples: dict[str, list[float]] = {name: [] for name in asked}
    for replicate in range(runs):
        seed = run_seed(0, cell=0, replicate=replicate)
        outcome = mechanism.run(market, traders, seed=seed, periods=period).outcome(period)
        measured = measure(outcome, {NAMES[name] for name in asked})
        for name in asked:
            if NAMES[name] in measured:
                samples[name].append(measured[NAMES[name]])
    means = {name: statistics.fmean(values) for name, values in samples.items()}
    return equilibrium_of(market.equilibrium) | means


def equilibrium_of(found: CompetitiveEquilibrium) -> Outcome:
    return {
        "P0": found.price,
        "Q0": found.quantity,
        "max_surplus": found.surplus,
        "price_lo": found.price_low,
        "price_hi": found.price_high,
    }


def equilibrium(case: Case) -> Outcome:
    return equilibrium_of(competitive_equilibrium(case["inputs"]["values"], case["inputs"]["costs"]))


def alpha(case: Case) -> Outcome:
    inputs = case["inputs"]
    return {"alpha": smith_alpha(inputs["prices"], equilibrium_price=inputs["P0"])}


def pair(case: Case) -> Outcome:
    inputs = case["inputs"]
    met = pair_meeting(inputs["V"], inputs["C"], price_high=inputs["M"])
    return {
        "p_cross": met.crossing_probability,
        "expected_rounds": met.expected_rounds,
        "expected_mid_price": met.expected_price,
        "sd_mid_price": met.price_sd,
    }


def all_units_traded(case: Case) -> Outcome:
    inputs = case["inputs"]
    efficiency = unconstrained_efficiency(inputs["values"], inputs["costs"])
    return equilibrium(case) | {"eff_ziu": efficiency}


def gode_sunder(case: Case) -> Outcome:
    inputs = case["inputs"]
    low, high = inputs["price_range"]
    picks = re.search(r"(\d+) picks", words(case))
    market = GodeSunder(price_low=low, price_high=high, **({"picks": int(picks[1])} if picks else {}))
    return means(
        environment(inputs),
        market,
        agents(case),
        runs=GODE_SUNDER_RUNS,
        period=1,
        expected=case["expected"],
    )


def open_outcry(case: Case) -> Outcome:
    inputs = case["inputs"]
    improvement = re.search(r"NYSE|improvement", words(case), re.IGNORECASE)
    drawn = re.search(r"U\[limit,([\d.]+)\]", words(case))
    cap = inputs.get("price_cap") or (float(drawn[1]) if drawn else None)
    market = OpenOutcry(
        price_high=cap, improvement_rule=improvement is not None or inputs.get("nyse") is True
    )
    return means(
        environment(inputs),
        market,
        agents(case),
        runs=OPEN_OUTCRY_RUNS,
        period=inputs["day"],
        expected=case["expected"],
    )


UNITS = frozenset({"values", "costs"})
DEALT = frozenset({"buyers", "sellers", "units_each", "deal", "P0"})

FAMILIES = (
    Family("experiment", UNITS, equilibrium),
    Family("experiment", frozenset({"prices", "P0"}), alpha),
    Family("experiment", frozenset({"V", "C", "M"}), pair),
    Family("experiment", UNITS | {"price_range"}, all_units_traded, DEALT),
    Family("experiment", UNITS | {"price_range", "rules"}, gode_sunder, DEALT),
    Family("experiment", UNITS | {"day"}, open_outcry, DEALT | {"rules", "price_cap", "nyse"}),
)
