"""What menus and coalitions promise holds, a flaw is caught, and cases that speak of properties are told apart."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing.coalition import Agent, Balance, Generator, Line
from pricing.coalition import negotiate as agree_on
from pricing.errors import EmptySide, PricingError
from pricing.menus import QuadraticValue, SmoothValue, procurement_menu
from pricing.properties import (
    Answer,
    Exchanged,
    ProcurementProblem,
    Property,
    QualityProblem,
    check_properties,
)
from pricing.properties.efficiency import second_best
from tests.pricing.families import properties as family
from tests.pricing.random_instances import members, suppliers

PROBLEM = ProcurementProblem(
    [1, 2, 3], [0.45, 0.1, 0.45], QuadraticValue(12)
)  # case T05: two types are pooled
NORTH, SOUTH = (
    Agent(name, (Balance(load=(10,), generators=(Generator(cost_quadratic=a),)),))
    for name, a in (("north", 2.0), ("south", 0.5))
)


class TestMenus:
    @settings(max_examples=10, deadline=None)
    @given(seed=st.integers(0, 2**32 - 1))
    def test_claims_hold_for_suppliers(self, seed):
        assert check_properties("procurement-menu", suppliers(np.random.default_rng(seed))).violations == ()

    def test_claims_hold_for_other_values_and_for_buyers(self):
        smooth = SmoothValue(lambda q: 30 * math.log1p(q), lambda q: 30 / (1 + q), quantity_max=1000)
        problem = ProcurementProblem([1, 2, 3, 4], [0.4, 0.1, 0.1, 0.4], smooth)
        assert check_properties("procurement-menu", problem).violations == ()
        assert (
            check_properties("quality-menu", QualityProblem([1, 1.5, 1.7], [0.5, 0.3, 0.2])).violations == ()
        )

    def test_the_program_of_all_incentives_agrees_with_the_closed_form(self):
        menu = procurement_menu(PROBLEM.costs, PROBLEM.probabilities, PROBLEM.value)
        assert second_best(PROBLEM) == pytest.approx(menu.profit, abs=1e-6)

    @pytest.mark.parametrize("unit", [1e-90, 1e-6, 1e6, 1e90])
    def test_the_program_of_all_incentives_knows_no_unit_of_money(self, unit):
        costs = [unit * cost for cost in PROBLEM.costs]
        problem = ProcurementProblem(costs, PROBLEM.probabilities, QuadraticValue(12 * unit, unit))
        assert second_best(problem) == pytest.approx(unit * second_best(PROBLEM))

    def test_tastes_next_to_nothing(self):
        assert second_best(QualityProblem([5e-324, 1e-12], [0.5, 0.5])) == pytest.approx(2.5e-25)

    def test_nothing_is_gained_where_nothing_is_wanted(self):
        assert second_best(ProcurementProblem([12, 13], [0.5, 0.5], QuadraticValue(12))) == 0

    def test_the_first_best_is_not_reached(self):
        found = check_properties("procurement-menu", PROBLEM, claims={Property.EFFICIENCY: Answer.YES})
        assert found.violations[0].property is Property.EFFICIENCY

    def test_paying_everybody_their_cost_invites_lies(self):
        def at_cost(problem):
            return [(problem.value.demand(cost), cost * problem.value.demand(cost)) for cost in problem.costs]

        found = check_properties(at_cost, PROBLEM, claims={Property.INCENTIVES: Answer.YES})
        (broken,) = found.violations
        assert (broken.witness.who, broken.witness.says, broken.worst) == ("type 0", "to be type 2", 18.0)

    def test_menus_that_leave_types_out_of_pocket_or_turn_the_order_round(self):
        found = check_properties(lambda problem: [(1, 0.5), (2, 6), (3, 9)], PROBLEM)
        assert found[Property.INDIVIDUAL_RATIONALITY].witness == 0
        assert found[Property.MONOTONICITY].holds is False

    def test_refusals(self):
        with pytest.raises(PricingError, match="items: found 1, expected one for each of 3 types"):
            check_properties(lambda problem: [(1, 1)], PROBLEM)
        with pytest.raises(PricingError, match="found QualityProblem, expected ProcurementProblem"):
            check_properties("procurement-menu", QualityProblem([1], [1]))
        with pytest.raises(PricingError, match="found 'menu', expected procurement-menu or quality-menu"):
            check_properties("menu", PROBLEM)
        with pytest.raises(PricingError, match="items: found None, expected one for each of 3 types"):
            check_properties(lambda problem: None, PROBLEM)

    def test_refused_problems(self):
        with pytest.raises(EmptySide, match="costs: found no type"):
            ProcurementProblem([], [], QuadraticValue(12))
        with pytest.raises(PricingError, match="value: found None, expected a ConcaveValue"):
            ProcurementProblem([1], [1], None)
        with pytest.raises(PricingError, match=r"probabilities: found a sum of 0\.9, expected 1"):
            QualityProblem([1, 2], [0.5, 0.4])
        with pytest.raises(PricingError, match=r"tastes\[1\]: found -1"):
            QualityProblem([1, -1], [0.5, 0.5])


class TestCoalitions:
    @pytest.mark.parametrize("name", ["negotiate", "negotiate-privately"])
    def test_claims_hold(self, name):
        report = check_properties(name, members(np.random.default_rng(3)))
        assert report.violations == ()
        assert report[Property.BUDGET_BALANCE].worst == 0

    def test_a_member_that_overstates_what_it_has_alone_gains(self):
        found = check_properties("negotiate", [NORTH, SOUTH], properties=[Property.INCENTIVES])
        witness = found[Property.INCENTIVES].witness
        assert (witness.who, witness.says) == ("north", "that its energy costs 0.8 times as much")
        assert witness.gain == pytest.approx(7.3696, abs=1e-3)

    def test_one_micro_unit_too_much_is_seen(self):
        def leaky(agents):
            agreed = agree_on(agents)
            first, *rest = agreed.payments_micros
            return Exchanged(agreed.dispatch.exchanges, (first + 1, *rest))

        found = check_properties(leaky, [NORTH, SOUTH], properties=[Property.BUDGET_BALANCE])
        assert (found[Property.BUDGET_BALANCE].holds, found[Property.BUDGET_BALANCE].worst) == (False, 1.0)

    def test_staying_alone_is_not_efficient(self):
        def alone(agents):
            return Exchanged(np.zeros((len(agents), 1, 1)), (0,) * len(agents))

        found = check_properties(alone, [NORTH, SOUTH], claims={Property.EFFICIENCY: Answer.WEAK})
        assert found.violations[0].worst == pytest.approx(45, abs=1e-4)

    def test_payments_to_the_wrong_member(self):
        def swapped(agents):
            agreed = agree_on(agents)
            return Exchanged(agreed.dispatch.exchanges, agreed.payments_micros[::-1])

        found = check_properties(swapped, [NORTH, SOUTH])[Property.INDIVIDUAL_RATIONALITY]
        assert (found.holds, found.witness) == (False, "south")

    def test_with_lines_the_bound_is_not_tried(self):
        line = Line("feeder", (("north", 1.0),), 3.0)
        report = check_properties("negotiate", [NORTH, SOUTH], properties=[Property.EFFICIENCY], lines=[line])
        assert report[Property.EFFICIENCY].holds is None

    def test_payments_are_whole_micro_units(self):
        with pytest.raises(PricingError, match="expected whole micro-units"):
            check_properties(lambda agents: Exchanged(np.zeros((2, 1)), (0.5, -0.5)), [NORTH, SOUTH])
        with pytest.raises(PricingError, match="exchanges: found shape"):
            check_properties(lambda agents: Exchanged(np.zeros(5), (0, 0)), [NORTH, SOUTH])
        with pytest.raises(PricingError, match=r"exchanges: found .*, expected numbers up to 1e"):
            Exchanged([[math.nan], [0.0]], (0, 0))

    def test_a_parameter_that_a_bargain_does_not_take(self):
        with pytest.raises(PricingError, match="k: found a parameter of negotiate, expected one of weights"):
            check_properties("negotiate", [NORTH, SOUTH], k=0.5)


def named(title, description=""):
    case = {"title": title, "inputs": {"description": description}}
    return [claim.violations.__name__ for claim in family.claims_of(case)]


@pytest.mark.parametrize(
    ("title", "claim"),
    [
        ("IR", "rationality"),
        ("BB", "balance"),
        ("Pareto/efficiency", "efficiency"),
        ("symmetry+anonymity", "symmetry"),
        ("scale invariance", "scale_invariance"),
        ("IIA", "independence"),
        ("monotonicity", "monotonicity"),
        ("DSIC", "truthfulness"),
        ("screening", "screening"),
        ("determinism", "determinism"),
        ("monotone in load", "rises_with_load"),
        ("stability", "convergence"),
        ("ADMM = central", "separation"),
        ("money conservation", "conservation"),
        ("cooperative core", "cooperative_values"),
    ],
)
def test_a_claim_is_told_by_its_words(title, claim):
    assert named(title) == [claim]


def test_words_of_the_description_count_where_the_title_says_nothing():
    assert named("claim 8", "larger set with the same ideal point: KS gives nobody less") == ["monotonicity"]
    assert named("claim 8", "the moon is full") == []


@pytest.mark.parametrize(
    "claim",
    ["homogeneity", "zone_of_agreement", "refusals", "best_responses"],
)
def test_claims_beyond_the_listed_cases_hold(claim):
    assert getattr(family, claim)() == 0
