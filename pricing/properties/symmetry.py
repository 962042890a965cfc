"""Symmetry: it does not matter who somebody is or when they come, and equals gain alike."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from pricing.auctions.orders import LOTS_PER_UNIT, Book
from pricing.bargaining.problem import Vector
from pricing.properties.auction_trial import AuctionTrial, checked, gains_of
from pricing.properties.bargaining_trial import BargainingTrial, solved
from pricing.properties.coalition_trial import CoalitionTrial, settled, true_costs
from pricing.properties.findings import Answer, Measured, measured
from pricing.properties.transformed import permuted, symmetrised

LOT = 1 / LOTS_PER_UNIT
"""What each order may be rounded by, in units, in the weak sense."""
ORDERS_MAX = 6
"""So many rotations of the order of arrival are tried, and so many twins."""


def names_and_arrival_do_not_matter(trial: AuctionTrial, asked: Answer) -> Measured:
    """Check that gains stay when orders arrive otherwise or under other names, and that a twin gains as much, in dollars.

    Gains are compared and not fills: of two equal orders at the margin only one may trade, as long as it gains nothing.
    """
    worst, found, witness = 0.0, "other names and orders of arrival change nothing, twins gain alike", None
    for told, book, before in _rearranged(trial):
        gains = gains_of(book, checked(book, trial.run(book)))
        off = np.abs(gains - before)
        if off.max() > worst:
            worst, at = float(off.max()), int(off.argmax())
            found, witness = f"{told}: {book.participants[at]} gains {off[at]:.6g} dollars more or less", told
    for told, gap in _twins(trial):
        if gap > worst:
            worst, found, witness = gap, f"{told}: one gains {gap:.6g} dollars more than the other", told
    slack = trial.slack
    if asked is Answer.WEAK:
        slack += 2 * LOT * float(np.ptp(trial.book.prices)) * len(trial.book)
    return measured(worst, slack, found, witness)


def parties_are_alike(trial: BargainingTrial, _: Answer) -> Measured:
    """Check that payoffs move with the parties, and that all gain alike where S and d are symmetric.

    In units of the ideal gains; a symmetric problem is made of this one where its form allows.
    """
    size = len(trial.payoffs)
    worst, found, witness = (
        0.0,
        "parties in another order get the same, and in a symmetric problem alike",
        None,
    )
    for turn in range(1, size):
        order = np.roll(np.arange(size), turn).tolist()
        problem = permuted(trial.problem, order)
        if problem is not None:
            moved = np.abs(solved(trial.run, problem) - trial.payoffs[order]) / trial.unit[order]
            off = trial.noticed(float(moved.max()), problem)
            if off > worst:
                worst, found, witness = (
                    off,
                    f"with the parties in the order {order}, payoffs move by {off:.4g}",
                    problem,
                )
    alike = symmetrised(trial.problem)
    if alike is not None:
        gap = trial.noticed(float(np.ptp(solved(trial.run, alike)) / trial.unit.max()), alike)
        if gap > worst:
            worst, found, witness = gap, f"in a symmetric problem payoffs differ by {gap:.4g}", alike
    return measured(worst, 0.0, found, witness)


def members_are_alike(trial: CoalitionTrial, _: Answer) -> Measured:
    """Check that gains stay when members come in the opposite order, in dollars."""
    agents = trial.agents[::-1]
    exchanges, payments = settled(trial.run, agents)
    alone = trial.alone[::-1]
    before = trial.gains[::-1]
    gains = replace(
        trial,
        agents=agents,
        alone=alone,
        exchanges=exchanges,
        costs=true_costs(agents, exchanges),
        payments_micros=payments,
    ).gains
    off = np.abs(gains - before)
    at = int(off.argmax())
    found = f"in the opposite order {agents[at].name} gains {off[at]:.6g} dollars more or less"
    return measured(float(off[at]), 10 * trial.slack, found, agents[at].name)


def _rearranged(trial: AuctionTrial) -> Iterator[tuple[str, Book, Vector]]:
    """Yield books with the same orders, and what their participants gained before."""
    book, size, people = trial.book, len(trial.book), len(trial.book.participants)
    arrivals = [
        np.arange(size)[::-1],
        *(np.roll(np.arange(size), turn) for turn in range(1, min(size, ORDERS_MAX))),
    ]
    for order in arrivals:
        yield (
            f"orders {order.tolist()} in that order",
            replace(
                book,
                prices=book.prices[order],
                lots=book.lots[order],
                buys=book.buys[order],
                owners=book.owners[order],
            ),
            trial.gains,
        )
    renamed = (*book.participants[1:], book.participants[0])
    yield "everybody under the next one's name", replace(book, participants=renamed), trial.gains
    backwards = replace(book, owners=people - 1 - book.owners, participants=book.participants[::-1])
    yield "participants numbered backwards", backwards, trial.gains[::-1]


def _twins(trial: AuctionTrial) -> Iterator[tuple[str, float]]:
    """Yield by how much the gains differ of a participant and another with the same orders."""
    book, people = trial.book, len(trial.book.participants)
    for owner in range(min(people, ORDERS_MAX)):
        own = np.flatnonzero(book.owners == owner)
        name = book.participants[owner]
        twins = Book(
            prices=np.append(book.prices, book.prices[own]),
            lots=np.append(book.lots, book.lots[own]),
            buys=np.append(book.buys, book.buys[own]),
            owners=np.append(book.owners, np.full(len(own), people)),
            participants=(*book.participants, f"twin of {name}"),
        )
        gains = gains_of(twins, checked(twins, trial.run(twins)))
        yield f"{name} and a twin", float(abs(gains[owner] - gains[people]))
