"""From agents to payments: equal to the one-shot bargain, never worse than alone, exactly balanced."""

from dataclasses import replace

import clarabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from market.units import InvariantBroken
from pricing.coalition import (
    Agent,
    Balance,
    Generator,
    GridTariff,
    Line,
    agree,
    autarky,
    contribution_weights,
    dispatch,
    local_problem,
    negotiate,
    subset_savings,
)
from pricing.errors import EmptySide, Infeasible, PricingError
from tests.pricing.microgrids import microgrids


def one_shot(agents, weights):
    """Return the gains that maximise Σ w ln(C⁰ − f(x) − π) over dispatch and payments at once, by exponential cones."""
    problems = [local_problem(agent) for agent in agents]
    sizes = [len(problem.q) for problem in problems]
    count, slots, starts = len(agents), len(problems[0].exchange), np.cumsum([0, *sizes])
    payment = starts[-1] + np.arange(count)  # then π, curved costs v, and the logarithms t
    curved, logarithm = payment + count, payment + 2 * count
    width = starts[-1] + 3 * count
    zero, inside, cones = [], [], []

    def row(entries):
        made = np.zeros(width)
        for places, values in entries:
            made[places] += values
        return made

    zero += [(row([(starts[:-1] + slot, 1.0)]), 0.0) for slot in range(slots)] + [
        (row([(payment, 1.0)]), 0.0)
    ]
    for start, size, problem in zip(starts, sizes, problems, strict=False):
        for own, low, high in zip(problem.A.toarray(), problem.l, problem.u, strict=True):
            whole = row([(slice(start, start + size), own)])
            if low == high:
                zero.append((whole, high))
            else:
                inside += [(whole, high)] if np.isfinite(high) else []
                inside += [(-whole, -low)] if np.isfinite(low) else []
    second, exponential = [], []
    for i, (start, size, problem) in enumerate(zip(starts, sizes, problems, strict=False)):
        bent = problem.P.diagonal()
        roots = [row([(start + j, -np.sqrt(2 * bent[j]))]) for j in np.flatnonzero(bent)]
        # ½ x'Px <= v as a second-order cone: |(√(2 P) x, v − 1)| <= v + 1
        minus_v = row([(curved[i], -1.0)])
        second += [(minus_v, 1.0), *((root, 0.0) for root in roots), (minus_v, -1.0)]
        cones.append(clarabel.SecondOrderConeT(2 + len(roots)))
        alone = autarky(agents[i]).cost
        spent = row([(slice(start, start + size), problem.q), (curved[i], 1.0), (payment[i], 1.0)])
        exponential += [(row([(logarithm[i], -1.0)]), 0.0), (np.zeros(width), 1.0), (spent, alone)]
    rows, sides = zip(*zero, *inside, *second, *exponential, strict=True)
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-12
    objective = np.zeros(width)
    objective[logarithm] = -np.asarray(weights)
    found = clarabel.DefaultSolver(
        sparse.csc_array((width, width)),
        objective,
        sparse.csc_array(np.array(rows)),
        np.array(sides),
        [
            clarabel.ZeroConeT(len(zero)),
            clarabel.NonnegativeConeT(len(inside)),
            *cones,
            *[clarabel.ExponentialConeT()] * count,
        ],
        settings,
    ).solve()
    return np.exp(np.asarray(found.x)[logarithm])


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_separation_equals_the_one_shot_nash_product(seed):
    agents = microgrids(3, slots=4, seed=seed)
    weights = np.random.default_rng(seed).dirichlet(np.ones(3) * 5)
    agreed = negotiate(agents, weights=weights)
    assert agreed.sharing.gains == pytest.approx(one_shot(agents, weights), rel=1e-4)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 5), st.floats(0, 1))
def test_payments_balance_exactly_and_nobody_is_worse_than_alone(seed, count, theta):
    agreed = negotiate(microgrids(count, slots=6, seed=seed), theta=theta)
    assert sum(agreed.payments_micros) == 0
    for alone, does, micros in zip(agreed.autarky, agreed.schedules, agreed.payments_micros, strict=True):
        assert does.cost + micros / 1e6 <= alone.cost + 1e-6


def quadratic_members(*pairs):
    return [
        Agent(f"{place}", (Balance(load=(load,), generators=(Generator(cost_quadratic=a),)),))
        for place, (a, load) in enumerate(pairs)
    ]


def test_a_payment_is_the_imports_at_the_price_and_a_residual():
    agreed = negotiate(quadratic_members((2.0, 10), (0.5, 10)))
    assert agreed.purchases == pytest.approx((48.0, -48.0))
    assert agreed.residuals == pytest.approx((13.5, -13.5))
    assert [micros / 1e6 for micros in agreed.payments_micros] == pytest.approx([61.5, -61.5])


def test_contributions_move_the_weights():
    members = quadratic_members((2.0, 10), (1.0, 8), (0.5, 1))
    equal, by_trade = (negotiate(members, theta=theta) for theta in (0.0, 1.0))
    worth = np.abs(by_trade.dispatch.prices[0, 0] * by_trade.dispatch.exchanges[:, 0, 0])
    assert equal.sharing.weights == pytest.approx([1 / 3] * 3)
    assert by_trade.sharing.weights == pytest.approx(worth / worth.sum())
    assert by_trade.sharing.total_saving == pytest.approx(equal.sharing.total_saving)


def test_subsets_save_what_they_would_negotiate_alone():
    members = microgrids(3, slots=8, seed=2)
    values = subset_savings(members)
    assert values[[0, 1, 2, 4]].tolist() == [0.0] * 4
    pairs = {3: members[:2], 5: members[::2], 6: members[1:], 7: members}
    for part, those in pairs.items():
        assert values[part] == pytest.approx(negotiate(those).sharing.total_saving, abs=1e-6)
    assert values[7] >= values[[3, 5, 6]].max()


def test_shapley_values_as_weights_give_everybody_its_shapley_value():
    members = microgrids(3, slots=8, seed=2)
    values = subset_savings(members)
    shapley = np.array(
        [
            values[7] / 3 - values[7 ^ bit] / 3 + (values[bit | one] + values[bit | other]) / 6
            for bit, one, other in ((1, 2, 4), (2, 1, 4), (4, 1, 2))
        ]
    )
    agreed = negotiate(members, weights=contribution_weights(shapley))
    assert agreed.sharing.gains == pytest.approx(shapley)


def test_a_subset_uses_the_lines_that_it_is_on():
    cheap = Agent("cheap", (Balance(load=(1.0,), grid=GridTariff(buy=0.2)),))
    dear = Agent("dear", (Balance(load=(5.0,), grid=GridTariff(buy=0.9)),))
    dull = Agent("dull", (Balance("compute", load=(0.0,)),))
    lines = [Line("feeder", (("dear", 1.0),), limit=3.0), Line("link", (("dull", 1.0),), 1.0, "compute")]
    values = subset_savings([cheap, dear, dull], lines)
    assert values[[3, 7]] == pytest.approx([2.1, 2.1])
    assert values[[5, 6]] == pytest.approx([0, 0], abs=1e-8)


def test_a_game_of_many_members_is_refused():
    with pytest.raises(PricingError, match="agents: found 13, expected at most 12"):
        subset_savings(quadratic_members(*[(1.0, 1)] * 13))


def test_twins_have_nothing_to_trade_and_stay_alone():
    agreed = negotiate(quadratic_members((1.0, 5), (1.0, 5)))
    assert not agreed.agreement
    assert agreed.payments_micros == (0, 0)
    assert agreed.purchases == agreed.residuals == agreed.sharing.payments == (0.0, 0.0)
    assert agreed.schedules is agreed.autarky


def test_one_member_is_alone():
    agreed = negotiate(quadratic_members((1.0, 5)))
    assert (agreed.agreement, agreed.payments_micros) == (False, (0,))


def test_the_order_of_members_does_not_matter():
    agents = microgrids(4, slots=6, seed=7)
    there, back = negotiate(agents), negotiate(agents[::-1])
    assert there.sharing.final_costs == pytest.approx(back.sharing.final_costs[::-1], rel=1e-7)


def test_a_full_line_collects_a_rent_that_is_given_back():
    cheap = Agent("cheap", (Balance(load=(1.0,), grid=GridTariff(buy=0.2)),))
    dear = Agent("dear", (Balance(load=(5.0,), grid=GridTariff(buy=0.9)),))
    agreed = negotiate([cheap, dear], lines=[Line("feeder", (("dear", 1.0),), limit=3.0)])
    assert agreed.purchases == pytest.approx((-0.6, 2.7))
    assert sum(agreed.residuals) == pytest.approx(-3 * (0.9 - 0.2))
    assert sum(agreed.payments_micros) == 0


def test_a_member_that_cannot_live_alone_is_named():
    weak = Agent("weak", (Balance(load=(4,)),))
    with pytest.raises(Infeasible, match="weak alone: found 4 unit·hours of energy too little"):
        negotiate([*quadratic_members((1.0, 5)), weak])


def test_nobody_is_nobody():
    with pytest.raises(EmptySide, match="agents: found none"):
        negotiate([])


def test_a_coalition_dearer_than_everybody_alone_is_an_error_of_the_solver():
    members = quadratic_members((1.0, 5), (1.0, 6))
    cheaper = [replace(schedule, cost=schedule.cost / 2) for schedule in map(autarky, members)]
    with pytest.raises(InvariantBroken, match="and could do the same"):
        agree(cheaper, dispatch(members))
