"""A private negotiation ends where the central one does, and nothing but exchanges, means and prices passes."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing.coalition import (
    Agent,
    Balance,
    FlexibleLoad,
    Generator,
    GridTariff,
    autarky,
    dispatch,
    negotiate,
)
from pricing.coalition.messages import (
    Absorb,
    Appraise,
    Divide,
    Open,
    Paid,
    Propose,
    Ready,
    Settle,
    Settled,
    Share,
)
from pricing.coalition.private_negotiation import negotiate_privately
from pricing.coalition.worker import Worker
from pricing.errors import EmptySide, Infeasible, NotConverged, PricingError
from tests.pricing.microgrids import microgrids

MICRO = 1_000_000


def an_agent(name="north", *, slot_hours=1.0, **balance):
    return Agent(name, (Balance(**balance),), slot_hours)


def a_generator_owner(name, slope, load=10.0):
    return an_agent(name, load=(load,), generators=(Generator(cost_quadratic=slope),))


def a_computing_coalition():
    """A centre with jobs and a cluster that burns energy, a rival with spare computers, and a solar plant."""
    sun = (0.0, 6.0, 9.0, 1.0)
    return [
        Agent(
            "centre",
            (
                Balance(
                    "compute",
                    flexible=(FlexibleLoad(amount=20, rate_max=10),),
                    generators=(Generator(rate_max=6, cost_linear=0.5, inputs=(("energy", 0.9),)),),
                ),
                Balance("energy", grid=GridTariff(buy=(0.3, 0.5, 0.9, 0.7))),
            ),
        ),
        Agent(
            "rival",
            (
                Balance(
                    "compute",
                    load=(3.0, 3.0, 0.0, 0.0),
                    generators=(
                        Generator(
                            rate_max=8, cost_linear=0.2, cost_quadratic=0.05, inputs=(("energy", 0.7),)
                        ),
                    ),
                ),
                Balance("energy", grid=GridTariff(buy=(0.4, 0.4, 0.8, 0.8))),
            ),
        ),
        an_agent("sun", load=(1.0,) * 4, renewable=sun, grid=GridTariff(buy=0.6, sell=0.05)),
    ]


def saved(agents):
    return sum(autarky(agent).cost for agent in agents) - dispatch(agents).cost


def test_two_generators_share_as_the_closed_form_says():
    agreed = negotiate_privately(
        [a_generator_owner("north", 2.0), a_generator_owner("south", 0.5)], tolerance=1e-7
    )
    assert agreed.exchange[:, 0, 0] == pytest.approx([6, -6], abs=1e-4)
    assert agreed.prices[0, 0] == pytest.approx(8, abs=1e-4)
    assert agreed.savings_micros == pytest.approx([84 * MICRO, -39 * MICRO], abs=200)
    assert agreed.payments_micros == pytest.approx([61.5 * MICRO, -61.5 * MICRO], abs=200)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_it_ends_where_the_central_solution_does(seed):
    agents = microgrids(8, seed=seed)
    agreed, central = negotiate_privately(agents), dispatch(agents)
    alone = sum(autarky(agent).cost for agent in agents)
    assert alone - sum(agreed.savings_micros) / MICRO == pytest.approx(central.cost, rel=1e-5)
    assert agreed.prices == pytest.approx(central.prices, abs=2e-3)
    assert agreed.iterations <= 100


@settings(max_examples=10, deadline=None)
@given(st.integers(2, 5), st.integers(0, 10_000), st.lists(st.floats(0, 1), min_size=5, max_size=5))
def test_exchanges_and_payments_sum_to_zero_and_nobody_loses(count, seed, drawn):
    weights = [1.0, *drawn[1:count]]
    agreed = negotiate_privately(microgrids(count, slots=4, seed=seed), weights=weights)
    assert not agreed.exchange.sum(axis=0).any()
    assert sum(agreed.payments_micros) == 0
    assert min(agreed.gains_micros) >= 0
    assert sum(agreed.gains_micros) == sum(agreed.savings_micros)
    if agreed.agreement:
        total = sum(agreed.savings_micros)
        fair = [weight / sum(weights) * total for weight in weights]
        assert agreed.gains_micros == pytest.approx(fair, abs=1)


def test_contributions_count_as_they_do_in_the_open_negotiation():
    agents = [
        a_generator_owner(name, slope, load)
        for name, slope, load in zip("abc", (1, 2, 4), (6, 9, 3), strict=True)
    ]
    agreed, central = negotiate_privately(agents, theta=0.6, tolerance=1e-6), negotiate(agents, theta=0.6)
    assert agreed.weights == pytest.approx(central.sharing.weights, abs=1e-5)
    assert agreed.payments_micros == pytest.approx(central.payments_micros, abs=1e-5 * MICRO * 30)


def test_compute_and_energy_are_negotiated_together():
    agents = a_computing_coalition()
    agreed, central = negotiate_privately(agents), dispatch(agents)
    assert agreed.commodities == central.commodities == ("compute", "energy")
    assert agreed.exchange.shape == (3, 2, 4)
    assert sum(agreed.savings_micros) / MICRO == pytest.approx(saved(agents), rel=1e-3)
    assert not agreed.exchange[2, 0].any()  # the solar plant touches no compute


@pytest.mark.parametrize("unit", [1e-3, 1e2])
def test_the_unit_of_energy_does_not_matter(unit):
    def in_units(agent):
        balance = agent.balances[0]
        storage, diesel, grid = balance.storage, balance.generators[0], balance.grid
        return an_agent(
            agent.name,
            load=np.multiply(balance.load, unit),
            renewable=np.multiply(balance.renewable, unit),
            storage=replace(
                storage,
                rate_max=storage.rate_max * unit,
                capacity=storage.capacity * unit,
                initial=storage.initial * unit,
                throughput_cost=storage.throughput_cost / unit,
            ),
            generators=(
                Generator(diesel.rate_max * unit, diesel.cost_linear / unit, diesel.cost_quadratic / unit**2),
            ),
            grid=GridTariff(buy=np.divide(grid.buy, unit), sell=grid.sell / unit),
        )

    agents = microgrids(4, seed=1)
    agreed = negotiate_privately([in_units(agent) for agent in agents])
    assert sum(agreed.savings_micros) / MICRO == pytest.approx(saved(agents), rel=1e-3)


def test_without_anything_to_gain_everybody_stays_alone():
    twins = [an_agent(name, load=(4.0, 6.0), grid=GridTariff(buy=0.5, sell=0.1)) for name in ("a", "b")]
    agreed = negotiate_privately(twins)
    assert not agreed.agreement
    assert not agreed.exchange.any()
    assert agreed.payments_micros == agreed.savings_micros == (0, 0)


def test_one_member_has_nobody_to_trade_with():
    assert negotiate_privately(microgrids(1, slots=4)).payments_micros == (0,)


# What passes


def test_only_exchanges_go_up_and_only_means_and_prices_come_down():
    trace = []
    agreed = negotiate_privately(microgrids(3, slots=4, seed=1), trace=trace)
    up = {type(passed.message) for passed in trace if passed.up}
    down = {type(passed.message) for passed in trace if not passed.up}
    assert up <= {Ready, Share, Settled, Paid}
    assert down <= {Open, Propose, Settle, Absorb, Appraise, Divide}
    assert [field.name for field in fields(Propose)] == ["round", "mean", "dual", "penalty", "accuracy"]
    rounds = [passed.message for passed in trace if isinstance(passed.message, Propose)]
    assert len(rounds) == 3 * agreed.iterations
    # up in a round: e in counts, then three words each for ‖e‖² and ‖e − z‖²; later the saving
    shares = [passed.message.words for passed in trace if isinstance(passed.message, Share)]
    assert {len(words) for words in shares} == {4 + 6, 1}


def test_what_goes_up_depends_on_the_exchange_alone():
    # two members of other costs, loads and stores, but of one net supply curve, answer alike
    plain = an_agent("a", load=(10.0,), generators=(Generator(cost_quadratic=2.0),))
    other = an_agent("a", load=(30.0,), renewable=(20.0,), generators=(Generator(cost_quadratic=2.0),))
    partner = a_generator_owner("b", 0.5)
    words = []
    for agent in (plain, other):
        trace = []
        negotiate_privately([agent, partner], trace=trace, tolerance=1e-3)
        words.append(next(passed.message.words for passed in trace if isinstance(passed.message, Share)))
    assert words[0][:1].view(np.int64) / 2**30 == pytest.approx(words[1][:1].view(np.int64) / 2**30, rel=1e-2)


def test_masked_answers_change_nothing_and_tell_nothing_alone():
    agents = microgrids(4, slots=6, seed=2)
    trace, plain_trace = [], []
    masked = negotiate_privately(agents, secret=bytes(range(32)), trace=trace)
    plain = negotiate_privately(agents, trace=plain_trace)
    same_result(masked, plain)

    def of_north(passed):
        return [
            p.message.words for p in passed if p.member == agents[0].name and isinstance(p.message, Share)
        ]

    hidden, clear = (np.concatenate(of_north(each)) for each in (trace, plain_trace))
    assert np.all(hidden != clear)
    assert np.all(np.abs(clear.view(np.int64) / 2.0**63) < 1e-3)
    # the top hexadecimal digit of a uniform word is uniform: chi-square of 15 degrees, 99.99 % below 45
    digits = np.bincount((hidden >> np.uint64(60)).astype(int), minlength=16)
    expected = len(hidden) / 16
    assert np.sum((digits - expected) ** 2) / expected < 45


# However it is run


def same_result(one, other):
    assert one.exchange.tobytes() == other.exchange.tobytes()
    assert one.prices.tobytes() == other.prices.tobytes()
    assert one.payments_micros == other.payments_micros
    assert one.residuals == other.residuals


def test_processes_of_their_own_give_the_same_bits():
    agents = microgrids(3, slots=4, seed=1)
    same_result(negotiate_privately(agents, processes=2), negotiate_privately(agents))


def test_a_failure_in_another_process_is_raised_here():
    stuck = an_agent("stuck", load=(5.0,), generators=(Generator(rate_max=1.0),))
    with pytest.raises(Infeasible, match="stuck alone"):
        negotiate_privately([a_generator_owner("north", 2.0), stuck], processes=1)


def test_the_order_of_members_does_not_matter():
    agents = microgrids(5, slots=4, seed=3)
    order = [3, 0, 4, 1, 2]
    given_, shuffled = negotiate_privately(agents), negotiate_privately([agents[place] for place in order])
    assert shuffled.names == tuple(agents[place].name for place in order)
    assert np.array_equal(shuffled.exchange, given_.exchange[order])
    assert shuffled.payments_micros == tuple(given_.payments_micros[place] for place in order)
    assert shuffled.residuals == given_.residuals


def test_progress_is_told_after_every_round():
    told = []
    agreed = negotiate_privately(microgrids(2, slots=4, seed=1), progress=lambda *each: told.append(each))
    assert told == list(enumerate(agreed.residuals, start=1))


# What cannot be negotiated


def test_a_member_that_cannot_live_alone_is_named():
    stuck = an_agent("stuck", load=(5.0,), generators=(Generator(rate_max=1.0),))
    with pytest.raises(Infeasible, match="stuck alone"):
        negotiate_privately([a_generator_owner("north", 2.0), stuck])


def test_a_cap_that_is_hit_tells_the_residuals():
    with pytest.raises(NotConverged, match=r"residuals .* \(balance\) and .* \(rest\) after 3 iterations"):
        negotiate_privately(microgrids(3, slots=4, seed=1), iterations_max=3)


def test_nobody_is_no_coalition():
    with pytest.raises(EmptySide, match="members: found none"):
        negotiate_privately([])


@pytest.mark.parametrize(
    ("members", "options", "message"),
    [
        ([a_generator_owner("a", 1.0)] * 2, {}, "found 'a' twice"),
        ([a_generator_owner("a", 1.0), Worker.of(a_generator_owner("b", 1.0))], {}, "agents and workers"),
        ([Worker.of(a_generator_owner("a", 1.0))], {"secret": bytes(32)}, "bring their own masks"),
        ([a_generator_owner("a", 1.0)], {"secret": b"short"}, "secret: found 5 bytes"),
        ([a_generator_owner("a", 1.0)], {"weights": [-1.0]}, r"weights\[0\]: found -1"),
        ([a_generator_owner("a", 1.0)], {"tolerance": 0.0}, "tolerance: found 0"),
        ([a_generator_owner("a", 1.0)], {"penalty": float("nan")}, "penalty: found nan"),
        ([a_generator_owner("a", 1.0)], {"relaxation": 2.0}, "relaxation: found 2"),
        ([a_generator_owner("a", 1.0)], {"theta": 1.5}, "theta: found 1.5"),
        ([a_generator_owner("a", 1.0)], {"iterations_max": 0}, "iterations_max: found 0"),
        ([a_generator_owner("a", 1.0)], {"processes": -1}, "processes: found -1"),
    ],
)
def test_bad_input_is_named(members, options, message):
    with pytest.raises(PricingError, match=message):
        negotiate_privately(members, **options)


def test_slots_of_other_numbers_or_lengths_do_not_meet():
    north = an_agent("north", load=(1.0, 1.0), grid=GridTariff(buy=0.5))
    with pytest.raises(PricingError, match="short: found 1 exchanges, expected 2, as north has"):
        negotiate_privately([north, an_agent("short", load=(1.0,), grid=GridTariff(buy=0.5))])
    with pytest.raises(PricingError, match=r"slots of 0\.5 h, expected 1 h"):
        negotiate_privately([north, replace(north, name="brief", slot_hours=0.5)])


def test_workers_of_other_commodities_do_not_meet():
    energy = Worker.of(a_generator_owner("a", 1.0))
    compute = Worker.of(Agent("b", (Balance("compute", load=(1.0,), generators=(Generator(),)),)))
    with pytest.raises(PricingError, match="b: found commodities"):
        negotiate_privately([energy, compute])
