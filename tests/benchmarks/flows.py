"""Seeded flows of order-book messages: what the measurements, and every engine in them, are given.

Drawn column by column with numpy; only which order a message cancels or replaces depends on what came before it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from market.matching import CANCEL, CONDITIONS, MESSAGE, NEW, NO_PRICE, REPLACE
from market.orders import OrderType, SelfTrade, Side, TimeInForce

Records = NDArray[np.void]
Numbers = NDArray[np.int64]
Reals = NDArray[np.float64]
Flags = NDArray[np.bool_]

NEW_SHARE, CANCEL_SHARE = 0.55, 0.40  # the rest is aggressive
START_MID, SPAN, REACH = 100_000, 200, 20
DEEP_ORDERS, DEEP_SPAN = 500_000, 2_000
INSTRUMENTS = 100
OWNERS = 50

MIX = {
    "limit": 0.34,
    "post_only": 0.10,
    "iceberg": 0.08,
    "hidden": 0.05,
    "all_or_none": 0.03,
    "minimum": 0.03,
    "stop": 0.03,
    "stop_limit": 0.04,
    "ioc": 0.07,
    "fok": 0.05,
    "market": 0.05,
    "budget": 0.02,
    "replace": 0.11,
}
"""What the new orders of the mixed flow are. Each belongs to one of `OWNERS`, whose self-trade policy comes with it."""

CRASH_FROM, CRASH_TO, CRASH_TICKS = 0.50, 0.55, 3_000  # as shares of the flow; how far the mid falls
CALM_NEW_SHARE, CALM_CANCEL_SHARE = 0.50, 0.45  # few orders stay, so that the book is thin
CRASH_NEW_SHARE, CRASH_CANCEL_SHARE = 0.15, 0.25
CRASH_STOPS = 0.15  # of the new orders while it is calm


@dataclass(frozen=True, eq=False)
class Flow:
    """Messages, and the number of the book that each is for; `before` are orders that rest when the clock starts."""

    messages: Records
    instruments: Numbers
    before: Records = field(default_factory=lambda: np.zeros(0, MESSAGE))
    conditions: Records | None = None

    def first(self, count: int) -> "Flow":
        """Return the flow's first `count` messages."""
        return replace(self, messages=self.messages[:count], instruments=self.instruments[:count])

    @property
    def books(self) -> int:
        return int(self.instruments.max(initial=0)) + 1


@dataclass
class Draft:
    """The columns of a flow in the making. `away` (1 or -1) leads from the mid into an order's own side."""

    action: Numbers
    order_id: Numbers
    side: Numbers
    away: Numbers
    mid: Numbers
    price_ticks: Numbers
    quantity_lots: Numbers

    def records(self, **columns: Numbers) -> Records:
        """Write the columns into messages. A cancel has nothing but its order id."""
        messages = np.zeros(len(self.action), MESSAGE)
        columns |= {name: getattr(self, name) for name in ("side", "price_ticks", "quantity_lots")}
        asks = self.action != CANCEL
        for name, column in columns.items():
            if name in MESSAGE.names:
                messages[name] = np.where(asks, column, 0)
        messages["quantity_lots"][~asks] = 1
        messages["action"] = self.action
        messages["order_id"] = self.order_id
        return messages


def _mid(chance: np.random.Generator, count: int) -> Numbers:
    """Return a mid that goes up or down by a tick with every fourth message."""
    drawn = chance.integers(8, size=count)
    return START_MID + np.cumsum((drawn == 7).astype(np.int64) - (drawn == 0))


def _orders_named(chance: np.random.Generator, action: Numbers, left_alone: Flags) -> tuple[Numbers, Numbers]:
    """Number new orders by arrival, and let every other message name one that has not been cancelled.

    It may have traded by then, as in life, but those that are `left_alone` are never named. Where there is none to
    name, the message becomes a new order.
    """
    actions: list[int] = action.tolist()
    alone: list[bool] = left_alone.tolist()
    named: list[int] = []
    live: list[int] = []
    arrived = 0
    for index, pick in enumerate(chance.random(len(actions)).tolist()):
        if actions[index] == NEW or not live:
            actions[index] = NEW
            if not alone[index]:
                live.append(arrived)
            named.append(arrived)
            arrived += 1
            continue
        at = int(pick * len(live))
        named.append(live[at])
        if actions[index] == CANCEL:
            live[at] = live[-1]
            live.pop()
    return np.array(actions), np.array(named)


def _draft(
    chance: np.random.Generator,
    action: Numbers,
    crosses: Flags,
    mid: Numbers,
    *,
    span: int = SPAN,
    left_alone: Flags | None = None,
) -> Draft:
    """Draw sides, prices up to `span` ticks on the own side of the mid or `REACH` across it, and quantities."""
    count = len(action)
    left_alone = np.zeros(count, bool) if left_alone is None else left_alone
    action, order_id = _orders_named(chance, action, left_alone)
    side = chance.integers(2, size=count)
    away = np.where(side == Side.BUY, -1, 1)
    price = mid + away * np.where(crosses, -REACH, chance.integers(1, span + 1, size=count))
    quantity = chance.integers(1, np.where(crosses, 501, 101))
    return Draft(action, order_id, side, away, mid, price, quantity)


def _shares(drawn: Reals, new: Reals | float, cancel: Reals | float) -> tuple[Numbers, Flags]:
    """Return each message's action, and whether it crosses the mid, from what was drawn and the shares."""
    return np.where((drawn >= new) & (drawn < new + cancel), CANCEL, NEW), drawn >= new + cancel


def _one_book(messages: Records, *, before: int = 0, conditions: Records | None = None) -> Flow:
    timed = messages[before:]
    return Flow(timed, np.zeros(len(timed), np.int64), messages[:before], conditions)


def _base(count: int, *, seed: int, span: int = SPAN, before: int = 0) -> Flow:
    chance = np.random.default_rng(seed)
    drawn = np.concatenate([np.zeros(before), chance.random(count)])
    mid = np.concatenate(
        [np.full(before, START_MID), _mid(chance, count)]
    )  # stands still until the clock starts
    draft = _draft(chance, *_shares(drawn, NEW_SHARE, CANCEL_SHARE), mid, span=span)
    return _one_book(draft.records(), before=before)


def by_book(flow: Flow) -> list[Records]:
    """Return each book's share of the messages, in order."""
    if flow.books == 1:
        return [flow.messages]
    order = np.argsort(flow.instruments.astype(np.uint8), kind="stable")
    words = flow.messages.view(np.int64).reshape(len(order), -1)  # gathered far faster than records
    ends = np.cumsum(np.bincount(flow.instruments))
    return np.split(words[order].view(MESSAGE).reshape(-1), ends[:-1])


def base_flow(count: int, *, seed: int = 1) -> Flow:
    """Draw new orders within ±200 ticks of a drifting mid, cancels of earlier ones, and orders that trade at once."""
    return _base(count, seed=seed)


def deep_book(count: int) -> Flow:
    """Draw the base flow within ±2,000 ticks on top of 500,000 resting orders, which may be cancelled like others."""
    return _base(count, seed=1, span=DEEP_SPAN, before=DEEP_ORDERS)


def resting_orders(count: int) -> Records:
    """Draw orders within ±2,000 ticks of a mid that stands still, so that all of them rest."""
    return _base(0, seed=1, span=DEEP_SPAN, before=count).before


def shuffled_ids(count: int) -> Flow:
    """Give the orders of the base flow random 64-bit ids."""
    flow = base_flow(count)
    names = np.random.default_rng(2).permutation(np.arange(count, dtype=np.uint64))
    scattered = (names * np.uint64(0x9E3779B97F4A7C15)).view(np.int64)
    flow.messages["order_id"] = scattered[flow.messages["order_id"]]
    return flow


def hundred_instruments(count: int) -> Flow:
    """Interleave a hundred base flows by chance."""
    each = -(-count // INSTRUMENTS)
    flows = [base_flow(each, seed=seed).messages for seed in range(INSTRUMENTS)]
    instruments = np.random.default_rng(3).permutation(np.repeat(np.arange(INSTRUMENTS), each))
    messages = np.empty(len(instruments), MESSAGE)
    messages[np.argsort(instruments, kind="stable")] = np.concatenate(flows)
    return Flow(messages, instruments).first(count)


def mixed_types(count: int) -> Flow:
    """Draw the base flow with new orders of all the types in `MIX`, and half of the replacements only shrinking."""
    chance = np.random.default_rng(5)
    drawn = chance.random(count)
    drawn_type = chance.choice(len(MIX), size=count, p=list(MIX.values()))

    def among(*types: str) -> Flags:
        return (drawn < NEW_SHARE) & np.isin(drawn_type, [list(MIX).index(each) for each in types])

    action, crosses = _shares(drawn, NEW_SHARE, CANCEL_SHARE)
    action[among("replace")] = REPLACE
    passing = among("ioc", "fok", "market", "budget")
    draft = _draft(chance, action, crosses, _mid(chance, count), left_alone=passing)
    owner = chance.integers(1, OWNERS + 1, size=count)

    replaces = draft.action == REPLACE
    replaced = np.flatnonzero(draft.action == NEW)[draft.order_id[replaces]]
    shrinks = chance.random(len(replaced)) < 0.5
    own_side = draft.away[replaced] * chance.integers(1, SPAN + 1, size=len(replaced))
    owner[replaces], draft.side[replaces] = owner[replaced], draft.side[replaced]
    draft.price_ticks[replaces] = np.where(
        shrinks, draft.price_ticks[replaced], draft.mid[replaces] + own_side
    )
    draft.quantity_lots[replaces] = np.where(
        shrinks, (draft.quantity_lots[replaced] + 1) // 2, draft.quantity_lots[replaces]
    )

    reaching = passing | among("minimum")
    draft.price_ticks[reaching] = (draft.mid - draft.away * REACH)[reaching]
    market = among("market", "budget")
    waits = among("stop", "stop_limit")
    stop = draft.mid - draft.away * chance.integers(5, SPAN // 2, size=count)
    draft.price_ticks[waits] = (stop - draft.away * REACH)[waits]
    quantity = draft.quantity_lots
    conditions, row = _conditions(
        draft,
        stop_ticks=(waits, stop),
        display_lots=(among("iceberg", "hidden"), np.where(among("hidden"), 0, quantity // 5 + 1)),
        minimum_lots=(among("minimum"), quantity // 4 + 1),
        budget=(among("budget") & (draft.side == Side.BUY), quantity * draft.mid // 2),
        all_or_none=(among("all_or_none"), np.ones(count, np.int64)),
    )
    messages = draft.records(
        order_type=np.where(market | among("stop"), OrderType.MARKET, OrderType.LIMIT),
        time_in_force=np.select(
            [market | among("ioc", "stop"), among("fok")], [TimeInForce.IOC, TimeInForce.FOK], TimeInForce.GTC
        ),
        post_only=among("post_only").astype(np.int64),
        owner=owner,
        self_trade=1 + owner % len(SelfTrade),
        conditions=row,
    )
    return _one_book(messages, conditions=conditions)


def flash_crash(count: int) -> Flow:
    """Draw a calm, thin book with stops waiting on both sides; a burst of sells through it; and a slow recovery."""
    chance = np.random.default_rng(6)
    when = np.arange(count) / count
    crashing = (when >= CRASH_FROM) & (when < CRASH_TO)
    drawn = chance.random(count)
    action, crosses = _shares(
        drawn,
        np.where(crashing, CRASH_NEW_SHARE, CALM_NEW_SHARE),
        np.where(crashing, CRASH_CANCEL_SHARE, CALM_CANCEL_SHARE),
    )
    fall = np.interp(when, [0, CRASH_FROM, CRASH_TO, 1], [0, 0, -CRASH_TICKS, -CRASH_TICKS // 10])
    panics = crashing & crosses
    market = panics & (chance.random(count) < 0.5)
    waits = (when < CRASH_FROM) & (action == NEW) & ~crosses & (chance.random(count) < CRASH_STOPS)
    mid = _mid(chance, count) + fall.astype(np.int64)
    draft = _draft(chance, action, crosses, mid, left_alone=market | waits)

    draft.side[panics], draft.away[panics] = Side.SELL, 1
    draft.price_ticks[panics] = draft.mid[panics] - chance.integers(
        1, SPAN + 1, size=np.count_nonzero(panics)
    )
    stop = draft.mid - draft.away * chance.integers(SPAN // 2, CRASH_TICKS // 2, size=count)
    draft.price_ticks[waits] = (stop - draft.away * SPAN)[waits]
    conditions, row = _conditions(draft, stop_ticks=(waits, stop))
    at_once = waits | market
    messages = draft.records(
        order_type=np.where(at_once, OrderType.MARKET, OrderType.LIMIT),
        time_in_force=np.where(at_once, TimeInForce.IOC, TimeInForce.GTC),
        conditions=row,
    )
    return _one_book(messages, conditions=conditions)


def _conditions(draft: Draft, **wanted: tuple[Flags, Numbers]) -> tuple[Records | None, Numbers]:
    """Return the conditions, one row for each new order that has any, and the row of each message (0: none)."""
    new = draft.action == NEW
    has = np.logical_or.reduce([which for which, _ in wanted.values()]) & new
    row = np.where(has, np.cumsum(has), 0)
    conditions = np.zeros(row.max() + 1, CONDITIONS)
    conditions["stop_ticks"] = NO_PRICE
    conditions["display_lots"] = -1
    for name, (which, values) in wanted.items():
        conditions[name][row[which & new]] = values[which & new]
    return conditions, row


FLOWS: dict[str, tuple[Callable[[int], Flow], int]] = {
    "base": (base_flow, 1_000_000),
    "hundred": (hundred_instruments, 2_000_000),
    "deep": (deep_book, 1_000_000),
    "mixed": (mixed_types, 1_000_000),
    "shuffled": (shuffled_ids, 1_000_000),
    "crash": (flash_crash, 1_000_000),
}
"""Each flow and how many messages it has unless told otherwise."""
