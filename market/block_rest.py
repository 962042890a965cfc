"""What a known acceptance leaves open in a block auction: all that loses more is settled before the search tree begins.

At the relaxation's prices each deviation has a loss of its own ("reduced cost fixing"). An hour's loss grows with the
distance of its intake from what its curve takes in at that price, so that its price is held as well; and a block that loses
at the best of the prices left is out.
"""

from dataclasses import dataclass

import numpy as np

from market.block_book import NONE, Book, Flags, Floats, Integers
from market.block_relaxation import Relaxation
from market.block_tree import BASE, BEST, FOUND, IN, NODE, OPEN, OUT, PART, SLACK, WHOLE, Tree


@dataclass(frozen=True, slots=True, eq=False)
class Rest:
    """Blocks `settled` are accepted wholly, `open` ones may or must be, all others are out; prices are within bounds."""

    settled: Flags
    open: Flags
    must: Flags
    price_low: Floats
    price_high: Floats

    def surplus_range(self, book: Book) -> tuple[Floats, Floats]:
        """Return the least and the greatest surplus of each block at the prices left."""
        selling, buying = np.maximum(book.signed, 0), np.minimum(book.signed, 0)
        least = book.values + selling @ self.price_low + buying @ self.price_high
        greatest = book.values + selling @ self.price_high + buying @ self.price_low
        return least, greatest


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """A tree over what is open. `blocks` are the tree's, `settled` those accepted anyway."""

    tree: Tree
    blocks: Integers
    settled: Flags
    divisible: Flags

    def leaf(self) -> tuple[Floats, Flags]:
        """Return 1 for each block that the last leaf accepts, and which of them it leaves to be divided."""
        statuses = np.full(len(self.settled), OUT, np.int8)
        statuses[self.blocks] = self.tree.statuses[FOUND]
        statuses[self.settled] = WHOLE
        divisible = ((statuses == IN) & self.divisible) | (statuses == PART)
        return (statuses > OPEN).astype(float), divisible

    def least_loss(self) -> float:
        """Return the least loss that an acceptance yet to be seen can have."""
        waiting = self.tree.waiting[: self.tree.counts[0], -1]
        return float(waiting.min(initial=np.inf))


def rest_of(book: Book, relaxation: Relaxation, loss: float, *, priced: bool) -> Rest:
    """Settle all that cannot be decided otherwise without losing more than `loss`; hold prices if `priced`."""
    gain, cost = np.maximum(relaxation.costs, 0), np.maximum(-relaxation.costs, 0)
    must, out = gain > loss, cost * book.minima > loss
    low, high = np.array([_within(*gaps, loss) for gaps in relaxation.gaps]).reshape(-1, 2).T
    while True:
        out = out | (book.families.T @ out.astype(float) > 0)  # whoever descends from one that is out is, too
        must = must | (book.families @ must.astype(float) > 0)
        settled = must & ~out & (book.minima >= 1) & book.loose
        opened = ~settled & ~out
        base = book.signed[settled].sum(axis=0)
        low = np.maximum(low, base + np.minimum(book.signed[opened], 0).sum(axis=0))
        high = np.minimum(high, base + np.maximum(book.signed[opened], 0).sum(axis=0))
        limits = book.floor, book.ceiling
        rest = Rest(
            settled,
            opened,
            must,
            np.array([c.price_range(z, *limits)[0] for c, z in zip(book.curves, high + SLACK, strict=True)]),
            np.array([c.price_range(z, *limits)[1] for c, z in zip(book.curves, low - SLACK, strict=True)]),
        )
        losing = opened & book.loose & (rest.surplus_range(book)[1] < -SLACK)
        if not priced or not losing.any():
            return rest
        out = out | losing


def _within(ends: Floats, gaps: Floats, loss: float) -> tuple[float, float]:
    """Return the intakes between which a convex gap is at most `loss`."""
    first, last = int(gaps.argmin()), len(gaps) - 1 - int(gaps[::-1].argmin())
    low = np.interp(loss, gaps[first::-1], ends[first::-1])
    high = np.interp(loss, gaps[last:], ends[last:])
    return float(low), float(high)


def plant(book: Book, relaxation: Relaxation, rest: Rest, *, priced: bool) -> Search:
    """Return the search tree of what is open, its root waiting. Settled blocks that might lose take part, as accepted."""
    risky = rest.settled & (rest.surplus_range(book)[0] < 0) & priced
    quiet = rest.settled & ~risky
    blocks = np.flatnonzero(rest.open | risky)
    places = np.full(len(book.values) + 1, NONE)
    places[blocks] = np.arange(len(blocks))
    signed = book.signed[blocks]
    traded = signed != 0
    parents = places[book.parents[blocks]]  # the last place stands for no parent
    heads = np.isin(np.arange(len(blocks)), parents)
    hours = np.zeros((9, len(book.curves)))
    hours[BASE], hours[BEST] = book.signed[quiet].sum(axis=0), relaxation.prices
    figures = np.zeros((4, len(blocks)))
    worth_of_bonds = relaxation.costs - book.surpluses(relaxation.prices)
    figures[:3] = book.values[blocks], (book.values + worth_of_bonds)[blocks], book.minima[blocks]
    constant = relaxation.constant - float(np.maximum(relaxation.costs, 0).sum() - book.values[quiet].sum())
    tree = Tree(
        curves=np.hstack(
            [[np.append(curve.prices, book.floor), curve.ends, curve.worths()] for curve in book.curves]
        ),
        first=np.cumsum([0, *(len(curve.ends) for curve in book.curves)]),
        hours=hours,
        signed=signed,
        figures=figures,
        numbers=np.array(
            [
                traded.argmax(axis=1),
                signed.shape[1] - traded[:, ::-1].argmax(axis=1),
                parents,
                book.groups[blocks],
                heads,
                book.loose[blocks],
                np.zeros(len(blocks)),
            ],
            np.int64,
        ),
        limits=np.array([book.floor, book.ceiling, constant, 0.0]),
        counts=np.array([1, 0, 0]),
        statuses=np.full((2 * len(blocks) + 4, len(blocks)), OPEN, np.int8),
        waiting=np.zeros((2 * len(blocks) + 2, len(book.curves) + 1)),
    )
    tree.statuses[NODE] = tree.statuses[FOUND + 1] = np.where(rest.must[blocks], IN, OPEN)
    tree.waiting[0, :-1] = relaxation.prices
    return Search(tree, blocks, quiet, book.minima < 1)
