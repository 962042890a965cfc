"""Microgrids: quadratic generators that exchange, hours with storage and tariffs, internal prices, payments of a saving."""

from typing import Any

from pricing.coalition import (
    Agent,
    Balance,
    Generator,
    GridTariff,
    Negotiation,
    Sharing,
    Storage,
    contribution_weights,
    mid_market_prices,
    negotiate,
    ratio_prices,
    share_savings,
    supply_demand_prices,
    traded_values,
)
from tests.pricing.families import Case, Family, Outcome, Unsupported


def shared(sharing: Sharing) -> Outcome:
    return {
        "agreement": sharing.agreement,
        "weights": list(sharing.weights),
        "savings": list(sharing.savings),
        "saving": sharing.total_saving,
        "total_saving": sharing.total_saving,
        "payments": list(sharing.payments),
        "gains": list(sharing.gains),
        "final_cost": list(sharing.final_costs),
        "final_costs": list(sharing.final_costs),
    }


def agreed(negotiation: Negotiation) -> Outcome:
    alone = [schedule.cost for schedule in negotiation.autarky]
    together = [schedule.cost for schedule in negotiation.schedules]
    return shared(negotiation.sharing) | {
        "autarky_cost": alone,
        "autarky_costs": alone,
        "autarky_total": sum(alone),
        "coop_cost": together,
        "coop_costs": together,
        "coop_total": sum(together),
    }


def quadratic(case: Case) -> Outcome:
    inputs = case["inputs"]
    agents = [
        Agent(f"{place}", (Balance(load=(demand,), generators=(Generator(cost_quadratic=a),)),))
        for place, (a, demand) in enumerate(zip(inputs["a"], inputs["demand"], strict=True))
    ]
    negotiation = negotiate(agents, weights=inputs.get("weights"))
    return agreed(negotiation) | {
        "gen": [float(each["energy generator 1"][0]) for each in negotiation.schedules],
        "price": float(negotiation.dispatch.prices[0, 0]),
    }


def hourly(case: Case) -> Outcome:
    inputs = case["inputs"]
    members = range(len(inputs["load"]))
    nobody = [None for _ in members]
    renewables, batteries, generators = (inputs.get(key) or nobody for key in ("renewable", "battery", "gen"))
    agents = [
        Agent(
            f"{i}",
            (
                Balance(
                    load=inputs["load"][i],
                    renewable=renewables[i] or 0.0,
                    storage=battery(inputs, batteries[i]) if batteries[i] else None,
                    generators=(generator(generators[i]),) if generators[i] else (),
                    grid=GridTariff(own(inputs["grid_buy"], i), own(inputs["grid_sell"], i)),
                    exchange_max=inputs.get("exchange_max"),
                ),
            ),
        )
        for i in members
    ]
    negotiation = negotiate(agents, weights=inputs.get("weights"), theta=inputs.get("theta") or 0.0)
    return agreed(negotiation) | {"price": negotiation.dispatch.prices[0].tolist()}


def own(tariff: Any, member: int) -> Any:
    """Return a tariff that is given once for all members, or for each of them."""
    return tariff[member] if isinstance(tariff, list) and isinstance(tariff[0], list) else tariff


def generator(given: dict[str, float]) -> Generator:
    return Generator(given["max"], cost_linear=given.get("b", 0.0), cost_quadratic=given.get("a", 0.0))


def battery(inputs: Outcome, given: dict[str, float]) -> Storage:
    start = given.get("soc0", 0.0)
    terminal = inputs.get("terminal_soc", "=soc0")
    if isinstance(terminal, str):
        endings = {"=soc0": None, ">=soc0": start, "free": 0.0}
        if terminal not in endings:
            raise Unsupported(f"microgrid case whose storage ends {terminal!r}")
        terminal = endings[terminal]
    elif terminal is None:
        terminal = 0.0
    return Storage(
        given["p"],
        given["cap"],
        initial=start,
        charge_efficiency=inputs.get("eta_charge", 1.0),
        discharge_efficiency=inputs.get("eta_discharge", 1.0),
        throughput_cost=inputs.get("throughput_cost", 0.0),
        final_min=terminal,
    )


def by_ratio(case: Case) -> Outcome:
    inputs = case["inputs"]
    tariff = {"grid_buy": inputs["grid_buy"], "grid_sell": inputs["grid_sell"]}
    found = [ratio_prices(ratio, **tariff) for ratio in inputs["SDR"]]
    return {"sell_buy": [[each.sell, each.buy] for each in found]}


def by_quantities(case: Case) -> Outcome:
    inputs = case["inputs"]
    price = mid_market_prices if "mid-market" in case["title"].lower() else supply_demand_prices
    tariff = {"grid_buy": inputs["grid_buy"], "grid_sell": inputs["grid_sell"]}
    pairs = zip(inputs["supply"], inputs["demand"], strict=True)
    found = [price(supply, demand, **tariff) for supply, demand in pairs]
    return {"sell_buy": [[each.sell, each.buy] for each in found]}


def saved(case: Case) -> Outcome:
    inputs = case["inputs"]
    savings = inputs["savings"]
    return shared(share_savings(savings, [0.0] * len(savings), inputs.get("weights")))


def spent(case: Case) -> Outcome:
    inputs = case["inputs"]
    return shared(share_savings(inputs["autarky_costs"], inputs["coop_costs"], inputs.get("weights")))


def contributed(case: Case) -> Outcome:
    inputs = case["inputs"]
    worth = traded_values(inputs["lambda"], inputs["e"])
    weights = contribution_weights(worth, theta=inputs["theta"])
    found: Outcome = {"k": list(worth), "weights": list(weights)}
    if "savings" in inputs:
        found |= shared(share_savings(inputs["savings"], [0.0] * len(inputs["savings"]), weights))
    return found


WEIGHTS = frozenset({"weights"})
TARIFF = frozenset({"grid_buy", "grid_sell"})

FAMILIES = (
    Family("microgrid", frozenset({"a", "demand"}), quadratic, WEIGHTS),
    Family(
        "microgrid",
        TARIFF | {"load"},
        hourly,
        WEIGHTS
        | {"renewable", "battery", "gen", "eta_charge", "eta_discharge", "throughput_cost", "terminal_soc"}
        | {"exchange_max", "theta"},
    ),
    Family("microgrid", TARIFF | {"SDR"}, by_ratio),
    Family("microgrid", TARIFF | {"supply", "demand"}, by_quantities),
    Family("microgrid", frozenset({"savings"}), saved, WEIGHTS),
    Family("microgrid", frozenset({"autarky_costs", "coop_costs"}), spent, WEIGHTS),
    Family("microgrid", frozenset({"lambda", "e", "theta"}), contributed, frozenset({"savings"})),
)
