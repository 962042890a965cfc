"""The door of a trading place with one order book per symbol, as the published cases and campaigns describe orders.

It turns decimals into ticks and lots, names into the market's own words, and says in the cases' words why it refuses. The
books behind it know none of this.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from typing import NamedTuple

from market.book import OrderBook
from market.listing import Allocation
from market.matching import PRICE_LIMIT
from market.orders import OrderType, SelfTrade, Side, TimeInForce
from market.refusals import Refusal
from market.units import QUANTITY_MAX

SIDES = {"buy": Side.BUY, "sell": Side.SELL}
TIMES = {
    None: TimeInForce.GTC,
    "AON": TimeInForce.GTC,
    "GTC": TimeInForce.GTC,
    "DAY": TimeInForce.DAY,
    "GTD": TimeInForce.GTD,
    "IOC": TimeInForce.IOC,
    "FOK": TimeInForce.FOK,
}
TYPES = {
    "limit": OrderType.LIMIT,
    "stop_limit": OrderType.LIMIT,
    "market": OrderType.MARKET,
    "stop": OrderType.MARKET,
}
POLICIES = {
    "NONE": None,
    "CANCEL_INCOMING": SelfTrade.CANCEL_NEWEST,
    "CANCEL_NEWEST": SelfTrade.CANCEL_NEWEST,
    "CANCEL_RESTING": SelfTrade.CANCEL_OLDEST,
    "CANCEL_OLDEST": SelfTrade.CANCEL_OLDEST,
    "CANCEL_BOTH": SelfTrade.CANCEL_BOTH,
    "DECREMENT": SelfTrade.DECREMENT,
}
ALLOCATIONS = {"fifo": Allocation.TIME, "pro_rata": Allocation.PRO_RATA}
KILLED = {None, Refusal.CANNOT_FILL_WHOLLY, Refusal.CANNOT_FILL_MINIMUM}
"""Outcomes of an order that was taken in: the cases do not call a killed order rejected."""

DUPLICATE, INACTIVE, INVALID = "DUPLICATE_ORDER_ID", "ORDER_NOT_ACTIVE", "INVALID_ORDER"
BAD_REPLACEMENT = "INVALID_REPLACEMENT"


class Trade(NamedTuple):
    """A trade in the cases' words."""

    symbol: str | None
    maker: int
    taker: int
    price: Decimal
    quantity: Decimal


class Answer(NamedTuple):
    """What an operation caused: its trades, and why it was rejected, if it was."""

    trades: list[Trade]
    rejected: str | None = None


@dataclass
class Door:
    """The door: `tick` and `lot` are the smallest steps of price and quantity.

    A price between two ticks becomes the nearest, of two as near the even one. This market itself refuses such a price;
    the rounding is what a case asks for that names a tick.
    """

    new_book: type = OrderBook
    tick: Decimal = Decimal(1)
    lot: Decimal = Decimal(1)
    policy: str = "NONE"
    algorithm: str = "fifo"
    strict_reduce: bool = False
    books: dict = field(init=False)
    given: dict = field(default_factory=dict)
    owners: dict = field(default_factory=dict)

    def __post_init__(self):
        self.books = defaultdict(lambda: self.new_book(allocation=ALLOCATIONS[self.algorithm]))

    def apply(self, operation):
        """Carry out one operation of a case."""
        symbol, name = operation.get("symbol"), operation.get("id")
        match operation["op"]:
            case "clear":
                self.books[symbol] = self.new_book(allocation=ALLOCATIONS[self.algorithm])
                return Answer([])
            case "new":
                if self.left(symbol, name) is not None:
                    return Answer([], DUPLICATE)
                return self.place(symbol, operation, INVALID)
        left = self.left(symbol, name)
        if left is None:
            return Answer([], INACTIVE)
        book = self.books[symbol]
        match operation["op"]:
            case "cancel":
                book.cancel(name)
            case "reduce":
                off = self.lots(operation["qty"])
                if off <= 0 or (self.strict_reduce and off > left):
                    return Answer([], INVALID)
                if off < left:
                    book.reduce(name, left - off)
                else:
                    book.cancel(name)
            case "replace":
                return self.replace(symbol, operation, left)
        return Answer([])

    def replace(self, symbol, operation, left):
        """Cancel and place anew, as the cases say: priority is lost even when only the quantity shrinks."""
        old = self.given[symbol, operation["id"]]
        asked = {key: value for key, value in operation.items() if value is not None}
        new = {**old, "qty": left * self.lot, **asked}
        if not self.can_be_placed(new):
            return Answer([], BAD_REPLACEMENT)
        self.books[symbol].cancel(operation["id"])
        return self.place(symbol, new, BAD_REPLACEMENT)

    def place(self, symbol, operation, fault):
        """Send a new order to its book."""
        book = self.books[symbol]
        if not self.can_be_placed(operation):
            return Answer([], fault)
        kind, tif = TYPES[operation.get("type", "limit")], TIMES[operation.get("tif")]
        side = SIDES[operation["side"]]
        rests = kind is OrderType.LIMIT and tif not in {TimeInForce.IOC, TimeInForce.FOK}
        display, stop = operation.get("display"), operation.get("stop_price")
        placed = book.place(
            operation["id"],
            side,
            kind,
            tif,
            self.limit(kind, side, operation),
            self.lots(operation["qty"]),
            owner=self.owner_number(operation.get("owner")),
            self_trade=POLICIES[self.policy],
            all_or_none=operation.get("tif") == "AON",
            display_lots=self.lots(display) if rests and display is not None else None,
            stop_ticks=None if stop is None else self.ticks(stop),
        )
        if placed.refusal not in KILLED:
            return Answer([], fault)
        self.given[symbol, operation["id"]] = operation
        return Answer([self.trade(symbol, fill) for fill in placed.fills])

    def can_be_placed(self, operation):
        prices = [operation["stop_price"]] if operation.get("stop_price") is not None else []
        if TYPES[operation.get("type", "limit")] is OrderType.LIMIT:
            prices.append(operation.get("price") or 0)
        in_range = 0 < self.lots(operation.get("qty") or 0) <= QUANTITY_MAX
        return in_range and all(0 < self.ticks(price) < PRICE_LIMIT for price in prices)

    def left(self, symbol, name):
        """What is left of an order in lots, None if it is not here."""
        return self.books[symbol].remaining(name) if symbol in self.books else None

    def limit(self, kind, side, operation):
        if kind is OrderType.LIMIT:
            return self.ticks(operation["price"])
        return PRICE_LIMIT - 1 if side is Side.BUY else 1 - PRICE_LIMIT

    def ticks(self, price):
        return int((Decimal(price) / self.tick).quantize(Decimal(1), ROUND_HALF_EVEN))

    def lots(self, quantity):
        return int((Decimal(quantity) / self.lot).quantize(Decimal(1), ROUND_HALF_EVEN))

    def owner_number(self, owner):
        """A small positive number for each owner, 0 for nobody."""
        if owner is None or owner == -1:
            return 0
        return self.owners.setdefault(owner, len(self.owners) + 1)

    def trade(self, symbol, fill):
        price, quantity = fill.price_ticks * self.tick, fill.quantity_lots * self.lot
        return Trade(symbol, fill.maker_order_id, fill.taker_order_id, price, quantity)

    def rows(self, symbol, side):
        """A side of a book as [price, order, open quantity], in priority order."""
        found = self.books[symbol].orders(side).tolist()
        return [[price * self.tick, name, lots * self.lot] for price, name, lots, _ in found]
