"""What is packed reads back the same, by a decoder written from the layout in the reference."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.batches import Fill
from contracts.leaves import Leaf
from contracts.packing import OFFSET_MAX, pack_batch, pack_leaves, unpack_leaves
from market.instruments import Instrument
from market.orders import Address, OrderTerms, Side
from market.units import Commodity, Lots, Malformed, Micros

from .test_twins import a_leaf

NUMBER = st.integers(0, (1 << 64) - 1)
PEOPLE = [Address(bytes((n,)) * 20) for n in range(1, 6)]
INSTRUMENTS = [Instrument(Commodity.ENE, name, "CISO", 457_500, tier=2).id for name in ("SOLAR", "WIND")]
ORDERS = st.lists(
    st.tuples(
        st.builds(
            OrderTerms,
            participant=st.sampled_from(PEOPLE),
            instrument_id=st.sampled_from(INSTRUMENTS),
            side=st.sampled_from(Side),
            price_micros=NUMBER.map(Micros),
            quantity_lots=NUMBER.map(Lots),
            good_until_s=st.integers(0, 3),
            settle_until_s=st.integers(0, 3),
            fee_cap_bps=st.integers(0, 2),
            reference_micros=st.integers(0, 2).map(Micros),
            client_order_id=st.integers(0, 9) | NUMBER,
        ),
        st.binary(min_size=0, max_size=70),
    ),
    min_size=1,
    max_size=12,
)


class Reader:
    """Take numbers and bytes off the front."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def bytes(self, length: int) -> bytes:
        assert self.at + length <= len(self.data)
        self.at += length
        return self.data[self.at - length : self.at]

    def number(self, length: int) -> int:
        return int.from_bytes(self.bytes(length), "big")


def read_batch(packed: bytes) -> tuple[list[tuple[OrderTerms, bytes]], list[Fill]]:
    """Read a batch as the reference draws it."""
    reader = Reader(packed)
    assert reader.number(1) == 1
    first = reader.number(8)
    counts = [reader.number(2) for _ in range(5)]
    people = [Address(reader.bytes(20)) for _ in range(counts[0])]
    terms = [(reader.number(32), reader.number(8)) for _ in range(counts[1])]
    conditions = [(reader.number(8), reader.number(8), reader.number(2)) for _ in range(counts[2])]
    assert people == sorted(set(people))
    orders, ranks = [], []
    for _ in range(counts[3]):
        person, term, condition, side = (reader.number(1) for _ in range(4))
        price, quantity, order_id = (reader.number(8) for _ in range(3))
        good_until_s, settle_until_s, fee_cap_bps = conditions[condition]
        instrument_id, reference = terms[term]
        ranks.append((person, order_id))
        orders.append(
            OrderTerms(
                people[person],
                instrument_id,
                Side(side),
                Micros(price),
                Lots(quantity),
                good_until_s,
                settle_until_s,
                fee_cap_bps,
                Micros(reference),
                order_id,
            )
        )
    assert ranks == sorted(ranks)
    fills = [
        Fill(
            reader.number(1),
            reader.number(1),
            first + reader.number(4),
            Micros(reader.number(8)),
            Lots(reader.number(8)),
        )
        for _ in range(counts[4])
    ]
    signatures = [reader.bytes(reader.number(2)) for _ in orders]
    assert reader.at == len(packed)
    return list(zip(orders, signatures, strict=True)), fills


@settings(max_examples=150, deadline=None)
@given(orders=ORDERS, data=st.data())
def test_a_batch_reads_back_with_every_fill_naming_the_same_orders(
    orders: list[tuple[OrderTerms, bytes]], data: st.DataObject
) -> None:
    place = st.integers(0, len(orders) - 1)
    first = data.draw(st.integers(0, (1 << 64) - 1 - OFFSET_MAX))
    fills = data.draw(
        st.lists(
            st.builds(
                Fill,
                buy=place,
                sell=place,
                trade_number=st.integers(first, first + OFFSET_MAX),
                price_micros=NUMBER.map(Micros),
                quantity_lots=NUMBER.map(Lots),
            ),
            max_size=9,
        )
    )
    read_orders, read_fills = read_batch(pack_batch(orders, fills))
    assert sorted(map(repr, read_orders)) == sorted(map(repr, orders))
    for found, given_fill in zip(read_fills, fills, strict=True):
        assert read_orders[found.buy] == orders[given_fill.buy]
        assert read_orders[found.sell] == orders[given_fill.sell]
        assert replace(found, buy=0, sell=0) == replace(given_fill, buy=0, sell=0)


@settings(max_examples=100, deadline=None)
@given(data=st.data(), fee_bps=st.integers(0, 10_000), first=st.integers(0, 1 << 50))
def test_leaves_read_back(data: st.DataObject, fee_bps: int, first: int) -> None:
    person = st.sampled_from(PEOPLE)
    leaf = st.builds(
        Leaf,
        position=st.just(0),
        trade_number=st.integers(first, first + (1 << 40) - 1),
        instrument_id=st.sampled_from(INSTRUMENTS),
        buyer=person,
        seller=person,
        price_micros=NUMBER.map(Micros),
        quantity_lots=NUMBER.map(Lots),
        reference_micros=NUMBER.map(Micros),
        fee_bps=st.just(fee_bps),
        sold_before_lots=NUMBER.map(Lots),
    )
    drawn = data.draw(st.lists(leaf, min_size=1, max_size=8))
    leaves = tuple(replace(each, position=position) for position, each in enumerate(drawn))
    assert unpack_leaves(pack_leaves(leaves)) == leaves


def test_what_cannot_be_packed_is_refused_by_name() -> None:
    leaf = a_leaf()
    with pytest.raises(Malformed, match="not all of one batch"):
        pack_leaves([leaf, leaf])
    with pytest.raises(Malformed, match="not all of one batch"):
        pack_leaves([leaf, replace(leaf, position=1, fee_bps=11)])
    with pytest.raises(
        Malformed, match=r"packed trade number offset: found 1099511627776, expected 0 to 2\^40 - 1"
    ):
        pack_leaves([leaf, replace(leaf, position=1, trade_number=leaf.trade_number + (1 << 40))])
    many = [replace(leaf, position=n, reference_micros=Micros(n)) for n in range(257)]
    with pytest.raises(Malformed, match="found more than 256 terms"):
        pack_leaves(many)
    packed = pack_leaves([leaf])
    for bad in (b"", b"\x02" + packed[1:], packed[:-1], packed + b"\0"):
        with pytest.raises(Malformed, match="no version 1"):
            unpack_leaves(bad)
    with pytest.raises(Malformed, match="names an entry that no table has"):
        unpack_leaves(packed[:-32] + b"\x05" + packed[-31:])
    terms = OrderTerms(
        PEOPLE[0], INSTRUMENTS[0], Side.BUY, Micros(1), Lots(1), 0, 0, 0, Micros(1), client_order_id=1
    )
    fill = Fill(buy=0, sell=0, trade_number=1, price_micros=Micros(1), quantity_lots=Lots(1))
    with pytest.raises(
        Malformed, match=r"packed trade number offset: found 4294967296, expected 0 to 2\^32 - 1"
    ):
        pack_batch([(terms, b"")], [fill, replace(fill, trade_number=fill.trade_number + OFFSET_MAX + 1)])
    with pytest.raises(Malformed, match="found 257 orders, expected at most 256"):
        pack_batch([(terms, b"")] * 257, [])
