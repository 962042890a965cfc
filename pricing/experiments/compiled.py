"""The compiled markets: the continuous double auction of Gode and Sunder, and the open outcry of Cliff with ZIP traders.

Prices are whole ticks. All chance comes from streams of xoshiro256++ (D. Blackman, S. Vigna, "Scrambled linear
pseudorandom number generators", ACM Transactions on Mathematical Software 47, 2021): stream 0 is the market's, who shouts
and who is picked, and stream 1 + i trader i's own, so that two markets with the same streams draw common random numbers.

Traders are numbered buyers first. All compiled code is in this file because numba renews its cache by the age of the file
of the entry point alone.
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
Streams = NDArray[np.uint64]

NOBODY = -1
MARKET = 0
"""The market's own stream."""
PERIOD, BUYER, SELLER, PRICE = range(4)  # columns of `deals`
BETA, MOMENTUM, MARGIN, LAST = range(4)  # columns of `minds`
RELATIVE, ABSOLUTE = (
    6,
    7,
)  # places in `traits`, after the low and high ends of the first three columns of `minds`
BID, OFFER = range(2)
IN_VAIN, DEALT, CLOSED = range(3)
FAR = 1 << 62
"""Beyond every price."""

_UNIT = 2.0**-53
_11, _17, _19, _23, _41, _45 = (np.uint64(bits) for bits in (11, 17, 19, 23, 41, 45))

_njit: Callable[..., Any] = njit  # numba's own signatures leave things out


def _entry(function: Function) -> Function:
    """Compile what Python calls, and keep it on disk. Nothing here makes an array: the room comes from the caller."""
    compile_ = _njit(cache=True, _nrt=False, error_model="numpy", no_cfunc_wrapper=True)
    return cast(Function, compile_(function))


def _part(function: Function) -> Function:
    """Compile a part of an entry, without the doors for Python and C that take as long to compile as the part."""
    compile_ = _njit(_nrt=False, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
    return cast(Function, compile_(function))


@_part
def uniform(streams: Streams, stream: int) -> float:
    """Draw from [0, 1): the upper 53 bits of the stream's next number."""
    s0, s1, s2, s3 = streams[stream]
    mixed = s0 + s3
    drawn = ((mixed << _23) | (mixed >> _41)) + s0
    shifted = s1 << _17
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= shifted
    s3 = (s3 << _45) | (s3 >> _19)
    streams[stream, 0], streams[stream, 1], streams[stream, 2], streams[stream, 3] = s0, s1, s2, s3
    return (drawn >> _11) * _UNIT


@_part
def below(streams: Streams, stream: int, count: int) -> int:
    """Draw one of the integers from 0 to before `count`."""
    return int(uniform(streams, stream) * count)


@_entry
def quote_driven(
    streams: Streams,
    limits: Floats,
    counts: Integers,
    buyers: int,
    low: int,
    high: int,
    constrained: bool,
    picks: int,
    periods: int,
    made: Integers,
    deals: Integers,
) -> int:
    """Run Gode and Sunder's market; write `deals` and return how many there are.

    Each pick is a trader, uniformly from all. If it has a unit left, it quotes a whole price for it, drawn uniformly from
    [`low`, `high`], or, `constrained`, from [`low`, value] or [cost, `high`]. A quote that meets the best one of the other
    side trades at the price of that earlier quote, and both sides' quotes are cancelled; else it stands if it is better.
    """
    traders = len(counts)
    found = 0
    for period in range(1, periods + 1):
        made[:] = 0
        bidder = asker = NOBODY
        bid = ask = 0
        for _ in range(picks):
            trader = below(streams, MARKET, traders)
            if made[trader] == counts[trader]:
                continue
            limit = limits[trader, made[trader]]
            least, most = low, high
            if constrained and trader < buyers:
                most = int(np.floor(limit))
            elif constrained:
                least = int(np.ceil(limit))
            if least > most:
                continue
            price = least + below(streams, 1 + trader, most - least + 1)
            if trader < buyers:
                if asker == NOBODY or price < ask:
                    if bidder == NOBODY or price > bid:
                        bidder, bid = trader, price
                    continue
                bidder, price = trader, ask
            else:
                if bidder == NOBODY or price > bid:
                    if asker == NOBODY or price < ask:
                        asker, ask = trader, price
                    continue
                asker, price = trader, bid
            deals[found, PERIOD], deals[found, PRICE] = period, price
            deals[found, BUYER], deals[found, SELLER] = bidder, asker - buyers
            found += 1
            made[bidder] += 1
            made[asker] += 1
            bidder = asker = NOBODY
    return found


class Floor(NamedTuple):
    """The floor of an open outcry: who is there, the first `buyers` of them to buy, and what stands at the moment.

    * `limits` and `counts`: what each unit of each trader is worth, in ticks, and how many there are.
    * `low`, `high`: the prices between which ZI-C traders draw. `traits`: between what ZIP traders' minds are drawn.
    * `learning`: traders are ZIP, else ZI-C. `improving`: a shout has to better the best one of its side in the slot.
    * `made`, `limit`, `prices`, `minds`: units traded, limit of the next one, price and mind of each trader.
    * `active`: how many buyers and sellers have a unit left. `best`: the best bid and the best offer of the slot.
    * `chosen`: room for a list of traders.
    """

    streams: Streams
    limits: Floats
    counts: Integers
    buyers: int
    low: int
    high: int
    traits: Floats
    learning: bool
    improving: bool
    made: Integers
    limit: Floats
    prices: Integers
    minds: Floats
    active: Integers
    best: Integers
    chosen: Integers


@_entry
def open_outcry(floor: Floor, shouts: int, slots: int, periods: int, deals: Integers) -> int:
    """Run Cliff's open-outcry market; write `deals` and return how many there are.

    A period is a row of slots, each for one deal, given up after so many shouts in vain. The side that shouts is drawn in
    proportion to its active traders, the shouter uniformly from those of them who are able to.
    """
    if floor.learning:
        _give_minds(floor)
    found = 0
    for period in range(1, periods + 1):
        floor.made[:] = 0
        floor.active[BID], floor.active[OFFER] = floor.buyers, len(floor.counts) - floor.buyers
        for trader in range(len(floor.counts)):
            _face_unit(floor, trader)
        slot = 0
        while slot < slots:
            slot += 1
            floor.best[BID], floor.best[OFFER] = -FAR, FAR
            for _ in range(shouts):
                outcome = _shout(floor, period, deals[found])
                if outcome == CLOSED:
                    slot = slots
                if outcome == DEALT:
                    found += 1
                if outcome != IN_VAIN:
                    break
    return found


@_part
def _shout(floor: Floor, period: int, deal: Integers) -> int:
    """Let one trader shout, and one of those who are willing take it: they are equally likely to be heard."""
    streams = floor.streams
    active = floor.active[BID] + floor.active[OFFER]
    if active == 0:
        return CLOSED
    side = BID if below(streams, MARKET, active) < floor.active[BID] else OFFER
    able = _able(floor, side)
    if able == 0:
        if floor.learning:
            _learn(floor, side, False, deal[PRICE])
        return CLOSED
    shouter = floor.chosen[below(streams, MARKET, able)]
    price = floor.prices[shouter] if floor.learning else _guess(floor, shouter)
    deal[PERIOD], deal[PRICE] = period, price
    if _betters(price, floor.best[side], side):
        floor.best[side] = price

    willing = _willing(floor, 1 - side, price)
    taker = floor.chosen[below(streams, MARKET, willing)] if willing else NOBODY
    if floor.learning:
        _learn(floor, side, taker != NOBODY, price)
    if taker == NOBODY:
        return IN_VAIN
    deal[BUYER] = shouter if side == BID else taker
    deal[SELLER] = (shouter if side == OFFER else taker) - floor.buyers
    for trader in (shouter, taker):
        floor.made[trader] += 1
        if floor.made[trader] < floor.counts[trader]:
            _face_unit(floor, trader)
        else:
            floor.active[BID if trader < floor.buyers else OFFER] -= 1
    return DEALT


@_part
def _side(floor: Floor, side: int) -> tuple[int, int]:
    """Return the first trader of a side and the one after its last."""
    return (0, floor.buyers) if side == BID else (floor.buyers, len(floor.counts))


@_part
def _betters(price: float, other: float, side: int) -> bool:
    return price > other if side == BID else price < other


@_part
def _able(floor: Floor, side: int) -> int:
    """List the active traders of a side who may shout.

    The rule of the New York Stock Exchange asks of a ZIP trader's price to better the best of its side, and of a ZI-C
    trader's limit not to be worse.
    """
    able = 0
    first, end = _side(floor, side)
    for trader in range(first, end):
        if floor.made[trader] == floor.counts[trader]:
            continue
        if floor.improving:
            best = floor.best[side]
            if floor.learning and not _betters(floor.prices[trader], best, side):
                continue
            if not floor.learning and _betters(best, floor.limit[trader], side):
                continue
        floor.chosen[able] = trader
        able += 1
    return able


@_part
def _willing(floor: Floor, side: int, price: int) -> int:
    """List the active traders of a side whose price meets the shouted one; ZI-C draw one and have to better it."""
    willing = 0
    first, end = _side(floor, side)
    for trader in range(first, end):
        if floor.made[trader] == floor.counts[trader]:
            continue
        if floor.learning:
            takes = not _betters(price, floor.prices[trader], side)
        else:
            takes = _betters(_guess(floor, trader), price, side)
        if takes:
            floor.chosen[willing] = trader
            willing += 1
    return willing


@_part
def _face_unit(floor: Floor, trader: int) -> None:
    """Set a trader's limit to that of its next unit, and a ZIP trader's price to that with its margin."""
    floor.limit[trader] = floor.limits[trader, floor.made[trader]]
    if floor.learning:
        _set_price(floor, trader)


@_part
def _set_price(floor: Floor, trader: int) -> None:
    floor.prices[trader] = _rounded(floor.limit[trader] * (1 + floor.minds[trader, MARGIN]))


@_part
def _rounded(price: float) -> int:
    return int(np.floor(price + 0.5))


@_part
def _guess(floor: Floor, trader: int) -> int:
    """Draw a ZI-C price: uniform between the end of the range and the trader's limit, rounded to a tick."""
    share, limit = uniform(floor.streams, 1 + trader), floor.limit[trader]
    if trader < floor.buyers:
        return _rounded(floor.low + share * (limit - floor.low))
    return _rounded(limit + share * (floor.high - limit))


@_part
def _give_minds(floor: Floor) -> None:
    """Draw every ZIP trader's learning rate, momentum and first margin; buyers' margins are negative."""
    for trader in range(len(floor.counts)):
        for trait in range(3):
            low, high = floor.traits[2 * trait], floor.traits[2 * trait + 1]
            floor.minds[trader, trait] = low + uniform(floor.streams, 1 + trader) * (high - low)
        if trader < floor.buyers:
            floor.minds[trader, MARGIN] *= -1
        floor.minds[trader, LAST] = 0.0


@_part
def _learn(floor: Floor, shouting: int, dealt: bool, price: int) -> None:
    """Let every ZIP trader move its margin after a shout at price q, before the two who dealt are done.

    With s = −1 for buyers and +1 for sellers, a trader with price p
    1. widens its margin after a deal that it would have made as well: s·(q − p) >= 0;
    2. narrows it, while active, after a deal at a shout from the other side that it would have missed;
    3. narrows it, while active, after a shout in vain from its own side when it would not have asked for less.
    Widrow and Hoff's rule moves p towards a target τ a little beyond q: Γ = (1 − γ)·β·(τ − p) + γ·Γ₋ and
    μ = (p + Γ)/λ − 1, kept only while it has the sign of a profit.
    """
    first, end = (0, len(floor.counts)) if dealt else _side(floor, shouting)
    for trader in range(first, end):
        s = -1 if trader < floor.buyers else 1
        ahead = s * (price - floor.prices[trader])
        own_side = (shouting == BID) == (trader < floor.buyers)
        active = floor.made[trader] < floor.counts[trader]
        if dealt and ahead >= 0:
            direction = s
        elif active and ((dealt and not own_side) or (not dealt and ahead <= 0)):
            direction = -s
        else:
            continue
        relative = floor.traits[RELATIVE] * uniform(floor.streams, 1 + trader)
        absolute = floor.traits[ABSOLUTE] * uniform(floor.streams, 1 + trader)
        target = price * (1 + direction * relative) + direction * absolute
        mind = floor.minds[trader]
        step = mind[BETA] * (target - floor.prices[trader])
        mind[LAST] = (1 - mind[MOMENTUM]) * step + mind[MOMENTUM] * mind[LAST]
        margin = (floor.prices[trader] + mind[LAST]) / floor.limit[trader] - 1
        if s * margin > 0:
            mind[MARGIN] = margin
        _set_price(floor, trader)
