"""What is said of an order by name when `api/client.py` places or replaces it."""

from typing import Required, TypedDict

from api.routes.wire import OrderTypeName, SelfTradeName, TimeInForceName


class Terms(TypedDict, total=False):
    """What an order signs. Without `good_until` (Unix seconds) it is good until the gate closes.

    `client_order_id` is a number of yours below 2^63, never used for another order: the same call with the same number
    places no second one. A random one is taken if you name none.
    """

    price: Required[str]
    quantity: Required[str]
    good_until: int | None
    client_order_id: int | None


class How(TypedDict, total=False):
    """How an order trades and until when it is good: the fields of `NewOrder` of these names, which explain them."""

    type: OrderTypeName
    time_in_force: TimeInForceName
    post_only: bool
    all_or_none: bool
    minimum_quantity: str
    display_quantity: str
    stop_price: str
    budget: str
    self_trade: SelfTradeName


class Placed(Terms, How, total=False):
    """An order's terms and how it trades."""
