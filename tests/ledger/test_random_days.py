"""Whatever participants and operator ask for, in whatever order: books balance, and the record tells the whole story."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.accounts import VENUE, AccountKind
from ledger.audit import audit
from ledger.database import open_database
from ledger.projections import Projector
from ledger.rebuild import rebuild
from ledger.record import Record
from market.escrow import ConfirmSecured, EscrowSecured, EscrowShared
from market.events import Event, Refused
from market.notices import CancelBelowRequested, CancelRequested, ConfirmExit, Exited
from market.orders import Address, Command
from market.refusals import Refusal
from market.settlement import GuaranteePaid, TradeDelivered, TradeLocked
from market.transfers import ConfirmWithdrawal, Deposited, WithdrawalApproved, Withdrawn
from tests.ledger.days import (
    CONDITION_KINDS,
    ESCROW_KINDS,
    GENESIS,
    HOURS_S,
    MONEY_KINDS,
    NOTICE_KINDS,
    ORDER_KINDS,
    PARTICIPANTS,
    Action,
    SmallDay,
)


def actions(kinds: tuple[str, ...], *, least: int = 0, most: int = 12) -> st.SearchStrategy[list[Action]]:
    any_action = st.builds(
        Action,
        kind=st.sampled_from(kinds),
        who=st.integers(0, 2),
        price=st.integers(490, 510) | st.integers(0, 3),
        quantity=st.integers(1, 5_000) | st.integers(1, 200_000),
    )
    return st.lists(any_action, min_size=least, max_size=most)


ORDERS = ("bid", "offer")
CHANGES = ("replace", "replace", "cancel", "confirm_withdrawal")
STEPS = ("lock", "void", "deliver", "open", "pay")
DAYS = st.tuples(
    actions(ORDERS * 4 + ("withdraw",), least=4),
    actions(ORDERS * 2 + ORDER_KINDS + CONDITION_KINDS + MONEY_KINDS, least=4),
    actions(ORDER_KINDS + CHANGES + CONDITION_KINDS + MONEY_KINDS + NOTICE_KINDS + ESCROW_KINDS, least=4),
    actions((*ORDER_KINDS, *NOTICE_KINDS, *ESCROW_KINDS, "lock", "lock", "void"), most=6),
    actions((*STEPS, "lock", "deliver", *MONEY_KINDS, *NOTICE_KINDS, *ESCROW_KINDS), least=2),
    actions((*STEPS, "open", "deliver", *ESCROW_KINDS)),
    actions((*STEPS, "pay", "left", *ESCROW_KINDS)),
)
"""What is asked for in each of `HOURS_S`."""


@settings(max_examples=60, deadline=None)
@given(DAYS)
def test_random_days_balance_and_rebuild(day_plan: tuple[list[Action], ...]) -> None:
    _balances_and_rebuilds(day_plan)


@pytest.mark.soak
@settings(max_examples=10_000, deadline=None)
@given(DAYS)
def test_many_random_days_balance_and_rebuild(day_plan: tuple[list[Action], ...]) -> None:
    _balances_and_rebuilds(day_plan)


def _balances_and_rebuilds(day_plan: tuple[list[Action], ...]) -> None:
    engine = open_database("sqlite://")
    record, projector = Record(engine, GENESIS), Projector(engine)
    day = SmallDay()
    for seconds, wanted in zip(HOURS_S, day_plan, strict=True):
        day.act(seconds, wanted)
        balances = dict(day.venue.books.balances.items())
        assert sum(balances.values()) == 0
        assert all(
            amount > 0 for account, amount in balances.items() if account.kind is not AccountKind.CUSTODY
        )
        _holds_are_those_of_open_orders(day)
        _no_order_is_left_that_was_cancelled_on_chain(day)
    _books_equal_the_contract(day)
    for batch, decision in day.history:
        last = batch.number == len(day.history)
        record.append(batch, decision.events, state_hash=day.venue.state_hash() if last else b"")
        projector.apply(batch, decision.events, decision.postings)
    assert rebuild(record).state_hash() == day.venue.state_hash()
    assert audit(record, tables=engine).findings == ()
    record.close()
    engine.dispose()


def _books_equal_the_contract(day: SmallDay) -> None:
    """What the books have for each participant is what the contract has, which knows nothing of orders and holds.

    Nothing that the contract could do is refused, whatever the money was set aside for here.
    """
    free: Counter[Address] = Counter()
    approved: dict[tuple[Address, int], int] = {}
    for batch, decision in day.history:
        for command, answer in zip(batch.commands, decision.answers, strict=True):
            for event in answer:
                if isinstance(event, Refused) and event.refusal is Refusal.INSUFFICIENT_FUNDS:
                    _contract_could_not(command, free, approved)
                elif isinstance(event, WithdrawalApproved):
                    approved[event.participant, event.nonce] = event.amount_micros
                free.update(_gains_on_chain(day, event, approved))
    assert free == Counter({who: int(day.venue.books.unlocked(who)) for who in free})


def _contract_could_not(
    command: Command, free: Counter[Address], approved: dict[tuple[Address, int], int]
) -> None:
    match command:
        case ConfirmExit(participant, amount) | ConfirmSecured(_, _, participant, amount):
            assert amount > free[participant]
        case ConfirmWithdrawal(participant, nonce):
            assert approved[participant, nonce] > free[participant]


def _gains_on_chain(
    day: SmallDay, event: Event, approved: dict[tuple[Address, int], int]
) -> Counter[Address]:
    """Return what the contract gives everybody as free money, or takes."""
    gains: Counter[Address] = Counter()
    match event:
        case Deposited():
            gains[event.participant] += event.amount_micros
        case Withdrawn():
            gains[event.participant] -= approved[event.participant, event.nonce]
        case Exited() | EscrowSecured():
            gains[event.participant] -= event.amount_micros
        case EscrowShared():
            for share in event.shares:
                if share.participant != VENUE:
                    gains[share.participant] += share.earned_micros
        case TradeLocked() | TradeDelivered() | GuaranteePaid():
            trade = day.venue.exchange.trade(event.trade_number).agreed
            match event:
                case TradeLocked():
                    gains[trade.buyer] -= trade.payment_micros + trade.fee_micros
                    gains[trade.seller] -= trade.collateral_micros
                case TradeDelivered():
                    gains[trade.seller] += trade.payment_micros + trade.collateral_micros
                case GuaranteePaid():
                    gains[trade.buyer] += event.returned_to_buyer + event.compensation
                    gains[trade.seller] += event.paid_to_seller + trade.collateral_micros - event.compensation
    return gains


def _no_order_is_left_that_was_cancelled_on_chain(day: SmallDay) -> None:
    orders = {
        order.terms.client_order_id: order
        for who in PARTICIPANTS
        for order in day.venue.exchange.open_orders(who)
    }
    for event in (event for _, decision in day.history for event in decision.events):
        for order in orders.values():
            forbidden = (
                isinstance(event, CancelRequested) and order.terms.client_order_id == event.client_order_id
            ) or (
                isinstance(event, CancelBelowRequested)
                and order.terms.client_order_id < event.client_order_id
            )
            assert not (forbidden and order.terms.participant == event.participant)


def _holds_are_those_of_open_orders(day: SmallDay) -> None:
    """The books' holds, kept from events alone, are what the exchange says its open orders set aside."""
    for who in {account.participant for account, _ in day.venue.books.balances.items()}:
        orders = day.venue.exchange.open_orders(who)
        held = sum(int(day.venue.books.order_hold(order.order_id)) for order in orders)
        assert held == sum(int(order.hold_micros) for order in orders)
        assert held == day.venue.books.balances.of(AccountKind.ORDER_HOLD, who)
