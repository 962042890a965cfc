"""What the contract says is held against the record: the hashes in their sequence, every trade field by field."""

from dataclasses import fields, replace

import pytest

from ledger.finding import Finding
from ledger.reconciliation import SettledTrade, compare_anchors, compare_trades
from market.trades import TradeState
from market.units import Lots, Micros
from tests.ledger.builders import ALICE, BOB, CAROL, SOLAR

FIRST, SECOND, THIRD = (bytes([number]) * 32 for number in (1, 2, 3))
NUMBERS = {FIRST: 4, SECOND: 9, THIRD: 9_000}
PAID = SettledTrade(
    batch_number=3,
    instrument_id=SOLAR.id,
    buyer=ALICE,
    seller=BOB,
    price_micros=Micros(52_000),
    quantity_lots=Lots(1_000),
    payment_micros=Micros(52_000),
    fee_micros=Micros(104),
    collateral_micros=Micros(5_000),
    state=TradeState.PAID_OUT,
    delivered_lots=Lots(100),
    paid_to_seller=Micros(5_200),
    paid_fee=Micros(10),
    returned_to_buyer=Micros(46_894),
    compensation=Micros(20),
    paid_to_fallback=Micros(7),
    gap=Micros(3),
)


def anchors(*found: bytes) -> list[Finding]:
    return list(compare_anchors(found, NUMBERS))


def test_hashes_in_the_sequence_of_their_rows_are_no_finding() -> None:
    assert anchors() == []
    assert anchors(FIRST, SECOND, THIRD) == []
    assert anchors(FIRST, FIRST, THIRD) == []  # two settlement batches with no row in between


def test_a_hash_that_goes_back_in_the_record_is_a_finding() -> None:
    where = f"settlement batch 3, 0x{FIRST.hex()}"
    assert anchors(FIRST, THIRD, FIRST) == [
        Finding("anchors", where, "found it as row 4, expected row 9000 or later")
    ]


def test_each_hash_is_held_against_the_latest_row_before_it() -> None:
    """One that goes back does not lower what is expected of the next."""
    assert [each.where[:18] for each in anchors(THIRD, FIRST, SECOND)] == [
        "settlement batch 2",
        "settlement batch 3",
    ]


def test_an_unknown_hash_is_a_finding_and_no_measure_for_the_next() -> None:
    unknown = bytes(32)
    where = f"settlement batch 2, 0x{unknown.hex()}"
    assert anchors(SECOND, unknown, SECOND) == [
        Finding("anchors", where, "the contract knows this hash, the record has no such row")
    ]


def test_the_same_trades_are_no_finding() -> None:
    assert list(compare_trades({}, {})) == []
    assert list(compare_trades({7: PAID}, {7: PAID})) == []


OTHERS = {
    "buyer": CAROL,
    "seller": CAROL,
    "state": TradeState.OPENED,
}


@pytest.mark.parametrize("field", [each.name for each in fields(SettledTrade)])
def test_every_field_of_a_trade_is_compared(field: str) -> None:
    other = OTHERS.get(field, int(getattr(PAID, field)) + 1 if field not in OTHERS else None)
    (found,) = compare_trades({7: PAID}, {7: replace(PAID, **{field: other})})
    assert (found.check, found.where) == ("settlement", "trade 7")
    assert found.detail.startswith(f"{field}: found ")


def test_a_difference_is_told_in_words() -> None:
    (compensation,) = compare_trades({7: PAID}, {7: replace(PAID, compensation=Micros(21))})
    assert compensation.detail == "compensation: found 21 on chain, expected 20 as in the record"
    (state,) = compare_trades({7: PAID}, {7: replace(PAID, state=TradeState.LOCKED)})
    assert state.detail == "state: found locked on chain, expected paid_out as in the record"


def test_a_trade_that_one_of_them_does_not_know_is_a_finding() -> None:
    assert [each.detail for each in compare_trades({7: PAID}, {8: PAID})] == [
        "the record says that it was locked, the contract does not know it",
        "the contract locked it in batch 3, the record does not know of it",
    ]
