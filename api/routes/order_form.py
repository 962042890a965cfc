"""From the wire's order to what was signed, and to the command that asks the exchange for it."""

from api.auth import parse_address, parse_hex
from api.routes.order_wire import HowToTrade, NewOrder, SignedOrder
from market.instruments import Instrument, parse_symbol
from market.orders import (
    Conditions,
    OrderTerms,
    OrderType,
    PlaceOrder,
    SelfTrade,
    Side,
    TimeInForce,
)
from market.units import MICROS_PER_TOKEN, Lots, Malformed, Micros, parse_decimal


def signed_terms(order: SignedOrder) -> tuple[Instrument, OrderTerms, bytes]:
    """Read the wire's order into what was signed.

    Raises:
        Malformed: if a field cannot be read.
    """
    instrument = parse_symbol(order.instrument)
    terms = OrderTerms(
        participant=parse_address(order.participant),
        instrument_id=instrument.id,
        side=Side[order.side.upper()],
        price_micros=read_micros(order.price, "price"),
        quantity_lots=read_lots(order.quantity, instrument, "quantity"),
        good_until_s=order.good_until,
        settle_until_s=order.settle_until,
        fee_cap_bps=order.fee_cap_bps,
        reference_micros=read_micros(order.reference_price, "reference_price"),
        client_order_id=read_uint63(int(order.client_order_id), "client_order_id"),
    )
    return instrument, terms, parse_hex(order.signature, length=65, what="signature")


def place_order(order: NewOrder) -> PlaceOrder:
    """Read the wire's new order into the command to place it.

    Raises:
        Malformed: if a field cannot be read.
    """
    instrument, terms, signature = signed_terms(order)
    return PlaceOrder(
        terms=terms,
        signature=signature,
        order_type=OrderType[order.type.upper()],
        time_in_force=TimeInForce[order.time_in_force.upper()],
        post_only=order.post_only,
        conditions=_conditions(order, instrument),
    )


def _conditions(order: HowToTrade, instrument: Instrument) -> Conditions:
    minimum, display = order.minimum_quantity, order.display_quantity
    stop, budget = order.stop_price, order.budget
    return Conditions(
        all_or_none=order.all_or_none,
        minimum_lots=Lots(0) if minimum is None else read_lots(minimum, instrument, "minimum_quantity"),
        display_lots=None if display is None else read_lots(display, instrument, "display_quantity"),
        stop_micros=None if stop is None else read_micros(stop, "stop_price"),
        budget_micros=None if budget is None else read_micros(budget, "budget"),
        self_trade=SelfTrade[order.self_trade.upper()],
    )


def read_micros(text: str, what: str) -> Micros:
    """Read a price or an amount, in tokens. Raises Malformed if it cannot be read."""
    return Micros(read_uint63(parse_decimal(text, scale=MICROS_PER_TOKEN, what=what), what))


def read_lots(text: str, instrument: Instrument, what: str) -> Lots:
    """Read a quantity, in units of an instrument. Raises Malformed if it cannot be read."""
    return Lots(read_uint63(parse_decimal(text, scale=instrument.commodity.lots_per_unit, what=what), what))


def read_uint63(value: int, what: str) -> int:
    """Return a value that fits 63 bits. Raises Malformed if it does not."""
    if not 0 <= value < 1 << 63:
        raise Malformed(f"{what}: found {value} in its smallest unit, expected 0 or more and less than 2^63")
    return value
