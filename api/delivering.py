"""What becomes of locked trades: which are delivered, opened, reported late and paid out, and when."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeVar

from api.hearing import Hearing
from api.sequencer import Sequencer
from contracts.batches import bitmap_of
from contracts.chain import Chain, ChainUnavailable, Reverted, Transaction
from contracts.deployment import Deployment
from contracts.guarantee import LEAVES_MAX
from contracts.leaves import Leaf
from contracts.settlement import Reading
from market.address import Address
from market.instruments import SECONDS_PER_HOUR
from market.settlement import ReadingReceived
from market.trades import Trade, TradeState
from market.units import Lots

Item = TypeVar("Item")

NO_METER: Final = Address(bytes(20))
"""What a contract tells of an hour that nobody measures."""

SoldHour = tuple[Address, int, int]
"""Of which the contract counts what was sold and measured: a seller, a resource, an hour."""

Send = Callable[[str, str, Transaction, Iterable[Leaf]], bool]
"""Sends a transaction of a kind with a reference for some leaves; returns whether it is done and final already."""


class Delivering:
    """Decides for one venue on one chain, and has done what is due."""

    def __init__(
        self, sequencer: Sequencer, chain: Chain, deployment: Deployment, hearing: Hearing, send: Send
    ) -> None:
        self._sequencer = sequencer
        self._chain = chain
        self._deployment = deployment
        self._settlement = deployment.settlement
        self._guarantee = deployment.guarantee
        self._hearing = hearing
        self._send = send
        self._meters: dict[SoldHour, Address] = {}  # fixed for good when the first of the hour was sold
        self._window_ends_s: dict[int, int] = {}

    def keep(self, trade_numbers: Collection[int]) -> None:
        """Let go of what was learnt for trades other than these, and for hours when none of them is left."""
        for number in self._window_ends_s.keys() - set(trade_numbers):
            del self._window_ends_s[number]
        if not trade_numbers:
            self._meters.clear()

    def deliver(self, locked: Iterable[Trade], *, now_s: int) -> None:
        """Bring the readings of what was locked, as far as its hour is over."""
        leaves: defaultdict[int, list[Leaf]] = defaultdict(list)
        for trade in locked:
            leaf = self._hearing.leaf_of(trade)
            if (leaf.start_hour + 1) * SECONDS_PER_HOUR <= now_s:
                leaves[trade.batch_number].append(leaf)
        for number, waiting in sorted(leaves.items()):
            self._deliver_batch(number, waiting, now_s=now_s)

    def _deliver_batch(self, number: int, waiting: Sequence[Leaf], *, now_s: int) -> None:
        """Release what was delivered in full, open what fell short or was never metered; the rest waits for its reading."""
        leaves = self._hearing.leaves_of(number)
        readings = self._readings(waiting)
        window_ends_s = (waiting[0].start_hour + 1) * SECONDS_PER_HOUR + self._deployment.reading_window_s
        due = (
            [leaf for leaf in waiting if leaf.trade_number in readings] if now_s <= window_ends_s else waiting
        )
        whole = self._whole(due, readings)
        released = {leaf.trade_number for leaf in whole}
        short = [leaf for leaf in due if leaf.trade_number not in released]
        if readings or whole:
            told = {reading.meter: _as_told(reading) for reading in readings.values()}
            transaction = self._settlement.deliver_batch(
                number, leaves, [leaf.position for leaf in whole], [told[meter] for meter in sorted(told)]
            )
            handled = bitmap_of(leaf.position for leaf in due)
            if self._send("deliver", f"{number}:{handled:x}", transaction, whole):
                short += self._left(whole)
        for chunk in chunks(short, LEAVES_MAX):
            positions = [leaf.position for leaf in chunk]
            transaction = self._guarantee.open_many(number, leaves, positions)
            self._send("open", f"{number}:{bitmap_of(positions):x}", transaction, chunk)

    def _readings(self, leaves: Sequence[Leaf]) -> dict[int, ReadingReceived]:
        """Return what the meters told that count for the leaves' hours, by trade, of those that the record has.

        The contract knows which meters these are. It would refuse a batch that brings the reading of another.
        """
        hours = {sold_hour(leaf): (leaf.seller, leaf.instrument_id) for leaf in leaves}
        new = [hour for hour in hours if hour not in self._meters]
        meters = self._settlement.meters_at(self._chain, [hours[hour] for hour in new])
        if NO_METER in meters:
            raise ChainUnavailable(
                f"{self._chain.name}: found no meter for an hour of which a trade is locked, expected the one by which it "
                "was sold: the node is behind"
            )
        self._meters.update(zip(new, meters, strict=True))
        with self._sequencer.quiet:
            reading_of = self._sequencer.venue.exchange.reading
            told = {hour: reading_of(self._meters[hour], hour[2]) for hour in hours}
        found = {leaf.trade_number: told[sold_hour(leaf)] for leaf in leaves}
        return {number: reading for number, reading in found.items() if reading is not None}

    def _whole(self, leaves: Sequence[Leaf], readings: Mapping[int, ReadingReceived]) -> list[Leaf]:
        """Return which leaves their readings cover. If the contract has another reading, that one counts there."""
        read = [leaf for leaf in leaves if leaf.trade_number in readings]
        sold = self._sold(read)
        covered = {
            leaf.trade_number
            for leaf in read
            if _is_covered(leaf, readings[leaf.trade_number], sold[sold_hour(leaf)])
        }
        short = [leaf for leaf in leaves if leaf.trade_number not in covered]
        covered |= {leaf.trade_number for leaf in short} - {leaf.trade_number for leaf in self._short(short)}
        return [leaf for leaf in leaves if leaf.trade_number in covered]

    def _sold(self, leaves: Sequence[Leaf]) -> dict[SoldHour, Lots]:
        """Return what the contract counts as sold of the leaves' hours, whatever sold it."""
        hours = list(dict.fromkeys(map(sold_hour, leaves)))
        slots = self._settlement.slots_of(self._chain, [(self._meters[hour], hour[2]) for hour in hours])
        return {hour: slot.sold_lots for hour, slot in zip(hours, slots, strict=True)}

    def _left(self, leaves: Sequence[Leaf]) -> list[Leaf]:
        """Return which leaves were to be released and are not: the contract had been brought a smaller reading.

        What the transaction released is no longer locked in the venue, which has heard its final receipt. The contract is
        asked about the rest.
        """
        with self._sequencer.quiet:
            trade = self._sequencer.venue.exchange.trade
            locked = [leaf for leaf in leaves if trade(leaf.trade_number).state is TradeState.LOCKED]
        return self._short(locked)

    def _short(self, leaves: Sequence[Leaf]) -> list[Leaf]:
        """Return which leaves the readings that the contract has do not cover, or that it has no reading for."""
        on_chain = self._settlement.deliveries_of(self._chain, leaves)
        return [
            leaf for leaf, delivered in zip(leaves, on_chain, strict=True) if delivered != leaf.quantity_lots
        ]

    def pay_out(self, trades: Iterable[Trade], *, now_s: int) -> None:
        """Bring readings that came after the opening, and pay what has waited out its window."""
        opened = [self._hearing.leaf_of(trade) for trade in trades]
        due = self._payable(opened, now_s)
        self._report_late([leaf for leaf in opened if leaf not in due])
        for chunk in chunks(due, LEAVES_MAX):
            self._send("pay", str(chunk[0].trade_number), self._guarantee.pay_out_many(chunk), chunk)

    def _report_late(self, leaves: Sequence[Leaf]) -> None:
        """Bring the readings of opened leaves to the contract, those that it has not."""
        readings = self._readings(leaves)
        read = [leaf for leaf in leaves if leaf.trade_number in readings]
        on_chain = self._settlement.deliveries_of(self._chain, read)
        for leaf, delivered in zip(read, on_chain, strict=True):
            if delivered is None:
                transaction = self._guarantee.report(leaf, _as_told(readings[leaf.trade_number]))
                self._send("report", str(leaf.trade_number), transaction, [leaf])

    def _payable(self, opened: Sequence[Leaf], now_s: int) -> list[Leaf]:
        """Return what can be paid out now: a dispute or a fallback puts it off, which the contract knows."""
        self._learn_windows(opened)
        over = [leaf for leaf in opened if self._window_ends_s[leaf.trade_number] <= now_s]
        try:
            payable_from_s = self._guarantee.payables_from_s(self._chain, over)
        except Reverted:  # somebody else has had one of them paid out; the next `watch` tells
            payable_from_s = tuple(map(self._payable_from_s, over))
        return [
            leaf
            for leaf, from_s in zip(over, payable_from_s, strict=True)
            if from_s is not None and from_s <= now_s
        ]

    def _payable_from_s(self, leaf: Leaf) -> int | None:
        try:
            return self._guarantee.payable_from_s(self._chain, leaf)
        except Reverted:
            return None

    def _learn_windows(self, opened: Sequence[Leaf]) -> None:
        """Remember when challenge windows end, Unix seconds: the chain need not be asked before."""
        new = [leaf for leaf in opened if leaf.trade_number not in self._window_ends_s]
        for leaf, state in zip(new, self._guarantee.states_of(self._chain, new), strict=True):
            ends_s = state.opened_at_s + self._deployment.challenge_window_s
            self._window_ends_s[leaf.trade_number] = ends_s


def sold_hour(leaf: Leaf) -> SoldHour:
    """Return the hour that a leaf sold of."""
    return leaf.seller, leaf.resource, leaf.start_hour


def _is_covered(leaf: Leaf, reading: ReadingReceived, sold_lots: Lots) -> bool:
    delivered = leaf.delivered_lots(units_lots=reading.delivered_lots, sold_lots=sold_lots)
    return delivered == leaf.quantity_lots


def chunks(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """Cut a sequence into parts of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _as_told(reading: ReadingReceived) -> Reading:
    return Reading(reading.meter, reading.start_hour, reading.delivered_lots, reading.signature)
