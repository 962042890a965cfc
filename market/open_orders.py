"""Open orders: what each may still trade and sets aside, and the client order ids that were ever used."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256

from market.canonical import line, writer_of
from market.events import OrderAccepted, OrderReplaced
from market.keeping import Kept
from market.orders import (
    PLAIN,
    Address,
    Conditions,
    Eligible,
    OrderTerms,
    OrderType,
    PlaceOrder,
    ReplaceOrder,
    TimeInForce,
)
from market.quick import quickly_made
from market.sessions import MICROS_PER_SECOND
from market.units import InvariantBroken, Lots, Micros

_DAY = TimeInForce.DAY
_DAY_US = 24 * 3600 * MICROS_PER_SECOND
_words_of_terms = writer_of(OrderTerms)


@quickly_made
@dataclass(frozen=True, slots=True)
class SignedOrder:
    """Terms and the signature under them, as the contract checks them."""

    terms: OrderTerms
    signature: bytes


@quickly_made
@dataclass(frozen=True, slots=True)
class OpenOrder:
    """An order that may still trade, under the terms in force; `hold_micros` is set aside for it.

    It may match up to `until_us`, Unix microseconds. `waiting` says that its stop has not been reached yet.
    """

    order_id: int
    signed: SignedOrder
    order_type: OrderType
    time_in_force: TimeInForce
    post_only: bool
    conditions: Conditions
    eligible: tuple[Eligible, ...]
    remaining_lots: Lots
    hold_micros: Micros
    until_us: int
    waiting: bool

    @property
    def terms(self) -> OrderTerms:
        """The terms in force."""
        return self.signed.terms

    @property
    def signature(self) -> bytes:
        """The participant's signature under the terms in force."""
        return self.signed.signature

    def keeps_place(self, terms: OrderTerms) -> bool:
        """Return whether it keeps its priority under new terms: only where nothing but the quantity shrinks."""
        shrinks = terms.quantity_lots <= self.remaining_lots
        return shrinks and terms.price_micros == self.terms.price_micros and not self.waiting

    def renewed(self, terms: OrderTerms, signature: bytes) -> PlaceOrder:
        """Return the order that takes its place under new terms: the same but for conditions that it has met already."""
        conditions = self.conditions
        if not self.waiting and (conditions.minimum_lots or conditions.stop_micros is not None):
            conditions = replace(conditions, minimum_lots=Lots(0), stop_micros=None)
        return PlaceOrder(
            terms, signature, self.order_type, self.time_in_force, self.post_only, conditions, self.eligible
        )


def last_moment_us(terms: OrderTerms, time_in_force: TimeInForce, *, time_us: int) -> int:
    """Return the last moment at which an order may match, Unix microseconds, when it enters at `time_us`."""
    good_until_us = terms.good_until_s * MICROS_PER_SECOND
    if time_in_force is _DAY:
        return min(good_until_us, (time_us // _DAY_US + 1) * _DAY_US - 1)
    return good_until_us


def fingerprint(request: PlaceOrder | ReplaceOrder | OrderAccepted | OrderReplaced) -> bytes:
    """Return 16 bytes that tell a repetition from another request: terms, flags and conditions, without the signature.

    A request and the event that answers it have the same fingerprint.
    """
    if isinstance(request, (PlaceOrder, OrderAccepted)):
        terms = _words_of_terms(request.terms).encode("ascii")
        flags = request.order_type, request.time_in_force, request.post_only
        facts = b"place %b %d %d %d\n" % (terms, *flags)  # as `line` has it, in half the time
        if request.eligible or (request.conditions is not PLAIN and request.conditions != PLAIN):
            facts += line("asks", request.conditions, request.eligible)
    else:
        facts = line("replace", request.order_id, request.terms)
    return sha256(facts).digest()[:16]


class OpenOrders(Kept):
    """Find orders by id and by participant. Ids are given from 1 on, one after the other.

    So are the numbers by which order books tell one participant from another (`owner`): by first acceptance.
    """

    __slots__ = ("_by_id", "_by_participant", "_owners", "_used", "last_id")
    last_id: int
    _by_id: dict[int, OpenOrder]
    _owners: dict[Address, int]
    _used: dict[tuple[Address, int], tuple[int, bytes]]

    def __init__(self) -> None:
        self.last_id = 0
        self._by_id = {}
        self._by_participant: defaultdict[Address, set[int]] = defaultdict(set)
        self._owners = {}
        self._used = {}

    def reindex(self) -> None:
        """Find the orders by participant again."""
        for order in self:
            self._by_participant[order.terms.participant].add(order.order_id)

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[OpenOrder]:
        """Iterate in the order of acceptance."""
        return iter(self._by_id.values())

    def find(self, order_id: int) -> OpenOrder | None:
        """Return an open order, None if it is closed or never was."""
        return self._by_id.get(order_id)

    def get(self, order_id: int) -> OpenOrder:
        """Return an order that must be open.

        Raises:
            InvariantBroken: if it is not.
        """
        order = self._by_id.get(order_id)
        if order is None:
            raise InvariantBroken(f"order {order_id}: found no open order, expected one")
        return order

    def of(self, participant: Address) -> tuple[OpenOrder, ...]:
        """Return a participant's open orders, oldest first."""
        return tuple(self._by_id[order_id] for order_id in sorted(self._by_participant.get(participant, ())))

    def owner(self, participant: Address) -> int:
        """Return a participant's number, or the one that it would get with its first order."""
        return self._owners.get(participant) or len(self._owners) + 1

    def used(self, participant: Address, client_order_id: int) -> tuple[int, bytes] | None:
        """Return the order id that a client order id stands for and the fingerprint of its request."""
        return self._used.get((participant, client_order_id))

    def accept(self, event: OrderAccepted, *, time_us: int) -> OpenOrder:
        """Take in an order that was accepted at `time_us`."""
        order_id, terms = event.order_id, event.terms
        if order_id != self.last_id + 1:
            raise InvariantBroken(f"order ids: found {order_id}, expected {self.last_id + 1}")
        self.last_id = order_id
        order = OpenOrder(
            order_id=order_id,
            signed=SignedOrder(terms, event.signature),
            order_type=event.order_type,
            time_in_force=event.time_in_force,
            post_only=event.post_only,
            conditions=event.conditions,
            eligible=event.eligible,
            remaining_lots=terms.quantity_lots,
            hold_micros=event.hold_micros,
            until_us=last_moment_us(terms, event.time_in_force, time_us=time_us),
            waiting=event.conditions.stop_micros is not None,
        )
        self._use(event)
        self._by_id[order_id] = order
        participant = terms.participant
        self._owners.setdefault(participant, len(self._owners) + 1)
        self._by_participant[participant].add(order_id)
        return order

    def renew(self, event: OrderReplaced, *, time_us: int) -> OpenOrder:
        """Put new terms in place of an order's old ones, at `time_us`, and return it."""
        before = self.get(event.order_id)
        order = replace(
            before,
            signed=SignedOrder(event.terms, event.signature),
            remaining_lots=event.terms.quantity_lots,
            hold_micros=event.hold_micros,
            until_us=last_moment_us(event.terms, before.time_in_force, time_us=time_us),
        )
        self._use(event)
        self._by_id[event.order_id] = order
        return order

    def wake(self, order_id: int) -> None:
        """Note that the stop of an order was reached.

        Raises:
            InvariantBroken: if it does not wait for one.
        """
        order = self.get(order_id)
        if not order.waiting:
            raise InvariantBroken(f"order {order_id}: found its stop reached, but it waits for none")
        self._by_id[order_id] = replace(order, waiting=False)

    def shrink(self, order_id: int, *, quantity_lots: Lots, hold_micros: Micros) -> OpenOrder:
        """Take a quantity that traded, or was taken away, off an order; return the order as it was before.

        One that has nothing left leaves.

        Raises:
            InvariantBroken: if that is more than the order may trade, or the hold does not shrink to zero with it.
        """
        order = self.get(order_id)
        remaining = order.remaining_lots - quantity_lots
        if remaining < 0 or not 0 <= hold_micros <= order.hold_micros or (remaining == 0 and hold_micros):
            raise InvariantBroken(
                f"order {order_id}: found {quantity_lots} lots taken off, leaving a hold of {hold_micros}, "
                f"expected at most {order.remaining_lots} lots and {order.hold_micros} micros"
            )
        if remaining == 0:
            return self.close(order_id)
        self._by_id[order_id] = _with(order, remaining_lots=Lots(remaining), hold_micros=hold_micros)
        return order

    def close(self, order_id: int) -> OpenOrder:
        """Forget an order, but not its client order id, and return it as it last was."""
        order = self.get(order_id)
        del self._by_id[order_id]
        participant = order.signed.terms.participant
        ids = self._by_participant[participant]
        ids.remove(order_id)
        if not ids:
            del self._by_participant[participant]
        return order

    def state(self) -> Iterator[tuple[object, ...]]:
        """Return the content in canonical order, for the state hash."""
        yield "last_order", self.last_id
        for order in self:
            yield "order", order
        for (participant, client_order_id), (order_id, mark) in sorted(self._used.items()):
            yield "used", participant, client_order_id, order_id, mark

    def _use(self, event: OrderAccepted | OrderReplaced) -> None:
        key = (event.terms.participant, event.terms.client_order_id)
        use = (event.order_id, fingerprint(event))
        found = self._used.setdefault(key, use)
        if found is not use:
            raise InvariantBroken(f"client order id {key[1]}: found it used for order {found[0]} already")


def _with(order: OpenOrder, *, remaining_lots: Lots, hold_micros: Micros) -> OpenOrder:
    """Return the order with another quantity and hold: `dataclasses.replace` takes three times as long for every trade."""
    return OpenOrder(
        order.order_id,
        order.signed,
        order.order_type,
        order.time_in_force,
        order.post_only,
        order.conditions,
        order.eligible,
        remaining_lots,
        hold_micros,
        order.until_us,
        order.waiting,
    )
