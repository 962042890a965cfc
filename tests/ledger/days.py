"""A small market day for the ledger's tests: from a list of short actions to commands that fit what has happened so far."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from ledger.accounts import VENUE
from ledger.genesis import Genesis
from ledger.rebuild import open_venue
from ledger.venue import Decision, Venue
from market.escrow import ConfirmSecured, ConfirmShared, EscrowSecured, Share
from market.notices import ConfirmExit, NoteCancel, NoteCancelBelow, NoteExit, Notice
from market.orders import (
    Address,
    Batch,
    CancelOrder,
    Command,
    Conditions,
    Eligible,
    MassCancel,
    OrderTerms,
    OrderType,
    PlaceOrder,
    ReplaceOrder,
    SelfTrade,
    SetDeadManTimer,
    Side,
    TimeInForce,
)
from market.requirements import commitment
from market.settlement import ConfirmDelivery, ConfirmLocks, ConfirmOpening, ConfirmPayout, VoidTrade
from market.trades import Trade, TradeState
from market.transfers import ConfirmWithdrawal, RequestWithdrawal
from market.units import Lots, Micros
from tests.ledger.builders import (
    ALICE,
    BOB,
    CALL_S,
    CAROL,
    CONTINUOUS_S,
    GATE_S,
    MARGIN_S,
    NOTICE_S,
    SOLAR,
    Day,
    a_deposit,
    a_listing,
    a_meter,
    terms,
)
from tests.ledger.certificate_model import CertificateModel

PARTICIPANTS = (ALICE, BOB, CAROL)
HOURS_S = (CALL_S, CONTINUOUS_S, CONTINUOUS_S + 1800, GATE_S, SOLAR.start_s, SOLAR.end_s, SOLAR.end_s + 7200)
"""When batches may come: in the call, in continuous trading, at gate closure, in delivery, after it."""
GENESIS = Genesis("a small day", NOTICE_S, MARGIN_S, 31337, Address(b"\x5e" * 20))
TX = b"\x7a" * 32
MODULE = Address(b"\x77" * 20)


class Action(NamedTuple):
    """What somebody does: `kind` picks the command, the numbers pick whose and how much."""

    kind: str
    who: int
    price: int
    quantity: int


ORDER_KINDS = ("bid", "offer", "bid_now", "offer_now", "cancel", "replace", "repeat")
CONDITION_KINDS = ("stop", "slices", "wholly", "budget", "any", "mass_cancel", "dead_man")
MONEY_KINDS = ("deposit", "withdraw", "confirm_withdrawal")
ESCROW_KINDS = ("secured", "secured", "shared")
CERTIFICATE_KINDS = ("issued", "sent", "locked_up", "unlocked", "unlocked", "retired", "stored", "told_again")
NOTICE_KINDS = ("want_out", "want_all_out", "left", "forbid", "forbid_below", "notice_again")


def _mark(_: OrderTerms) -> bytes:
    return b"signed"


class SmallDay:
    """Runs actions through a venue and keeps what it decided."""

    def __init__(
        self, participants: Sequence[Address] = PARTICIPANTS, sign: Callable[[OrderTerms], bytes] = _mark
    ) -> None:
        self._participants, self._sign = participants, sign
        self.venue: Venue = open_venue(GENESIS)
        self.history: list[tuple[Batch, Decision]] = []
        self._day = Day()
        self._asked = 0
        self._last_order: PlaceOrder | None = None
        self._last_notice: Notice | None = None
        self.certificates = CertificateModel()
        self.run(
            CALL_S - 1000,
            a_listing(),
            a_meter(participants[1]),
            replace(a_meter(participants[2]), meter=Address(b"\x3f" * 20)),
            *(a_deposit(who, 3, index) for index, who in enumerate(participants)),
        )

    def run(self, seconds: int, *commands: Command) -> Decision:
        batch = self._day.batch(seconds, *commands)
        decision = self.venue.decide(batch)
        self.history.append((batch, decision))
        return decision

    def act(self, seconds: int, actions: list[Action]) -> Decision:
        return self.run(seconds, *(self.command(action, seconds) for action in actions))

    def command(self, action: Action, seconds: int) -> Command:
        self._asked += 1
        who = self._participants[action.who % 3]
        match action.kind:
            case "bid" | "offer" | "bid_now" | "offer_now":
                side = Side.BUY if action.kind.startswith("bid") else Side.SELL
                wanted = terms(
                    who,
                    side,
                    price=action.price,
                    quantity=action.quantity,
                    client_order_id=self._asked,
                )
                now = TimeInForce.IOC if action.kind.endswith("now") else TimeInForce.GTC
                self._last_order = PlaceOrder(wanted, self._sign(wanted), time_in_force=now)
                return self._last_order
            case "repeat" if self._last_order is not None:
                return self._last_order
            case "stop" | "slices" | "wholly" | "budget":
                return self._order_with_conditions(action, who)
            case "any":
                return self._bid_for_any(action, who)
            case "mass_cancel":
                return MassCancel(who, side=Side(action.price % 2))
            case "dead_man":
                return SetDeadManTimer(who, action.quantity % 3600)
            case "cancel" | "replace":
                return self._change(action, who)
            case "withdraw":
                return RequestWithdrawal(who, Micros(action.quantity * 37), action.price, seconds + 10_000)
            case "confirm_withdrawal":
                return ConfirmWithdrawal(who, action.price, TX)
            case "notice_again" if self._last_notice is not None:
                return self._last_notice
            case "want_out" | "want_all_out" | "left" | "forbid" | "forbid_below":
                self._last_notice = self._notice(action, who, seconds)
                return self._last_notice
            case "secured" | "shared":
                return self._module_money(action, who)
            case "lock" | "void" | "deliver" | "open" | "pay":
                return self._step(action)
            case "issued" | "sent" | "locked_up" | "unlocked" | "retired" | "stored" | "told_again":
                other = PARTICIPANTS[action.price % 3]
                return self.certificates.act(action.kind, who, other, action.quantity)
            case _:
                return a_deposit(who, 1, log_index=action.price)

    def _notice(self, action: Action, who: Address, seconds: int) -> Notice:
        """Return a notice that a chain could have; an exit pays what was asked for, or all that is not locked."""
        where, effective_at_s = (b"notice".ljust(32), self._asked), seconds + NOTICE_S
        match action.kind:
            case "left":
                asked = self.venue.exchange.exit_of(who)
                wanted = asked.amount_micros if asked is not None else action.quantity * 20
                return ConfirmExit(who, Micros(min(wanted, self.venue.books.unlocked(who))), *where)
            case "forbid":
                return NoteCancel(who, action.quantity % (self._asked + 3), effective_at_s, *where)
            case "forbid_below":
                return NoteCancelBelow(who, action.quantity % (self._asked + 3), effective_at_s, *where)
            case _:
                wanted = (
                    1 << 120 if action.kind == "want_all_out" else action.price % 4 * action.quantity * 10
                )
                return NoteExit(who, Micros(wanted), effective_at_s, *where)

    def _module_money(self, action: Action, who: Address) -> Command:
        """Return what a module could have done: lock a part of what is not locked, or share out what it had locked."""
        where = b"module".ljust(32), self._asked
        if action.kind == "secured":
            part = self.venue.books.unlocked(who) * (1 + action.price % 4) // 4
            return ConfirmSecured(
                MODULE, bytes([action.quantity % 3]) * 32, who, Micros(max(part, 1)), *where
            )
        secured = [
            event
            for _, decision in self.history
            for event in decision.events
            if isinstance(event, EscrowSecured)
        ]
        if not secured:
            return ConfirmShared(MODULE, bytes(32), (), *where)
        chosen = secured[action.price % len(secured)]
        held = self.venue.escrows.held(MODULE, chosen.key, chosen.participant)
        unlocked = Micros(held * (1 + action.quantity % 3) // 3)
        fee = Micros(unlocked // 100)
        shares = (
            Share(chosen.participant, unlocked, Micros(0)),
            Share(who, Micros(0), Micros(unlocked - fee)),
            Share(VENUE, Micros(0), fee),
        )
        return ConfirmShared(MODULE, chosen.key, shares, *where)

    def _order_with_conditions(self, action: Action, who: Address) -> PlaceOrder:
        side = Side.BUY if action.kind == "budget" else Side(action.quantity % 2)
        wanted = terms(who, side, price=action.price, quantity=action.quantity, client_order_id=self._asked)
        policy = SelfTrade(1 + action.price % 4)
        conditions = {
            "stop": Conditions(stop_micros=Micros(action.price * 100), self_trade=policy),
            "slices": Conditions(display_lots=Lots(1 + action.quantity // 3), self_trade=policy),
            "wholly": Conditions(all_or_none=True, self_trade=policy),
            "budget": Conditions(budget_micros=Micros(action.quantity * 30), self_trade=policy),
        }[action.kind]
        kind = OrderType.MARKET if action.kind == "budget" else OrderType.LIMIT
        return PlaceOrder(wanted, self._sign(wanted), kind, conditions=conditions)

    def _bid_for_any(self, action: Action, who: Address) -> PlaceOrder:
        eligible = (Eligible(SOLAR.id, -100),)
        wanted = terms(
            who, Side.BUY, price=action.price, quantity=action.quantity, client_order_id=self._asked
        )
        signed = replace(wanted, instrument_id=commitment(eligible), reference_micros=Micros(0))
        return PlaceOrder(signed, self._sign(signed), time_in_force=TimeInForce.IOC, eligible=eligible)

    def _change(self, action: Action, who: Address) -> Command:
        orders = self.venue.exchange.open_orders(who)
        if not orders:
            return CancelOrder(who, action.quantity)
        order = orders[action.price % len(orders)]
        if action.kind == "cancel":
            return CancelOrder(who, order.order_id)
        renewed = replace(
            order.terms,
            price_micros=Micros(action.price * 100),
            quantity_lots=Lots(action.quantity),
            client_order_id=self._asked,
        )
        return ReplaceOrder(order.order_id, renewed, self._sign(renewed))

    def _step(self, action: Action) -> Command:
        match action.kind:
            case "lock":
                numbers = [trade.agreed.trade_number for trade in self._trades(TradeState.AGREED)]
                skips = action.who if action.price < 4 else 0
                skipped = tuple((each, 4) for each in numbers[:skips])
                return ConfirmLocks(action.price, TX, tuple(numbers[skips:]), skipped)
            case "void":
                return VoidTrade(self._pick(TradeState.AGREED, action), "not locked by the start of its slot")
            case "deliver":
                locked = self._trades(TradeState.LOCKED)
                batch_number = locked[0].batch_number if locked else 0
                numbers = [each.agreed.trade_number for each in locked if each.batch_number == batch_number]
                return ConfirmDelivery(batch_number, TX, tuple(numbers[action.who :]))
            case "open":
                return ConfirmOpening(self._pick(TradeState.LOCKED, action), TX, Lots(action.price))
            case _:
                return self._payout(action)

    def _payout(self, action: Action) -> Command:
        opened = self._trades(TradeState.OPENED)
        if not opened:
            return ConfirmPayout(999, TX, Lots(0), Micros(0), Micros(0), Micros(0), Micros(0))
        trade = opened[action.price % len(opened)].agreed
        delivered = min(trade.quantity_lots, action.quantity)
        paid = trade.payment_micros * delivered // trade.quantity_lots
        fee = trade.fee_micros * delivered // trade.quantity_lots
        back = trade.payment_micros + trade.fee_micros - paid - fee
        credit = min(trade.collateral_micros, action.price)
        told = ConfirmPayout(
            trade.trade_number, TX, Lots(delivered), Micros(paid), Micros(fee), Micros(back), Micros(credit)
        )
        shares = (
            Share(trade.buyer, Micros(trade.payment_micros + trade.fee_micros), Micros(back + credit)),
            Share(trade.seller, trade.collateral_micros, Micros(paid + trade.collateral_micros - credit)),
            Share(VENUE, Micros(0), Micros(fee)),
        )
        return replace(told, shares=shares) if action.who else told

    def _trades(self, state: TradeState) -> list[Trade]:
        return list(self.venue.exchange.trades(state=state))

    def _pick(self, state: TradeState, action: Action) -> int:
        trades = self._trades(state)
        return trades[action.price % len(trades)].agreed.trade_number if trades else 999


def a_whole_day(day: SmallDay | None = None) -> SmallDay:
    """A fixed day in which everything happens: auction, trades, a lock, a skip, a delivery, a paid guarantee."""
    day = day or SmallDay()
    bid, offer = Action("bid", 0, 520, 4_000), Action("offer", 1, 480, 3_000)
    withdraw, leave_unused = Action("withdraw", 2, 1, 10_000), Action("withdraw", 2, 2, 500)
    day.act(CALL_S, [bid, offer, withdraw, leave_unused])
    day.act(CALL_S + 60, [Action("confirm_withdrawal", 2, 1, 0)])
    day.act(CONTINUOUS_S, [Action("bid_now", 2, 600, 500), Action("offer", 1, 500, 2_000)])
    day.act(
        CONTINUOUS_S + 1800,
        [
            Action("offer", 2, 510, 1_500),
            Action("bid", 0, 530, 700),
            Action("bid", 0, 450, 300),
            Action("repeat", 0, 0, 0),
        ],
    )
    day.act(CONTINUOUS_S + 1860, [Action("replace", 0, 455, 200)])
    day.act(GATE_S, [Action("lock", 1, 1, 0), Action("bid", 0, 500, 10)])
    day.act(SOLAR.end_s, [Action("open", 0, 0, 0)])
    day.act(SOLAR.end_s + 60, [Action("deliver", 0, 0, 0), Action("pay", 0, 20, 100)])
    day.run(SOLAR.end_s + 7200)
    return day
