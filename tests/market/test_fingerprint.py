"""Fingerprints of requests: they stand in state hashes that records note, so their bytes are the same for good."""

from dataclasses import replace
from hashlib import sha256

from market.canonical import line
from market.open_orders import fingerprint
from market.orders import Address, OrderTerms, OrderType, PlaceOrder, ReplaceOrder, Side, TimeInForce
from market.units import Lots, Micros

from .builders import SOLAR, a_bid, a_bid_for_any, an_exchange

TERMS = OrderTerms(
    Address(b"\xa1" * 20),
    SOLAR.id,
    Side.SELL,
    Micros(50_000),
    Lots(1_999),
    1_646_000_000,
    1_646_003_600,
    25,
    Micros(50_000),
    (1 << 255) + 7,
)


def test_fingerprints_are_what_they_were() -> None:
    order = PlaceOrder(TERMS, b"signed", OrderType.MARKET, TimeInForce.IOC, post_only=True)
    assert fingerprint(order).hex() == "7bd23f8c41672ed8923d71406be04b3c"
    assert fingerprint(ReplaceOrder(12, TERMS, b"signed")).hex() == "079221e4c783d5478c404c20b69af5f1"


def test_a_fingerprint_is_that_of_the_canonical_line_without_the_signature() -> None:
    order = PlaceOrder(TERMS, b"signed", OrderType.MARKET, TimeInForce.DAY, post_only=True)
    facts = line("place", TERMS, OrderType.MARKET, TimeInForce.DAY, True)
    assert fingerprint(order) == fingerprint(replace(order, signature=b"")) == sha256(facts).digest()[:16]


def test_what_an_order_asks_more_follows_in_a_line_of_its_own() -> None:
    order = a_bid_for_any({SOLAR: -1}, minimum=5)
    facts = line("place", order.terms, order.order_type, order.time_in_force, order.post_only)
    facts += line("asks", order.conditions, order.eligible)
    assert fingerprint(order) == sha256(facts).digest()[:16]


def test_a_request_and_the_event_that_answers_it_have_the_same() -> None:
    bid = a_bid(price=400, stop=410)
    accepted, *_ = an_exchange().execute(bid)
    assert fingerprint(accepted) == fingerprint(bid) != fingerprint(a_bid(price=400))
