"""The slow, obvious block auction: every set of blocks that could be accepted, each with a linear programme for its prices.

For a given set, acceptance and prices belong together exactly if they are an optimal primal-dual pair of the welfare
programme in which the set's blocks are divisible: feasible ratios (from their minima up), feasible prices, equal objectives.
All of that is linear, so that one programme finds the largest welfare with prices, or shows that there are no prices.
"""

from itertools import product

import numpy as np
from scipy.optimize import linprog

from market.orders import Side
from market.units import PPM_ONE


def best_welfare(orders, blocks, *, priced=True, price_bound=1e5):
    """Return the largest welfare over all sets, and the sets that reach it."""
    best, sets = -np.inf, []
    for accepted in product((0, 1), repeat=len(blocks)):
        welfare = welfare_of(orders, blocks, accepted, priced=priced, price_bound=price_bound)
        if welfare is None:
            continue
        if welfare > best + 1e-6:
            best, sets = welfare, []
        if welfare > best - 1e-6:
            sets.append(accepted)
    return best, sets


def welfare_of(orders, blocks, accepted, *, priced=True, price_bound=1e5):
    """Return the largest welfare with exactly these blocks accepted, None if prices (or the hours) do not allow it."""
    steps = [(order.side, order.hour, *step) for order in orders for step in order.steps]
    hours = sorted(
        {hour for _, hour, _, _ in steps} | {hour for block in blocks for hour, _ in block.profile}
    )
    members = [at for at in range(len(blocks)) if accepted[at]]
    if any(blocks[at].parent is not None and blocks[at].parent not in members for at in members):
        return None
    # what each takes out of its hours (a buyer's lots count positive), its worth and the least and most of it
    columns = [
        ({hour: sign(side) * lots}, sign(side) * price * lots, 0.0) for side, hour, price, lots in steps
    ]
    columns += [
        (
            {hour: sign(blocks[at].side) * lots for hour, lots in blocks[at].profile},
            sign(blocks[at].side) * blocks[at].price_ticks * sum(lots for _, lots in blocks[at].profile),
            blocks[at].minimum_ppm / PPM_ONE,
        )
        for at in members
    ]
    place = {at: len(steps) + n for n, at in enumerate(members)}
    bonds = [(place[at], place[blocks[at].parent]) for at in members if blocks[at].parent is not None]
    groups = [
        [place[at] for at in members if blocks[at].group == name]
        for name in sorted({blocks[at].group for at in members} - {None})
    ]
    n, t = len(columns), len(hours)
    # variables: ratios, prices, worth of being accepted, worth of each bond, of each group
    size = n + t + n + len(bonds) + len(groups)
    bounds = [(least, 1) for _, _, least in columns]
    bounds += [(-price_bound, price_bound)] * t + [(0, None)] * (size - n - t)
    equal = np.zeros((t, size))
    for at, (lots, _, _) in enumerate(columns):
        for hour, taken in lots.items():
            equal[hours.index(hour), at] = taken
    most, limits = [], []
    for child, parent in bonds:
        most.append(row(size, {child: 1, parent: -1}))
        limits.append(0)
    for group in groups:
        most.append(row(size, dict.fromkeys(group, 1)))
        limits.append(1)
    if priced:
        for at, (lots, worth, _) in enumerate(columns):
            factors = {n + t + at: -1.0}
            for hour, taken in lots.items():
                factors[n + hours.index(hour)] = -taken
            for number, (child, parent) in enumerate(bonds):
                if at in (child, parent):
                    factors[2 * n + t + number] = -1.0 if at == child else 1.0
            for number, group in enumerate(groups):
                if at in group:
                    factors[2 * n + t + len(bonds) + number] = -1.0
            most.append(row(size, factors))
            limits.append(-worth)
        dual = {n + t + at: 1.0 for at in range(n)}
        dual |= {2 * n + t + len(bonds) + number: 1.0 for number in range(len(groups))}
        most.append(row(size, {at: -worth for at, (_, worth, _) in enumerate(columns)} | dual))
        limits.append(0)
    objective = np.zeros(size)
    objective[:n] = [-worth for _, worth, _ in columns]
    solved = linprog(
        objective,
        A_ub=np.array(most) if most else None,
        b_ub=limits or None,
        A_eq=equal if t else None,
        b_eq=np.zeros(t) if t else None,
        bounds=bounds,
    )
    return -solved.fun if solved.status == 0 else None


def sign(side):
    return 1 if side is Side.BUY else -1


def row(size, factors):
    found = np.zeros(size)
    for at, factor in factors.items():
        found[at] += factor
    return found
