"""The least-cost dispatch, alone and together, and what its prices mean."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from pricing.coalition import (
    Agent,
    Balance,
    FlexibleLoad,
    Generator,
    GridTariff,
    Line,
    Storage,
    autarky,
    dispatch,
    local_problem,
)
from pricing.errors import EmptySide, Infeasible, PricingError, Unbounded
from tests.pricing.microgrids import microgrids


def an_agent(name="north", *, slot_hours=1.0, **balance):
    return Agent(name, (Balance(**balance),), slot_hours)


def a_generator_owner(name, slope, load):
    return an_agent(name, load=(load,), generators=(Generator(cost_quadratic=slope),))


def test_alone_an_agent_buys_what_it_lacks_and_sells_what_it_has_left():
    alone = autarky(an_agent(load=(4, 6), renewable=(6, 2), grid=GridTariff(buy=0.5, sell=0.1)))
    assert alone.cost == pytest.approx(4 * 0.5 - 2 * 0.1)
    assert alone["energy grid buy"] == pytest.approx([0, 4], abs=1e-8)
    assert alone["energy grid sell"] == pytest.approx([2, 0], abs=1e-8)


def test_what_nobody_wants_is_curtailed():
    alone = autarky(an_agent(load=(4,), renewable=(6,)))
    assert alone["energy renewable"] == pytest.approx([4])


def test_a_store_moves_energy_to_the_dear_hour_and_ends_as_it_began():
    store = Storage(rate_max=2, capacity=4, initial=1, charge_efficiency=0.9, discharge_efficiency=0.8)
    alone = autarky(an_agent(load=(1, 1), storage=store, grid=GridTariff(buy=(0.1, 1.0))))
    # 1 kWh is wanted in hour 1: 1.25 leave the store, 1.25 / 0.9 have to go in
    assert alone["energy charge"][0] == pytest.approx(1.25 / 0.9)
    assert alone["energy stored"] == pytest.approx([2.25, 1])
    assert alone.cost == pytest.approx(0.1 * (1 + 1.25 / 0.9))


def test_a_store_loses_by_the_hour_and_may_end_lower():
    store = Storage(rate_max=4, capacity=4, initial=4, hourly_loss=0.5, final_min=0.5)
    alone = autarky(
        an_agent(load=(0, 0.5), storage=store, grid=GridTariff(buy=1.0, sell=0.1), slot_hours=2.0)
    )
    # of 4 a quarter is left after two hours; 1 of it covers the load of hours 2 to 4, then 0.5 must remain
    assert alone["energy stored"][-1] == pytest.approx(0.5)
    oracle = linprog(
        # buy, sell, charge, discharge per slot, then stored
        [1, 1, -0.1, -0.1, 0, 0, 0, 0, 0, 0],
        A_eq=[
            [1, 0, -1, 0, -1, 0, 1, 0, 0, 0],
            [0, 1, 0, -1, 0, -1, 0, 1, 0, 0],
            [0, 0, 0, 0, -1, 0, 1, 0, 1, 0],
            [0, 0, 0, 0, 0, -1, 0, 1, -0.25, 1],
        ],
        b_eq=[0, 1, 1, 0],
        bounds=[(0, None)] * 4 + [(0, 8)] * 4 + [(0, 4), (0.5, 4)],
    )
    assert alone.cost == pytest.approx(oracle.fun)


def test_a_flexible_load_takes_the_cheap_slots_of_its_window():
    job = FlexibleLoad(amount=5, rate_max=3, earliest=1, latest=2)
    alone = autarky(an_agent(load=(0, 0, 0, 0), flexible=(job,), grid=GridTariff(buy=(0.1, 0.4, 0.3, 0.1))))
    assert alone["energy flexible 1"] == pytest.approx([0, 2, 3, 0], abs=1e-7)
    assert alone.cost == pytest.approx(2 * 0.4 + 3 * 0.3)


def test_shorter_slots_change_amounts_and_not_the_meaning_of_rates():
    hourly, halves = (
        autarky(
            an_agent(
                load=(4.0,) * slots,
                generators=(Generator(rate_max=3, cost_linear=0.2, cost_quadratic=0.1),),
                grid=GridTariff(buy=0.4, import_limit=2.5),
                slot_hours=2 / slots,
            )
        )
        for slots in (2, 4)
    )
    assert halves.cost == pytest.approx(hourly.cost)
    assert halves["energy generator 1"] == pytest.approx(np.full(4, hourly["energy generator 1"][0] / 2))


@pytest.mark.parametrize(
    ("slopes", "loads"),
    [((2.0, 0.5), (10, 10)), ((1, 2, 4), (6, 9, 3)), ((0.3, 1, 5, 2, 7), (0, 4, 9, 1, 6))],
)
def test_quadratic_generators_share_the_load_at_one_marginal_cost(slopes, loads):
    agents = [
        a_generator_owner(f"{place}", *each) for place, each in enumerate(zip(slopes, loads, strict=True))
    ]
    together = dispatch(agents)
    price = sum(loads) / sum(1 / slope for slope in slopes)
    assert together.prices == pytest.approx(np.array([[price]]))
    made = [schedule["energy generator 1"][0] for schedule in together.schedules]
    assert made == pytest.approx([price / slope for slope in slopes])
    assert together.exchanges[:, 0, 0] == pytest.approx(np.array(loads) - made, abs=1e-7)


def test_the_price_is_what_one_more_unit_costs():
    agents = microgrids(3, slots=6, seed=3)
    together, step = dispatch(agents), 1e-3
    for slot in range(6):
        load = list(agents[0].balances[0].load)
        load[slot] += step / agents[0].slot_hours
        more = replace(agents[0], balances=(replace(agents[0].balances[0], load=tuple(load)),))
        rise = (dispatch([more, *agents[1:]]).cost - together.cost) / step
        assert rise == pytest.approx(together.prices[0, slot], abs=2e-3)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 4))
def test_the_dispatch_costs_as_much_as_one_agent_that_has_everything(seed, count):
    agents = microgrids(count, slots=4, seed=seed)
    together = dispatch(agents)
    assert np.abs(together.exchanges.sum(axis=0)).max() < 1e-7
    balances = [agent.balances[0] for agent in agents]
    owner = Agent(
        "owner",
        tuple(
            # a balance of its own for each, tied to the first by a link without losses, in either direction
            replace(
                balance,
                commodity=f"energy {place}",
                generators=(
                    *balance.generators,
                    *(
                        Generator(inputs=((f"energy {other}", 1.0),))
                        for other in range(count)
                        if other != place and 0 in (other, place)
                    ),
                ),
            )
            for place, balance in enumerate(balances)
        ),
        agents[0].slot_hours,
    )
    assert together.cost == pytest.approx(autarky(owner).cost, rel=1e-6)


def test_linear_costs_agree_with_an_independent_linear_program():
    agents = [
        an_agent("north", load=(4, 1), renewable=(0, 8), grid=GridTariff(buy=(0.6, 0.5), sell=0.1)),
        an_agent("south", load=(1, 6), generators=(Generator(3, 0.2),), grid=GridTariff(buy=0.4, sell=0.1)),
    ]
    together = dispatch(agents)
    # variables: north buys and sells, renewable, south buys and sells, generator, each in both slots
    oracle = linprog(
        [0.6, 0.5, -0.1, -0.1, 0, 0, 0.4, 0.4, -0.1, -0.1, 0.2, 0.2],
        A_eq=np.kron([[1, -1, 1, 1, -1, 1]], np.eye(2)),
        b_eq=[5, 7],
        bounds=[(0, None)] * 4 + [(0, 0), (0, 8)] + [(0, None)] * 4 + [(0, 3)] * 2,
    )
    assert together.cost == pytest.approx(oracle.fun, abs=1e-7)
    assert together.prices[0] == pytest.approx(oracle.eqlin.marginals, abs=1e-6)


@pytest.mark.parametrize(("amount", "price"), [(1e-4, 1e3), (1e5, 1e-1), (1e6, 1.0)])
def test_costs_and_prices_follow_the_units(amount, price):
    def coalition(amount, price):
        store = Storage(2 * amount, 4 * amount, amount, 0.9, 0.95, 0.01 * price)
        made = Generator(3 * amount, 0.2 * price, 0.1 * price / amount)
        buy = (0.3 * price, 0.7 * price)
        return dispatch(
            [
                an_agent("a", load=(amount, 5 * amount), storage=store, grid=GridTariff(buy)),
                an_agent("b", load=(2 * amount, 0.0), generators=(made,), grid=GridTariff(buy, 0.1 * price)),
            ]
        )

    unit, scaled = coalition(1.0, 1.0), coalition(amount, price)
    assert scaled.cost == pytest.approx(unit.cost * amount * price, rel=1e-7)
    assert scaled.prices == pytest.approx(unit.prices * price, rel=1e-5)


def test_a_full_line_parts_the_prices():
    cheap = an_agent("cheap", load=(1.0, 1.0), grid=GridTariff(buy=(0.2, 0.3)))
    dear = an_agent("dear", load=(5.0, 1.0), grid=GridTariff(buy=0.9))
    together = dispatch([cheap, dear], [Line("feeder", (("dear", 1.0),), limit=3.0)])
    assert together.exchanges[1, 0] == pytest.approx([3, 1])
    assert together.prices[0] == pytest.approx([0.2, 0.3])
    assert together.local_prices[:, 0] == pytest.approx(np.array([[0.2, 0.3], [0.9, 0.3]]))


def test_a_limit_of_a_members_own_link_holds():
    cheap = an_agent("cheap", load=(1.0,), grid=GridTariff(buy=0.2))
    dear = an_agent("dear", load=(5.0,), grid=GridTariff(buy=0.9), exchange_max=1.5)
    assert dispatch([cheap, dear]).exchanges[:, 0, 0] == pytest.approx([-1.5, 1.5])


def test_a_fee_is_paid_on_both_sides_and_ends_what_it_makes_worthless():
    def coalition(fee):
        return dispatch(
            [
                an_agent("cheap", load=(1.0,), grid=GridTariff(buy=0.2), exchange_fee=fee),
                an_agent("dear", load=(5.0,), grid=GridTariff(buy=0.9), exchange_fee=fee),
            ]
        )

    assert coalition(0.3).exchanges[1, 0] == pytest.approx([5])
    assert coalition(0.3).cost == pytest.approx(6 * 0.2 + 2 * 5 * 0.3)
    assert coalition(0.3).prices[0] == pytest.approx([0.5])
    assert coalition(0.4).exchanges[1, 0] == pytest.approx([0], abs=1e-7)


def test_with_a_fee_nobody_passes_on_what_all_can_buy():
    agents = [
        an_agent(name, load=(load,), grid=GridTariff(buy=0.5), exchange_fee=1e-3)
        for name, load in (("north", 1.0), ("south", 5.0))
    ]
    assert np.abs(dispatch(agents).exchanges).max() < 1e-5


def test_compute_network_and_energy_are_traded_together():
    plant = Agent("plant", (Balance("energy", renewable=(9.0, 0.0), grid=GridTariff(buy=0.5, sell=0.0)),))
    carrier = Agent("carrier", (Balance("network", load=(0.0, 0.0), generators=(Generator(10, 0.01),)),))
    cluster = Generator(rate_max=8, cost_linear=0.1, inputs=(("energy", 1.0), ("network", 2.0)))
    centre = Agent(
        "centre",
        (
            Balance("compute", generators=(cluster,)),
            Balance("energy", grid=GridTariff(buy=0.5)),
            Balance("network"),
        ),
        slots=2,
    )
    job = FlexibleLoad(amount=6, rate_max=6)
    lab = Agent("lab", (Balance("compute", load=(0, 0), flexible=(job,), grid=GridTariff(buy=2.0)),))
    together = dispatch([plant, carrier, centre, lab])
    assert together.commodities == ("compute", "energy", "network")
    assert together.exchanges.shape == (4, 3, 2)
    # the job runs when the sun shines, up to the network's 10 Mbps / 2; the sixth GPU·h needs energy from the grid
    assert together.exchanges[3, 0] == pytest.approx([5, 1], abs=1e-6)
    assert together.cost == pytest.approx(6 * 0.1 + 12 * 0.01 + 1 * 0.5)
    # a GPU·h in the dark: the machine, two units of network, a kWh from the grid
    assert together.prices[:, 1] == pytest.approx([0.1 + 2 * 0.01 + 0.5, 0.5, 0.01], abs=1e-6)


def test_a_member_without_a_commodity_does_not_trade_it():
    problem = local_problem(an_agent(load=(1.0, 2.0), grid=GridTariff(buy=1.0)), ["compute", "energy"])
    assert problem.exchange.tolist() == [0, 1, 2, 3]
    assert [name for name, _ in problem.columns][:2] == ["compute exchange", "energy exchange"]


def test_the_cost_of_a_local_problem_counts_off_diagonal_terms():
    problem = local_problem(an_agent(load=(1.0,), grid=GridTariff(buy=1.0)))
    upper = problem.P.tolil()
    upper[0, 0], upper[0, 1] = 2.0, 3.0  # of [[2, 3], [3, 0]]
    whole = replace(problem, P=upper.tocsc())
    x = np.array([2.0, 5.0, 0.0])
    assert whole.cost(x) == pytest.approx(0.5 * (2 * 4 + 2 * 3 * 10) + 5.0)


@pytest.mark.parametrize(
    ("balance", "words"),
    [
        (
            {"load": (3, 5), "generators": (Generator(4),)},
            "north alone: found 1 unit·hours of energy too little .* slot 1",
        ),
        (
            {"load": (-3, 5), "grid": GridTariff(1, 0, None, 2)},
            "north alone: found 1 .* too much for north in slot 0",
        ),
        (
            {"load": (3, 5), "flexible": (FlexibleLoad(9, 2),), "grid": GridTariff(1)},
            "north alone: found a store or a flexible load that its own limits cannot serve",
        ),
    ],
)
def test_needs_that_cannot_be_met_alone_name_the_agent(balance, words):
    with pytest.raises(Infeasible, match=words):
        autarky(an_agent(**balance))


def test_needs_that_cannot_be_met_together_name_the_member_and_slot():
    strong = an_agent("strong", load=(3, 5), generators=(Generator(6),))
    weak = an_agent("weak", load=(0, 4))
    with pytest.raises(Infeasible, match=r"the members together: found .* too little for .* in slot 1"):
        dispatch([strong, weak])


def test_selling_above_another_members_buy_price_without_limit_is_unbounded():
    seller = an_agent("seller", load=(1,), grid=GridTariff(buy=0.9, sell=0.7))
    buyer = an_agent("buyer", load=(1,), grid=GridTariff(buy=0.4))
    with pytest.raises(Unbounded, match=r"buyer buying energy from 0.4 and seller selling energy up to 0.7"):
        dispatch([seller, buyer])
    limited = an_agent("buyer", load=(1,), grid=GridTariff(buy=0.4, import_limit=5))
    assert dispatch([seller, limited]).cost == pytest.approx(5 * 0.4 - 3 * 0.7)


@pytest.mark.parametrize(
    ("agents", "kind", "words"),
    [
        ([], EmptySide, "agents: found none"),
        ([an_agent(load=(1,)), an_agent(load=(1,))], PricingError, "found 'north' twice"),
        (
            [an_agent(load=(1,)), an_agent("south", load=(1, 2))],
            PricingError,
            "south: found 2 slots of 1 h, expected 1",
        ),
    ],
)
def test_members_that_do_not_fit_are_refused(agents, kind, words):
    with pytest.raises(kind, match=words):
        dispatch(agents)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (Line("a", (("east", 1.0),), 1.0), r"a: found members \['east'\], expected some of \['north'\]"),
        (Line("b", (("north", 1.0),), 1.0, "heat"), "b: found 'heat', expected one of"),
        (Line("c", (("north", 1.0),), (1.0, 2.0)), "c: limit: found 2 slots, expected 1"),
    ],
)
def test_lines_that_do_not_fit_are_refused(line, words):
    with pytest.raises(PricingError, match=words):
        dispatch([an_agent(load=(1,), grid=GridTariff(1))], [line])
