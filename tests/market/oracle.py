"""The slow, obvious order book: one list, sorted anew for every trade, and whole copies to find out what would happen.

It has the interface of `market.book.OrderBook` and is what that one is measured against. Plain integers, no cleverness.
The numbers at the functions are those of the rules in `docs/reference/order-types.md`.
"""

from dataclasses import dataclass, replace
from math import inf

import numpy as np

from market.depth import Depth, DepthLevel
from market.listing import Allocation, TradePriceRule
from market.matching import PRICE_LIMIT
from market.orders import OrderType, SelfTrade, Side, TimeInForce
from market.placement import Fill, Notice, NoticeKind, Placement
from market.refusals import Refusal
from market.units import PPM_ONE, QUANTITY_MAX, InvariantBroken

RESTS = {TimeInForce.GTC, TimeInForce.DAY, TimeInForce.GTD}
RESTING = np.dtype(
    [(name, "<i8") for name in ("price_ticks", "order_id", "remaining_lots", "displayed_lots")]
)
WAITING = np.dtype([(name, "<i8") for name in ("price_ticks", "order_id", "remaining_lots", "limit_ticks")])


@dataclass(eq=False)
class Order:
    """An order with what is left of it. `stop` is set as long as it waits; `display` None shows all, 0 nothing."""

    order_id: int
    side: Side
    price: int
    remaining: int
    kind: OrderType = OrderType.LIMIT
    tif: TimeInForce = TimeInForce.GTC
    post_only: bool = False
    owner: int = 0
    self_trade: SelfTrade | None = None
    all_or_none: bool = False
    minimum: int = 0
    display: int | None = None
    stop: int | None = None
    budget: int | None = None
    slice: int = 0

    @property
    def can_rest(self):
        return self.kind is OrderType.LIMIT and self.tif in RESTS

    @property
    def is_fill_or_kill(self):
        return self.tif is TimeInForce.FOK or (self.all_or_none and not self.can_rest)

    @property
    def is_iceberg(self):
        return self.display is not None and self.display > 0

    @property
    def shown(self):
        """What the book displays of it."""
        if self.display is None:
            return self.remaining
        return self.slice

    @property
    def at_once(self):
        """What a taker meets when it reaches this order: the slice of an iceberg, all of any other."""
        return self.slice if self.is_iceberg else self.remaining

    def reaches(self, price):
        return price <= self.price if self.side is Side.BUY else price >= self.price

    def is_of_owner_of(self, other):
        return self.owner != 0 and self.owner == other.owner

    def cut_slice(self):
        self.slice = min(self.display or 0, self.remaining)

    def shrink(self, remaining):
        """7: what goes comes off the reserve first."""
        self.remaining = remaining
        self.slice = min(self.slice, remaining)


class SlowBook:
    """One instrument's order book, rule by rule. `arrived` holds all orders; its order is that of every queue."""

    def __init__(self, *, rule=TradePriceRule.MAKER, weight_ppm=0, allocation=Allocation.TIME, capacity=64):
        if capacity < 1:
            raise InvariantBroken(f"capacity: found {capacity}, expected at least 1")
        self.allocation = allocation
        self.arrived = []
        self.is_halted = False
        self.last = None
        self.reference, self.width = 0, 0
        self.low, self.high = -inf, inf
        self.fills, self.notices = [], []
        self.set_rule(rule, weight_ppm)

    # --- settings ------------------------------------------------------------------------------------------------

    def set_rule(self, rule, weight_ppm):
        if not 0 <= weight_ppm <= PPM_ONE:
            raise InvariantBroken(f"supplier's weight: found {weight_ppm} ppm, expected 0 to {PPM_ONE}")
        self.rule, self.weight_ppm = rule, weight_ppm

    def set_collar(self, reference_ticks, width_ticks):
        if width_ticks < 0:
            raise InvariantBroken(f"collar: found a width of {width_ticks} ticks, expected at least 0")
        self.reference, self.width = reference_ticks, width_ticks

    @property
    def halted(self):
        return self.is_halted

    def halt(self):
        self.is_halted = True

    def resume(self):
        self.is_halted = False

    def note_price(self, price_ticks):
        self.last = price_ticks

    # --- messages ------------------------------------------------------------------------------------------------

    def place(self, order_id, side, order_type, time_in_force, price_ticks, quantity_lots, **asked):
        if self.find(order_id) is not None:
            raise InvariantBroken(f"order {order_id} cannot be placed: it is here already")
        return self.arrive(
            an_order(order_id, side, order_type, time_in_force, price_ticks, quantity_lots, asked)
        )

    def replace(self, order_id, order_type, time_in_force, price_ticks, quantity_lots, **asked):
        old = self.must_find(order_id)
        new = an_order(order_id, old.side, order_type, time_in_force, price_ticks, quantity_lots, asked)
        if old.stop is None and new.price == old.price and new.remaining <= old.remaining:
            old.shrink(new.remaining)
            return Placement((), old.remaining, 0, None, ())
        before = list(self.arrived)
        self.arrived.remove(old)
        placed = self.arrive(new)
        if placed.refusal is not None:
            self.arrived = before
        return placed

    def cancel(self, order_id):
        order = self.find(order_id)
        if order is None:
            return None
        self.arrived.remove(order)
        return order.remaining

    def reduce(self, order_id, remaining_lots):
        order = self.must_find(order_id)
        if not 0 < remaining_lots <= order.remaining:
            raise InvariantBroken(f"order {order_id}: found {remaining_lots}, the book has {order.remaining}")
        order.shrink(remaining_lots)

    def rest(self, order_id, side, price_ticks, quantity_lots, **asked):
        """Put an order where it belongs without matching it: to wait if it has a stop, else to rest."""
        kind, tif = asked.pop("order_type", OrderType.LIMIT), asked.pop("time_in_force", TimeInForce.GTC)
        owner = asked.get("owner", 0)
        order = an_order(order_id, side, kind, tif, price_ticks, quantity_lots, asked)
        order.owner = owner  # one that only rests needs no policy
        if self.find(order_id) is not None or self.conflict(order) or self.overflows(order):
            raise InvariantBroken(f"order {order_id}: cannot rest; the book has {self.remaining(order_id)}")
        if order.stop is None:
            order.kind = OrderType.LIMIT  # whatever it was, it rests
        order.cut_slice()
        self.arrived.append(order)

    def take(self, order_id, quantity_lots, *, incoming=False):
        """7: what traded elsewhere comes off the order, as from a maker or (incoming) as from the taker."""
        order = self.must_find(order_id)
        if not 0 < quantity_lots <= order.remaining or order.stop is not None:
            raise InvariantBroken(f"order {order_id}: found {quantity_lots}, the book has {order.remaining}")
        order.remaining -= quantity_lots
        if order.remaining == 0:
            self.arrived.remove(order)
        elif incoming:
            order.cut_slice()
        elif order.is_iceberg:
            order.slice = max(order.slice - quantity_lots, 0)
            if order.slice == 0:
                self.to_the_back(order)

    def trigger(self, order_id):
        order = self.must_find(order_id)
        if order.stop is None:
            raise InvariantBroken(f"order {order_id}: found no stop, expected one that waits")
        order.stop, order.kind = None, OrderType.LIMIT  # whatever it was, it rests
        self.to_the_back(order)

    def activate(self):
        """9: wake the stops that the last price has reached."""
        self.fills, self.notices = [], []
        if self.last is not None:
            self.wake_stops([self.last])
        return Placement(tuple(self.fills), 0, 0, None, tuple(self.notices))

    # --- views ---------------------------------------------------------------------------------------------------

    def __len__(self):
        return len(self.arrived)

    def find(self, order_id):
        return next((order for order in self.arrived if order.order_id == order_id), None)

    def must_find(self, order_id):
        order = self.find(order_id)
        if order is None:
            raise InvariantBroken(f"order {order_id}: the book has None")
        return order

    def last_price(self):
        return self.last

    def remaining(self, order_id):
        order = self.find(order_id)
        return None if order is None else order.remaining

    def side(self, side):
        """1: all that can trade, by price, then displayed before hidden, then time (the sort is stable)."""
        sign = -1 if side is Side.BUY else 1
        can_trade = [order for order in self.arrived if order.side is side and order.stop is None]
        return sorted(can_trade, key=lambda order: (sign * order.price, order.display == 0))

    def waiting(self, side):
        """9: the stops in the order in which they wake: bids from the lowest, offers from the highest."""
        sign = 1 if side is Side.BUY else -1
        waiting = [order for order in self.arrived if order.side is side and order.stop is not None]
        return sorted(waiting, key=lambda order: sign * order.stop)

    def best_bid(self):
        return next((order.price for order in self.side(Side.BUY)), None)

    def best_ask(self):
        return next((order.price for order in self.side(Side.SELL)), None)

    def orders(self, side):
        rows = [(order.price, order.order_id, order.remaining, order.shown) for order in self.side(side)]
        return np.array(rows, RESTING)

    def stops(self, side):
        rows = [(order.stop, order.order_id, order.remaining, order.price) for order in self.waiting(side)]
        return np.array(rows, WAITING)

    def depth(self, levels):
        return Depth(bids=self.shown_levels(Side.BUY, levels), asks=self.shown_levels(Side.SELL, levels))

    def shown_levels(self, side, levels):
        at_price = {}
        for order in self.side(side):
            if order.shown:
                at_price.setdefault(order.price, []).append(order.shown)
        found = [DepthLevel(price, sum(lots), len(lots)) for price, lots in at_price.items()]
        return tuple(found[:levels])

    def state(self):
        """All that decides what happens next, except who owns what and the settings."""
        resting = [
            (each.price, each.order_id, each.remaining, each.slice, each.display, each.all_or_none)
            for side in Side
            for each in self.side(side)
        ]
        terms = ("order_id", "price", "remaining", "kind", "tif", "post_only", "self_trade")
        asked = ("all_or_none", "minimum", "display", "stop", "budget")
        waiting = [
            tuple(getattr(each, name) for name in terms + asked)
            for side in Side
            for each in self.waiting(side)
        ]
        return resting, waiting, self.last, self.is_halted

    def state_bytes(self):
        return repr(self.state()).encode()

    # --- arrival (2) ---------------------------------------------------------------------------------------------

    def arrive(self, order):
        """2: check, then wait or match; then wake the stops that the trades have reached."""
        self.fills, self.notices = [], []
        if self.conflict(order):
            return refused(Refusal.CONDITIONS_CONFLICT)
        stop = order.stop
        if stop is not None and (self.is_halted or not is_reached(order, [self.last])):
            return self.wait(order)
        order.stop = None
        refusal = self.refusal_of(order)
        if refusal is not None:
            return refused(refusal)
        if stop is not None:
            self.tell(order, NoticeKind.TRIGGERED, order.remaining)
        resting, dropped = self.carry_out(order)
        self.wake_stops([])
        return Placement(tuple(self.fills), resting, dropped, None, tuple(self.notices))

    def conflict(self, order):
        """2a: conditions that contradict each other, the order's type, or the book."""
        minimum, display, budget = order.minimum, order.display, order.budget
        return (
            not 0 <= minimum <= order.remaining
            or (display is not None and display < 0)
            or (order.all_or_none and (display is not None or order.post_only))
            or (not order.can_rest and (display is not None or order.post_only))
            or (minimum > 0 and order.post_only)
            or (budget is not None and (budget <= 0 or not may_have_budget(order)))
            or (self.allocation is Allocation.PRO_RATA and (order.all_or_none or order.is_iceberg))
        )

    def overflows(self, order):
        """2e: a side, its waiting stops included, holds no more lots than 64 bits can count."""
        held = sum(each.remaining for each in self.arrived if each.side is order.side)
        return held + order.remaining > QUANTITY_MAX

    def wait(self, order):
        """9: a stop that is not reached yet."""
        if self.overflows(order):
            return refused(Refusal.BOOK_FULL)
        self.arrived.append(order)
        return Placement((), order.remaining, 0, None, ())

    def refusal_of(self, order):
        """2c to 2e, 3, 4 and 10: why an order that is not to wait cannot be taken."""
        self.centre()
        if self.is_halted:
            if not order.can_rest or order.post_only or order.all_or_none or order.minimum:
                return Refusal.NOT_ALLOWED_IN_CALL
        elif order.post_only and self.across(order):
            return Refusal.WOULD_TAKE
        elif order.tif is TimeInForce.FOK or order.all_or_none or order.minimum:
            filled = self.fillable(order)
            if filled < order.remaining and order.is_fill_or_kill:
                return Refusal.CANNOT_FILL_WHOLLY
            if order.all_or_none and filled < order.remaining:
                filled = 0  # it would rest without any trade
            if filled < order.minimum:
                return Refusal.CANNOT_FILL_MINIMUM
        return Refusal.BOOK_FULL if order.can_rest and self.overflows(order) else None

    def fillable(self, order):
        """4: what the walk fills when it is carried out on a copy of the book."""
        trial = SlowBook(rule=self.rule, weight_ppm=self.weight_ppm, allocation=self.allocation)
        trial.arrived = [replace(each) for each in self.arrived]
        trial.low, trial.high = self.low, self.high
        trial.walk(replace(order))
        return sum(fill.quantity_lots for fill in trial.fills)

    def centre(self):
        """10: where the collar lies for this message or woken order."""
        self.low, self.high = -inf, inf
        if self.width > 0:
            centre = self.reference if self.last is None else self.last
            self.low, self.high = centre - self.width, centre + self.width

    def carry_out(self, order):
        """Match an order that was found good, let it rest if it can; return what rests and what was dropped of it."""
        if not self.is_halted and (not order.all_or_none or self.fillable(order) == order.remaining):
            self.walk(order)
        if order.remaining and not order.can_rest:
            return 0, order.remaining
        if order.remaining:
            order.cut_slice()
            self.arrived.append(order)
            self.try_all_or_none(order)
        return order.remaining, 0

    # --- matching (5, 6, 7, 10) ----------------------------------------------------------------------------------

    def across(self, taker):
        return [maker for maker in self.side(taker.side.other) if taker.reaches(maker.price)]

    def walk(self, taker):
        """5: meet the makers in priority order until nothing is left or nobody is within reach."""
        if self.allocation is Allocation.PRO_RATA:
            self.walk_pro_rata(taker)
            return
        passed = set()
        while makers := [maker for maker in self.across(taker) if maker.order_id not in passed]:
            maker = makers[0]
            available = affordable(taker, maker.price)
            if available == 0:
                return
            if maker.all_or_none and maker.remaining > available:
                passed.add(maker.order_id)
            elif taker.self_trade is not None and taker.is_of_owner_of(maker):
                self.prevent_self_trade(taker, maker)
            elif self.is_outside_collar(maker.price):
                self.halt_at(taker)
                return
            else:
                self.trade(taker, maker, min(available, maker.at_once))

    def walk_pro_rata(self, taker):
        """11: meet whole levels; displayed and hidden orders of a price are two levels."""
        while taker.remaining and (makers := self.across(taker)):
            first = makers[0]
            level = [
                maker
                for maker in makers
                if maker.price == first.price and (maker.display == 0) == (first.display == 0)
            ]
            if affordable(taker, first.price) == 0:
                return
            own = [maker for maker in level if taker.self_trade is not None and taker.is_of_owner_of(maker)]
            for maker in own:
                if taker.remaining:
                    self.prevent_self_trade(taker, maker)
            others = [maker for maker in level if maker not in own]
            if not others or not taker.remaining:
                continue
            if self.is_outside_collar(first.price):
                self.halt_at(taker)
                return
            shares = pro_rata(affordable(taker, first.price), [maker.remaining for maker in others])
            for maker, lots in zip(others, shares, strict=True):
                if lots:
                    self.trade(taker, maker, lots)

    def trade(self, taker, maker, lots):
        price = self.trade_price(taker, maker)
        self.fill(taker, maker, price, lots)
        taker.remaining -= lots
        if taker.budget is not None:
            taker.budget -= max(price, 0) * lots
        maker.remaining -= lots
        if maker.is_iceberg:
            maker.slice -= lots
        if maker.remaining == 0:
            self.arrived.remove(maker)
        elif maker.is_iceberg and maker.slice == 0:
            self.to_the_back(maker)
            self.tell(maker, NoticeKind.REFRESHED, maker.slice)

    def fill(self, taker, maker, price, lots):
        self.fills.append(Fill(taker.order_id, maker.order_id, price, maker.price, lots))
        self.last = price

    def trade_price(self, taker, maker):
        """5, 10: the offer's limit plus the supplier's share of the surplus, or the maker's limit."""
        if self.rule is TradePriceRule.MAKER or taker.kind is OrderType.MARKET:
            return maker.price
        limit = min(max(taker.price, self.low), self.high)
        bid, ask = (limit, maker.price) if taker.side is Side.BUY else (maker.price, limit)
        weight = 500_000 if self.rule is TradePriceRule.MIDPOINT else self.weight_ppm
        return ask + weight * (bid - ask) // 1_000_000

    def to_the_back(self, order):
        """7: with a fresh slice to the end of its queue."""
        order.cut_slice()
        self.arrived.remove(order)
        self.arrived.append(order)

    def prevent_self_trade(self, taker, maker):
        """6: the taker's policy says who gives way; the maker is told first."""
        match taker.self_trade:
            case SelfTrade.CANCEL_NEWEST:
                from_taker, from_maker = taker.remaining, 0
            case SelfTrade.CANCEL_OLDEST:
                from_taker, from_maker = 0, maker.remaining
            case SelfTrade.CANCEL_BOTH:
                from_taker, from_maker = taker.remaining, maker.remaining
            case SelfTrade.DECREMENT:
                from_taker = from_maker = min(taker.remaining, maker.remaining)
        for order, lots in ((maker, from_maker), (taker, from_taker)):
            if lots:
                order.shrink(order.remaining - lots)
                gone = order.remaining == 0
                kind = NoticeKind.SELF_TRADE_CANCELLED if gone else NoticeKind.SELF_TRADE_REDUCED
                self.tell(order, kind, lots)
        if maker.remaining == 0:
            self.arrived.remove(maker)

    def is_outside_collar(self, price):
        return not self.low <= price <= self.high

    def halt_at(self, taker):
        """10: the next trade would leave the collar."""
        self.is_halted = True
        self.tell(taker, NoticeKind.HALTED, taker.remaining)

    def tell(self, order, kind, lots):
        self.notices.append(Notice(order.order_id, kind, lots, len(self.fills)))

    # --- all-or-none at rest (8) ---------------------------------------------------------------------------------

    def try_all_or_none(self, newcomer):
        """8: each all-or-none order across that reaches the newcomer is tried once, and is the maker if it fills."""
        if self.is_halted:
            return
        reached = [order for order in self.side(newcomer.side.other) if order.reaches(newcomer.price)]
        for patient in [order for order in reached if order.all_or_none]:
            met = [] if self.is_outside_collar(patient.price) else self.would_meet(patient)
            if sum(lots for _, lots in met) < patient.remaining:
                continue
            for order, lots in met:
                self.fill(order, patient, self.trade_price(order, patient), lots)
                self.take(patient.order_id, lots)
                self.take(order.order_id, lots, incoming=True)

    def would_meet(self, patient):
        """Whom it would meet, each with all of its quantity since these are the takers, and how much of each."""
        met = []
        left = patient.remaining
        for order in self.across(patient):
            if left == 0 or self.is_outside_collar(order.price):
                break
            if patient.is_of_owner_of(order) or (order.all_or_none and order.remaining > left):
                continue
            lots = min(left, order.remaining)
            met.append((order, lots))
            left -= lots
        return met

    # --- stops (9) -----------------------------------------------------------------------------------------------

    def wake_stops(self, prices):
        """9: wake one stop after the other as long as a price of this message has reached one."""
        while not self.is_halted:
            so_far = prices + [fill.price_ticks for fill in self.fills]
            waiting = self.waiting(Side.BUY) + self.waiting(Side.SELL)
            due = [order for order in waiting if is_reached(order, so_far)]
            if not due:
                return
            self.wake(due[0])

    def wake(self, order):
        self.arrived.remove(order)
        order.stop = None
        self.tell(order, NoticeKind.TRIGGERED, order.remaining)
        if self.refusal_of(order) is not None:
            self.tell(order, NoticeKind.DROPPED, order.remaining)
            return
        resting, dropped = self.carry_out(order)
        if resting:
            self.tell(order, NoticeKind.RESTED, resting)
        if dropped:
            self.tell(order, NoticeKind.DROPPED, dropped)


def an_order(order_id, side, kind, tif, price, quantity, asked):
    """Make an order from the keywords of `place`. One without a self-trade policy belongs to nobody."""
    names = {"minimum_lots": "minimum", "display_lots": "display", "stop_ticks": "stop"}
    terms = {names.get(name, name): value for name, value in asked.items()}
    order = Order(order_id, Side(side), price, quantity, OrderType(kind), TimeInForce(tif), **terms)
    in_range = all(-PRICE_LIMIT < ticks < PRICE_LIMIT for ticks in (price, order.stop or 0))
    if not in_range or not 0 < quantity <= QUANTITY_MAX:
        raise InvariantBroken(f"order {order_id}: found price {price}, stop {order.stop}, {quantity} lots")
    if order.self_trade is None:
        order.owner = 0
    return order


def refused(refusal):
    return Placement((), 0, 0, refusal, ())


def may_have_budget(order):
    is_market_bid = order.kind is OrderType.MARKET and order.side is Side.BUY
    return is_market_bid and order.tif is not TimeInForce.FOK and not order.all_or_none and not order.minimum


def affordable(taker, price):
    """5: how much of what is left the budget buys at a price; one of 0 or less costs nothing."""
    if taker.budget is None or price <= 0:
        return taker.remaining
    return min(taker.remaining, taker.budget // price)


def is_reached(order, prices):
    """9: a bid's stop by a price at or above it, an offer's by one at or below."""
    known = [price for price in prices if price is not None]
    return any(price >= order.stop if order.side is Side.BUY else price <= order.stop for price in known)


def pro_rata(lots, quantities):
    """11: each its share rounded down; what remains goes to the earliest, up to what each has left."""
    total = sum(quantities)
    lots = min(lots, total)
    shares = [lots * quantity // total for quantity in quantities]
    rest = lots - sum(shares)
    for at, quantity in enumerate(quantities):
        more = min(rest, quantity - shares[at])
        shares[at] += more
        rest -= more
    return shares
