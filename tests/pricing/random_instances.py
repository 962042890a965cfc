"""Instances drawn at random, on which what is claimed of mechanisms is tried."""

import numpy as np

from market.orders import Side
from pricing.auctions import Book, Order, unit_book
from pricing.bargaining import Polygon, Transferable
from pricing.coalition import Agent, Balance, Generator, GridTariff
from pricing.menus import QuadraticValue
from pricing.properties import ProcurementProblem


def unit_market(chance, most=6):
    """A book of single units, prices in whole cents so that every auction takes them."""
    bids, asks = (chance.integers(0, 1000, chance.integers(1, most + 1)) / 100 for _ in range(2))
    return unit_book(bids, asks)


def step_market(chance, most=4):
    """A book of several participants with up to two orders of one side each, in whole units."""
    orders = [
        Order(f"{side.name} {place}", side, int(chance.integers(0, 1000)) / 100, int(chance.integers(1, 4)))
        for side in Side
        for place in range(int(chance.integers(1, most + 1)))
        for _ in range(int(chance.integers(1, 3)))
    ]
    return Book.of(orders)


def polygon(chance):
    """A strictly comprehensive set of two parties: a concave chain that falls all the way, d well inside."""
    turns = np.sort(chance.uniform(0.05, 1.5, int(chance.integers(2, 7))))
    most = chance.uniform(1, 20, 2)
    ends = [(0.0, most[1]), *((most[0] * np.sin(t), most[1] * np.cos(t)) for t in turns), (most[0], 0.0)]
    floor = 0.3 * chance.uniform(0, 1, 2) * most
    return Polygon([(float(u1), float(u2)) for u1, u2 in ends], (float(floor[0]), float(floor[1])))


def total(chance, capped=False):
    """A total to share among two to five parties, more than they have alone."""
    floor = chance.uniform(0, 10, int(chance.integers(2, 6)))
    caps = [None if chance.random() < 0.5 else float(d + chance.uniform(1, 20)) for d in floor]
    return Transferable(float(floor.sum() + chance.uniform(0.5, 50)), tuple(floor), caps if capped else None)


def suppliers(chance):
    """Types of suppliers, so drawn that virtual costs often fall."""
    size = int(chance.integers(1, 6))
    costs = np.cumsum(chance.uniform(0.1, 2, size))
    probabilities = chance.dirichlet(np.full(size, 0.7)) * 0.9 + 0.1 / size
    return ProcurementProblem(
        costs.tolist(),
        (probabilities / probabilities.sum()).tolist(),
        QuadraticValue(float(chance.uniform(2, 15))),
    )


def members(chance, count=3, slots=2):
    """Small microgrids: a load, a generator of rising cost, and a tariff."""
    return [
        Agent(
            f"microgrid {place}",
            (
                Balance(
                    load=tuple(chance.uniform(1, 8, slots)),
                    generators=(Generator(rate_max=12.0, cost_quadratic=float(chance.uniform(0.05, 1))),),
                    grid=GridTariff(buy=1.5, sell=0.05),
                ),
            ),
        )
        for place in range(count)
    ]
