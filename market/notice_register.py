"""The register of notices: what participants asked for on chain, and from when on the contract acts on it."""

from collections.abc import Iterator

from market.keeping import Kept
from market.notices import CancelBelowRequested, CancelRequested, Exited, ExitRequested
from market.open_orders import SignedOrder
from market.orders import Address

NoticeEvent = ExitRequested | Exited | CancelRequested | CancelBelowRequested


class NoticeRegister(Kept):
    """Find exits by participant, cancellations by participant and client order id, notices by transaction and log."""

    __slots__ = ("_below", "_cancelled", "_exits", "_leavers", "_noted")
    _noted: set[tuple[bytes, int]]
    _exits: dict[Address, ExitRequested]
    _leavers: set[Address]
    _cancelled: dict[tuple[Address, int], int]
    _below: dict[Address, list[tuple[int, int]]]

    def __init__(self) -> None:
        self._noted = set()
        self._exits = {}
        self._leavers = set()
        self._cancelled = {}
        # Of each participant (id, effective at): every client order id below it is cancelled from then on.
        self._below = {}

    def is_noted(self, transaction: bytes, log_index: int) -> bool:
        """Return whether a notice was taken in."""
        return (transaction, log_index) in self._noted

    def exit_of(self, participant: Address) -> ExitRequested | None:
        """Return the exit that a participant waits for, None if there is none."""
        return self._exits.get(participant)

    def has_left(self, participant: Address) -> bool:
        """Return whether a participant ever asked for an exit, or made one."""
        return participant in self._leavers

    def cancelled_from_s(self, participant: Address, client_order_id: int) -> int | None:
        """Return from when on the contract refuses an order, Unix seconds; None if it was not cancelled there."""
        if not (self._below or self._cancelled):
            return None
        moments = [
            moment_s for below, moment_s in self._below.get(participant, ()) if client_order_id < below
        ]
        alone = self._cancelled.get((participant, client_order_id))
        if alone is not None:
            moments.append(alone)
        return min(moments, default=None)

    def trade_cancelled_from(self, buy: SignedOrder, sell: SignedOrder) -> tuple[int, Address] | None:
        """Return from when on the contract refuses a trade of these orders, and whose cancellation is the reason.

        The earlier one counts, the buyer's where both take effect in the same second.
        """
        if not (self._below or self._cancelled):
            return None
        found = [
            (moment_s, order.terms.participant)
            for order in (buy, sell)
            if (moment_s := self.cancelled_from_s(order.terms.participant, order.terms.client_order_id))
            is not None
        ]
        return min(found, key=lambda each: each[0], default=None)

    def take(self, event: NoticeEvent) -> None:
        """Take a notice in."""
        self._noted.add((event.transaction, event.log_index))
        who = event.participant
        match event:
            case ExitRequested():
                self._exits.pop(who, None)
                if event.amount_micros:
                    self._exits[who] = event
                    self._leavers.add(who)
            case Exited():
                self._exits.pop(who, None)
                self._leavers.add(who)
            case CancelRequested():
                # the contract does not move the time of an id that was cancelled before
                self._cancelled.setdefault((who, event.client_order_id), event.effective_at_s)
            case CancelBelowRequested():
                self._below.setdefault(who, []).append((event.client_order_id, event.effective_at_s))

    def state(self) -> Iterator[tuple[object, ...]]:
        """Return the content in canonical order, for the state hash."""
        for transaction, log_index in sorted(self._noted):
            yield "notice", transaction, log_index
        for _, event in sorted(self._exits.items()):
            yield "exit", event
        for participant in sorted(self._leavers):
            yield "left", participant
        for (participant, client_order_id), moment_s in sorted(self._cancelled.items()):
            yield "cancelled", participant, client_order_id, moment_s
        for participant, requests in sorted(self._below.items()):
            yield "cancelled_below", participant, tuple(requests)
