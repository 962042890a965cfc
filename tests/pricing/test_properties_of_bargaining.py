"""What bargaining solutions promise holds in every form, and a solution with a flaw is caught with what shows it."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing.bargaining import (
    ConvexSet,
    FiniteSet,
    Frontier,
    Limits,
    Polygon,
    Transferable,
    Utility,
    egalitarian,
    kalai_smorodinsky,
    nash,
)
from pricing.errors import PricingError
from pricing.properties import SOLUTIONS, Answer, Property, check_properties
from pricing.properties.improvement import contains, improvement
from pricing.properties.smaller import smaller_problems
from pricing.properties.transformed import at_disagreement, permuted, scaled, symmetrised
from tests.pricing.random_instances import polygon, total

SMALL = Polygon([(0, 1), (0.75, 0.75), (1, 0)], (0, 0))  # cases B07 and B08
LARGE = Polygon([(0, 1), (1, 0.7), (1, 0)], (0, 0))
FORMS = {
    "total": Transferable(100, (20, 10, 5)),
    "caps": Transferable(100, (20, 10, 5), caps=(30, None, 50)),
    "no surplus": Transferable(20, (20, 10)),
    "polygon": Polygon([(0, 2), (2, 1.5), (3, 0)], (0.2, 0.1)),
    "curve": Frontier(lambda u1: 1 - u1**2, 0, 1, (0, 0)),
    "outcomes": FiniteSet([(4, 0), (2, 3), (1, 5), (3, 2)], (0.5, 1)),
    "lotteries": FiniteSet([(4, 0, 1), (2, 3, 2), (1, 5, 1), (3, 2, 4)], (0.5, 1, 0), lotteries=True),
    "polytope": ConvexSet.polytope([[1, 1, 2], [1, 0, 0]], [12, 3], (0, 0, 0)),
    "bent": ConvexSet(
        [Utility([1, 0], curvature=[[0.1, 0], [0, 0]]), Utility([0, 1], curvature=[[0, 0], [0, 0.2]])],
        (0, 0),
        limits=Limits([[1, 1], [-1, 0], [0, -1]], [4, 0, 0]),
    ),
}


@dataclass(frozen=True)
class Payoffs:
    payoffs: tuple[float, ...]


@pytest.mark.parametrize("name", SOLUTIONS)
@pytest.mark.parametrize("form", FORMS)
def test_claims_hold_in_every_form(form, name):
    assert check_properties(name, FORMS[form], reports=2).violations == ()


@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
@pytest.mark.parametrize("name", SOLUTIONS)
def test_claims_hold_on_random_problems(name, seed):
    chance = np.random.default_rng(seed)
    for problem in (polygon(chance), total(chance, capped=True)):
        assert check_properties(name, problem, reports=2).violations == ()


def test_nash_gives_less_in_a_larger_set_and_kalai_smorodinsky_does_not():
    wanted = [Property.MONOTONICITY]
    found = check_properties("nash", LARGE, properties=wanted, smaller=[SMALL])[Property.MONOTONICITY]
    assert (found.claimed, found.holds) == (Answer.NO, False)
    assert found.worst >= 0.05
    for name in ("kalai-smorodinsky", "egalitarian"):
        assert check_properties(name, LARGE, properties=wanted, smaller=[SMALL])[Property.MONOTONICITY].holds


@pytest.mark.parametrize("problem", [SMALL, LARGE])
def test_kalai_smorodinsky_depends_on_alternatives_that_are_not_chosen(problem):
    found = check_properties("kalai-smorodinsky", problem)[Property.INDEPENDENCE]
    assert found.holds is False
    solution = np.array(kalai_smorodinsky(problem).payoffs)
    assert contains(found.witness, solution, np.ones(2))
    assert kalai_smorodinsky(found.witness).payoffs != pytest.approx(solution)


def test_overstating_the_outside_option_gains_what_theory_says():
    problem = Transferable(100, (20, 10))
    found = check_properties("nash", problem, reports=10, weights=(0.3, 0.7))[Property.INCENTIVES]
    assert found.witness.who == "party 0"  # asking for all of 70 more it gains (1 − 0.3)·70
    assert found.worst == pytest.approx(0.7)


def test_unequal_weights_are_not_claimed_to_be_symmetric():
    found = check_properties("nash", Transferable(100, (0, 0)), weights=(1, 3))[Property.SYMMETRY]
    assert (found.claimed, found.holds) == (Answer.NO, False)


@pytest.mark.parametrize("name", ["egalitarian", "utilitarian"])
def test_scale_matters_where_utilities_are_compared(name):
    found = check_properties(name, FORMS["polygon"])[Property.SCALE_INVARIANCE]
    assert (found.claimed, found.holds, found.violated) == (Answer.NO, False, False)


class TestPlantedFlaws:
    def test_something_is_left_on_the_table(self):
        def wasteful(problem):
            agreed = nash(problem)
            return Payoffs(
                tuple(d + 0.99 * g for d, g in zip(problem.disagreement, agreed.gains, strict=True))
            )

        found = check_properties(wasteful, LARGE, claims={Property.PARETO: Answer.WEAK})
        assert found.violations[0].property is Property.PARETO

    def test_more_is_promised_than_there_is(self):
        def generous(problem):
            return Payoffs(tuple(1.001 * u for u in nash(problem).payoffs))

        found = check_properties(generous, LARGE, claims={Property.PARETO: Answer.YES})
        assert found.violations[0].explanation == "(1.001, 0.7007) is not within the set"

    def test_how_far_outside_the_set_is_told(self):
        found = check_properties(lambda problem: Payoffs((6.0, 5.0)), Transferable(10, (0, 0)))
        assert found[Property.PARETO].worst == pytest.approx(0.05)  # each has to give up 0.5 of its ideal 10

    def test_the_first_party_is_favoured(self):
        def partial_to_the_first(problem):
            return egalitarian(problem, weights=(2, 1))

        found = check_properties(partial_to_the_first, LARGE, claims={Property.SYMMETRY: Answer.YES})
        assert found.violations[0].witness is not None

    def test_somebody_gets_less_than_alone(self):
        def harsh(problem):
            return Payoffs((problem.disagreement[0] - 1, problem.disagreement[1]))

        found = check_properties(harsh, Transferable(10, (2, 3)))[Property.INDIVIDUAL_RATIONALITY]
        assert (found.holds, found.witness) == (False, 0)

    def test_the_total_is_not_the_total(self):
        def off_by_one(problem):
            agreed = nash(problem)
            return Payoffs((agreed.payoffs[0] - 1e-6, *agreed.payoffs[1:]))

        found = check_properties(
            off_by_one, Transferable(10, (2, 3)), claims={Property.BUDGET_BALANCE: Answer.YES}
        )
        assert found.violations[0].worst == pytest.approx(1e-6)

    def test_a_payoff_that_is_no_number(self):
        with pytest.raises(PricingError, match=r"payoffs\[0\]: found nan"):
            check_properties(lambda problem: Payoffs((float("nan"), 1.0)), LARGE)


class TestRefusals:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"smaller": [Transferable(9, (0, 0, 0))]}, r"smaller\[0\]: found Transferable.* of 2 parties"),
            ({"smaller": 3}, "smaller: found 3, expected bargaining problems"),
            ({"properties": ["fairness"]}, r"properties: found \['fairness'\], expected some of individual"),
            ({"claims": {Property.PARETO: "perhaps"}}, "claims: found .*perhaps.*, expected some of yes"),
            ({"claims": [Property.PARETO]}, "claims: found .*, expected an answer by property"),
            ({"reports": 10**9}, "reports: found 1000000000, expected an integer from 1 to 1000000"),
            ({"tolerance": 2}, r"tolerance: found 2, expected a number in \[0, 1\]"),
        ],
    )
    def test_an_option_that_is_not_what_it_should_be(self, options, message):
        with pytest.raises(PricingError, match=message):
            check_properties("nash", LARGE, **options)

    def test_nothing_given_back(self):
        with pytest.raises(PricingError, match="payoffs: found 0 values, expected 2"):
            check_properties(lambda problem: None, LARGE)

    def test_gains_too_small_to_count_in(self):
        with pytest.raises(
            PricingError, match=r"ideal gains\[0\]: found 1e-300, expected 0 or at least 1e-100"
        ):
            check_properties("nash", Transferable(1e-300, (0, 0)))

    def test_a_form_is_not_an_instance(self):
        with pytest.raises(PricingError, match="instance: found type, expected orders"):
            check_properties("nash", Transferable)

    def test_words_count_as_properties_and_answers(self):
        found = check_properties("nash", LARGE, properties=["efficiency"], claims={"efficiency": "no"})
        assert found[Property.EFFICIENCY].claimed is Answer.NO


class TestTransformations:
    @pytest.mark.parametrize("form", [form for form in FORMS if form != "no surplus"])
    def test_units_and_order_come_back(self, form):
        problem = FORMS[form]
        size = len(problem.disagreement)
        scale, shift = np.linspace(1, 2, size), np.linspace(3, 1, size)
        back = scaled(scaled(problem, scale, shift), 1 / scale, -shift / scale)
        assert nash(back).payoffs == pytest.approx(nash(problem).payoffs, abs=1e-4)
        order = list(range(size))[::-1]
        assert nash(permuted(permuted(problem, order), order)).payoffs == pytest.approx(
            nash(problem).payoffs, abs=1e-4
        )

    @pytest.mark.parametrize("form", [form for form in FORMS if form != "no surplus"])
    def test_smaller_problems_are_within(self, form):
        problem = FORMS[form]
        for smaller in smaller_problems(problem):
            inside = np.array(egalitarian(smaller).payoffs) - 1e-6
            assert contains(problem, inside, np.ones(len(inside)))

    def test_a_problem_of_another_form_is_left_alone(self):
        class Other:
            disagreement = (0.0, 0.0)

        assert at_disagreement(Other(), (1, 1)) is None
        assert scaled(Other(), np.ones(2), np.ones(2)) is None
        assert permuted(Other(), [1, 0]) is None
        assert symmetrised(Other()) is None
        assert improvement(Other(), np.zeros(2), np.ones(2)) is None

    def test_a_disagreement_out_of_reach_is_none(self):
        assert at_disagreement(LARGE, (2, 2)) is None
