"""The compiled search tree of a block auction: which blocks to accept so that prices exist at which none of them loses.

Every node has decided about some blocks: in, out, or open yet. For any prices, what the hours and the open blocks would
gain if each did what is best for it at those prices is at least the welfare of whatever the node can still become (M.
Fisher, "The Lagrangian relaxation method for solving integer programming problems", Management Science 27, 1981). A few
steps towards the prices at which the hours clear make that bound about as good as a linear programme's, in microseconds.

A node goes once its bound loses more than the best acceptance known. What is left between the two also says how far each
hour's intake, and so its price, can move, and which open blocks could still be decided against their surplus. Where an
accepted block loses at every price left, the node goes as well: this is what keeps the tree small. A leaf is handed to the
caller, who checks it exactly and says how much may be lost from there on.

Numbers are scaled (`market.block_book`). All compiled code is in this file
because numba renews its cache by the age of the file of the entry point alone.
"""

# mypy: disable-error-code="no-any-return"

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

Function = TypeVar("Function", bound=Callable[..., Any])
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Statuses = NDArray[np.int8]

OUT, OPEN, IN, WHOLE, PART = range(-1, 4)
"""Rejected, undecided, accepted at some ratio, accepted wholly, accepted in part."""
FINISHED, LEAF, PAUSED = range(3)
NEAR = 1e-9
SLACK = 1e-6
STEPS = 8
"""Price steps that a node's bound is worth."""
ROUNDS = 3
"""How often a node looks again at what its decisions imply."""

PRICE, END, WORTH = range(3)  # rows of `curves`
BASE, FIXED, NET, LEAST, MOST, LOW, HIGH, TRIAL, BEST = range(9)  # rows of `hours`
VALUE, SHIFTED, MINIMUM, SURPLUS = range(4)  # rows of `figures`
START, STOP, PARENT, GROUP, HEAD, FREE, ACTIVE = range(7)  # rows of `numbers`
FLOOR, CEILING, CONSTANT, FIXED_WORTH = range(4)  # places in `limits`
WAITING, SEEN, COUNTED = range(3)  # places in `counts`
NODE, FOUND = range(2)  # the first rows of `statuses`; waiting nodes follow


class Tree(NamedTuple):
    """What is searched, and how far the search is.

    * `curves`: of hour t, from `first[t]` to before `first[t + 1]`, the falling prices (after the last, the least price
      allowed), the intakes where each begins and the last one ends, and the welfare up to there.
    * `hours`: the intake settled, with that of the node's whole blocks, with that of its others at the last prices tried;
      the least and the most that can be taken in; the lowest and the highest price left; the prices tried, and the best.
    * `signed`: lots of each block by hour. `figures`: what a block is worth if wholly accepted, the same with what its bonds
      and its group are worth, its least ratio, its surplus at the best prices. `numbers`: its hours from and to before, its
      parent and its group (-1: none), whether it is a parent, whether it is neither linked nor in a group; in the last row
      the blocks that the node has not settled.
    * `statuses` and `waiting` (prices and the loss): the node, the last leaf, and the nodes yet to be seen.
    """

    curves: Floats
    first: Integers
    hours: Floats
    signed: Floats
    figures: Floats
    numbers: Integers
    limits: Floats
    counts: Integers
    statuses: Statuses
    waiting: Floats


def _compiled(function: Function) -> Function:
    return cast(Function, njit(cache=True)(function))


@_compiled
def _dearer(curves: Floats, low: int, high: int, price: float) -> int:
    """Return the first place whose price is not above this one; the last place is never asked."""
    high -= 1
    while low < high:
        middle = (low + high) // 2
        if curves[PRICE, middle] > price:
            low = middle + 1
        else:
            high = middle
    return low


@_compiled
def _begun(curves: Floats, low: int, high: int, intake: float) -> int:
    """Return the first place whose intake is above this one."""
    while low < high:
        middle = (low + high) // 2
        if curves[END, middle] <= intake:
            low = middle + 1
        else:
            high = middle
    return low


@_compiled
def _price_range(curves: Floats, low: int, high: int, intake: float, ceiling: float) -> tuple[float, float]:
    """Return the lowest and the highest price at an intake."""
    after = _begun(curves, low, high, intake + NEAR)
    before = _begun(curves, low, after, intake - 2 * NEAR)
    lowest = curves[PRICE, after - 1] if after > low else ceiling
    highest = curves[PRICE, before - 1] if before > low else ceiling
    return lowest, highest


@_compiled
def _copy(rows: NDArray[Any], source: int, target: int) -> None:
    """Copy one row over another. (Slices would do, and take seconds to compile.)"""
    for at in range(rows.shape[1]):
        rows[target, at] = rows[source, at]


@_compiled
def _settle(tree: Tree) -> None:
    """Add up what the node's whole blocks take in and are worth, and list the blocks that remain."""
    hours, figures, numbers = tree.hours, tree.figures, tree.numbers
    _copy(hours, BASE, FIXED)
    worth, count = tree.limits[CONSTANT], 0
    for block in range(figures.shape[1]):
        status = tree.statuses[NODE, block]
        if status == WHOLE or (status == IN and figures[MINIMUM, block] >= 1):
            worth += figures[SHIFTED, block]
            for hour in range(numbers[START, block], numbers[STOP, block]):
                hours[FIXED, hour] += tree.signed[block, hour]
        elif status != OUT:
            numbers[ACTIVE, count] = block
            count += 1
    tree.limits[FIXED_WORTH] = worth
    tree.counts[COUNTED] = count


@_compiled
def _worth_at(tree: Tree, row: int) -> float:
    """Return what all gain who do what is best for them at a row of prices; note surpluses and what is taken in net."""
    curves, first, hours, figures, numbers = tree.curves, tree.first, tree.hours, tree.figures, tree.numbers
    total = tree.limits[FIXED_WORTH]
    for hour in range(hours.shape[1]):
        price = hours[row, hour]
        place = _dearer(curves, first[hour], first[hour + 1], price)
        total += curves[WORTH, place] - price * (curves[END, place] - hours[FIXED, hour])
        hours[NET, hour] = hours[FIXED, hour]
    for at in range(tree.counts[COUNTED]):
        block = numbers[ACTIVE, at]
        surplus = figures[SHIFTED, block]
        for hour in range(numbers[START, block], numbers[STOP, block]):
            surplus += tree.signed[block, hour] * hours[row, hour]
        figures[SURPLUS, block] = surplus
        ratio = 1.0 if surplus > 0 else figures[MINIMUM, block] if tree.statuses[NODE, block] > OPEN else 0.0
        if ratio > 0:
            total += ratio * surplus
            for hour in range(numbers[START, block], numbers[STOP, block]):
                hours[NET, hour] += ratio * tree.signed[block, hour]
    return total


@_compiled
def _least_worth(tree: Tree) -> float:
    """Improve the node's prices and return the bound at the best of them, with the surpluses that go with it."""
    hours, first = tree.hours, tree.first
    least, stride = np.inf, 0.7
    _copy(hours, BEST, TRIAL)
    for _ in range(STEPS):
        worth = _worth_at(tree, TRIAL)
        if worth < least:
            least = worth
            _copy(hours, TRIAL, BEST)
        else:
            stride /= 2
            _copy(hours, BEST, TRIAL)
        for hour in range(hours.shape[1]):
            low, high = _price_range(
                tree.curves, first[hour], first[hour + 1], hours[NET, hour], tree.limits[CEILING]
            )
            price = hours[TRIAL, hour]
            hours[TRIAL, hour] = price + stride * (min(max(price, low), high) - price)
    _worth_at(tree, BEST)
    return least


@_compiled
def _reach(tree: Tree) -> None:
    """Note the least and the most that each hour can take in."""
    hours, figures, numbers = tree.hours, tree.figures, tree.numbers
    for hour in range(hours.shape[1]):
        hours[LEAST, hour] = hours[MOST, hour] = hours[FIXED, hour]
    for at in range(tree.counts[COUNTED]):
        block = numbers[ACTIVE, at]
        least = figures[MINIMUM, block] if tree.statuses[NODE, block] > OPEN else 0.0
        for hour in range(numbers[START, block], numbers[STOP, block]):
            lots = tree.signed[block, hour]
            hours[LEAST, hour] += lots * least if lots > 0 else lots
            hours[MOST, hour] += lots if lots > 0 else lots * least


@_compiled
def _hold_prices(tree: Tree, spare: float) -> bool:
    """Note the prices that each hour can have while its gap is at most `spare`; say whether every hour has some."""
    curves, hours, ceiling = tree.curves, tree.hours, tree.limits[CEILING]
    _reach(tree)
    for hour in range(hours.shape[1]):
        price, low, high = hours[BEST, hour], tree.first[hour], tree.first[hour + 1] - 1
        middle = _dearer(curves, low, high + 1, price)
        place, gap = middle, 0.0
        while place < high:  # taking in more, at prices below
            gap += (price - curves[PRICE, place]) * (curves[END, place + 1] - curves[END, place])
            if gap > spare:
                break
            place += 1
        lowest, _ = _price_range(curves, low, high + 1, hours[MOST, hour], ceiling)
        hours[LOW, hour] = max(curves[PRICE, place], lowest)
        place, gap = middle, 0.0
        while place > low:  # taking in less, at prices above
            gap += (curves[PRICE, place - 1] - price) * (curves[END, place] - curves[END, place - 1])
            if gap > spare:
                break
            place -= 1
        _, highest = _price_range(curves, low, high + 1, hours[LEAST, hour], ceiling)
        hours[HIGH, hour] = min(curves[PRICE, place - 1] if place > low else ceiling, highest)
        if hours[LOW, hour] > hours[HIGH, hour] + SLACK:
            return False
    return True


@_compiled
def _gain(tree: Tree, block: int, buys_at: int, sells_at: int) -> float:
    """Return what a block gains if it buys at one row of prices and sells at the other."""
    gain = tree.figures[VALUE, block]
    for hour in range(tree.numbers[START, block], tree.numbers[STOP, block]):
        lots = tree.signed[block, hour]
        gain += lots * tree.hours[sells_at if lots > 0 else buys_at, hour]
    return gain


@_compiled
def _in_part(tree: Tree, block: int) -> bool:
    """Say whether a block is accepted in part, or might be."""
    status = tree.statuses[NODE, block]
    return status == PART or (status == IN and tree.figures[MINIMUM, block] < 1)


@_compiled
def _hold_blocks(tree: Tree) -> int:
    """Decide about blocks by the prices that are left; return how many, -1 if one that is accepted must lose.

    A parent may be saved by its children. A block accepted in part is at the money, if nothing but its price holds it back.
    """
    statuses, decided = tree.statuses, 0
    for block in range(statuses.shape[1]):
        if statuses[NODE, block] == OUT or tree.numbers[HEAD, block]:
            continue
        most = _gain(tree, block, LOW, HIGH)
        if most < -SLACK:
            if statuses[NODE, block] > OPEN:
                return -1
            statuses[NODE, block] = OUT
            decided += 1
        elif tree.numbers[FREE, block] and _in_part(tree, block) and _gain(tree, block, HIGH, LOW) > SLACK:
            if statuses[NODE, block] == PART:
                return -1
            statuses[NODE, block] = WHOLE
            decided += 1
    return decided


@_compiled
def _decide(tree: Tree, spare: float, priced: bool) -> int:
    """Decide about blocks whose other decision would lose too much; return how many, -1 if that contradicts itself."""
    statuses, figures, decided = tree.statuses, tree.figures, 0
    for at in range(tree.counts[COUNTED]):
        block = tree.numbers[ACTIVE, at]
        surplus = figures[SURPLUS, block]
        if statuses[NODE, block] == OPEN and surplus > spare:
            statuses[NODE, block] = IN
            decided += 1
        elif statuses[NODE, block] == OPEN and -surplus * figures[MINIMUM, block] > spare:
            statuses[NODE, block] = OUT
            decided += 1
    held = _hold_blocks(tree) if priced else 0
    implied = _imply(tree) if held >= 0 else -1
    return -1 if implied < 0 else decided + held + implied


@_compiled
def _imply(tree: Tree) -> int:
    """Carry decisions on along links and groups; return how many, -1 if they contradict each other."""
    statuses, numbers, figures = tree.statuses, tree.numbers, tree.figures
    decided, before = 0, -1
    while decided != before:
        before = decided
        for block in range(figures.shape[1]):
            parent = numbers[PARENT, block]
            if parent >= 0 and statuses[NODE, block] > OPEN and statuses[NODE, parent] <= OPEN:
                if statuses[NODE, parent] == OUT:
                    return -1
                statuses[NODE, parent] = IN
                decided += 1
            if parent >= 0 and statuses[NODE, block] == OPEN and statuses[NODE, parent] == OUT:
                statuses[NODE, block] = OUT
                decided += 1
            if numbers[GROUP, block] >= 0 and statuses[NODE, block] != OUT:
                taken = figures[MINIMUM, block]
                for other in range(figures.shape[1]):
                    if (
                        other != block
                        and numbers[GROUP, other] == numbers[GROUP, block]
                        and statuses[NODE, other] == IN
                    ):
                        taken += figures[MINIMUM, other]
                if taken > 1 + SLACK:
                    if statuses[NODE, block] > OPEN:
                        return -1
                    statuses[NODE, block] = OUT
                    decided += 1
    return decided


@_compiled
def _choice(tree: Tree, priced: bool) -> int:
    """Return the block to decide about: the open one nearest the money, else one accepted at a ratio that is open; or -1."""
    choice, least = -1, np.inf
    for at in range(tree.counts[COUNTED]):
        block = tree.numbers[ACTIVE, at]
        if tree.statuses[NODE, block] == OPEN and abs(tree.figures[SURPLUS, block]) < least:
            choice, least = block, abs(tree.figures[SURPLUS, block])
    if choice < 0 and priced:
        for at in range(tree.counts[COUNTED]):
            block = tree.numbers[ACTIVE, at]
            if tree.statuses[NODE, block] == IN and tree.numbers[FREE, block]:
                return block
    return choice


@_compiled
def _push(tree: Tree, block: int, status: int, loss: float) -> None:
    row = tree.counts[WAITING]
    _copy(tree.statuses, NODE, FOUND + 1 + row)
    tree.statuses[FOUND + 1 + row, block] = status
    for hour in range(tree.hours.shape[1]):
        tree.waiting[row, hour] = tree.hours[BEST, hour]
    tree.waiting[row, -1] = loss
    tree.counts[WAITING] = row + 1


@_compiled
def explore(tree: Tree, root: float, loss: float, priced: bool, nodes: int) -> int:
    """Go on until a leaf that loses less than `loss` against `root`, until all is FINISHED, or PAUSED after some nodes."""
    for _ in range(nodes):
        if tree.counts[WAITING] == 0:
            return FINISHED
        tree.counts[WAITING] -= 1
        row = tree.counts[WAITING]
        bound = tree.waiting[row, -1]
        if bound >= loss:
            continue
        tree.counts[SEEN] += 1
        _copy(tree.statuses, FOUND + 1 + row, NODE)
        for hour in range(tree.hours.shape[1]):
            tree.hours[BEST, hour] = tree.waiting[row, hour]
        decided, rounds = _imply(tree), 0
        while decided >= 0 and (rounds == 0 or decided) and rounds < ROUNDS:
            _settle(tree)
            bound = max(bound, root - _least_worth(tree))
            if bound >= loss:
                decided = -1
                break
            if priced and not _hold_prices(tree, loss - bound):
                decided = -1
                break
            decided = _decide(tree, loss - bound, priced)
            rounds += 1
        if decided < 0:
            continue
        _settle(tree)
        choice = _choice(tree, priced)
        if choice >= 0:
            gains = tree.figures[SURPLUS, choice] > 0
            if tree.statuses[NODE, choice] == OPEN:
                _push(tree, choice, OUT if gains else IN, bound)
                _push(tree, choice, IN if gains else OUT, bound)
            else:
                _push(tree, choice, PART if gains else WHOLE, bound)
                _push(tree, choice, WHOLE if gains else PART, bound)
            continue
        if not priced or (_hold_prices(tree, loss - bound) and _hold_blocks(tree) >= 0):
            _copy(tree.statuses, NODE, FOUND)
            return LEAF
    return PAUSED
