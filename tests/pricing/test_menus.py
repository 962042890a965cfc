"""Menus: incentive compatible for everybody, and no other incentive-compatible menu is better."""

import math

import clarabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.optimize import minimize

from market.units import InvariantBroken
from pricing.errors import EmptySide, PricingError, Unbounded
from pricing.menus import (
    QuadraticValue,
    SmoothValue,
    UniformQualityMenu,
    procurement_menu,
    quality_menu,
    verify,
)

FEW = st.integers(1, 7)


@st.composite
def suppliers(draw, types=FEW):
    n = draw(types)
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    costs = np.cumsum(rng.uniform(0.1, 2, n))
    probabilities = rng.dirichlet(np.full(n, 0.6)) * 0.98 + 0.02 / n  # uneven: ironing is common
    return costs.tolist(), (probabilities / probabilities.sum()).tolist()


def best_quadratic_menu(costs, probabilities, a, b):
    """Solve for q and t with every incentive constraint: the slow, obvious way."""
    n, p = len(costs), np.array(probabilities)
    rows, limits = [], []
    for i in range(n):
        for j in range(n):
            row = np.zeros(2 * n)  # t_j − θ_i q_j <= t_i − θ_i q_i
            row[n + j] += 1
            row[j] -= costs[i]
            row[n + i] -= 1
            row[i] += costs[i]
            rows.append(row)
            limits.append(0.0)
        take_part, some = np.zeros(2 * n), np.zeros(2 * n)
        take_part[i], take_part[n + i], some[i] = costs[i], -1, -1
        rows += [take_part, some]
        limits += [0.0, 0.0]
    chosen = clarabel.DefaultSettings()
    chosen.verbose = False
    quadratic = sparse.diags(np.append(p * b, np.zeros(n)), format="csc")
    linear = np.append(-p * a, p)
    cones = [clarabel.NonnegativeConeT(len(rows))]
    solution = clarabel.DefaultSolver(
        quadratic, linear, sparse.csc_matrix(np.array(rows)), np.array(limits), cones, chosen
    ).solve()
    return np.array(solution.x[:n]), -solution.obj_val


@settings(max_examples=30)
@given(suppliers(), st.floats(1, 20), st.floats(0.3, 3))
def test_menu_is_the_best_of_all_incentive_compatible_ones(kinds, a, b):
    costs, probabilities = kinds
    menu = procurement_menu(costs, probabilities, QuadraticValue(a, b))
    quantities, profit = best_quadratic_menu(costs, probabilities, a, b)
    assert menu.profit == pytest.approx(profit, rel=1e-5, abs=1e-5)
    assert menu.quantities == pytest.approx(quantities, abs=2e-2)


@given(suppliers(types=st.integers(1, 30)), st.floats(1, 40))
def test_nobody_gains_with_another_item_and_nobody_loses(kinds, a):
    costs, probabilities = kinds
    menu = procurement_menu(costs, probabilities, QuadraticValue(a))
    assert np.max(menu.incentives()) <= 1e-9 * max(1, *menu.payments)
    assert min(menu.rents) >= 0
    assert menu.rents[-1] == 0
    assert list(menu.quantities) == sorted(menu.quantities, reverse=True)
    assert menu.quantities[0] == menu.first_best[0]  # no distortion at the top
    assert all(q <= best + 1e-12 for q, best in zip(menu.quantities, menu.first_best, strict=True))
    assert menu.bunching == any(
        b < a for a, b in zip(menu.virtual_costs, menu.virtual_costs[1:], strict=False)
    )


def test_ironing_is_exact_for_any_concave_value():
    costs, p = [1.0, 2.0, 3.0, 4.0], np.array([0.4, 0.1, 0.1, 0.4])
    value = SmoothValue(lambda q: 30 * math.log1p(q), lambda q: 30 / (1 + q), quantity_max=1000)
    menu = procurement_menu(costs, p.tolist(), value)
    virtual = np.array(menu.virtual_costs)

    best = minimize(
        lambda q: -p @ (30 * np.log1p(q) - virtual * q),
        np.full(4, 3.0),
        constraints=[{"type": "ineq", "fun": lambda q: -np.diff(q)}],
        bounds=[(0, None)] * 4,
        options={"ftol": 1e-14, "maxiter": 500},
    )
    assert menu.bunching
    assert menu.quantities == pytest.approx(best.x, abs=1e-4)
    assert menu.profit == pytest.approx(-best.fun, rel=1e-8)


def test_dear_types_are_left_out():
    menu = procurement_menu([2, 6], [0.8, 0.2], QuadraticValue(10))
    assert (menu.quantities, menu.payments, menu.rents) == ((8.0, 0.0), (16.0, 0.0), (0.0, 0.0))
    assert menu.first_best == (8.0, 4.0)


def test_one_type_is_bought_from_at_cost():
    menu = procurement_menu([2], [1], QuadraticValue(10, 2))
    assert (menu.quantities, menu.payments, menu.rents, menu.profit) == ((4.0,), (8.0,), (0.0,), 16.0)


def test_a_menu_that_invites_lies_is_a_broken_invariant():
    with pytest.raises(InvariantBroken, match="type 0 gains 1 with the item of type 1"):
        verify(np.array([[1.0, 2.0], [0.0, 0.0]]))
    with pytest.raises(InvariantBroken, match="type 1 gets -1"):
        verify(np.array([[1.0, 1.0], [-1.0, -1.0]]))


@pytest.mark.parametrize(
    ("costs", "probabilities", "message"),
    [
        ([2, 2], [0.5, 0.5], r"costs\[1\]: found 2, expected more than 2"),
        ([-1, 2], [0.5, 0.5], r"costs\[0\]: found -1"),
        ([1, 2], [0.5, 0.4], "probabilities: found a sum of 0.9, expected 1"),
        ([1, 2], [1, 0], r"probabilities\[1\]: found 0"),
        ([1, 2], [1], "probabilities: found 1 values, expected 2"),
        ([1, math.nan], [0.5, 0.5], r"costs\[1\]: found nan"),
    ],
)
def test_impossible_types_are_refused(costs, probabilities, message):
    with pytest.raises(PricingError, match=message):
        procurement_menu(costs, probabilities, QuadraticValue(10))
    with pytest.raises(PricingError, match=message.replace("costs", "tastes")):
        quality_menu(costs, probabilities)


def test_values_must_be_concave_and_bounded():
    with pytest.raises(EmptySide, match="costs: found no type"):
        procurement_menu([], [], QuadraticValue(10))
    with pytest.raises(EmptySide, match="tastes: found none"):
        quality_menu([], [])
    with pytest.raises(PricingError, match="slope: found 0"):
        QuadraticValue(10, 0)
    with pytest.raises(Unbounded, match=r"marginal\(10\): found 5, expected at most the price 1"):
        procurement_menu([1], [1], SmoothValue(lambda q: 5 * q, lambda q: 5.0, quantity_max=10))
    with pytest.raises(PricingError, match="marginal: found it rising by 10"):
        SmoothValue(lambda q: q * q / 2, lambda q: q, quantity_max=10).demand(1)
    with pytest.raises(PricingError, match=r"marginal\(0\): found nan"):
        SmoothValue(lambda q: q, lambda q: math.nan, quantity_max=10).demand(1)
    with pytest.raises(PricingError, match="quantity: found 11"):
        SmoothValue(lambda q: q, lambda q: 1.0, quantity_max=10).worth(11)


def test_many_tastes_come_to_the_uniform_menu():
    n = 2000
    tastes = ((np.arange(n) + 0.5) / n).tolist()
    menu, uniform = quality_menu(tastes, [1 / n] * n), UniformQualityMenu()
    assert menu.profit == pytest.approx(uniform.profit, abs=1e-3)
    assert menu.qualities == pytest.approx([uniform.quality(theta) for theta in tastes], abs=1e-3)
    assert menu.prices == pytest.approx([uniform.price(theta) for theta in tastes], abs=1e-3)


@given(suppliers(types=st.integers(1, 20)), st.floats(0.3, 4))
def test_quality_menu_mirrors_procurement(kinds, cost):
    tastes, probabilities = kinds
    menu = quality_menu(tastes, probabilities, cost=cost)
    assert np.max(menu.incentives()) <= 1e-9 * max(1, *menu.prices)
    assert list(menu.qualities) == sorted(menu.qualities)
    assert menu.qualities[-1] == pytest.approx(tastes[-1] / cost)  # no distortion at the top
    # the same problem bought: cost m − θ for quality delivered, S(q) = m·q − c·q²/2
    m = tastes[-1] + 1
    mirror = procurement_menu([m - t for t in tastes[::-1]], probabilities[::-1], QuadraticValue(m, cost))
    assert menu.qualities == pytest.approx(mirror.quantities[::-1], abs=1e-9)
    assert menu.profit == pytest.approx(mirror.profit, abs=1e-9)


@settings(max_examples=30)
@given(st.floats(0, 3), st.floats(0.1, 3), st.floats(0.2, 3))
def test_uniform_menu_earns_what_it_says(low, width, cost):
    menu = UniformQualityMenu(low, low + width, cost)
    tastes = low + width * (np.arange(500) + 0.5) / 500
    earned = np.mean([menu.price(t) - cost * menu.quality(t) ** 2 / 2 for t in tastes])
    assert menu.profit == pytest.approx(earned, rel=1e-2, abs=1e-4)
    first = menu.served_from
    assert menu.price(first) == pytest.approx(first * menu.quality(first))  # just served: no rent


def test_impossible_tastes_are_refused():
    with pytest.raises(PricingError, match="high: found 1"):
        UniformQualityMenu(1, 1)
    with pytest.raises(PricingError, match="taste: found 2"):
        UniformQualityMenu().quality(2)
    with pytest.raises(PricingError, match="cost: found 0"):
        quality_menu([1], [1], cost=0)
