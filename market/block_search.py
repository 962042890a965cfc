"""The local search of a block auction: a good acceptance, soon, so that little is left to prove.

It turns blocks about the margin on and off, one or two at a time, as long as that helps. Acceptances that no prices support
are passed through on the way, at a penalty on what their blocks lose.
"""

from typing import NamedTuple

import numpy as np

from market.block_book import NONE, Book, Floats, Integers
from market.block_relaxation import Relaxation
from market.block_tree import NEAR, SLACK

MARGINAL = 96
"""Blocks that are turned: those whose cost in the relaxation is nearest to nothing."""
TRIED = 600
"""Of all acceptances a step away, so many of the least loss are looked at for what their blocks lose."""
PENALTY = 3.0
FORBIDDEN = 1e6


class Choice(NamedTuple):
    """An acceptance: the ratio of each block, and the loss to the relaxation's bound."""

    ratios: Floats
    loss: float


def search(book: Book, relaxation: Relaxation, *, priced: bool) -> Choice:
    """Return an acceptance of whole blocks; with `priced`, one at whose prices no block loses."""
    ratios = np.zeros(len(book.values))
    for block in np.argsort(-relaxation.ratios, kind="stable"):
        if relaxation.ratios[block] < 0.5:
            break
        _turn(book, ratios, int(block))
    _make_fit(book, relaxation, ratios)
    at_will = _improved(book, relaxation, ratios, penalty=0.0)
    if not priced:
        return at_will
    bound_by_prices = _improved(book, relaxation, at_will.ratios, penalty=PENALTY)
    found = bound_by_prices.ratios.copy()
    while (worst := _worst(book, relaxation, found)) is not None:
        _turn(book, found, worst)
        _make_fit(book, relaxation, found)
    return _improved(book, relaxation, found, penalty=FORBIDDEN)


def _turn(book: Book, ratios: Floats, block: int) -> bool:
    """Turn a block on in place of others of its group, if its parent is, or its family off; return whether it went."""
    if ratios[block]:
        ratios[book.families[[block]].indices] = 0.0
        return True
    parent = book.parents[block]
    if parent != NONE and not ratios[parent]:
        return False
    if book.groups[block] != NONE:
        for other in np.flatnonzero((book.groups == book.groups[block]) & (ratios > 0)):
            ratios[book.families[[other]].indices] = 0.0
    if parent == NONE or ratios[parent]:
        ratios[block] = 1.0
    return True


def _make_fit(book: Book, relaxation: Relaxation, ratios: Floats) -> None:
    """Turn blocks off until every hour can take in what they sell or give what they buy."""
    while True:
        intakes = book.signed.T @ ratios
        over = intakes > np.array([curve.ends[-1] for curve in book.curves]) + NEAR
        under = intakes < np.array([curve.ends[0] for curve in book.curves]) - NEAR
        pressing = (book.signed[:, over] > 0).any(axis=1) | (book.signed[:, under] < 0).any(axis=1)
        pressing &= ratios > 0
        if not pressing.any():
            return
        _turn(book, ratios, int(np.argmin(np.where(pressing, relaxation.costs, np.inf))))


def _worst(book: Book, relaxation: Relaxation, ratios: Floats) -> int | None:
    """Return the block whose family loses most, None if none loses."""
    gains = _gains(book, relaxation, (book.signed.T @ ratios)[None], ratios[None])[0]
    return int(np.argmin(gains)) if len(gains) and gains.min() < -SLACK else None


def _gains(book: Book, relaxation: Relaxation, intakes: Floats, ratios: Floats) -> Floats:
    """Return what the family of each block gains in each acceptance, at the prices nearest the relaxation's."""
    prices = np.empty_like(intakes)
    for hour, curve in enumerate(book.curves):
        low, high = curve.price_range(intakes[:, hour], book.floor, book.ceiling)
        prices[:, hour] = np.clip(relaxation.prices[hour], low, high)
    surpluses = (prices @ book.signed.T + book.values) * ratios
    gains: Floats = (book.families @ surpluses.T).T
    return gains


def _improved(book: Book, relaxation: Relaxation, ratios: Floats, *, penalty: float) -> Choice:
    """Step to the best acceptance nearby until none is better."""
    near = np.argsort(np.abs(relaxation.costs), kind="stable")[:MARGINAL]
    score = np.inf
    choice = Choice(ratios, _loss(book, relaxation, ratios))
    while True:
        moves, one, two = _moves(book, choice.ratios, near)
        intakes, values = moves @ book.signed, moves @ book.surpluses(relaxation.prices)
        here, now = book.signed.T @ choice.ratios, book.surpluses(relaxation.prices) @ choice.ratios
        intakes = here + np.concatenate((np.zeros((1, len(here))), intakes, intakes[one] + intakes[two]))
        losses = relaxation.losses(intakes, now + np.concatenate(([0.0], values, values[one] + values[two])))
        best = np.argsort(losses, kind="stable")[:TRIED]
        best = best[losses[best] < score]
        tried = np.empty((len(best), len(ratios)))
        for row, at in enumerate(best.tolist()):
            tried[row] = choice.ratios
            if at > len(moves):
                tried[row] += moves[one[at - len(moves) - 1]] + moves[two[at - len(moves) - 1]]
            elif at:
                tried[row] += moves[at - 1]
        scores = losses[best]
        if penalty:
            scores = scores - penalty * np.minimum(_gains(book, relaxation, intakes[best], tried), 0).sum(
                axis=1
            )
        if scores.min(initial=np.inf) >= score - NEAR * (1 + abs(score)):
            return choice
        score = float(scores.min())
        choice = Choice(tried[scores.argmin()], float(losses[best[scores.argmin()]]))


def _moves(book: Book, ratios: Floats, near: Integers) -> tuple[Floats, Integers, Integers]:
    """Return what turning each block near the margin changes, and the pairs of such changes that go together."""
    turned = []
    for block in near:
        other = ratios.copy()
        if _turn(book, other, int(block)):
            turned.append(other - ratios)
    moves = np.array(turned).reshape(-1, len(ratios))
    touched = (moves != 0).astype(float)
    free = touched @ ~book.loose == 0
    one, two = np.triu_indices(len(moves), k=1)
    together = free[one] & free[two] & ((touched @ touched.T)[one, two] == 0)
    return moves, one[together], two[together]


def _loss(book: Book, relaxation: Relaxation, ratios: Floats) -> float:
    intakes, surplus = book.signed.T @ ratios, book.surpluses(relaxation.prices) @ ratios
    return float(relaxation.losses(intakes[None], np.array([surplus]))[0])
