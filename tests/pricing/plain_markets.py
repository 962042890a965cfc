"""The markets of zero intelligence and ZIP written plainly, as oracles: the same streams have to give the same deals."""

import math
from dataclasses import dataclass, field

MASK = (1 << 64) - 1


def rotated(number, bits):
    return ((number << bits) | (number >> (64 - bits))) & MASK


class Draws:
    """Streams of xoshiro256++ in unbounded integers: a list of states, one for each stream."""

    def __init__(self, states):
        self.states = [[int(word) for word in state] for state in states]

    def next(self, stream):
        s = self.states[stream]
        drawn = (rotated((s[0] + s[3]) & MASK, 23) + s[0]) & MASK
        shifted = (s[1] << 17) & MASK
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= shifted
        s[3] = rotated(s[3], 45)
        return drawn

    def uniform(self, stream):
        return (self.next(stream) >> 11) / 2**53

    def one_of(self, options):
        return options[int(self.uniform(0) * len(options))]


def quote_driven(draws, market, *, low, high, constrained, picks, periods):
    buyers = len(market.values)
    limits = (*market.values, *market.costs)
    deals = []
    for period in range(1, periods + 1):
        left = [list(units) for units in limits]
        bid = ask = None
        for _ in range(picks):
            trader = draws.one_of(range(len(limits)))
            if not left[trader]:
                continue
            buying = trader < buyers
            ends = (low, high)
            if constrained:
                ends = (low, math.floor(left[trader][0])) if buying else (math.ceil(left[trader][0]), high)
            price = ends[0] + int(draws.uniform(1 + trader) * (ends[1] - ends[0] + 1))
            if buying and (ask is None or price < ask[0]):
                if bid is None or price > bid[0]:
                    bid = (price, trader)
            elif not buying and (bid is None or price > bid[0]):
                if ask is None or price < ask[0]:
                    ask = (price, trader)
            else:
                earlier = ask if buying else bid
                buyer, seller = (trader, earlier[1]) if buying else (earlier[1], trader)
                deals.append((period, buyer, seller - buyers, earlier[0]))
                left[buyer].pop(0)
                left[seller].pop(0)
                bid = ask = None
    return deals


@dataclass
class Trader:
    """A trader of the open outcry, in ticks; `side` is −1 for a buyer and +1 for a seller."""

    number: int
    side: int
    units: list
    beta: float = 0.0
    momentum: float = 0.0
    margin: float = 0.0
    last: float = 0.0
    left: list = field(default_factory=list)
    limit: float = 0.0
    price: int = 0

    def face(self):
        if self.left:
            self.limit = self.left[0]
        self.price = math.floor(self.limit * (1 + self.margin) + 0.5)

    def move(self, draws, shouted, direction):
        target = shouted * (1 + direction * 0.05 * draws.uniform(self.number))
        target += direction * 5 * draws.uniform(self.number)
        self.last = (1 - self.momentum) * (self.beta * (target - self.price)) + self.momentum * self.last
        margin = (self.price + self.last) / self.limit - 1
        if self.side * margin > 0:
            self.margin = margin
        self.price = math.floor(self.limit * (1 + self.margin) + 0.5)

    def guess(self, draws, low, high):
        share = draws.uniform(self.number)
        ends = (low, self.limit) if self.side < 0 else (self.limit, high)
        return math.floor(ends[0] + share * (ends[1] - ends[0]) + 0.5)


def open_outcry(draws, market, *, learning, improving, low, high, periods, slots, shouts=100):
    """The original protocol for prices in cents; deals are (period, buyer, seller, cents)."""
    sides = (
        [Trader(1 + i, -1, [v * 100 for v in row]) for i, row in enumerate(market.values)],
        [Trader(1 + len(market.values) + j, 1, [c * 100 for c in row]) for j, row in enumerate(market.costs)],
    )
    everybody = [*sides[0], *sides[1]]
    if learning:
        for trader in everybody:
            trader.beta = 0.1 + 0.4 * draws.uniform(trader.number)
            trader.momentum = 0.1 * draws.uniform(trader.number)
            trader.margin = trader.side * (0.05 + draws.uniform(trader.number) * (0.35 - 0.05))
    deals = []
    for period in range(1, periods + 1):
        for trader in everybody:
            trader.left = list(trader.units)
            trader.face()
        for _ in range(slots):
            outcome = _slot(draws, sides, everybody, learning, improving, low, high, shouts)
            if outcome == "closed":
                break
            if outcome is not None:
                buyer, seller, price = outcome
                deals.append((period, buyer.number - 1, seller.number - 1 - len(sides[0]), price))
    return deals


def _slot(draws, sides, everybody, learning, improving, low, high, shouts):
    best = [None, None]
    price = None
    for _ in range(shouts):
        active = [[trader for trader in side if trader.left] for side in sides]
        if not active[0] and not active[1]:
            return "closed"
        shouting = 0 if draws.one_of([*active[0], *active[1]]).side < 0 else 1
        sign = (-1, 1)[shouting]
        able = active[shouting]
        if improving and best[shouting] is not None:
            if learning:
                able = [trader for trader in able if sign * (best[shouting] - trader.price) > 0]
            else:
                able = [trader for trader in able if sign * (best[shouting] - trader.limit) >= 0]
        if not able:
            if learning:
                _learn(draws, everybody, sign, price, dealt=False)
            return "closed"
        shouter = draws.one_of(able)
        price = shouter.price if learning else shouter.guess(draws, low, high)
        if best[shouting] is None or sign * (best[shouting] - price) > 0:
            best[shouting] = price
        if learning:
            willing = [trader for trader in active[1 - shouting] if sign * (trader.price - price) >= 0]
        else:
            willing = [t for t in active[1 - shouting] if sign * (t.guess(draws, low, high) - price) > 0]
        taker = draws.one_of(willing) if willing else None
        if learning:
            _learn(draws, everybody, sign, price, dealt=taker is not None)
        if taker is not None:
            for trader in (shouter, taker):
                trader.left.pop(0)
                trader.face()
            return (shouter, taker, price) if shouting == 0 else (taker, shouter, price)
    return None


def _learn(draws, everybody, sign, shouted, *, dealt):
    for trader in everybody:
        gains = trader.price <= shouted if trader.side > 0 else trader.price >= shouted
        asks_no_less = trader.price >= shouted if trader.side > 0 else trader.price <= shouted
        if dealt and gains:
            trader.move(draws, shouted, trader.side)
        elif trader.left and (
            (dealt and trader.side != sign) or (not dealt and trader.side == sign and asks_no_less)
        ):
            trader.move(draws, shouted, -trader.side)
