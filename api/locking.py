"""Which trades are locked together, and when; which can no longer be."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby, islice

from api.endangered import is_cancelled, is_endangered
from contracts.batches import TRADES_MAX, BatchPlan, SignedOrder, SignedTrade, plan_batch
from ledger.venue import Venue
from market.instruments import SECONDS_PER_HOUR
from market.settlement import VoidTrade
from market.trades import Trade
from market.units import InvariantBroken

NOT_LOCKED_IN_TIME = "not locked on chain by the start of its slot"


def due_batches(venue: Venue, agreed: Iterable[Trade], *, now_s: int) -> Iterator[tuple[Trade, ...]]:
    """Yield the trades to lock now, batch by batch: of one slot and one fee each, in the sequence of their numbers.

    They are due when their gate has closed, or before it when a notice on chain endangers them, and until their slot starts.
    """
    due = [
        trade
        for trade in agreed
        if slot_starts_s(venue, trade) > now_s
        and (_gate_closed(venue, trade, now_s) or is_endangered(venue, trade))
    ]
    due.sort(key=lambda trade: (*_group(venue, trade), trade.agreed.trade_number))
    for _, grouped in groupby(due, key=lambda trade: _group(venue, trade)):
        while batch := tuple(islice(grouped, TRADES_MAX)):
            yield batch


def late(
    venue: Venue, agreed: Iterable[Trade], *, in_flight: Collection[int], now_s: int, chain_now_s: int
) -> list[VoidTrade]:
    """Return the commands that undo what can no longer be locked; the exchange says who is at fault, if a party is.

    A trade in flight is left to its transaction: only the contract knows whether that came in time, and it says so.
    """
    both_s = min(now_s, chain_now_s)
    return [
        VoidTrade(trade.agreed.trade_number, NOT_LOCKED_IN_TIME)
        for trade in agreed
        if trade.agreed.trade_number not in in_flight
        and (slot_starts_s(venue, trade) <= now_s or is_cancelled(venue, trade, now_s=both_s))
    ]


def plan_of(venue: Venue, trades: Sequence[Trade], *, number: int, record_hash: bytes) -> BatchPlan:
    """Return the batch that locks these trades of one slot and one fee.

    Raises:
        InvariantBroken: if what their parties signed is gone.
    """
    _, fee_bps = _group(venue, trades[0])
    signed = [_signed(venue, trade) for trade in trades]
    return plan_batch(batch_number=number, record_hash=record_hash, fee_bps=fee_bps, trades=signed)


def slot_starts_s(venue: Venue, trade: Trade) -> int:
    """Return when a trade's delivery starts, Unix seconds."""
    return _group(venue, trade)[0] * SECONDS_PER_HOUR


def _gate_closed(venue: Venue, trade: Trade, now_s: int) -> bool:
    listed = venue.exchange.listing(trade.agreed.instrument_id)
    return listed.listing.schedule.gate_closes_s <= now_s


def _group(venue: Venue, trade: Trade) -> tuple[int, int]:
    listed = venue.exchange.listing(trade.agreed.instrument_id)
    return listed.instrument.start_hour, listed.listing.fee_bps


def _signed(venue: Venue, trade: Trade) -> SignedTrade:
    signed = venue.exchange.signed_orders(trade.agreed.trade_number)
    if signed is None:
        raise InvariantBroken(f"trade {trade.agreed.trade_number} is agreed, but its signed orders are gone")
    bid, offer = signed
    return SignedTrade(
        trade.agreed, SignedOrder(bid.terms, bid.signature), SignedOrder(offer.terms, offer.signature)
    )
