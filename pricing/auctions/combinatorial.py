"""Combinatorial auctions: who wins which package, and what the winners pay.

Clarke payments are truthful, yet may leave the seller next to nothing and losers who would pay more together. Core-selecting
payments are the least, nearest to Clarke's, against which no group of bidders can offer the seller a better deal.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import clarabel
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import csc_matrix

from pricing.auctions.packages import Award, Language, PackageBid, Packages, determine_winners
from pricing.errors import NotConverged, PricingError

Reals = NDArray[np.float64]

_TOLERANCE = 1e-8
"""By how much of the welfare a group may gain by blocking: more than the quadratic solver errs."""
_ROUNDS_MAX = 1000


@dataclass(frozen=True, slots=True)
class PackageOutcome:
    """The winning bids, by index; the welfare; and what every bidder pays, in dollars: 0 for losers."""

    winning: tuple[int, ...]
    welfare: float
    payments: Mapping[str, float]

    @property
    def revenue(self) -> float:
        """What all pay, in dollars."""
        return float(sum(self.payments.values()))


def combinatorial_vcg(
    bids: Iterable[PackageBid], *, language: Language | str = Language.XOR
) -> PackageOutcome:
    """Award packages for the greatest welfare; winner i pays W₋ᵢ − (W − vᵢ), dollars, by a leave-one-out program each.

    Truthful, individually rational and efficient. `language` says how the bids of one bidder combine, "xor" or "or".

    >>> bids = [PackageBid("a", ("A",), 5), PackageBid("b", ("B",), 2), PackageBid("ab", ("A", "B"), 6)]
    >>> outcome = combinatorial_vcg(bids)
    >>> outcome.winning, dict(outcome.payments)
    ((0, 1), {'a': 4.0, 'b': 1.0, 'ab': 0.0})

    Raises:
        PricingError: if a bid or the language is malformed.
        EmptySide: if there is no bid.
        NotConverged: if the solver gives up.
    """
    auction = _packages(bids, language)
    award = determine_winners(auction)
    return _outcome(auction, award, _clarke(auction, award))


def combinatorial_core(
    bids: Iterable[PackageBid], *, language: Language | str = Language.XOR
) -> PackageOutcome:
    """Award packages for the greatest welfare at the core payments of least revenue nearest to Clarke's, in dollars.

    min ‖p − p_vcg‖² among the core payments of least revenue; the core are the p <= v with
    Σ_{winners outside C} p_i >= w(C) − Σ_{winners in C} v_i for every group C of bidders. Groups are added as they turn up
    blocking, by the winner determination with each winner's gain taken off. Sources: R. Day and S. Raghavan, "Fair payments
    for efficient allocations in public sector combinatorial auctions", Management Science 53 (2007); R. Day and P. Cramton,
    "Quadratic core-selecting payment rules for combinatorial auctions", Operations Research 60 (2012).

    >>> bids = [PackageBid("a", ("A",), 5), PackageBid("b", ("B",), 2), PackageBid("ab", ("A", "B"), 6)]
    >>> {bidder: round(paid, 6) for bidder, paid in combinatorial_core(bids).payments.items()}
    {'a': 4.5, 'b': 1.5, 'ab': 0.0}

    Raises:
        PricingError: if a bid or the language is malformed.
        EmptySide: if there is no bid.
        NotConverged: if a solver gives up.
    """
    auction = _packages(bids, language)
    award = determine_winners(auction)
    worth, clarke = _worth(auction, award), _clarke(auction, award)
    winners = list(worth)
    values, floor = (np.array([each[name] for name in winners]) for each in (worth, clarke))
    slack = _TOLERANCE * max(1.0, award.welfare)
    payments, rows, least = floor, np.zeros((0, len(winners))), np.zeros(0)
    for _ in range(_ROUNDS_MAX):
        gains = dict(zip(winners, (values - payments).tolist(), strict=True))
        rival = determine_winners(auction, discounts=gains)
        if rival.welfare <= payments.sum() + slack:
            return _outcome(auction, award, dict(zip(winners, payments.tolist(), strict=True)))
        group = {auction.bids[at].bidder for at in rival.winning}
        outside = np.array([name not in group for name in winners], np.float64)
        rows = np.vstack((rows, outside))
        least = np.append(least, rival.welfare - float((1 - outside) @ payments))
        payments = _nearest(floor, values, rows, least)
    raise NotConverged(f"core payments: found a blocking group after {_ROUNDS_MAX} rounds, expected none")


def _packages(bids: Iterable[PackageBid], language: Language | str) -> Packages:
    if language not in set(Language):
        raise PricingError(f"language: found {language!r}, expected xor or or")
    return Packages(tuple(bids), Language(language))


def _worth(auction: Packages, award: Award) -> dict[str, float]:
    worth: dict[str, float] = {}
    for at in award.winning:
        bid = auction.bids[at]
        worth[bid.bidder] = worth.get(bid.bidder, 0.0) + bid.value
    return worth


def _clarke(auction: Packages, award: Award) -> dict[str, float]:
    return {
        bidder: max(0.0, determine_winners(auction, without=[bidder]).welfare - (award.welfare - worth))
        for bidder, worth in _worth(auction, award).items()
    }


def _outcome(auction: Packages, award: Award, payments: Mapping[str, float]) -> PackageOutcome:
    everybody = {bidder: payments.get(bidder, 0.0) for bidder in auction.bidders}
    return PackageOutcome(award.winning, award.welfare, MappingProxyType(everybody))


def _nearest(floor: Reals, values: Reals, rows: Reals, least: Reals) -> Reals:
    """Return the payments in [floor, values] with rows·p >= least, of least sum, then nearest to the floor."""
    size, scale = len(floor), float(values.max())
    floor, values, least = floor / scale, values / scale, least / scale
    ends = list(zip(floor.tolist(), values.tolist(), strict=True))
    lowest = linprog(np.ones(size), A_ub=-rows, b_ub=-least, bounds=ends, method="highs")
    if not lowest.success:
        raise NotConverged(f"core payments: {lowest.message}")
    # p = floor + x: min x'x subject to Σx = revenue − Σfloor, rows·x >= least − rows·floor, 0 <= x <= values − floor
    limits = np.vstack((np.ones((1, size)), -rows, -np.eye(size), np.eye(size)))
    bounds = np.concatenate(
        ([lowest.fun - floor.sum()], rows @ floor - least, np.zeros(size), values - floor)
    )
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-11
    cones = [clarabel.ZeroConeT(1), clarabel.NonnegativeConeT(len(rows) + 2 * size)]
    solution = clarabel.DefaultSolver(
        csc_matrix(np.eye(size)), np.zeros(size), csc_matrix(limits), bounds, cones, settings
    ).solve()
    if str(solution.status) not in {"Solved", "AlmostSolved"}:
        raise NotConverged(f"core payments: found status {solution.status}, expected Solved")
    return np.asarray(np.clip(floor + np.array(solution.x), floor, values) * scale)
