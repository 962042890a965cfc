"""Random messages of every kind to an order book, in a narrow price range so that they meet."""

from market.listing import Allocation, TradePriceRule
from market.orders import OrderType, SelfTrade, Side, TimeInForce

KINDS = [OrderType.LIMIT] * 4 + [OrderType.MARKET]
TIMES = [TimeInForce.GTC] * 6 + [*TimeInForce]
MESSAGES = {
    "place": 60,
    "cancel": 12,
    "replace": 10,
    "reduce": 5,
    "rest": 4,
    "take": 3,
    "trigger": 1,
    "note_price": 1,
    "set_rule": 1,
    "set_collar": 1,
    "halt": 1,
    "resume": 16,
    "activate": 2,
}
ENOUGH = 40


class RandomMessages:
    """A stream of messages that `random` decides on, each as (method, arguments, keywords) of a book.

    `plain` is how many orders in a hundred ask for nothing special. Owners are 0 (nobody) to 3.
    """

    def __init__(self, random, *, plain=50, without=(), only=tuple(MESSAGES)):
        self.random = random
        self.plain = plain
        self.without = set(without)
        self.kinds = list(only)
        self.weights = [MESSAGES[kind] for kind in only]
        self.last_id = 0

    def next(self, book):
        """Return the next message to a book (the oracle, whose orders can be looked at)."""
        kind = self.random.choices(self.kinds, self.weights)[0]
        if len(book) > ENOUGH and kind in {"place", "rest"} and "cancel" in self.kinds:
            kind = "cancel"
        return getattr(self, kind)(book)

    # --- one kind of message each, or a new order where there is nothing to say it about ---------------------------

    def place(self, book):
        asked = self.asked(book)
        side = Side.BUY if "budget" in asked else self.side()
        return "place", (self.new_id(), side, *self.terms(asked)), asked

    def replace(self, book):
        if (order := self.one_of(book.arrived)) is None:
            return self.place(book)
        asked = self.asked(book)
        kind, tif, price, lots = self.terms(asked)
        if self.random.random() < 0.4:
            price = order.price
        return "replace", (order.order_id, kind, tif, price, lots), asked

    def rest(self, book):
        asked = self.asked(book)
        kind, tif, price, lots = self.terms(asked)
        if asked.get("stop_ticks") is None:
            asked = {name: asked[name] for name in ("owner", "all_or_none", "display_lots") if name in asked}
        else:
            asked |= {"order_type": kind, "time_in_force": tif}
        return "rest", (self.new_id(), self.side(), price, lots), asked

    def cancel(self, book):
        order = self.one_of(book.arrived)
        return "cancel", (self.last_id + 7 if order is None else order.order_id,), {}

    def reduce(self, book):
        if (order := self.one_of(book.arrived)) is None:
            return self.place(book)
        return "reduce", (order.order_id, self.random.randint(1, order.remaining)), {}

    def take(self, book):
        if (order := self.one_of([each for each in book.arrived if each.stop is None])) is None:
            return self.place(book)
        incoming = {"incoming": True} if self.random.random() < 0.5 else {}
        return "take", (order.order_id, self.random.randint(1, order.remaining)), incoming

    def trigger(self, book):
        if (order := self.one_of([each for each in book.arrived if each.stop is not None])) is None:
            return self.place(book)
        return "trigger", (order.order_id,), {}

    def note_price(self, _):
        return "note_price", (self.price(),), {}

    def set_rule(self, _):
        return "set_rule", (self.random.choice(list(TradePriceRule)), self.random.randint(0, 1_000_000)), {}

    def set_collar(self, _):
        return "set_collar", (100, self.random.choice([0, 0, 2, 4, 7])), {}

    def halt(self, _):
        return "halt", (), {}

    def resume(self, _):
        return "resume", (), {}

    def activate(self, _):
        return "activate", (), {}

    # --- terms -----------------------------------------------------------------------------------------------------

    def new_id(self):
        self.last_id += 1
        return self.last_id

    def one_of(self, orders):
        return self.random.choice(orders) if orders else None

    def side(self):
        return self.random.choice([Side.BUY, Side.SELL])

    def price(self):
        return self.random.randint(94, 106)

    def terms(self, asked):
        kind, tif = self.random.choice(KINDS), self.random.choice(TIMES)
        if self.random.random() < 0.8:  # mostly what can be asked of such an order
            if "budget" in asked:
                kind, tif = OrderType.MARKET, TimeInForce.IOC
            elif {"display_lots", "post_only", "all_or_none"} & set(asked):
                kind, tif = OrderType.LIMIT, TimeInForce.GTC
        return kind, tif, self.price(), self.random.randint(1, 12)

    def asked(self, book):
        """What an order asks for; most of it fits together."""
        random = self.random
        asked = {}
        if random.random() < 0.4:
            asked |= {"owner": random.randint(0, 3), "self_trade": random.choice(list(SelfTrade))}
        if random.randrange(100) >= self.plain:
            shared = book.allocation is Allocation.PRO_RATA
            asked |= random.choice(
                [
                    {"display_lots": 0},
                    {} if shared else {"display_lots": random.randint(1, 5)},
                    {} if shared else {"all_or_none": True},
                    {"minimum_lots": random.randint(1, 9)},
                    {"post_only": True},
                    {"budget": random.randint(1, 1500)},
                    {"stop_ticks": self.price()},
                    {"stop_ticks": self.price()},
                    {"display_lots": random.randint(-1, 4), "all_or_none": random.random() < 0.3},
                ]
            )
            if random.random() < 0.15:
                asked["stop_ticks"] = self.price()
        return {name: value for name, value in asked.items() if name not in self.without}
