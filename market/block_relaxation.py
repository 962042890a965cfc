"""The relaxation of a block auction: blocks divisible, no prices asked for. A linear programme, for HiGHS.

Its dual bounds the welfare of every acceptance. The *loss* of an acceptance is what it lacks to that bound, and the dual
says what each deviation loses by itself. (Without presolve HiGHS is faster on programmes of this shape.)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array, hstack, vstack

from market.block_book import Book, Flags, Floats, Integers
from market.block_tree import NEAR, SLACK
from market.units import InvariantBroken


@dataclass(frozen=True, slots=True, eq=False)
class Relaxation:
    """The bound, in the shape of what is lost against it at `prices`.

    The loss of an acceptance is the sum of its hours' `gaps` (over the intakes at the ends of their curves), of |cost| for
    each block against its cost's sign, in proportion to how far, and of what `bonds` and groups are worth that it does not
    use. `constant` is that sum for nothing accepted, without the gaps; `ratios` are how far blocks are accepted here.
    """

    prices: Floats
    ratios: Floats
    costs: Floats
    constant: float
    gaps: Sequence[tuple[Floats, Floats]]
    bound: float

    def losses(self, intakes: Floats, surpluses: Floats) -> Floats:
        """Return the loss of each acceptance (a row of intakes), given its blocks' surpluses at `prices` together."""
        total = self.constant - surpluses
        for hour, (ends, gaps) in enumerate(self.gaps):
            total = total + np.interp(intakes[:, hour], ends, gaps)
            outside = (intakes[:, hour] < ends[0] - NEAR) | (intakes[:, hour] > ends[-1] + NEAR)
            total[outside] = np.inf
        return total

    def may_stand(self, book: Book, ratios: Floats) -> bool:
        """Say whether no accepted block by itself rules out that prices support an acceptance."""
        intakes = book.signed.T @ ratios
        limits = book.floor, book.ceiling
        low, high = np.array(
            [
                (c.price_range(z + SLACK, *limits)[0], c.price_range(z - SLACK, *limits)[1])
                for c, z in zip(book.curves, intakes, strict=True)
            ]
        ).T
        most = book.values + np.maximum(book.signed, 0) @ high + np.minimum(book.signed, 0) @ low
        return not (most[book.loose & (ratios > 0)] < -SLACK).any()


def relax(book: Book) -> Relaxation:
    """Solve the relaxation of an auction."""
    every = np.arange(len(book.values))
    spans = [(0, len(curve.prices)) for curve in book.curves]
    solved = _divided(book, spans, every, np.zeros(len(every)), np.zeros(len(every)))
    if solved is None:
        raise InvariantBroken("relaxation: found no solution, expected one, as nothing needs to be accepted")
    prices = np.clip(solved.prices, book.floor, book.ceiling)
    # Whatever bonds and groups are worth, if not less than nothing, gives a bound: none hangs on the solver's tolerances.
    worth = np.maximum(solved.worths, 0)
    costs = book.surpluses(prices) - vstack((book.bonds, book.shares)).T @ worth
    gaps, most = [], 0.0
    for curve, price in zip(book.curves, prices, strict=True):
        worths = curve.worths() - price * curve.ends
        gaps.append((curve.ends, worths.max() - worths))
        most += float(worths.max())
    constant = float(np.maximum(costs, 0).sum() + worth[book.bonds.shape[0] :].sum())
    return Relaxation(prices, solved.ratios, costs, constant, gaps, most + constant)


def divide(book: Book, accepted: Floats, in_part: Flags) -> Floats | None:
    """Return the best ratios of accepted blocks (1, the others 0), where some are divisible down to their minima.

    None if the hours cannot bear any.
    """
    divisible = np.flatnonzero(in_part)
    whole = accepted.copy()
    whole[divisible] = 0.0
    base, parts = book.signed.T @ whole, book.signed[divisible]
    lowest, highest = base + np.minimum(parts, 0).sum(axis=0), base + np.maximum(parts, 0).sum(axis=0)
    spans = []
    for curve, low, high in zip(book.curves, lowest, highest, strict=True):
        first = max(int(np.searchsorted(curve.ends, low - NEAR, side="right")) - 1, 0)
        last = min(int(np.searchsorted(curve.ends, high + NEAR, side="left")), len(curve.prices))
        spans.append((first, max(first, last)))
    solved = _divided(book, spans, divisible, book.minima[divisible], whole)
    if solved is None:
        return None
    whole[divisible] = np.clip(solved.ratios, book.minima[divisible], 1)
    return whole


class _Solution(NamedTuple):
    """Ratios, and what a lot more in each hour, and a little more of each bond and group, is worth."""

    ratios: Floats
    prices: Floats
    worths: Floats


def _divided(
    book: Book, spans: Sequence[tuple[int, int]], blocks: Integers, least: Floats, whole: Floats
) -> _Solution | None:
    """Maximise welfare over parts of the curves and the ratios of some blocks, others being `whole`; None if none fit."""
    parts = [
        (curve.prices[first:last], np.diff(curve.ends[first : last + 1]), curve.ends[first])
        for curve, (first, last) in zip(book.curves, spans, strict=True)
    ]
    sizes = [len(prices) for prices, _, _ in parts]
    count = sum(sizes)
    taken = csr_array(
        (np.ones(count), (np.repeat(np.arange(len(parts)), sizes), np.arange(count))), (len(parts), count)
    )
    limits = vstack((book.bonds, book.shares)).tocsr()
    allowed = np.concatenate((np.zeros(book.bonds.shape[0]), np.ones(book.shares.shape[0]))) - limits @ whole
    lower = np.concatenate((np.zeros(count), least))
    upper = np.concatenate((*(lengths for _, lengths, _ in parts), np.ones(len(blocks))))
    solved = linprog(  # type: ignore[call-overload]  # sparse matrices, which the stubs leave out
        -np.concatenate([*(prices for prices, _, _ in parts), book.values[blocks]]),
        A_ub=hstack((csr_array((limits.shape[0], count)), limits[:, blocks])).tocsr(),
        b_ub=allowed,
        A_eq=hstack((taken, csr_array(-book.signed[blocks].T))).tocsr(),
        b_eq=book.signed.T @ whole - np.array([start for _, _, start in parts]),
        bounds=list(zip(lower.tolist(), upper.tolist(), strict=True)),
        method="highs",
        options={"presolve": False},
    )
    if solved.status != 0 or solved.x is None:
        return None
    return _Solution(solved.x[count:], -solved.eqlin.marginals, -solved.ineqlin.marginals)
