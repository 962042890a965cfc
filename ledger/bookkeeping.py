"""The bookkeeper: turns each event that moves value into a posting, and knows what every hold is for.

| event | from | to |
|---|---|---|
| Deposited | custody | free |
| OrderAccepted, OrderReplaced | free | order hold (back, when the hold shrinks) |
| TradeAgreed | order hold | trade hold: payment and fee, or collateral; the residual to free |
| OrderReduced, OrderCancelled | order hold | free |
| TradeVoided | trade hold | free |
| TradeLocked | trade hold | locked |
| TradeDelivered | locked | seller's free: payment, collateral; the venue's fees: fee |
| GuaranteePaid | locked | as the contract shared it out: both parties' free, a fallback supplier's, the venue's fees |
| EscrowSecured | free, then exit hold, then withdrawal holds | locked |
| EscrowShared | locked | free, or the venue's fees |
| WithdrawalApproved | free | withdrawal hold |
| WithdrawalExpired | withdrawal hold | free |
| Withdrawn | withdrawal hold | custody |
| ExitRequested | free | exit hold (back, when less is asked for) |
| Exited | exit hold, then free, then withdrawal holds | custody; what the exit hold has left to free |
| CertificatesMoved, …Locked, …Unlocked, …Retired | as `ledger.certificates` says | |

What becomes free while a participant's exit waits goes on to its exit hold, up to what it asked for.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from ledger.accounts import CUSTODY, FREE_ON_CHAIN, AccountKind, Balances, purse_of
from ledger.assets import TOKEN
from ledger.certificates import RULES as CERTIFICATE_RULES
from ledger.entries import Entry, Posting, move
from ledger.holds import take
from ledger.leaving import Leaving
from ledger.order_holds import OrderHolds
from ledger.sharing import lock, pay_guarantee, pay_out, share_out, void
from ledger.trial_balance import TrialBalance
from market.escrow import EscrowSecured, EscrowShared
from market.events import (
    Event,
    OrderAccepted,
    OrderCancelled,
    OrderReduced,
    OrderReplaced,
    Refused,
    TradeAgreed,
)
from market.keeping import Kept
from market.notices import Exited, ExitRequested
from market.orders import Address, PlaceOrder, ReplaceOrder, Side
from market.refusals import Refusal
from market.settlement import GuaranteePaid, TradeDelivered, TradeLocked, TradeVoided
from market.transfers import Deposited, WithdrawalApproved, WithdrawalExpired, Withdrawn
from market.units import MICROS_PER_TOKEN, InvariantBroken, Micros, format_decimal

_FREE = AccountKind.FREE
_EXIT_HOLD = AccountKind.EXIT_HOLD


class Books(Kept):
    """All balances and holds, changed by events alone.

    Within a batch, money that is released becomes spendable with the next batch: `begin_batch` draws the line.
    """

    balances: Balances
    _orders: OrderHolds
    _leaving: Leaving
    _agreed: dict[int, TradeAgreed]
    _locked: dict[int, TradeAgreed]
    _released: dict[Address, int]

    def __init__(self) -> None:
        self.balances = Balances()
        self._orders = OrderHolds()
        self._leaving = Leaving(self.balances)
        self._agreed = {}
        self._locked = {}
        self._released = {}
        self._rules: dict[type, Callable[[Any], list[Entry]]] = {
            Deposited: self._deposited,
            OrderAccepted: self._accepted,
            OrderReplaced: self._accepted,
            OrderReduced: self._reduced,
            OrderCancelled: self._cancelled,
            TradeAgreed: self._trade_agreed,
            TradeVoided: self._trade_voided,
            TradeLocked: self._trade_locked,
            TradeDelivered: self._trade_delivered,
            GuaranteePaid: self._guarantee_paid,
            EscrowSecured: self._escrow_secured,
            EscrowShared: self._escrow_shared,
            WithdrawalApproved: self._leaving.withdrawal_approved,
            WithdrawalExpired: self._leaving.withdrawal_expired,
            Withdrawn: self._leaving.withdrawn,
            ExitRequested: self._leaving.exit_requested,
            Exited: self._leaving.exited,
            **CERTIFICATE_RULES,
        }

    def begin_batch(self) -> None:
        """Make all that is free now spendable. What is released from here on counts from the next batch."""
        self._released.clear()

    def spendable(self, participant: Address) -> Micros:
        """Return what a participant may commit in this batch: free at its start, minus what the batch took."""
        free = self.balances.on(purse_of(participant).free) - self._released.get(participant, 0)
        return Micros(max(free, 0))  # an exit or a module may have taken what was released

    def removable(self, participant: Address) -> Micros:
        """Return what may leave the contract without an order, a trade or a withdrawal missing it, in micros."""
        return Micros(self.balances.of(_FREE, participant) + self.balances.of(_EXIT_HOLD, participant))

    def unlocked(self, participant: Address) -> Micros:
        """Return all that the contract should hold free for a participant, set aside here or not, in micros."""
        return Micros(sum(self.balances.of(kind, participant) for kind in FREE_ON_CHAIN))

    def is_exit_covered(self, participant: Address) -> bool:
        """Return whether all that a participant wants to take out is set aside, or it wants nothing."""
        return self._leaving.is_exit_covered(participant)

    def withdrawal_hold(self, participant: Address, nonce: int) -> Micros:
        """Return what an open withdrawal holds, in micros."""
        return self._leaving.withdrawal_hold(participant, nonce)

    def taken_of(self, participant: Address, nonce: int) -> Micros:
        """Return what was taken of an open withdrawal's hold, in micros."""
        return self._leaving.taken_of(participant, nonce)

    def order_hold(self, order_id: int) -> Micros:
        """Return what an open order holds, in micros (0 for an order that is gone)."""
        return self._orders.of(order_id)

    def check(self, command: PlaceOrder | ReplaceOrder, *, hold_micros: Micros) -> Refused | None:
        """Refuse an order that its participant cannot fund; `hold_micros` is what the order will set aside.

        A replacement keeps what the old terms hold and needs only the difference.
        """
        terms = command.terms
        held = self.order_hold(command.order_id) if isinstance(command, ReplaceOrder) else 0
        needed = hold_micros - held
        found = self.spendable(terms.participant)
        if needed <= found:
            return None
        bid = terms.side is Side.BUY
        return Refused(
            participant=terms.participant,
            command=type(command).__name__,
            reference=command.order_id if isinstance(command, ReplaceOrder) else terms.client_order_id,
            refusal=Refusal.INSUFFICIENT_FUNDS if bid else Refusal.INSUFFICIENT_COLLATERAL,
            detail=(
                f"found {tokens(found)} spendable, needed {tokens(needed)} "
                f"{'for price times quantity and the fee' if bid else 'for the collateral of the tier'}"
            ),
        )

    def post(self, event: Event, *, batch_number: int, event_position: int) -> Posting | None:
        """Book an event and return its posting; None for an event that moves no value.

        Raises:
            InvariantBroken: if the event would move money that is not there, or create or destroy any.
        """
        rule = self._rules.get(type(event))
        if rule is None:
            return None
        entries = rule(event)
        if self._leaving.exits_wait:
            entries += self._leaving.to_exits(entries)
        if not entries:
            return None
        posting = Posting(batch_number, event_position, tuple(entries))
        self.balances.apply(entries)
        for account, amount in entries:
            if amount > 0 and account.kind is _FREE and account.asset == TOKEN:
                who = account.participant
                self._released[who] = self._released.get(who, 0) + amount
        return posting

    def trial_balance(self) -> TrialBalance:
        """Return the sums of all accounts."""
        return TrialBalance.of(self.balances)

    def state_bytes(self) -> bytes:
        """Return the balances and holds as canonical bytes: equal books give equal bytes."""
        # books that never knew an exit, or a certificate, have the bytes that they had before there were any
        token, certificates = [], []
        for (kind, participant, asset), amount in self.balances.items():
            if asset == TOKEN:
                token.append((kind, participant, amount))
            else:
                certificates.append((kind, participant, asset.to_bytes(32, "big"), amount))
        return msgspec.msgpack.encode(
            (
                token,
                [(order_id, *hold) for order_id, hold in self._orders.items()],
                self._leaving.holds_state(),
                sorted(self._agreed),
                sorted(self._locked),
                *self._leaving.later_state(),
                *((certificates,) if certificates else ()),
            )
        )

    def _deposited(self, event: Deposited) -> list[Entry]:
        return move(CUSTODY, purse_of(event.participant).free, event.amount_micros)

    def _accepted(self, event: OrderAccepted | OrderReplaced) -> list[Entry]:
        return self._orders.hold(event.order_id, event.terms.participant, event.hold_micros)

    def _reduced(self, event: OrderReduced) -> list[Entry]:
        return self._orders.release(event.order_id, event.hold_micros)

    def _cancelled(self, event: OrderCancelled) -> list[Entry]:
        return self._orders.release(event.order_id, Micros(0))

    def _trade_agreed(self, event: TradeAgreed) -> list[Entry]:
        number = event.trade_number
        if number in self._agreed or number in self._locked:
            raise InvariantBroken(f"trade {number}: agreed twice")
        self._agreed[number] = event
        paid = self._orders.commit(
            event.buy_order_id,
            event.buyer,
            keeps=event.buy_hold_micros,
            takes=event.payment_micros + event.fee_micros,
        )
        pledged = self._orders.commit(
            event.sell_order_id,
            event.seller,
            keeps=event.sell_hold_micros,
            takes=event.collateral_micros,
        )
        return paid + pledged

    def _trade_voided(self, event: TradeVoided) -> list[Entry]:
        return void(take(self._agreed, event.trade_number, event))

    def _trade_locked(self, event: TradeLocked) -> list[Entry]:
        trade = take(self._agreed, event.trade_number, event)
        self._locked[event.trade_number] = trade
        return lock(trade)

    def _trade_delivered(self, event: TradeDelivered) -> list[Entry]:
        trade = take(self._locked, event.trade_number, event)
        return pay_out(trade, to_seller=trade.payment_micros, fee=trade.fee_micros, to_buyer=0, credit=0)

    def _guarantee_paid(self, event: GuaranteePaid) -> list[Entry]:
        return pay_guarantee(take(self._locked, event.trade_number, event), event)

    def _escrow_secured(self, event: EscrowSecured) -> list[Entry]:
        who = event.participant
        locked = purse_of(who).locked
        return self._leaving.take_from(who, event.amount_micros, event, to=locked, first=(_FREE, _EXIT_HOLD))

    def _escrow_shared(self, event: EscrowShared) -> list[Entry]:
        return share_out(event.shares, event)


def tokens(amount_micros: int) -> str:
    """Write an amount for people, in whole tokens.

    >>> tokens(12_500_000)
    '12.5 tokens'
    """
    return f"{format_decimal(amount_micros, scale=MICROS_PER_TOKEN)} tokens"
