"""Whoever has a record and a node can check one against the other: balances, record hashes, every trade."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from api.chain_values import read_chain_values
from contracts.deployment import attach
from ledger.audit import AuditReport, audit
from ledger.portable import RecordFile, write_record
from ledger.reconciliation import ChainValues
from ledger.record import RecordReader
from market.trades import TradeState
from market.units import Lots, Micros
from tests.api.conftest import HOUR_S, METER, Market, an_open_market
from tests.api.test_journey import SLOT_S, agree


def values_of(market: Market) -> ChainValues:
    """What a third party reads, who knows the address of the contract alone."""
    house = market.house
    return read_chain_values(house.chain, attach(house.chain, house.record.genesis.settlement))


def exported(market: Market, folder: Path) -> RecordFile:
    with (folder / "market.ccei").open("wb") as out:
        write_record(RecordReader(market.house.engine), out)
    return RecordFile(folder / "market.ccei")


def settle_one_of_each(market: Market) -> None:
    """A trade that falls short and is paid out by its guarantee, after one that is delivered."""
    agree(market, quantity="60")
    agree(market, quantity="40")
    market.move_to(SLOT_S - 800)
    market.move_to(SLOT_S + HOUR_S)
    market.client(METER).report_reading(start_s=SLOT_S, units_lots=80_000)
    market.move_to(SLOT_S + HOUR_S + 60)
    market.move_to(SLOT_S + 2 * HOUR_S + 60)


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> tuple[RecordFile, ChainValues]:
    """The record and the chain of a market where one trade was delivered and one fell short."""
    folder = tmp_path_factory.mktemp("settled")
    with an_open_market(folder) as market:
        settle_one_of_each(market)
        return exported(market, folder), values_of(market)


def of(report: AuditReport) -> list[tuple[str, str, str]]:
    return [(each.check, each.where, each.detail.split(":")[0]) for each in report.findings]


def test_a_third_party_finds_record_and_chain_in_agreement(settled: tuple[RecordFile, ChainValues]) -> None:
    file, values = settled
    report = audit(file, chain=values)
    assert report.findings == ()
    assert (report.chain_difference_micros, report.anchors, report.settled_trades) == (0, 1, 2)
    assert values.trades is not None
    assert {trade.state for trade in values.trades.values()} <= {TradeState.DELIVERED, TradeState.PAID_OUT}
    assert values.trades[2].state is TradeState.PAID_OUT


def test_trades_on_their_way_agree_too(market: Market, tmp_path: Path) -> None:
    agree(market)
    assert audit(exported(market, tmp_path), chain=values_of(market)).findings == ()
    market.move_to(SLOT_S - 800)
    report = audit(exported(market, tmp_path), chain=values_of(market))
    assert (report.findings, report.settled_trades) == ((), 1)
    market.move_to(SLOT_S + HOUR_S)
    market.client(METER).report_reading(start_s=SLOT_S, units_lots=75_000)
    market.move_to(SLOT_S + HOUR_S + 60)
    values = values_of(market)
    assert values.trades is not None
    assert values.trades[1].state is TradeState.OPENED
    assert audit(exported(market, tmp_path), chain=values).findings == ()


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"price_micros": Micros(1)}, "price_micros"),
        ({"quantity_lots": Lots(1)}, "quantity_lots"),
        ({"buyer": bytes(20)}, "buyer"),
        ({"payment_micros": Micros(1)}, "payment_micros"),
        ({"state": TradeState.LOCKED}, "state"),
        ({"batch_number": 7}, "batch_number"),
        ({"paid_to_seller": Micros(1)}, "paid_to_seller"),
        ({"compensation": Micros(10**9)}, "compensation"),
    ],
)
def test_a_trade_that_differs_is_named(
    settled: tuple[RecordFile, ChainValues], changes: dict[str, Any], what: str
) -> None:
    file, values = settled
    trades = dict(values.trades or {})
    trades[2] = replace(trades[2], **changes)
    report = audit(file, chain=replace(values, trades=trades))
    assert of(report) == [("settlement", "trade 2", what)]


def test_a_trade_that_one_side_does_not_know_is_named(settled: tuple[RecordFile, ChainValues]) -> None:
    file, values = settled
    trades = dict(values.trades or {})
    report = audit(file, chain=replace(values, trades={1: trades[1]}))
    assert of(report) == [
        ("settlement", "trade 2", "the record says that it was locked, the contract does not know it")
    ]
    report = audit(file, chain=replace(values, trades={**trades, 9: trades[1]}))
    assert of(report) == [
        ("settlement", "trade 9", "the contract locked it in batch 1, the record does not know of it")
    ]


def test_anchors_out_of_sequence_are_named(settled: tuple[RecordFile, ChainValues]) -> None:
    file, values = settled
    rows = list(file.rows())
    report = audit(file, chain=replace(values, record_hashes=(rows[5].hash, rows[2].hash)))
    assert of(report) == [
        (
            "anchors",
            f"settlement batch 2, 0x{rows[2].hash.hex()}",
            "found it as row 3, expected row 6 or later",
        )
    ]
