"""The names of "no": each finishes the sentence "no, because…". A refusal is an ordinary result, recorded like any other."""

from enum import StrEnum


class Refusal(StrEnum):
    """Why a command changed nothing."""

    UNKNOWN_INSTRUMENT = "unknown_instrument"
    ALREADY_LISTED = "already_listed"
    WINDOW_NOT_HOURLY = "window_not_hourly"
    INCONSISTENT_LISTING = "inconsistent_listing"
    WINDOW_ALREADY_CLOSED = "window_already_closed"
    SESSION_NOT_OPEN = "session_not_open"
    NOT_ALLOWED_IN_CALL = "not_allowed_in_call"
    PRICE_OFF_TICK = "price_off_tick"
    PRICE_NOT_POSITIVE = "price_not_positive"
    PRICE_OUTSIDE_BAND = "price_outside_band"
    QUANTITY_NOT_POSITIVE = "quantity_not_positive"
    QUANTITY_OVER_CAP = "quantity_over_cap"
    FEE_CAP_TOO_LOW = "fee_cap_too_low"
    REFERENCE_PRICE_DIFFERS = "reference_price_differs"
    GOOD_UNTIL_PASSED = "good_until_passed"
    SETTLE_UNTIL_TOO_EARLY = "settle_until_too_early"
    CLIENT_ORDER_ID_REUSED = "client_order_id_reused"
    WOULD_TAKE = "would_take"
    CANNOT_FILL_WHOLLY = "cannot_fill_wholly"
    CANNOT_FILL_MINIMUM = "cannot_fill_minimum"
    CONDITIONS_CONFLICT = "conditions_conflict"
    HIDDEN_NOT_ALLOWED = "hidden_not_allowed"
    REQUIREMENT_NOT_ALLOWED = "requirement_not_allowed"
    COMMITMENT_DIFFERS = "commitment_differs"
    NO_REGISTERED_METER = "no_registered_meter"
    OVER_REGISTERED_CAPACITY = "over_registered_capacity"
    UNKNOWN_METER = "unknown_meter"
    SLOT_NOT_OVER = "slot_not_over"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    INSUFFICIENT_COLLATERAL = "insufficient_collateral"
    AMOUNT_NOT_POSITIVE = "amount_not_positive"
    DEADLINE_PASSED = "deadline_passed"
    UNKNOWN_WITHDRAWAL = "unknown_withdrawal"
    UNKNOWN_ORDER = "unknown_order"
    NOT_YOUR_ORDER = "not_your_order"
    ORDER_ALREADY_CLOSED = "order_already_closed"
    REPLACE_CHANGES_INSTRUMENT = "replace_changes_instrument"
    TIMEOUT_OUT_OF_RANGE = "timeout_out_of_range"
    UNKNOWN_TRADE = "unknown_trade"
    TRADE_NOT_IN_THAT_STATE = "trade_not_in_that_state"
    ALREADY_APPLIED = "already_applied"
    BOOK_FULL = "book_full"
    INCONSISTENT_NEGOTIATION = "inconsistent_negotiation"
    UNKNOWN_NEGOTIATION = "unknown_negotiation"
    NEGOTIATION_NOT_IN_THAT_STATE = "negotiation_not_in_that_state"
    SEAL_DIFFERS = "seal_differs"
    FIRST_ONE_STANDS = "first_one_stands"
    TOO_MANY_NEGOTIATIONS = "too_many_negotiations"
    CANCELLED_ON_CHAIN = "cancelled_on_chain"
    TOO_MUCH_MONEY = "too_much_money"


EXPLANATIONS: dict[Refusal, str] = {
    Refusal.UNKNOWN_INSTRUMENT: "no instrument of this symbol is listed",
    Refusal.ALREADY_LISTED: "this instrument is listed already, or this meter is registered already",
    Refusal.WINDOW_NOT_HOURLY: "this version lists delivery windows of one hour only",
    Refusal.INCONSISTENT_LISTING: "schedule, band, weight, cap, fee and rules of the listing do not fit together",
    Refusal.WINDOW_ALREADY_CLOSED: "the gate of this delivery window has closed",
    Refusal.SESSION_NOT_OPEN: "this instrument does not take orders yet",
    Refusal.NOT_ALLOWED_IN_CALL: "a call or a halt takes stops, and limit orders that rest and ask no more",
    Refusal.PRICE_OFF_TICK: "the price is no multiple of the instrument's tick",
    Refusal.PRICE_NOT_POSITIVE: "this version trades positive prices only",
    Refusal.PRICE_OUTSIDE_BAND: "the price is outside the band around the reference price",
    Refusal.QUANTITY_NOT_POSITIVE: "the quantity must be at least one lot",
    Refusal.QUANTITY_OVER_CAP: "the quantity is over the instrument's cap",
    Refusal.FEE_CAP_TOO_LOW: "the signed fee cap is below the instrument's fee",
    Refusal.REFERENCE_PRICE_DIFFERS: "the signed reference price is not the instrument's (collateral is computed from it)",
    Refusal.GOOD_UNTIL_PASSED: "the order's good_until has passed",
    Refusal.SETTLE_UNTIL_TOO_EARLY: "settle_until must follow good_until by at least the notice period",
    Refusal.CLIENT_ORDER_ID_REUSED: "another order of yours carries this client order id",
    Refusal.WOULD_TAKE: "post-only, but it would trade at once",
    Refusal.CANNOT_FILL_WHOLLY: "it must fill wholly at once, and the book cannot",
    Refusal.CANNOT_FILL_MINIMUM: "the book cannot fill its minimum quantity at once",
    Refusal.CONDITIONS_CONFLICT: "these conditions do not go together, or not with this kind of order or book",
    Refusal.HIDDEN_NOT_ALLOWED: "this instrument has no hidden orders",
    Refusal.REQUIREMENT_NOT_ALLOWED: "an order for any of several instruments is a bid that takes at once and asks no more",
    Refusal.COMMITMENT_DIFFERS: "the signed instrument is not the commitment to the eligible set",
    Refusal.NO_REGISTERED_METER: "offers need a meter registered for this product and place",
    Refusal.OVER_REGISTERED_CAPACITY: "open offers and sales of the slot would exceed the registered capacity",
    Refusal.UNKNOWN_METER: "no meter of this address is registered",
    Refusal.SLOT_NOT_OVER: "a reading is taken after its delivery hour has ended",
    Refusal.INSUFFICIENT_FUNDS: "the free balance does not cover price times quantity and the fee",
    Refusal.INSUFFICIENT_COLLATERAL: "the free balance does not cover the tier's collateral",
    Refusal.AMOUNT_NOT_POSITIVE: "the amount must be more than zero",
    Refusal.DEADLINE_PASSED: "the deadline of this withdrawal has passed",
    Refusal.UNKNOWN_WITHDRAWAL: "no open withdrawal of yours carries this nonce",
    Refusal.UNKNOWN_ORDER: "no order has this id",
    Refusal.NOT_YOUR_ORDER: "this order belongs to somebody else",
    Refusal.ORDER_ALREADY_CLOSED: "this order is filled, cancelled or expired",
    Refusal.REPLACE_CHANGES_INSTRUMENT: "a replacement keeps the instrument and the side",
    Refusal.TIMEOUT_OUT_OF_RANGE: "a dead-man timer runs for a day at most",
    Refusal.UNKNOWN_TRADE: "no trade has this number",
    Refusal.TRADE_NOT_IN_THAT_STATE: "the trade is not in the state that this step starts from",
    Refusal.ALREADY_APPLIED: "this was applied before; nothing was done the second time",
    Refusal.BOOK_FULL: "the book has no room for another order",
    Refusal.INCONSISTENT_NEGOTIATION: "parties, window, quantities, times or figures of the negotiation do not fit together",
    Refusal.UNKNOWN_NEGOTIATION: "no negotiation of yours has this number",
    Refusal.NEGOTIATION_NOT_IN_THAT_STATE: "the negotiation is not in the state that this step starts from",
    Refusal.SEAL_DIFFERS: "this price and salt do not open the seal",
    Refusal.FIRST_ONE_STANDS: "another proposal of this salt, or another seal, price or signature, came first and stands",
    Refusal.TOO_MANY_NEGOTIATIONS: "too many negotiations that you asked for are not over",
    Refusal.CANCELLED_ON_CHAIN: "you cancelled this client order id on chain",
    Refusal.TOO_MUCH_MONEY: "the books of a market hold no more than 9,223,372,036,854.775807 tokens",
}

No = tuple[Refusal, str]
"""The name of a refusal and its detail: what was found and what was expected."""
