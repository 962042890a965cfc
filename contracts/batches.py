"""Settlement batches: from agreed trades to what the contract is asked to lock, and from its events to what it locked."""

from collections.abc import Iterable
from dataclasses import astuple, dataclass
from enum import IntEnum
from typing import Any, Final

from contracts.abi import Emitted, artifact
from contracts.leaves import Amounts, Leaf, locked_amounts, merkle_root
from contracts.packing import pack_batch, unpack_leaves
from market.events import TradeAgreed
from market.instruments import from_id
from market.orders import OrderTerms, Side
from market.units import InvariantBroken, Lots, Malformed, Micros

TRADES_MAX: Final = 100
"""Most trades in a batch: what keeps the worst one (all traders new) under the 16.7 M gas that a transaction may use."""


class SkipCode(IntEnum):
    """Why the contract left a trade out: `ISettlement.SkipCode`, in the sequence of its checks."""

    ORDER_MISSING = 1
    TRADE_NUMBER_NOT_INCREASING = 2
    WRONG_SIDE = 3
    INSTRUMENT_DIFFERS = 4
    INSTRUMENT_NOT_SETTLEABLE = 5
    REFERENCE_PRICE_DIFFERS = 6
    SELF_TRADE = 7
    PRICE_OUTSIDE_LIMITS = 8
    FEE_ABOVE_CAP = 9
    QUANTITY_ZERO = 10
    BUY_SIGNATURE_INVALID = 11
    SELL_SIGNATURE_INVALID = 12
    BUY_EXPIRED = 13
    SELL_EXPIRED = 14
    BUY_CANCELLED = 15
    SELL_CANCELLED = 16
    BUY_OVERFILLED = 17
    SELL_OVERFILLED = 18
    METER_NOT_REGISTERED = 19
    SLOT_ALREADY_METERED = 20
    SLOT_FULL = 21
    BUYER_FUNDS_INSUFFICIENT = 22
    SELLER_COLLATERAL_INSUFFICIENT = 23
    NOT_COMMITTED = 24
    QUANTITIES_DIFFER = 25
    OTHER_PART_FAILED = 26


OUTCOME_EVENTS: Final = ("TradesLocked", "TradeSkipped", "BatchSettled")
"""What the contract tells of a batch, the last of them once for each."""


@dataclass(frozen=True, slots=True)
class SignedOrder:
    """An order's terms and its participant's signature."""

    terms: OrderTerms
    signature: bytes


@dataclass(frozen=True, slots=True)
class SignedTrade:
    """A trade with the signed terms that were in force when it was agreed (a replacement signs new ones)."""

    agreed: TradeAgreed
    bid: SignedOrder
    offer: SignedOrder


@dataclass(frozen=True, slots=True)
class Fill:
    """A trade as the contract takes it; `buy` and `sell` are positions among the batch's orders."""

    buy: int
    sell: int
    trade_number: int
    price_micros: Micros
    quantity_lots: Lots


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """What the contract is asked to lock. `record_hash` ties the batch to the exchange's record."""

    batch_number: int
    record_hash: bytes
    fee_bps: int
    orders: tuple[SignedOrder, ...]
    fills: tuple[Fill, ...]

    def packed(self) -> bytes:
        """Return orders, fills and signatures as the contract reads them."""
        return pack_batch([(order.terms, order.signature) for order in self.orders], self.fills)

    def calldata(self) -> bytes:
        """Return the call of `settleBatch`, exactly as it is sent."""
        settle = artifact("Settlement").functions["settleBatch"]
        return settle.encode(self.batch_number, self.record_hash, self.fee_bps, self.packed())


@dataclass(frozen=True, slots=True)
class BatchOutcome:
    """What became of a batch: the leaves that were locked, in position order, and the trades that were skipped."""

    batch_number: int
    root: bytes
    locked: tuple[Leaf, ...]
    skipped: tuple[tuple[int, SkipCode], ...]


def plan_batch(
    *, batch_number: int, record_hash: bytes, fee_bps: int, trades: Iterable[SignedTrade]
) -> BatchPlan:
    """Put trades into a batch, in the sequence of their numbers, each order once.

    Raises:
        Malformed: if there is no trade, or more than `TRADES_MAX`.
        InvariantBroken: if a trade does not fit its orders, or the books hold other money than the contract will lock.
    """
    ordered = sorted(trades, key=lambda trade: trade.agreed.trade_number)
    if not 1 <= len(ordered) <= TRADES_MAX:
        raise Malformed(f"batch {batch_number}: found {len(ordered)} trades, expected 1 to {TRADES_MAX}")
    positions: dict[SignedOrder, int] = {}
    fills = []
    for trade in ordered:
        agreed = trade.agreed
        tick = from_id(agreed.instrument_id).commodity.tick_micros
        fill = Fill(
            buy=positions.setdefault(trade.bid, len(positions)),
            sell=positions.setdefault(trade.offer, len(positions)),
            trade_number=agreed.trade_number,
            price_micros=Micros(agreed.price_ticks * tick),
            quantity_lots=agreed.quantity_lots,
        )
        _check_money(trade, fill, fee_bps)
        fills.append(fill)
    return BatchPlan(batch_number, record_hash, fee_bps, tuple(positions), tuple(fills))


def read_outcome(logs: Iterable[Emitted], *, batch_number: int) -> BatchOutcome | None:
    """Read a batch's outcome from the settlement contract's events; None if they do not settle it (a repeat, or another).

    Raises:
        InvariantBroken: if the leaves do not make the root that the contract stored.
    """
    events = artifact("Settlement").events
    locked: list[Leaf] = []
    skipped: list[tuple[int, SkipCode]] = []
    settled = None
    for log in logs:
        for name in OUTCOME_EVENTS:
            if log.topics[0] != events[name].topic:
                continue
            fields = events[name].decode(log)
            if fields["batchNumber"] != batch_number:
                continue
            if name == "TradesLocked":
                locked += unpack_leaves(fields["packedLeaves"])
            elif name == "TradeSkipped":
                skipped.append((fields["tradeNumber"], SkipCode(fields["code"])))
            else:
                settled = fields
    if settled is None:
        return None
    root = merkle_root([leaf.hash for leaf in locked])
    if root != settled["root"] or len(locked) != settled["locked"]:
        raise InvariantBroken(
            f"batch {batch_number}: the contract stored root 0x{settled['root'].hex()} over {settled['locked']} leaves, "
            f"its events make 0x{root.hex()} over {len(locked)}"
        )
    return BatchOutcome(batch_number, root, tuple(locked), tuple(skipped))


def check_outcome(plan: BatchPlan, outcome: BatchOutcome) -> None:
    """Prove that the contract did with every planned trade what it was asked, or said why not.

    Raises:
        InvariantBroken: if a trade is missing, invented, or locked on other terms.
    """
    numbers = [leaf.trade_number for leaf in outcome.locked] + [number for number, _ in outcome.skipped]
    if sorted(numbers) != [fill.trade_number for fill in plan.fills]:
        raise InvariantBroken(
            f"batch {plan.batch_number}: the contract tells of {len(numbers)} trades, {len(plan.fills)} were asked for"
        )
    fills = {fill.trade_number: fill for fill in plan.fills}
    for leaf in outcome.locked:
        fill = fills[leaf.trade_number]
        bid, offer = plan.orders[fill.buy].terms, plan.orders[fill.sell].terms
        asked = (
            bid.instrument_id,
            bid.participant,
            offer.participant,
            fill.price_micros,
            fill.quantity_lots,
            bid.reference_micros,
            plan.fee_bps,
        )
        found = (
            leaf.instrument_id,
            leaf.buyer,
            leaf.seller,
            leaf.price_micros,
            leaf.quantity_lots,
            leaf.reference_micros,
            leaf.fee_bps,
        )
        if found != asked:
            raise InvariantBroken(f"trade {leaf.trade_number}: the contract locked {found}, expected {asked}")


def order_to_abi(terms: OrderTerms) -> tuple[Any, ...]:
    """Return the ABI tuple of an order."""
    return (terms.participant, terms.instrument_id, int(terms.side), *astuple(terms)[3:])


def positions_of(bitmap: int) -> tuple[int, ...]:
    """Return the positions that a bitmap names.

    >>> positions_of(0b1011)
    (0, 1, 3)
    """
    return tuple(position for position in range(bitmap.bit_length()) if bitmap >> position & 1)


def bitmap_of(positions: Iterable[int]) -> int:
    """Return the bitmap that names the positions."""
    return sum(1 << position for position in set(positions))


def _check_money(trade: SignedTrade, fill: Fill, fee_bps: int) -> None:
    agreed = trade.agreed
    for side, terms, party in (
        (Side.BUY, trade.bid.terms, agreed.buyer),
        (Side.SELL, trade.offer.terms, agreed.seller),
    ):
        if (terms.side, terms.participant, terms.instrument_id) != (side, party, agreed.instrument_id):
            raise InvariantBroken(
                f"trade {agreed.trade_number}: its {side.name} order is not one of this trade"
            )
    asked = locked_amounts(
        instrument_id=agreed.instrument_id,
        price_micros=fill.price_micros,
        quantity_lots=fill.quantity_lots,
        reference_micros=trade.offer.terms.reference_micros,
        fee_bps=fee_bps,
    )
    held = Amounts(agreed.payment_micros, agreed.fee_micros, agreed.collateral_micros)
    if held != asked:
        raise InvariantBroken(
            f"trade {agreed.trade_number}: the books hold {held}, but the contract would lock {asked}"
        )
