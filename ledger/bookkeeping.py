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

What becomes free while a participant's exit waits goes on to its exit hold, up to what it asked for.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import msgspec

from ledger.accounts import CUSTODY, FEES, FREE_ON_CHAIN, VENUE, Account, AccountKind, Balances
from ledger.entries import Entry, Posting
from market.escrow import EscrowSecured, EscrowShared, Share
from market.events import (
    Deposited,
    Event,
    Exited,
    ExitRequested,
    GuaranteePaid,
    OrderAccepted,
    OrderCancelled,
    OrderReduced,
    OrderReplaced,
    Refused,
    TradeAgreed,
    TradeDelivered,
    TradeLocked,
    TradeVoided,
    WithdrawalApproved,
    WithdrawalExpired,
    Withdrawn,
)
from market.keeping import Kept
from market.orders import Address, PlaceOrder, ReplaceOrder, Side
from market.refusals import Refusal
from market.units import MICROS_PER_TOKEN, InvariantBroken, Micros, format_decimal

_FREE = AccountKind.FREE
_ORDER_HOLD = AccountKind.ORDER_HOLD
_TRADE_HOLD = AccountKind.TRADE_HOLD
_WITHDRAWAL_HOLD = AccountKind.WITHDRAWAL_HOLD
_EXIT_HOLD = AccountKind.EXIT_HOLD
_LOCKED = AccountKind.LOCKED
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class Hold(NamedTuple):
    """Money set aside, and whose it is."""

    participant: Address
    amount_micros: int


@dataclass(frozen=True, slots=True)
class TrialBalance:
    """The sum of the accounts of each kind, in micros. `total_micros` is 0, or the books are wrong."""

    by_kind: Mapping[AccountKind, Micros]

    @property
    def total_micros(self) -> Micros:
        """The sum over all accounts."""
        return Micros(sum(self.by_kind.values()))


class Books(Kept):
    """All balances and holds, changed by events alone.

    Within a batch, money that is released becomes spendable with the next batch: `begin_batch` draws the line.
    """

    balances: Balances
    _order_holds: dict[int, Hold]
    _withdrawal_holds: dict[tuple[Address, int], Hold]
    _taken: dict[tuple[Address, int], int]
    _exits: dict[Address, int]
    _agreed: dict[int, TradeAgreed]
    _locked: dict[int, TradeAgreed]
    _released: dict[Address, int]

    def __init__(self) -> None:
        self.balances = Balances()
        self._order_holds = {}
        self._withdrawal_holds = {}
        # Of withdrawals still open: what an exit, a module or another withdrawal took of their holds.
        self._taken = {}
        self._exits = {}
        self._agreed = {}
        self._locked = {}
        self._released = {}
        self._rules: dict[type, Callable[[Any], list[Entry]]] = {
            Deposited: self._deposited,
            OrderAccepted: self._accepted,
            OrderReplaced: self._replaced,
            OrderReduced: self._reduced,
            OrderCancelled: self._cancelled,
            TradeAgreed: self._trade_agreed,
            TradeVoided: self._trade_voided,
            TradeLocked: self._trade_locked,
            TradeDelivered: self._trade_delivered,
            GuaranteePaid: self._guarantee_paid,
            EscrowSecured: self._escrow_secured,
            EscrowShared: self._escrow_shared,
            WithdrawalApproved: self._withdrawal_approved,
            WithdrawalExpired: self._withdrawal_expired,
            Withdrawn: self._withdrawn,
            ExitRequested: self._exit_requested,
            Exited: self._exited,
        }

    def begin_batch(self) -> None:
        """Make all that is free now spendable. What is released from here on counts from the next batch."""
        self._released.clear()

    def spendable(self, participant: Address) -> Micros:
        """Return what a participant may commit in this batch: free at its start, minus what the batch took."""
        free = self.balances.of(_FREE, participant) - self._released.get(participant, 0)
        return Micros(max(free, 0))  # an exit or a module may have taken what was released

    def removable(self, participant: Address) -> Micros:
        """Return what may leave the contract without an order, a trade or a withdrawal missing it, in micros."""
        return Micros(self.balances.of(_FREE, participant) + self.balances.of(_EXIT_HOLD, participant))

    def unlocked(self, participant: Address) -> Micros:
        """Return all that the contract should hold free for a participant, set aside here or not, in micros."""
        return Micros(sum(self.balances.of(kind, participant) for kind in FREE_ON_CHAIN))

    def is_exit_covered(self, participant: Address) -> bool:
        """Return whether all that a participant wants to take out is set aside, or it wants nothing."""
        return self.balances.of(_EXIT_HOLD, participant) >= self._exits.get(participant, 0)

    def withdrawal_hold(self, participant: Address, nonce: int) -> Micros:
        """Return what an open withdrawal holds, in micros."""
        hold = self._withdrawal_holds.get((participant, nonce))
        return Micros(hold.amount_micros if hold is not None else 0)

    def taken_of(self, participant: Address, nonce: int) -> Micros:
        """Return what was taken of an open withdrawal's hold, in micros."""
        return Micros(self._taken.get((participant, nonce), 0))

    def order_hold(self, order_id: int) -> Micros:
        """Return what an open order holds, in micros (0 for an order that is gone)."""
        hold = self._order_holds.get(order_id)
        return Micros(hold.amount_micros if hold is not None else 0)

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
        entries = rule(event) if rule is not None else []
        if self._exits:
            entries += self._to_exits(entries)
        if not entries:
            return None
        posting = Posting(batch_number, event_position, tuple(entries))
        self.balances.apply(posting.entries)
        for (kind, participant), amount_micros in entries:
            if kind is _FREE and amount_micros > 0:
                self._released[participant] = self._released.get(participant, 0) + amount_micros
        return posting

    def trial_balance(self) -> TrialBalance:
        """Return the sums of the accounts by kind."""
        return TrialBalance(self.balances.by_kind())

    def state_bytes(self) -> bytes:
        """Return the balances and holds as canonical bytes: equal books give equal bytes."""
        # an amount that is asked for may need more than 64 bits, which msgpack has not
        exits = sorted((participant, str(wanted)) for participant, wanted in self._exits.items())
        # books that never knew an exit have the bytes that they had before there were any
        later = (sorted(self._taken.items()), exits) if self._taken or exits else ()
        return msgspec.msgpack.encode(
            (
                [(kind, participant, amount) for (kind, participant), amount in self.balances.items()],
                sorted((order_id, *hold) for order_id, hold in self._order_holds.items()),
                sorted((*key, hold.amount_micros) for key, hold in self._withdrawal_holds.items()),
                sorted(self._agreed),
                sorted(self._locked),
                *later,
            )
        )

    def _deposited(self, event: Deposited) -> list[Entry]:
        return _move(CUSTODY, Account(_FREE, event.participant), event.amount_micros)

    def _accepted(self, event: OrderAccepted) -> list[Entry]:
        return self._hold_for_order(event.order_id, event.terms.participant, event.hold_micros)

    def _replaced(self, event: OrderReplaced) -> list[Entry]:
        return self._hold_for_order(event.order_id, event.terms.participant, event.hold_micros)

    def _reduced(self, event: OrderReduced) -> list[Entry]:
        return self._release(event.order_id, event.hold_micros)

    def _cancelled(self, event: OrderCancelled) -> list[Entry]:
        return self._release(event.order_id, Micros(0))

    def _trade_agreed(self, event: TradeAgreed) -> list[Entry]:
        number = event.trade_number
        if number in self._agreed or number in self._locked:
            raise InvariantBroken(f"trade {number}: agreed twice")
        self._agreed[number] = event
        return [
            *self._commit(
                event.buy_order_id,
                event.buyer,
                keeps=event.buy_hold_micros,
                takes=event.payment_micros + event.fee_micros,
            ),
            *self._commit(
                event.sell_order_id,
                event.seller,
                keeps=event.sell_hold_micros,
                takes=event.collateral_micros,
            ),
        ]

    def _trade_voided(self, event: TradeVoided) -> list[Entry]:
        trade = _take(self._agreed, event.trade_number, event)
        return _both_sides(trade, source=_TRADE_HOLD, target=_FREE)

    def _trade_locked(self, event: TradeLocked) -> list[Entry]:
        trade = _take(self._agreed, event.trade_number, event)
        self._locked[event.trade_number] = trade
        return _both_sides(trade, source=_TRADE_HOLD, target=_LOCKED)

    def _trade_delivered(self, event: TradeDelivered) -> list[Entry]:
        trade = _take(self._locked, event.trade_number, event)
        return _pay_out(trade, to_seller=trade.payment_micros, fee=trade.fee_micros, to_buyer=0, credit=0)

    def _guarantee_paid(self, event: GuaranteePaid) -> list[Entry]:
        trade = _take(self._locked, event.trade_number, event)
        if event.shares:
            _require_all_unlocked(trade, event.shares)
            return _share_out(event.shares, event)
        paid = event.paid_to_seller + event.fee + event.returned_to_buyer
        locked = trade.payment_micros + trade.fee_micros
        least = min(event.paid_to_seller, event.fee, event.returned_to_buyer, event.compensation)
        if paid != locked or not 0 <= event.compensation <= trade.collateral_micros or least < 0:
            raise InvariantBroken(
                f"trade {event.trade_number}: the guarantee paid {event.paid_to_seller} to the seller, "
                f"{event.fee} fee, {event.returned_to_buyer} back to the buyer and {event.compensation} "
                f"compensation, expected amounts of at least 0 that share {locked} locked by the buyer and at "
                f"most {trade.collateral_micros} of collateral"
            )
        return _pay_out(
            trade,
            to_seller=event.paid_to_seller,
            fee=event.fee,
            to_buyer=event.returned_to_buyer,
            credit=event.compensation,
        )

    def _escrow_secured(self, event: EscrowSecured) -> list[Entry]:
        who = event.participant
        locked = Account(_LOCKED, who)
        return self._take_from(who, event.amount_micros, event, to=locked, first=(_FREE, _EXIT_HOLD))

    def _escrow_shared(self, event: EscrowShared) -> list[Entry]:
        return _share_out(event.shares, event)

    def _withdrawal_approved(self, event: WithdrawalApproved) -> list[Entry]:
        key = (event.participant, event.nonce)
        if key in self._withdrawal_holds:
            raise InvariantBroken(f"withdrawal {event.nonce} of 0x{event.participant.hex()}: approved twice")
        self._withdrawal_holds[key] = Hold(event.participant, event.amount_micros)
        return _move(
            Account(_FREE, event.participant),
            Account(_WITHDRAWAL_HOLD, event.participant),
            event.amount_micros,
        )

    def _withdrawal_expired(self, event: WithdrawalExpired) -> list[Entry]:
        hold = _take(self._withdrawal_holds, (event.participant, event.nonce), event)
        self._taken.pop((event.participant, event.nonce), None)
        return _move(
            Account(_WITHDRAWAL_HOLD, hold.participant), Account(_FREE, hold.participant), hold.amount_micros
        )

    def _withdrawn(self, event: Withdrawn) -> list[Entry]:
        hold = _take(self._withdrawal_holds, (event.participant, event.nonce), event)
        taken = self._taken.pop((event.participant, event.nonce), 0)
        return [
            *_move(Account(_WITHDRAWAL_HOLD, hold.participant), CUSTODY, hold.amount_micros),
            *self._take_from(event.participant, taken, event, to=CUSTODY, first=(_EXIT_HOLD, _FREE)),
        ]

    def _exit_requested(self, event: ExitRequested) -> list[Entry]:
        who = event.participant
        self._exits.pop(who, None)
        if event.amount_micros:
            self._exits[who] = event.amount_micros
        held = self.balances.of(_EXIT_HOLD, who)
        more = min(event.amount_micros, self.balances.of(_FREE, who) + held) - held
        return _move(Account(_FREE, who), Account(_EXIT_HOLD, who), more)

    def _exited(self, event: Exited) -> list[Entry]:
        who = event.participant
        self._exits.pop(who, None)
        left_over = max(self.balances.of(_EXIT_HOLD, who) - event.amount_micros, 0)
        return [
            *self._take_from(who, event.amount_micros, event, to=CUSTODY, first=(_EXIT_HOLD, _FREE)),
            *_move(Account(_EXIT_HOLD, who), Account(_FREE, who), left_over),
        ]

    def _take_from(
        self,
        participant: Address,
        amount_micros: int,
        event: Event,
        *,
        to: Account,
        first: tuple[AccountKind, ...],
    ) -> list[Entry]:
        """Let money go from these kinds of accounts `first`, then from withdrawal holds by nonce.

        Raises:
            InvariantBroken: if that is not enough: the exchange has to make room first.
        """
        missing = amount_micros
        entries: list[Entry] = []
        for kind in first:
            found = min(self.balances.of(kind, participant), missing)
            entries += _move(Account(kind, participant), to, found)
            missing -= found
        for key in sorted(key for key in self._withdrawal_holds if key[0] == participant) if missing else ():
            hold = self._withdrawal_holds[key].amount_micros
            found = min(hold, missing)
            self._withdrawal_holds[key] = Hold(participant, hold - found)
            self._taken[key] = self._taken.get(key, 0) + found
            entries += _move(Account(_WITHDRAWAL_HOLD, participant), to, found)
            missing -= found
        if missing:
            raise InvariantBroken(
                f"{type(event).__name__} of {amount_micros} micros by 0x{participant.hex()}: found {missing} too few"
            )
        return entries

    def _to_exits(self, entries: list[Entry]) -> list[Entry]:
        """Return what sends on to waiting exits what these entries free, as far as the exits are not covered."""
        sent_on: list[Entry] = []
        for who in {account.participant: None for account, _ in entries if account.kind is _FREE}:
            wanted = self._exits.get(who, 0)
            free, held = (
                self.balances.of(kind, who)
                + sum(amount for account, amount in entries if account == Account(kind, who))
                for kind in (_FREE, _EXIT_HOLD)
            )
            sent_on += _move(Account(_FREE, who), Account(_EXIT_HOLD, who), max(min(free, wanted - held), 0))
        return sent_on

    def _release(self, order_id: int, keeps_micros: Micros) -> list[Entry]:
        """Free what an order holds but for `keeps_micros`; an order without collateral holds nothing to begin with."""
        hold = self._order_holds.get(order_id)
        if hold is None:
            return []
        if keeps_micros > hold.amount_micros:
            raise InvariantBroken(
                f"order {order_id}: found a hold of {keeps_micros} micros after it shrank, "
                f"expected at most {hold.amount_micros}"
            )
        return self._hold_for_order(order_id, hold.participant, keeps_micros)

    def _hold_for_order(self, order_id: int, participant: Address, amount_micros: Micros) -> list[Entry]:
        """Set an order's hold to this amount; an order that holds nothing is not kept."""
        held = self._held_by(order_id, participant)
        self._keep(order_id, participant, amount_micros)
        return _move(Account(_FREE, participant), Account(_ORDER_HOLD, participant), amount_micros - held)

    def _commit(self, order_id: int, participant: Address, *, keeps: int, takes: int) -> list[Entry]:
        """Move what a trade takes out of its order's hold, and free what neither trade nor order needs."""
        freed = self._held_by(order_id, participant) - keeps
        residual = freed - takes
        if residual < 0:
            raise InvariantBroken(
                f"order {order_id}: a trade frees {freed} micros of its hold, expected at least {takes}"
            )
        self._keep(order_id, participant, keeps)
        hold = Account(_ORDER_HOLD, participant)
        return [
            *_move(hold, Account(_TRADE_HOLD, participant), takes),
            *_move(hold, Account(_FREE, participant), residual),
        ]

    def _held_by(self, order_id: int, participant: Address) -> int:
        hold = self._order_holds.get(order_id)
        if hold is None:
            return 0
        if hold.participant != participant:
            raise InvariantBroken(
                f"order {order_id}: found 0x{participant.hex()}, expected 0x{hold.participant.hex()}, who holds"
            )
        return hold.amount_micros

    def _keep(self, order_id: int, participant: Address, amount_micros: int) -> None:
        if amount_micros:
            self._order_holds[order_id] = Hold(participant, amount_micros)
        else:
            self._order_holds.pop(order_id, None)


def tokens(amount_micros: int) -> str:
    """Write an amount for people, in whole tokens.

    >>> tokens(12_500_000)
    '12.5 tokens'
    """
    return f"{format_decimal(amount_micros, scale=MICROS_PER_TOKEN)} tokens"


def _move(source: Account, target: Account, amount_micros: int) -> list[Entry]:
    """Return the two entries of a movement; none where nothing moves."""
    if amount_micros == 0:
        return []
    return [Entry(source, -amount_micros), Entry(target, amount_micros)]


def _both_sides(trade: TradeAgreed, *, source: AccountKind, target: AccountKind) -> list[Entry]:
    paid = trade.payment_micros + trade.fee_micros
    return [
        *_move(Account(source, trade.buyer), Account(target, trade.buyer), paid),
        *_move(Account(source, trade.seller), Account(target, trade.seller), trade.collateral_micros),
    ]


def _pay_out(trade: TradeAgreed, *, to_seller: int, fee: int, to_buyer: int, credit: int) -> list[Entry]:
    """Share out what a trade locked: the buyer's payment and fee, then the seller's collateral."""
    payment = Account(_LOCKED, trade.buyer)
    collateral = Account(_LOCKED, trade.seller)
    buyer, seller = Account(_FREE, trade.buyer), Account(_FREE, trade.seller)
    return [
        *_move(payment, seller, to_seller),
        *_move(payment, FEES, fee),
        *_move(payment, buyer, to_buyer),
        *_move(collateral, buyer, credit),
        *_move(collateral, seller, trade.collateral_micros - credit),
    ]


def _share_out(shares: Iterable[Share], event: Event) -> list[Entry]:
    """Return the entries of what a module shared out: all that was unlocked, and all that was given.

    Raises:
        InvariantBroken: if the two differ, or an amount is below 0.
    """
    entries: list[Entry] = []
    for share in shares:
        if min(share.unlocked_micros, share.earned_micros) < 0:
            raise InvariantBroken(f"{type(event).__name__}: found {share}, expected amounts of at least 0")
        if share.unlocked_micros:
            entries.append(Entry(Account(_LOCKED, share.participant), -share.unlocked_micros))
        if share.earned_micros:
            earner = FEES if share.participant == VENUE else Account(_FREE, share.participant)
            entries.append(Entry(earner, share.earned_micros))
    if difference := sum(amount for _, amount in entries):
        raise InvariantBroken(
            f"{type(event).__name__}: found shares that give {difference} micros more than they unlock, expected none"
        )
    return entries


def _require_all_unlocked(trade: TradeAgreed, shares: Iterable[Share]) -> None:
    """Require that a payout leaves nothing of a trade locked, and takes nothing else."""
    unlocked: dict[Address, int] = {}
    for share in shares:
        unlocked[share.participant] = unlocked.get(share.participant, 0) + share.unlocked_micros
    expected = {trade.buyer: trade.payment_micros + trade.fee_micros, trade.seller: trade.collateral_micros}
    for participant in unlocked.keys() | expected.keys():
        found, wanted = unlocked.get(participant, 0), expected.get(participant, 0)
        if found != wanted:
            raise InvariantBroken(
                f"trade {trade.trade_number}: the guarantee unlocked {found} micros of 0x{participant.hex()}, "
                f"expected the {wanted} that it had locked"
            )


def _take(holds: dict[_Key, _Value], key: _Key, event: Event) -> _Value:
    found = holds.pop(key, None)
    if found is None:
        raise InvariantBroken(f"{type(event).__name__}: nothing is held under {key!r}")
    return found
