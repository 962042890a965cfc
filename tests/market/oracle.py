"""The slow, obvious matcher: one list in arrival order, searched from end to end for every fill. Plain Python integers."""

from dataclasses import dataclass, field

from market.book import Fill, Placement
from market.orders import OrderType, Side, TimeInForce, TradePriceRule
from market.refusals import Refusal


@dataclass
class Order:
    order_id: int
    side: Side
    price: int
    remaining: int


@dataclass
class SlowBook:
    rule: TradePriceRule = TradePriceRule.MAKER
    weight_ppm: int = 0
    arrived: list[Order] = field(default_factory=list)

    def find(self, order_id):
        return next((order for order in self.arrived if order.order_id == order_id), None)

    def side(self, side):
        """The side in priority order; a stable sort keeps arrival order at equal prices."""
        sign = -1 if side is Side.BUY else 1
        return sorted((order for order in self.arrived if order.side is side), key=lambda o: sign * o.price)

    def within_reach(self, side, price):
        """Orders across that an order at this price would trade with, best first."""
        across = self.side(side.other)
        return [o for o in across if (o.price <= price if side is Side.BUY else o.price >= price)]

    def trade_price(self, side, order_type, price, maker):
        if self.rule is TradePriceRule.MAKER or order_type is OrderType.MARKET:
            return maker.price
        bid, ask = (price, maker.price) if side is Side.BUY else (maker.price, price)
        weight = 500_000 if self.rule is TradePriceRule.MIDPOINT else self.weight_ppm
        return ask + weight * (bid - ask) // 1_000_000

    def place(self, order_id, side, order_type, time_in_force, price, quantity, *, post_only=False):
        across = self.within_reach(side, price)
        if post_only and across:
            return Placement((), 0, 0, Refusal.WOULD_TAKE)
        if time_in_force is TimeInForce.FOK and sum(maker.remaining for maker in across) < quantity:
            return Placement((), 0, 0, Refusal.CANNOT_FILL_WHOLLY)
        fills = []
        left = quantity
        for maker in across:
            traded = min(left, maker.remaining)
            if traded == 0:
                break
            fills.append(
                Fill(maker.order_id, self.trade_price(side, order_type, price, maker), maker.price, traded)
            )
            left -= traded
            self.take(maker.order_id, traded)
        rests = order_type is OrderType.LIMIT and time_in_force is TimeInForce.GTC
        if left and rests:
            self.rest(order_id, side, price, left)
        return Placement(tuple(fills), left if rests else 0, 0 if rests else left, None)

    def replace(self, order_id, order_type, time_in_force, price, quantity, *, post_only=False):
        order = self.find(order_id)
        if price == order.price and quantity <= order.remaining:
            order.remaining = quantity
            return Placement((), quantity, 0, None)
        before = list(self.arrived)
        self.arrived.remove(order)
        placed = self.place(
            order_id, order.side, order_type, time_in_force, price, quantity, post_only=post_only
        )
        if placed.refusal is not None:
            self.arrived = before
        return placed

    def rest(self, order_id, side, price, quantity):
        self.arrived.append(Order(order_id, side, price, quantity))

    def cancel(self, order_id):
        order = self.find(order_id)
        if order is None:
            return None
        self.arrived.remove(order)
        return order.remaining

    def reduce(self, order_id, remaining):
        self.find(order_id).remaining = remaining

    def take(self, order_id, quantity):
        order = self.find(order_id)
        order.remaining -= quantity
        if order.remaining == 0:
            self.arrived.remove(order)

    def orders(self, side):
        return [(order.price, order.order_id, order.remaining) for order in self.side(side)]
