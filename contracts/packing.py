"""The packed forms of settlement: a batch as `settleBatch` reads it, leaves as `TradesLocked` tells them.

Twin of `PackedBatch.sol` and `PackedLeaves.sol`. All integers are big-endian. What several orders or leaves have in common
stands once, in a table, and is named by its place there, one byte; `docs/reference/contracts.md` draws both layouts.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, Generic, Protocol, TypeVar

from contracts.leaves import Leaf
from market.orders import Address, OrderTerms
from market.units import Lots, Malformed, Micros

VERSION: Final = 1
ENTRIES_MAX: Final = 256
"""Most entries of a table: a place is one byte."""
OFFSET_MAX: Final = (1 << 32) - 1
"""How far a trade number may be from the first of a packed batch."""

_BATCH_HEADER_BYTES = 19
_BATCH_ENTRY_BYTES = (20, 40, 18, 28)
"""Lengths of a participant, of terms, of conditions, of an order."""
_FILL_BYTES = 22
_LEAVES_HEADER_BYTES = 17
_ADDRESS_BYTES = 20
_TERMS_BYTES = 40
_WORD_BYTES = 32

Entry = TypeVar("Entry", bound=Hashable)


class FillLike(Protocol):
    """What a fill must have to be packed; `buy` and `sell` are places in the sequence of orders given."""

    @property
    def buy(self) -> int:
        """The bid."""

    @property
    def sell(self) -> int:
        """The offer."""

    @property
    def trade_number(self) -> int:
        """The exchange's number of the trade."""

    @property
    def price_micros(self) -> Micros:
        """Price in micros per unit."""

    @property
    def quantity_lots(self) -> Lots:
        """Quantity in lots."""


@dataclass(slots=True)
class _Table(Generic[Entry]):
    """Different entries, in the sequence in which they were first named."""

    what: str
    _places: dict[Entry, int] = field(default_factory=dict)

    def place(self, entry: Entry) -> int:
        found = self._places.setdefault(entry, len(self._places))
        if found >= ENTRIES_MAX:
            raise Malformed(f"packed: found more than {ENTRIES_MAX} {self.what}, expected at most that")
        return found

    def __len__(self) -> int:
        return len(self._places)

    def entries(self) -> tuple[Entry, ...]:
        return tuple(self._places)


def pack_batch(orders: Sequence[tuple[OrderTerms, bytes]], fills: Sequence[FillLike]) -> bytes:
    """Pack orders with their signatures, and the fills that name them, as `settleBatch` takes them.

    Orders may come in any sequence; the contract is given them by participant and client order id.

    Raises:
        Malformed: if a table has more than `ENTRIES_MAX` entries, the trade numbers lie further apart than `OFFSET_MAX`,
            or a number does not fit its field.
    """
    participants = sorted({terms.participant for terms, _ in orders})
    places = {participant: place for place, participant in enumerate(participants)}
    sequence = sorted(
        range(len(orders)),
        key=lambda place: (places[orders[place][0].participant], orders[place][0].client_order_id),
    )
    if len(orders) > ENTRIES_MAX:
        raise Malformed(f"packed: found {len(orders)} orders, expected at most {ENTRIES_MAX}")
    packed_place = {original: place for place, original in enumerate(sequence)}
    terms_table = _Table[bytes]("terms")
    conditions = _Table[bytes]("conditions")
    order_parts, signatures = [], []
    for original in sequence:
        terms, signature = orders[original]
        order_parts.append(_pack_order(terms, places, terms_table, conditions))
        signatures.append(_number("signature length", len(signature), 2) + signature)
    first = _first_number([fill.trade_number for fill in fills])
    fill_parts = [
        bytes((packed_place[fill.buy], packed_place[fill.sell]))
        + _number("trade number offset", fill.trade_number - first, 4)
        + _number("price", fill.price_micros, 8)
        + _number("quantity", fill.quantity_lots, 8)
        for fill in fills
    ]
    lengths = (len(participants), len(terms_table), len(conditions), len(orders), len(fills))
    return b"".join(
        (
            bytes((VERSION,)),
            _number("first trade number", first, 8),
            *(_number("length", length, 2) for length in lengths),
            *participants,
            *terms_table.entries(),
            *conditions.entries(),
            *order_parts,
            *fill_parts,
            *signatures,
        )
    )


def read_trade_numbers(packed: bytes) -> tuple[int, ...]:
    """Return the numbers of the trades in a packed batch, in its sequence.

    Raises:
        Malformed: if the bytes are no packed batch.
    """
    header = packed[:_BATCH_HEADER_BYTES]
    first, *counts = (int.from_bytes(header[at:to], "big") for at, to in pairwise((1, 9, 11, 13, 15, 17, 19)))
    begin = _BATCH_HEADER_BYTES + sum(
        count * length for count, length in zip(counts, _BATCH_ENTRY_BYTES, strict=False)
    )
    fills = _cut(packed[begin : begin + counts[-1] * _FILL_BYTES], _FILL_BYTES)
    if (
        header[:1] != bytes((VERSION,))
        or len(fills) != counts[-1]
        or (fills and len(fills[-1]) != _FILL_BYTES)
    ):
        raise Malformed(f"packed batch: found {len(packed)} bytes that are no version {VERSION} of one")
    return tuple(first + int.from_bytes(fill[2:6], "big") for fill in fills)


def pack_leaves(leaves: Sequence[Leaf]) -> bytes:
    """Pack all leaves of a batch, in position order, as `deliverBatch` takes them.

    Raises:
        Malformed: if a leaf is out of its place, the leaves are not of one batch, or a table has too many entries.
    """
    fees = {leaf.fee_bps for leaf in leaves}
    if [leaf.position for leaf in leaves] != list(range(len(leaves))) or len(fees) > 1:
        raise Malformed("packed: found leaves that are not all of one batch, in position order")
    participants = sorted({leaf.buyer for leaf in leaves} | {leaf.seller for leaf in leaves})
    places = {participant: place for place, participant in enumerate(participants)}
    terms_table = _Table[bytes]("terms")
    first = _first_number([leaf.trade_number for leaf in leaves])
    words = [
        bytes(
            (
                places[leaf.buyer],
                places[leaf.seller],
                terms_table.place(_terms(leaf.instrument_id, leaf.reference_micros)),
            )
        )
        + _number("trade number offset", leaf.trade_number - first, 5)
        + _number("price", leaf.price_micros, 8)
        + _number("quantity", leaf.quantity_lots, 8)
        + _number("sold before", leaf.sold_before_lots, 8)
        for leaf in leaves
    ]
    lengths = (len(participants), len(terms_table), len(leaves))
    return b"".join(
        (
            bytes((VERSION,)),
            _number("fee", next(iter(fees), 0), 2),
            _number("first trade number", first, 8),
            *(_number("length", length, 2) for length in lengths),
            *participants,
            *terms_table.entries(),
            *words,
        )
    )


def unpack_leaves(packed: bytes) -> tuple[Leaf, ...]:
    """Read back the leaves of a batch.

    Raises:
        Malformed: if the bytes are not packed leaves.
    """
    header = packed[:_LEAVES_HEADER_BYTES]
    counts = [int.from_bytes(header[at : at + 2], "big") for at in (11, 13, 15)]
    participants_end = _LEAVES_HEADER_BYTES + counts[0] * _ADDRESS_BYTES
    terms_end = participants_end + counts[1] * _TERMS_BYTES
    if header[:1] != bytes((VERSION,)) or len(packed) != terms_end + counts[2] * _WORD_BYTES:
        raise Malformed(f"packed leaves: found {len(packed)} bytes that are no version {VERSION} of them")
    participants = _cut(packed[_LEAVES_HEADER_BYTES:participants_end], _ADDRESS_BYTES)
    terms_table = _cut(packed[participants_end:terms_end], _TERMS_BYTES)
    fee_bps, first = int.from_bytes(header[1:3], "big"), int.from_bytes(header[3:11], "big")
    leaves = []
    for position, word in enumerate(_cut(packed[terms_end:], _WORD_BYTES)):
        buyer, seller, terms_place = word[:3]
        if max(buyer, seller) >= counts[0] or terms_place >= counts[1]:
            raise Malformed(f"packed leaf {position}: names an entry that no table has")
        terms = terms_table[terms_place]
        leaves.append(
            Leaf(
                position=position,
                trade_number=first + int.from_bytes(word[3:8], "big"),
                instrument_id=int.from_bytes(terms[:32], "big"),
                buyer=Address(participants[buyer]),
                seller=Address(participants[seller]),
                price_micros=Micros(int.from_bytes(word[8:16], "big")),
                quantity_lots=Lots(int.from_bytes(word[16:24], "big")),
                reference_micros=Micros(int.from_bytes(terms[32:], "big")),
                fee_bps=fee_bps,
                sold_before_lots=Lots(int.from_bytes(word[24:], "big")),
            )
        )
    return tuple(leaves)


def _pack_order(
    terms: OrderTerms, places: dict[Address, int], terms_table: _Table[bytes], conditions: _Table[bytes]
) -> bytes:
    condition = (
        _number("good_until_s", terms.good_until_s, 8)
        + _number("settle_until_s", terms.settle_until_s, 8)
        + _number("fee_cap_bps", terms.fee_cap_bps, 2)
    )
    return (
        bytes(
            (
                places[terms.participant],
                terms_table.place(_terms(terms.instrument_id, terms.reference_micros)),
                conditions.place(condition),
                terms.side,
            )
        )
        + _number("price_micros", terms.price_micros, 8)
        + _number("quantity_lots", terms.quantity_lots, 8)
        + _number("client_order_id", terms.client_order_id, 8)
    )


def _terms(instrument_id: int, reference_micros: Micros) -> bytes:
    return _number("instrument", instrument_id, 32) + _number("reference_micros", reference_micros, 8)


def _first_number(numbers: Sequence[int]) -> int:
    """Return what trade numbers are counted from: the lowest, or what leaves room for any offset to fit 64 bits."""
    return min(min(numbers, default=0), (1 << 64) - 1 - OFFSET_MAX)


def _number(what: str, value: int, length: int) -> bytes:
    if not 0 <= value < 1 << 8 * length:
        raise Malformed(f"packed {what}: found {value}, expected 0 to 2^{8 * length} - 1")
    return value.to_bytes(length, "big")


def _cut(table: bytes, length: int) -> list[bytes]:
    return [table[at : at + length] for at in range(0, len(table), length)]
