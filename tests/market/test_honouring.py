"""Cancels on chain: the exchange honours them at once, and says who is at fault when a trade does not settle for one."""

import pytest

from contracts.batches import SkipCode
from market import fault
from market.events import CancelReason, OrderCancelled, Refused, TradeAgreed
from market.exchange import Exchange
from market.fault import CANCELLED, LEFT
from market.notices import (
    CancelBelowRequested,
    CancelRequested,
    ConfirmExit,
    NoteCancel,
    NoteCancelBelow,
    NoteExit,
)
from market.orders import Address, Side
from market.refusals import Refusal
from market.settlement import ConfirmLocks, TradeVoided, VoidTrade
from market.units import InvariantBroken, Lots, Micros
from tests.market.builders import (
    ALICE,
    BOB,
    CONTINUOUS_OPENS_S,
    NOTICE_S,
    SUN,
    a_bid,
    a_replacement,
    an_exchange,
    an_offer,
    some_terms,
    us,
)

TX = b"\x7c" * 32
EFFECTIVE_S = CONTINUOUS_OPENS_S + NOTICE_S


def a_cancel(
    client_order_id: int, *, by: Address = ALICE, log_index: int = 0, at_s: int = EFFECTIVE_S
) -> NoteCancel:
    return NoteCancel(by, client_order_id, at_s, TX, log_index)


def a_cancel_below(client_order_id: int, *, by: Address = ALICE, log_index: int = 0) -> NoteCancelBelow:
    return NoteCancelBelow(by, client_order_id, EFFECTIVE_S, TX, log_index)


def refusal_of(events: list[object]) -> Refusal:
    (refused,) = events
    assert isinstance(refused, Refused)
    return refused.refusal


def agree(exchange: Exchange, *, bid_id: int = 1, offer_id: int = 2) -> int:
    """Have ALICE buy of SUN and return the trade's number."""
    exchange.execute(an_offer(client_order_id=offer_id))
    events = exchange.execute(a_bid(client_order_id=bid_id))
    return next(each.trade_number for each in events if isinstance(each, TradeAgreed))


def test_a_cancelled_order_leaves_its_book_at_once() -> None:
    exchange = an_exchange()
    exchange.execute(a_bid(client_order_id=7))
    exchange.execute(a_bid(client_order_id=8))
    assert exchange.execute(a_cancel(7)) == [
        CancelRequested(ALICE, 7, EFFECTIVE_S, TX, 0),
        OrderCancelled(1, Lots(1000), CancelReason.CANCELLED_ON_CHAIN),
    ]
    assert [order.order_id for order in exchange.open_orders(ALICE)] == [2]


def test_a_stroke_takes_all_smaller_ids_oldest_first_and_nobody_elses() -> None:
    exchange = an_exchange()
    for client_order_id, by in ((9, ALICE), (3, ALICE), (10, ALICE), (4, BOB)):
        exchange.execute(a_bid(client_order_id=client_order_id, by=by))
    assert exchange.execute(a_cancel_below(10)) == [
        CancelBelowRequested(ALICE, 10, EFFECTIVE_S, TX, 0),
        OrderCancelled(1, Lots(1000), CancelReason.CANCELLED_ON_CHAIN),
        OrderCancelled(2, Lots(1000), CancelReason.CANCELLED_ON_CHAIN),
    ]
    assert [order.order_id for order in exchange.open_orders(BOB)] == [4]


def test_no_order_enters_under_a_cancelled_id_from_then_on() -> None:
    exchange = an_exchange()
    exchange.execute(a_bid(client_order_id=20))
    exchange.execute(a_cancel(7, log_index=0))
    exchange.execute(a_cancel_below(5, log_index=1))
    for client_order_id in (7, 4):
        assert (
            refusal_of(exchange.execute(a_bid(client_order_id=client_order_id))) is Refusal.CANCELLED_ON_CHAIN
        )
        replacement = a_replacement(1, some_terms(Side.BUY, by=ALICE, client_order_id=client_order_id))
        assert refusal_of(exchange.execute(replacement)) is Refusal.CANCELLED_ON_CHAIN
    assert not isinstance(exchange.execute(a_bid(client_order_id=5))[0], Refused)
    assert not isinstance(exchange.execute(a_bid(client_order_id=7, by=BOB))[0], Refused)


def test_a_replaced_order_is_known_by_its_new_id() -> None:
    exchange = an_exchange()
    exchange.execute(a_bid(client_order_id=1))
    exchange.execute(a_replacement(1, some_terms(Side.BUY, by=ALICE, client_order_id=2)))
    exchange.execute(a_cancel(1))
    assert exchange.order(1) is not None
    exchange.execute(a_cancel(2, log_index=1))
    assert exchange.order(1) is None


@pytest.mark.parametrize("notice", [a_cancel(7), a_cancel_below(7)])
def test_a_notice_that_comes_twice_changes_nothing(notice: NoteCancel | NoteCancelBelow) -> None:
    exchange = an_exchange()
    exchange.execute(notice)
    before = exchange.state_hash()
    assert exchange.is_noted(TX, 0)
    assert refusal_of(exchange.execute(notice)) is Refusal.ALREADY_APPLIED
    assert exchange.state_hash() == before


def test_a_market_that_heard_of_no_notice_has_the_state_that_it_always_had() -> None:
    assert not any(word in an_exchange().state_bytes() for word in (b"notice", b"cancelled", b"fault"))


def test_a_trade_of_a_cancelled_order_is_endangered_from_the_earlier_moment_on() -> None:
    exchange = an_exchange()
    number = agree(exchange)
    assert exchange.cancelled_from_s(number) is None
    exchange.execute(a_cancel(2, by=SUN, log_index=0, at_s=EFFECTIVE_S + 5))
    assert exchange.cancelled_from_s(number) == EFFECTIVE_S + 5
    exchange.execute(a_cancel_below(2, log_index=1))
    assert exchange.cancelled_from_s(number) == EFFECTIVE_S


def test_who_cancelled_first_is_at_fault_once_the_cancellation_is_in_effect() -> None:
    exchange = an_exchange()
    numbers = [agree(exchange, bid_id=each, offer_id=each) for each in (1, 2, 3)]
    exchange.execute(a_cancel(1, by=SUN, log_index=0, at_s=EFFECTIVE_S))
    exchange.execute(a_cancel(1, by=ALICE, log_index=1, at_s=EFFECTIVE_S + 9))
    exchange.execute(a_cancel(2, by=ALICE, log_index=2, at_s=EFFECTIVE_S + 9))
    exchange.begin(us(EFFECTIVE_S))
    voided = [exchange.execute(VoidTrade(number, "too late"))[0] for number in numbers]
    assert voided == [
        TradeVoided(1, CANCELLED, SUN),
        TradeVoided(2, "too late"),
        TradeVoided(3, "too late"),
    ]
    assert [exchange.void_reason(number) for number in numbers] == [CANCELLED, "too late", "too late"]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (SkipCode.BUY_CANCELLED, TradeVoided(1, CANCELLED, ALICE)),
        (SkipCode.SELL_CANCELLED, TradeVoided(1, "skipped by the contract: 16")),
        (SkipCode.BUYER_FUNDS_INSUFFICIENT, TradeVoided(1, "skipped by the contract: 22")),
        (SkipCode.SELLER_COLLATERAL_INSUFFICIENT, TradeVoided(1, LEFT, SUN)),
        (SkipCode.SLOT_FULL, TradeVoided(1, "skipped by the contract: 21")),
    ],
)
def test_what_the_contract_says_decides_whose_notice_counts(code: SkipCode, expected: TradeVoided) -> None:
    exchange = an_exchange()
    agree(exchange)
    exchange.execute(a_cancel(1))
    exchange.request_exit(NoteExit(SUN, Micros(5), EFFECTIVE_S, TX, 1), free_micros=5)
    assert exchange.execute(ConfirmLocks(1, TX, (), ((1, int(code)),))) == [expected]


def test_the_codes_are_those_of_the_contract() -> None:
    found = fault.BUY_CANCELLED, fault.SELL_CANCELLED, fault.BUYER_FUNDS, fault.SELLER_COLLATERAL
    assert found == (
        SkipCode.BUY_CANCELLED,
        SkipCode.SELL_CANCELLED,
        SkipCode.BUYER_FUNDS_INSUFFICIENT,
        SkipCode.SELLER_COLLATERAL_INSUFFICIENT,
    )


@pytest.mark.parametrize(
    "command", [NoteExit(ALICE, Micros(1), EFFECTIVE_S, TX, 0), ConfirmExit(ALICE, Micros(1), TX, 0)]
)
def test_exits_belong_to_the_ledger(command: NoteExit | ConfirmExit) -> None:
    with pytest.raises(InvariantBroken, match="found at the exchange, expected at the ledger"):
        an_exchange().execute(command)
