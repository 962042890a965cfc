"""Each money flow with exact numbers. Alice deposits 100 tokens and bids, Bob deposits 100 and offers."""

from collections.abc import Iterable

import pytest

from ledger.accounts import AccountKind
from ledger.bookkeeping import Books
from market.events import CancelReason, Event, OrderCancelled, OrderReduced, OrderReplaced
from market.orders import Address, ReplaceOrder, Side
from market.refusals import Refusal
from market.settlement import GuaranteeOpened, GuaranteePaid, TradeDelivered, TradeLocked, TradeVoided
from market.transfers import WithdrawalApproved, WithdrawalExpired, Withdrawn
from market.units import InvariantBroken, Lots, Micros
from tests.ledger.builders import (
    ALICE,
    BOB,
    CAROL,
    a_bid,
    a_trade,
    accepted,
    an_offer,
    deposited,
    terms,
)

FREE, ORDER_HOLD, TRADE_HOLD, WITHDRAWAL_HOLD, LOCKED, FEES, CUSTODY, EXIT_HOLD, *_ = AccountKind
TX = b"\x11" * 32
TOKEN = 1_000_000


def books_after(*events: Event) -> Books:
    books = Books()
    post(books, events)
    return books


def post(books: Books, events: Iterable[Event]) -> None:
    for position, event in enumerate(events):
        books.post(event, batch_number=1, event_position=position)
        assert books.trial_balance().total_micros == 0


def of(books: Books, participant: Address) -> dict[AccountKind, int]:
    return {
        account.kind: amount
        for account, amount in books.balances.items()
        if account.participant == participant
    }


FUNDED = (deposited(ALICE, 100, 0), deposited(BOB, 100, 1))
ORDERS = (accepted(1, a_bid(), 501_000), accepted(2, an_offer(), 50_000))
AGREED = (*FUNDED, *ORDERS, a_trade())
LOCKED_ON_CHAIN = (*AGREED, TradeLocked(1, 1, TX))


def test_a_deposit_moves_custody_to_free() -> None:
    books = books_after(*FUNDED)
    assert of(books, ALICE) == {FREE: 100 * TOKEN}
    assert books.trial_balance().by_kind[CUSTODY] == -200 * TOKEN


def test_an_accepted_order_holds_its_money() -> None:
    books = books_after(*FUNDED, *ORDERS)
    assert of(books, ALICE) == {FREE: 100 * TOKEN - 501_000, ORDER_HOLD: 501_000}
    assert of(books, BOB) == {FREE: 100 * TOKEN - 50_000, ORDER_HOLD: 50_000}
    assert books.order_hold(1) == 501_000


def test_a_trade_takes_what_it_costs_and_the_residual_returns_to_the_payer() -> None:
    books = books_after(*AGREED)
    assert of(books, ALICE) == {FREE: 100 * TOKEN - 450_900, TRADE_HOLD: 450_900}
    assert of(books, BOB) == {FREE: 100 * TOKEN - 50_000, TRADE_HOLD: 50_000}
    assert books.order_hold(1) == 0


def test_a_partly_filled_order_keeps_the_hold_of_its_rest() -> None:
    part = a_trade(payment=225_000, fee=450, collateral=25_000, buy_hold=250_500, sell_hold=25_000)
    books = books_after(*FUNDED, *ORDERS, part)
    assert of(books, ALICE) == {
        FREE: 100 * TOKEN - 250_500 - 225_450,
        ORDER_HOLD: 250_500,
        TRADE_HOLD: 225_450,
    }
    assert of(books, BOB) == {FREE: 100 * TOKEN - 50_000, ORDER_HOLD: 25_000, TRADE_HOLD: 25_000}


def test_a_trade_dearer_than_its_orders_hold_is_impossible() -> None:
    with pytest.raises(InvariantBroken, match="frees 501000 micros of its hold, expected at least 501001"):
        books_after(*FUNDED, *ORDERS, a_trade(payment=500_101))


def test_a_trade_of_somebody_elses_order_is_impossible() -> None:
    with pytest.raises(InvariantBroken, match="order 2: found 0xa1"):
        books_after(*FUNDED, *ORDERS, a_trade(buy_order=2, sell_order=1))


def test_a_trade_number_is_agreed_once() -> None:
    with pytest.raises(InvariantBroken, match="trade 1: agreed twice"):
        books_after(*AGREED, a_trade())


@pytest.mark.parametrize("reason", CancelReason)
def test_a_cancelled_order_frees_its_hold(reason: CancelReason) -> None:
    books = books_after(*FUNDED, *ORDERS, OrderCancelled(1, Lots(10_000), reason))
    assert of(books, ALICE) == {FREE: 100 * TOKEN}


def test_a_reduced_order_frees_what_it_needs_no_longer() -> None:
    reduced = OrderReduced(1, Lots(4_000), Micros(300_600), CancelReason.SELF_TRADE)
    books = books_after(*FUNDED, *ORDERS, reduced)
    assert of(books, ALICE) == {FREE: 100 * TOKEN - 300_600, ORDER_HOLD: 300_600}
    books.begin_batch()
    post(books, [OrderReduced(1, Lots(1_000), Micros(250_500), CancelReason.SELF_TRADE)])
    assert books.spendable(ALICE) == 100 * TOKEN - 300_600
    post(books, [OrderCancelled(1, Lots(5_000), CancelReason.SELF_TRADE)])
    assert of(books, ALICE) == {FREE: 100 * TOKEN}


def test_an_order_that_shrinks_never_holds_more() -> None:
    reduced = OrderReduced(1, Lots(1), Micros(501_001), CancelReason.SELF_TRADE)
    with pytest.raises(
        InvariantBroken, match="found a hold of 501001 micros after it shrank, expected at most 501000"
    ):
        books_after(*FUNDED, *ORDERS, reduced)


@pytest.mark.parametrize("hold", [300_000, 501_000, 700_000])
def test_a_replacement_moves_the_difference(hold: int) -> None:
    replaced = OrderReplaced(1, terms(ALICE, Side.BUY), b"", kept_priority=False, hold_micros=Micros(hold))
    books = books_after(*FUNDED, *ORDERS, replaced)
    assert of(books, ALICE) == {FREE: 100 * TOKEN - hold, ORDER_HOLD: hold}


def test_a_void_trade_frees_both_sides() -> None:
    books = books_after(*AGREED, TradeVoided(1, "not locked by the start of its slot"))
    assert of(books, ALICE) == {FREE: 100 * TOKEN}
    assert of(books, BOB) == {FREE: 100 * TOKEN}


def test_a_lock_moves_holds_to_locked() -> None:
    books = books_after(*LOCKED_ON_CHAIN)
    assert of(books, ALICE) == {FREE: 100 * TOKEN - 450_900, LOCKED: 450_900}
    assert of(books, BOB) == {FREE: 100 * TOKEN - 50_000, LOCKED: 50_000}


def test_delivery_pays_the_seller_and_the_fee_and_returns_the_collateral() -> None:
    books = books_after(*LOCKED_ON_CHAIN, TradeDelivered(1, TX))
    assert of(books, ALICE) == {FREE: 100 * TOKEN - 450_900}
    assert of(books, BOB) == {FREE: 100 * TOKEN + 450_000}
    assert books.trial_balance().by_kind == {
        FREE: 200 * TOKEN - 900,
        ORDER_HOLD: 0,
        TRADE_HOLD: 0,
        WITHDRAWAL_HOLD: 0,
        LOCKED: 0,
        FEES: 900,
        CUSTODY: -200 * TOKEN,
        EXIT_HOLD: 0,
        AccountKind.RETIRED: 0,
    }


def payout(
    *, seller: int = 360_000, fee: int = 720, buyer: int = 90_180, credit: int = 45_000
) -> GuaranteePaid:
    return GuaranteePaid(1, TX, Lots(8_000), Micros(seller), Micros(fee), Micros(buyer), Micros(credit))


def test_opening_a_guarantee_moves_nothing() -> None:
    opened = GuaranteeOpened(1, TX, Lots(8_000))
    assert of(books_after(*LOCKED_ON_CHAIN, opened), ALICE) == of(books_after(*LOCKED_ON_CHAIN), ALICE)


def test_a_paid_guarantee_shares_exactly_what_was_locked() -> None:
    books = books_after(*LOCKED_ON_CHAIN, GuaranteeOpened(1, TX, Lots(8_000)), payout())
    assert of(books, ALICE) == {FREE: 100 * TOKEN - 450_900 + 90_180 + 45_000}
    assert of(books, BOB) == {FREE: 100 * TOKEN + 360_000 - 45_000}
    assert books.trial_balance().by_kind[FEES] == 720


@pytest.mark.parametrize(
    "wrong",
    [
        payout(seller=360_001),
        payout(seller=359_999),
        payout(credit=50_001),
        payout(credit=-1),
        payout(fee=-720, buyer=91_620),
    ],
)
def test_a_payout_that_creates_or_destroys_money_is_impossible(wrong: GuaranteePaid) -> None:
    with pytest.raises(InvariantBroken, match="share 450900 locked"):
        books_after(*LOCKED_ON_CHAIN, GuaranteeOpened(1, TX, Lots(8_000)), wrong)


@pytest.mark.parametrize(
    ("before", "event"),
    [
        (FUNDED, TradeLocked(1, 1, TX)),
        (AGREED, TradeDelivered(1, TX)),
        (AGREED, payout()),
        (LOCKED_ON_CHAIN, TradeVoided(1, "late")),
        ((*LOCKED_ON_CHAIN, TradeDelivered(1, TX)), TradeDelivered(1, TX)),
        (FUNDED, Withdrawn(ALICE, 9, TX)),
        (FUNDED, WithdrawalExpired(ALICE, 9)),
    ],
)
def test_nothing_is_released_that_is_not_held(before: tuple[Event, ...], event: Event) -> None:
    with pytest.raises(InvariantBroken, match="nothing is held under"):
        books_after(*before, event)


def test_a_withdrawal_is_held_then_leaves_custody() -> None:
    approved = WithdrawalApproved(ALICE, Micros(30 * TOKEN), 1, 5_000)
    books = books_after(*FUNDED, approved)
    assert of(books, ALICE) == {FREE: 70 * TOKEN, WITHDRAWAL_HOLD: 30 * TOKEN}
    post(books, [Withdrawn(ALICE, 1, TX)])
    assert of(books, ALICE) == {FREE: 70 * TOKEN}
    assert books.trial_balance().by_kind[CUSTODY] == -170 * TOKEN


def test_an_expired_withdrawal_is_free_again() -> None:
    approved = WithdrawalApproved(ALICE, Micros(30 * TOKEN), 1, 5_000)
    assert of(books_after(*FUNDED, approved, WithdrawalExpired(ALICE, 1)), ALICE) == {FREE: 100 * TOKEN}


def test_a_bid_beyond_the_free_balance_is_refused_in_words() -> None:
    books = books_after(deposited(ALICE, 1))
    books.begin_batch()
    assert books.check(a_bid(), hold_micros=Micros(1_000_000)) is None
    refused = books.check(a_bid(client_order_id=77), hold_micros=Micros(1_000_001))
    assert refused is not None
    assert (refused.participant, refused.command, refused.reference) == (ALICE, "PlaceOrder", 77)
    assert refused.refusal is Refusal.INSUFFICIENT_FUNDS
    assert refused.detail == (
        "found 1 tokens spendable, needed 1.000001 tokens for price times quantity and the fee"
    )


def test_an_offer_beyond_the_free_balance_lacks_collateral() -> None:
    refused = Books().check(an_offer(), hold_micros=Micros(50_000))
    assert refused is not None
    assert refused.refusal is Refusal.INSUFFICIENT_COLLATERAL
    assert refused.detail == "found 0 tokens spendable, needed 0.05 tokens for the collateral of the tier"


def test_holds_taken_within_a_batch_count_at_once() -> None:
    books = books_after(deposited(ALICE, 1))
    books.begin_batch()
    post(books, [accepted(1, a_bid(), 600_000)])
    assert books.spendable(ALICE) == 400_000
    assert books.check(a_bid(), hold_micros=Micros(400_000)) is None
    assert books.check(a_bid(), hold_micros=Micros(400_001)) is not None


def test_what_is_released_within_a_batch_counts_from_the_next() -> None:
    books = books_after(deposited(ALICE, 1), accepted(1, a_bid(), 600_000))
    books.begin_batch()
    post(books, [OrderCancelled(1, Lots(10_000), CancelReason.BY_PARTICIPANT), deposited(ALICE, 5, 9)])
    assert books.balances.of(FREE, ALICE) == 6_000_000
    assert books.spendable(ALICE) == 400_000
    books.begin_batch()
    assert books.spendable(ALICE) == 6_000_000


def test_a_replacement_needs_only_what_the_old_terms_do_not_hold() -> None:
    books = books_after(deposited(ALICE, 1), accepted(1, a_bid(), 600_000))
    books.begin_batch()
    replace = ReplaceOrder(1, terms(ALICE, Side.BUY), b"")
    assert books.check(replace, hold_micros=Micros(1_000_000)) is None
    assert books.check(replace, hold_micros=Micros(100)) is None
    refused = books.check(replace, hold_micros=Micros(1_000_001))
    assert refused is not None
    assert (refused.command, refused.reference) == ("ReplaceOrder", 1)


def test_an_order_of_a_stranger_is_not_touched() -> None:
    assert of(books_after(*AGREED), CAROL) == {}
