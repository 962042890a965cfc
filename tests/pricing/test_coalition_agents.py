"""Agents are described by data, and what is malformed is refused by name."""

import json

import numpy as np
import pytest

from pricing.coalition import (
    Agent,
    Balance,
    FlexibleLoad,
    Generator,
    GridTariff,
    Line,
    Storage,
    agents_from,
    lines_from,
)
from pricing.errors import PricingError, Unbounded

DESCRIPTION = """{
    "slots": 2,
    "slot_hours": 0.5,
    "agents": [
        {"name": "north", "load": [4, 6], "renewable": 1, "exchange_max": [3, 4],
         "storage": {"rate_max": 2, "capacity": 4, "initial": 1, "final_min": 0},
         "generators": [{"rate_max": 3, "cost_linear": 0.35, "cost_quadratic": 0.1}],
         "flexible": [{"amount": 3, "rate_max": 4, "latest": 0}],
         "grid": {"buy": [0.3, 0.5], "sell": 0.1, "import_limit": 20}},
        {"name": "centre", "balances": {
            "compute": {"generators": [{"rate_max": 8, "inputs": {"energy": 0.9}}], "storage": null},
            "energy": {"grid": {"buy": 0.4}}}}
    ]
}"""


def test_a_description_gives_the_agents_that_code_would():
    assert agents_from(json.loads(DESCRIPTION)) == (
        Agent(
            "north",
            (
                Balance(
                    load=(4, 6),
                    renewable=1,
                    exchange_max=(3, 4),
                    storage=Storage(rate_max=2, capacity=4, initial=1, final_min=0),
                    generators=(Generator(3, cost_linear=0.35, cost_quadratic=0.1),),
                    flexible=(FlexibleLoad(amount=3, rate_max=4, latest=0),),
                    grid=GridTariff(buy=(0.3, 0.5), sell=0.1, import_limit=20),
                ),
            ),
            slot_hours=0.5,
        ),
        Agent(
            "centre",
            (
                Balance("compute", generators=(Generator(8, inputs=(("energy", 0.9),)),)),
                Balance("energy", grid=GridTariff(buy=0.4)),
            ),
            slot_hours=0.5,
            slots=2,
        ),
    )


def test_lines_are_read_by_name():
    given = [{"name": "feeder", "factors": {"north": 1, "east": 0.5}, "limit": [3, 4], "commodity": "heat"}]
    assert lines_from(given) == (Line("feeder", (("north", 1.0), ("east", 0.5)), (3.0, 4.0), "heat"),)


def test_figures_may_come_as_arrays_and_lists():
    assert Balance(load=np.array([1, 2])) == Balance(load=[1, 2]) == Balance(load=(1.0, 2.0))


def described(**changes):
    return {"agents": [{"name": "north", "load": [1, 2], "grid": {"buy": 1}, **changes}]}


@pytest.mark.parametrize(
    ("description", "words"),
    [
        ([], "description: found [], expected a mapping by name"),
        ({}, "description: found no 'agents', expected it"),
        ({"agents": {}}, "agents: found {}, expected a list"),
        ({"agents": [3]}, "agents[0]: found 3, expected a mapping by name"),
        (
            {"agents": [], "step": 1},
            "description: found unknown key 'step', expected agents, slots, slot_hours",
        ),
        ({"agents": [{"load": [1]}]}, "agents[0]: found no 'name', expected it"),
        (described(commodity="heat"), "agents[0]: found unknown key 'commodity', expected name, load,"),
        (described(balances={}), "agents[0]: found unknown key 'load', expected name, balances"),
        (described(storage={"rate_max": 1}), "agents[0].storage: found no 'capacity', expected it"),
        (described(grid={"price": 1}), "agents[0].grid: found unknown key 'price', expected buy, sell,"),
        (described(load=[1, None]), "agents[0]: energy load[1]: found None, expected a number"),
        (described(load="12"), "agents[0]: energy load: found '12', expected a number"),
        (described(renewable=-1), "agents[0]: energy renewable: found -1, expected a number in [0, inf)"),
        (described(generators={}), "agents[0].generators: found {}, expected a list"),
        (
            described(generators=[{"cost_linear": float("nan")}]),
            "agents[0].generators[0]: generator cost_linear: found nan",
        ),
        (
            described(generators=[{"inputs": {"gas": 1}}]),
            "agents[0]: north: found a generator of energy that takes gas, expected another of its balances: energy",
        ),
        (
            described(flexible=[{"amount": 1, "rate_max": 1, "earliest": 1, "latest": 0}]),
            "agents[0].flexible[0]: flexible latest: found 0, expected an integer of at least 1",
        ),
        (
            described(flexible=[{"amount": 1, "rate_max": 1, "latest": 2}]),
            "agents[0]: north: found a flexible load in slots 0 to 2, expected at most 1",
        ),
        (described(exchange_max=[1]), "agents[0]: north: energy exchange_max: found 1 slots, expected 2"),
        (described(name=""), "agents[0]: agent name: found '', expected a text"),
        (
            {**described(), "slot_hours": 0},
            "agents[0]: north: slot_hours: found 0, expected a number in (0, inf)",
        ),
        ({"agents": [{"name": "north"}]}, "agents[0]: north: found no figure per slot, expected one"),
    ],
)
def test_what_is_malformed_is_named(description, words):
    with pytest.raises(PricingError) as refused:
        agents_from(description)
    assert str(refused.value).startswith(words)


def test_a_tariff_that_pays_more_than_it_charges_is_unbounded():
    with pytest.raises(
        Unbounded, match=r"agents\[0\].grid: grid sell: found 1.1 above the buy price 1, expected"
    ):
        agents_from(described(grid={"buy": [2, 1], "sell": 1.1}))


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: GridTariff(buy=(1, 2), sell=(0, 0, 0)), "grid sell: found 3 slots, expected 2"),
        (lambda: GridTariff(buy=1, import_limit=-1), "grid import_limit: found -1"),
        (
            lambda: Storage(1, 4, charge_efficiency=0),
            r"charge_efficiency: found 0, expected a number in \(0, 1\]",
        ),
        (lambda: Storage(1, 4, final_min=5), r"final_min: found 5, expected a number in \[0, 4\]"),
        (lambda: Generator(inputs=(("energy", 1), ("energy", 2))), "expected each commodity once"),
        (lambda: Agent("a", ()), "a: found balances of none, expected one for each commodity"),
        (lambda: Agent("a", (Balance(), Balance())), "a: found balances of energy, energy"),
        (lambda: Agent("a", (Balance(),), slots=-1), "a: slots: found -1, expected an integer of at least 0"),
        (lambda: Line("l", (), 1.0), r"l: found factors \(\), expected each member once, at least one"),
        (lambda: Line("l", (("a", 1.0),), -1.0), "l: limit: found -1.0"),
    ],
)
def test_figures_out_of_range_are_refused(build, words):
    with pytest.raises(PricingError, match=words):
        build()
