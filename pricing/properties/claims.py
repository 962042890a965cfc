"""What each mechanism promises, as data: the property matrix, with the conditions under which a promise stands.

What is asked of a property that is claimed wholly, and of one that is claimed weakly:

    property                  yes                                          weak
    individual rationality    nobody is worse off than outside
    incentive compatibility   no lie pays                                  no lie about a price pays
    budget balance            payments sum to 0                            the auctioneer adds nothing
    efficiency                the greatest welfare                         auctions: at least 1 − 1/K of it, K its volume;
                                                                           menus: the best that types allow who know more;
                                                                           coalitions: within 1e-3 of the least cost
    Pareto efficiency         nobody could have more, the others as much   not everybody could have more
    symmetry                  order and names do not matter, equals gain   up to 1e-6 units of each order
                              alike
    scale invariance          other units of account change nothing        up to 1e-6 dollars per unit
    irrelevant alternatives   without outcomes not chosen, the same is
    monotonicity              a larger set harms nobody; a better type     one with the same ideal payoffs harms nobody
                              of a menu gets and gains no less
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from pricing.auctions.orders import LOTS_PER_UNIT
from pricing.bargaining.convex_set import ConvexSet
from pricing.bargaining.finite_set import FiniteSet
from pricing.bargaining.transferable import Transferable
from pricing.properties.findings import Answer, Property

YES, WEAK, NO, NONE = Answer.YES, Answer.WEAK, Answer.NO, Answer.NOT_APPLICABLE
Parameters = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Condition:
    """When a promise stands: in words, and as a test of the instance and the parameters."""

    words: str
    met: Callable[[Any, Parameters], bool]


@dataclass(frozen=True, slots=True)
class Claim:
    """A promise: the answer, in which terms, under which condition; `otherwise` is promised where that is not met."""

    answer: Answer
    terms: str = ""
    only: Condition | None = None
    otherwise: Answer = NO

    def on(self, instance: object, parameters: Parameters) -> "Claim":
        """Return what is promised of this instance.

        >>> Claim(YES, only=TWO_PARTIES, otherwise=WEAK).on(Transferable(9, (0, 0, 0)), {}).answer.value
        'weak'
        """
        if self.only is None or self.only.met(instance, parameters):
            return self
        return Claim(self.otherwise, f"{self.answer} only {self.only.words}")


def _equal_weights(_: object, parameters: Parameters) -> bool:
    weights = parameters.get("weights")
    return weights is None or len(set(weights)) == 1


def _positive_weights(_: object, parameters: Parameters) -> bool:
    weights = parameters.get("weights")
    return weights is None or all(weight > 0 for weight in weights)


def _convex(problem: object, _: Parameters) -> bool:
    return not isinstance(problem, FiniteSet) or problem.lotteries


SINGLE_UNITS = Condition(
    "where each participant has one order of one unit",
    lambda book, _: bool(np.all(book.lots == LOTS_PER_UNIT)) and len(book) == len(book.participants),
)
ONE_ORDER = Condition(
    "where each participant has one order", lambda book, _: len(book) == len(book.participants)
)
ONE_SIDE = Condition(
    "where nobody both bids and offers",
    lambda book, _: not set(book.owners[book.buys].tolist()) & set(book.owners[~book.buys].tolist()),
)
DISTINCT_ORDERS = Condition(
    "where each participant has one order, and no two limits of a side are equal",
    lambda book, _: (
        len(book) == len(book.participants)
        and all(
            len(np.unique(book.prices[side])) == np.count_nonzero(side) for side in (book.buys, ~book.buys)
        )
    ),
)
CONVEX = Condition("where the set is convex: between equals of a finite set the first is taken", _convex)
ALIKE = Condition(
    "with equal weights, on a convex set",
    lambda problem, parameters: _equal_weights(problem, parameters) and _convex(problem, parameters),
)
MIDDLE = Condition(
    "with equal weights, in closed form: a program finds some point of a face, not its middle",
    lambda problem, parameters: (
        _equal_weights(problem, parameters)
        and (
            isinstance(problem, Transferable)
            or (_convex(problem, parameters) and len(problem.disagreement) == 2)
        )
        and not isinstance(problem, ConvexSet)
    ),
)
WEIGHTED = Condition("with positive weights", _positive_weights)
TWO_PARTIES = Condition(
    "with two parties and a convex set",
    lambda problem, parameters: len(problem.disagreement) == 2 and _convex(problem, parameters),
)
NO_CAPS = Condition(
    "where no cap can bind", lambda problem, _: isinstance(problem, Transferable) and problem.caps is None
)
EQUAL_MEMBERS = Condition("with equal weights", _equal_weights)

_IR, _IC, _BB = Property.INDIVIDUAL_RATIONALITY, Property.INCENTIVES, Property.BUDGET_BALANCE
_EFFICIENT, _PARETO, _SYMMETRY = Property.EFFICIENCY, Property.PARETO, Property.SYMMETRY
_SCALE, _IIA, _MONOTONE = Property.SCALE_INVARIANCE, Property.INDEPENDENCE, Property.MONOTONICITY

Row = Mapping[Property, Claim]


def _row(*claims: Claim) -> Row:
    """Return a row of the matrix: claims in the order of `Property`; those left out are not applicable."""
    found = dict(zip(Property, claims, strict=False))
    return MappingProxyType({each: found.get(each, Claim(NONE)) for each in Property})


_ALL, _NOT = Claim(YES), Claim(NO)
_AT_THE_TRUTH = Claim(YES, "at truthful orders")
_MARGIN_SETS_PRICES = Claim(NO, "whoever is at the margin moves the price")
_LESS_ONE = Claim(WEAK, "at least 1 − 1/K: the least valuable trade is given up")
_GIVES_UP = Claim(NO, "a trade is given up")
_SINGLE = Claim(YES, "his report never sets his price", SINGLE_UNITS)
_IN_THE_LIMIT = Claim(NO, "only in the limit of many traders")
_BY_LOT = Claim(NONE, "before lots are drawn all are alike; afterwards luck differs")
_NOT_IN_D = Claim(NO, "to overstate one's own disagreement payoff by δ gains (1 − w)·δ")
_ON_THE_TOTAL = Claim(YES, "where utility is transferable: all of the total is shared out")
_MENU = _row(
    _ALL,
    Claim(YES, "Bayesian: against the menu, each type's own item is best"),
    Claim(NONE),
    Claim(WEAK, "second best: types keep what they know"),
    Claim(NONE),
    Claim(NONE),
    Claim(NONE),
    Claim(NONE),
    Claim(YES, "a better type gets and gains no less"),
)

CLAIMS: Mapping[str, Row] = MappingProxyType(
    {
        "uniform": _row(
            _ALL,
            _MARGIN_SETS_PRICES,
            _ALL,
            _AT_THE_TRUTH,
            _AT_THE_TRUTH,
            _ALL,
            Claim(WEAK, "the price is rounded down to a millionth"),
        ),
        "pay-as-bid": _row(
            _ALL,
            Claim(NO, "it pays to shade"),
            _ALL,
            _AT_THE_TRUTH,
            _AT_THE_TRUTH,
            Claim(NO, "equal bids meet unequal offers"),
            _ALL,
        ),
        "k-double": _row(_ALL, _MARGIN_SETS_PRICES, _ALL, _AT_THE_TRUTH, _AT_THE_TRUTH, _ALL, _ALL),
        "mcafee": _row(_ALL, _SINGLE, Claim(WEAK), _LESS_ONE, _GIVES_UP, _ALL, _ALL),
        "trade-reduction": _row(_ALL, _SINGLE, Claim(WEAK), _LESS_ONE, _GIVES_UP, _ALL, _ALL),
        "sbb-trade-reduction": _row(
            _ALL,
            Claim(YES, "on average over the lots", SINGLE_UNITS),
            _ALL,
            Claim(WEAK, "on average over the lots, at least 1 − 1/K"),
            _GIVES_UP,
            Claim(YES, "on average over the lots"),
            _ALL,
        ),
        "vcg": _row(_ALL, _ALL, Claim(NO, "deficit: everybody is paid what he adds"), _ALL, _ALL, _ALL, _ALL),
        "huang": _row(
            _ALL,
            Claim(WEAK, "the marginal orders, which set the prices, stay out", ONE_ORDER),
            Claim(WEAK),
            _IN_THE_LIMIT,
            _NOT,
            Claim(WEAK, "of equal orders the later one stays out, which moves volumes", DISTINCT_ORDERS),
            _ALL,
        ),
        "muda": _row(
            _ALL,
            Claim(YES, "for every split: a half trades at the other's price", ONE_SIDE),
            Claim(WEAK),
            _IN_THE_LIMIT,
            _NOT,
            _BY_LOT,
            _ALL,
        ),
        "p2p": _row(
            _ALL,
            Claim(NO, "a pair's price moves with both limits"),
            _ALL,
            Claim(NO, "whoever meets early may trade with the wrong party"),
            _NOT,
            _BY_LOT,
            _ALL,
        ),
        "nash": _row(
            _ALL,
            _NOT_IN_D,
            _ON_THE_TOTAL,
            _ON_THE_TOTAL,
            Claim(YES, "", WEIGHTED, otherwise=WEAK),
            Claim(YES, "", ALIKE),
            Claim(YES, "", CONVEX),
            Claim(YES, "", CONVEX),
            Claim(NO, "what a party could have, at best, is not looked at"),
        ),
        "kalai-smorodinsky": _row(
            _ALL,
            _NOT_IN_D,
            Claim(YES, "", NO_CAPS, otherwise=WEAK),
            Claim(YES, "", NO_CAPS),
            Claim(YES, "", TWO_PARTIES, otherwise=WEAK),
            Claim(YES, "", CONVEX),
            Claim(YES, "", CONVEX),
            Claim(NO, "what nobody chose may be somebody's ideal payoff"),
            Claim(WEAK, "with the same ideal payoffs the ray is the same", CONVEX),
        ),
        "egalitarian": _row(
            _ALL,
            _NOT_IN_D,
            Claim(YES, "", NO_CAPS, otherwise=WEAK),
            Claim(YES, "", NO_CAPS),
            Claim(WEAK, "wholly if the set is strictly comprehensive"),
            Claim(YES, "", ALIKE),
            Claim(NO, "it compares utilities"),
            Claim(YES, "", CONVEX),
            Claim(YES, "the ray is the same for all sets", CONVEX),
        ),
        "utilitarian": _row(
            _ALL,
            _NOT_IN_D,
            _ON_THE_TOTAL,
            _ON_THE_TOTAL,
            Claim(YES, "", WEIGHTED, otherwise=WEAK),
            Claim(YES, "", MIDDLE),
            Claim(NO, "it compares utilities"),
            Claim(NO, "of equal sums the middle is taken, and it moves with the ends"),
            _NOT,
        ),
        "procurement-menu": _MENU,
        "quality-menu": _MENU,
        "negotiate": _row(
            _ALL,
            Claim(NO, "to overstate what one has alone by δ gains (1 − w)·δ"),
            Claim(YES, "exactly, in micro-units"),
            _ALL,
            _ALL,
            Claim(YES, "", EQUAL_MEMBERS),
        ),
        "negotiate-privately": _row(
            Claim(YES, "exactly: savings are rounded down before they are shared"),
            Claim(NO, "to overstate what one has alone by δ gains (1 − w)·δ"),
            Claim(YES, "exactly, in micro-units, after projection"),
            Claim(WEAK, "ε-optimal, ε being the tolerance of ADMM"),
            Claim(NO, "ε-optimal"),
            Claim(YES, "", EQUAL_MEMBERS),
        ),
    }
)
"""The property matrix: a row for each mechanism, a claim for each property."""
