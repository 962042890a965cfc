"""Check what a mechanism promises on an instance: one door for auctions, bargains, menus and coalitions."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Any, TypeAlias, TypeVar

from pricing.auctions.orders import Book, Order
from pricing.bargaining.problem import Problem
from pricing.coalition.agents import Agent
from pricing.errors import EmptySide, PricingError, number, whole
from pricing.properties.auction_trial import AuctionMechanism, AuctionTrial, auction_named
from pricing.properties.bargaining_trial import (
    BargainingMechanism,
    BargainingTrial,
    is_bargaining_problem,
    solution_named,
)
from pricing.properties.budget_balance import auction_balances, payments_cancel, total_is_shared
from pricing.properties.claims import CLAIMS, Claim
from pricing.properties.coalition_trial import CoalitionMechanism, CoalitionTrial, coalition_named
from pricing.properties.efficiency import (
    auction_is_efficient,
    coalition_is_efficient,
    menu_is_efficient,
    total_is_spent,
)
from pricing.properties.findings import Answer, Finding, Measured, Property, Report
from pricing.properties.incentives import (
    no_member_gains_by_other_costs,
    no_party_gains_by_its_outside,
    no_trader_gains_by_a_lie,
    no_type_takes_another_item,
)
from pricing.properties.independence import choice_stays
from pricing.properties.individual_rationality import (
    members_save,
    parties_gain,
    traders_gain,
    types_take_part,
)
from pricing.properties.menu_trial import (
    MenuMechanism,
    MenuProblem,
    MenuTrial,
    ProcurementProblem,
    QualityProblem,
    menu_named,
)
from pricing.properties.monotonicity import better_types_do_more, nobody_loses_by_more
from pricing.properties.pareto import nobody_could_have_more
from pricing.properties.scale_invariance import payoffs_in_other_units, prices_in_other_units
from pricing.properties.symmetry import (
    members_are_alike,
    names_and_arrival_do_not_matter,
    parties_are_alike,
)

Instance: TypeAlias = Book | Sequence[Order] | Problem | MenuProblem | Sequence[Agent]
MechanismOrName: TypeAlias = str | AuctionMechanism | BargainingMechanism | MenuMechanism | CoalitionMechanism
Word = TypeVar("Word", bound=StrEnum)
Check: TypeAlias = Callable[[Any, Answer], Measured | None]

CHECKS: Mapping[type, Mapping[Property, Check]] = MappingProxyType(
    {
        AuctionTrial: {
            Property.INDIVIDUAL_RATIONALITY: traders_gain,
            Property.INCENTIVES: no_trader_gains_by_a_lie,
            Property.BUDGET_BALANCE: auction_balances,
            Property.EFFICIENCY: auction_is_efficient,
            Property.PARETO: auction_is_efficient,
            Property.SYMMETRY: names_and_arrival_do_not_matter,
            Property.SCALE_INVARIANCE: prices_in_other_units,
        },
        BargainingTrial: {
            Property.INDIVIDUAL_RATIONALITY: parties_gain,
            Property.INCENTIVES: no_party_gains_by_its_outside,
            Property.BUDGET_BALANCE: total_is_shared,
            Property.EFFICIENCY: total_is_spent,
            Property.PARETO: nobody_could_have_more,
            Property.SYMMETRY: parties_are_alike,
            Property.SCALE_INVARIANCE: payoffs_in_other_units,
            Property.INDEPENDENCE: choice_stays,
            Property.MONOTONICITY: nobody_loses_by_more,
        },
        MenuTrial: {
            Property.INDIVIDUAL_RATIONALITY: types_take_part,
            Property.INCENTIVES: no_type_takes_another_item,
            Property.EFFICIENCY: menu_is_efficient,
            Property.MONOTONICITY: better_types_do_more,
        },
        CoalitionTrial: {
            Property.INDIVIDUAL_RATIONALITY: members_save,
            Property.INCENTIVES: no_member_gains_by_other_costs,
            Property.BUDGET_BALANCE: payments_cancel,
            Property.EFFICIENCY: coalition_is_efficient,
            Property.PARETO: coalition_is_efficient,
            Property.SYMMETRY: members_are_alike,
        },
    }
)
"""What can be tried of each kind of instance."""

EXACT = 1e-9
SOLVED = 1e-6
"""Relative tolerances where a mechanism computes in closed form, and where it runs a solver."""
REPORTS_MAX = 1_000_000
"""More lies of a kind than anybody waits for."""


def check_properties(
    mechanism: MechanismOrName,
    instance: Instance,
    *,
    properties: Iterable[Property] | None = None,
    claims: Mapping[Property, Answer] | None = None,
    tolerance: float | None = None,
    reports: int = 100,
    smaller: Sequence[Problem] = (),
    **parameters: Any,
) -> Report:
    """Try every property of the matrix on an instance, and tell which hold, which do not, and what shows it.

    The instance is a list of auction `Order`s or a `Book`, a bargaining `Problem`, a `ProcurementProblem` or
    `QualityProblem`, or the `Agent`s of a coalition. A mechanism is a name (`MECHANISMS`, `SOLUTIONS`, "procurement-menu",
    "quality-menu", "negotiate", "negotiate-privately", with its `parameters`) or a callable of one's own that takes such
    an instance (orders as a `Book`) and gives back

        a book          .filled, .paid              units and dollars of each order (`Fills`)
        a problem       .payoffs                    of each party
        a menu problem  [(quantity, money), …]      an item for each type
        agents          .exchanges, .payments_micros  of each member (`Exchanged`)

    Mechanisms of a name are held to `CLAIMS`, others to `claims`. What is not claimed is tried too, and reported.

    * `properties` are those to try; by default all that can be.
    * `tolerance`: what counts as rounding, relative to the size of payoffs: by default 1e-9, and 1e-5 to 1e-6 where
      programs are solved.
    * `reports`: how many prices, or outside payoffs, are tried as a lie, beside those at which outcomes change.
    * `smaller`: subsets of a bargaining problem, by the caller's word, to be looked at beside those made here.

    >>> from pricing.auctions import Order
    >>> from market.orders import Side
    >>> orders = [Order("lab", Side.BUY, 9.0), Order("shop", Side.BUY, 6.0), Order("sun", Side.SELL, 2.0)]
    >>> report = check_properties("k-double", orders)
    >>> report.violations, report[Property.INCENTIVES].holds
    ((), False)
    >>> report[Property.INCENTIVES].explanation
    'lab gains 1.5 dollars by saying 6.000000 on order 0'

    Raises:
        PricingError: if there is no such mechanism, it refuses the instance, or gives back what it cannot; or an option
            is not what it should be.
        EmptySide: if an instance is empty.
    """
    whole("reports", reports, low=1, high=REPORTS_MAX)
    if tolerance is not None:
        number("tolerance", tolerance, low=0, high=1)
    wanted = tuple(Property) if properties is None else _words("properties", Property, properties)
    told = _claimed({} if claims is None else claims)
    subject = _book(instance)
    trial = _trial(mechanism, subject, parameters, tolerance=tolerance, reports=reports, smaller=smaller)
    if smaller and not isinstance(trial, BargainingTrial):
        raise PricingError(
            f"smaller: found {smaller!r:.80}, expected none, as nobody bargains over a set here"
        )
    able = CHECKS[type(trial)]
    row = CLAIMS[mechanism] if isinstance(mechanism, str) else {}
    findings = []
    for each in wanted:
        claim = told.get(each, row.get(each))
        claim = None if claim is None else claim.on(subject, parameters)
        findings.append(_finding(each, claim, able.get(each), trial))
    name = (
        mechanism if isinstance(mechanism, str) else getattr(mechanism, "__name__", type(mechanism).__name__)
    )
    return Report(name, tuple(findings))


def _words(what: str, kind: type[Word], given: Iterable[Word]) -> tuple[Word, ...]:
    try:
        return tuple(kind(each) for each in given)
    except (TypeError, ValueError):
        raise PricingError(f"{what}: found {given!r:.80}, expected some of {', '.join(kind)}") from None


def _claimed(claims: Mapping[Property, Answer]) -> dict[Property, Claim]:
    if not isinstance(claims, Mapping):
        raise PricingError(f"claims: found {claims!r:.80}, expected an answer by property")
    answers = [Claim(each) for each in _words("claims", Answer, claims.values())]
    return dict(zip(_words("claims", Property, claims), answers, strict=True))


def _finding(wanted: Property, claim: Claim | None, check: Check | None, trial: object) -> Finding:
    answer, terms = (None, "") if claim is None else (claim.answer, claim.terms)
    asked = Answer.WEAK if answer is Answer.WEAK else Answer.YES
    found = None if check is None or answer is Answer.NOT_APPLICABLE else check(trial, asked)
    if found is None:
        return Finding(wanted, answer, terms, None, 0.0, terms or "not tried: no such question here")
    return Finding(wanted, answer, terms, found.holds, found.worst, found.explanation, found.witness)


def _book(instance: Instance) -> Book | Problem | MenuProblem | Sequence[Agent]:
    if not isinstance(instance, Sequence):
        return instance
    if not instance:
        raise EmptySide("instance: found nobody, expected orders or agents")
    orders = [each for each in instance if isinstance(each, Order)]
    agents = [each for each in instance if isinstance(each, Agent)]
    if len(orders) == len(instance):
        return Book.of(orders)
    if len(agents) == len(instance):
        return agents
    raise PricingError(f"instance: found {instance!r:.80}, expected all orders or all agents")


def _trial(
    mechanism: Any,
    subject: Book | Problem | MenuProblem | Sequence[Agent],
    parameters: dict[str, Any],
    *,
    tolerance: float | None,
    reports: int,
    smaller: Sequence[Problem],
) -> AuctionTrial | BargainingTrial | MenuTrial | CoalitionTrial:
    named = isinstance(mechanism, str)
    if not named and not callable(mechanism):
        raise PricingError(f"mechanism: found {mechanism!r}, expected a name or a callable")
    if parameters and not named:
        raise PricingError(
            f"{next(iter(parameters))}: found a parameter of a callable, expected it bound by partial"
        )
    exact = EXACT if tolerance is None else tolerance
    if isinstance(subject, Book):
        run = auction_named(mechanism, parameters) if named else mechanism
        return AuctionTrial.of(run, subject, tolerance=exact, reports=reports)
    if isinstance(subject, Sequence):
        run = coalition_named(mechanism, parameters) if named else mechanism
        solved = SOLVED if tolerance is None else tolerance
        return CoalitionTrial.of(run, subject, tolerance=solved, with_lines=bool(parameters.get("lines")))
    if isinstance(subject, ProcurementProblem | QualityProblem):
        if parameters:
            raise PricingError(f"{next(iter(parameters))}: found a parameter of a menu, expected none")
        return MenuTrial.of(menu_named(mechanism) if named else mechanism, subject, tolerance=exact)
    if not is_bargaining_problem(subject):
        raise PricingError(
            f"instance: found {type(subject).__name__}, expected orders, a bargaining problem, a menu problem or agents"
        )
    run = solution_named(mechanism, parameters) if named else mechanism
    return BargainingTrial.of(run, subject, tolerance=tolerance, reports=reports, smaller=smaller)
