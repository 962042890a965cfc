"""The outbox, checked by what its signed bytes say: a changed byte anywhere is found and its transaction named."""

import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine

from api.notary import Notary
from contracts.batches import SignedOrder, SignedTrade, plan_batch
from contracts.calls import read_call, record_hash_of
from contracts.chain import Transaction
from contracts.signed_transactions import read_signed
from ledger.audit import audit
from ledger.database import open_database
from ledger.dispatches import OutboxCheck
from ledger.finding import Finding
from ledger.outbox import Outbox
from ledger.record import RecordReader
from market.units import Malformed
from tests.api.conftest import HOUR_S, METER, Market, an_open_market
from tests.api.test_journey import SLOT_S, agree
from tests.campaigns import Tally

FLIPS = 300
SEED = 6


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of a market that sent one transaction of each kind."""
    folder = tmp_path_factory.mktemp("settled")
    with an_open_market(folder) as market:
        agree(market, quantity="60")
        agree(market, quantity="40")
        market.move_to(SLOT_S - 800)
        market.move_to(SLOT_S + HOUR_S)
        market.client(METER).report_reading(start_s=SLOT_S, units_lots=80_000)
        market.move_to(SLOT_S + HOUR_S + 60)
        market.move_to(SLOT_S + 2 * HOUR_S + 60)
        replaced_once(market)
        market.house.sequencer.catch_up()
    return folder / "market.db"


def replaced_once(market: Market) -> None:
    """Sign an empty transfer twice, the second time at a higher price, as one that fills a gap in the nonces."""
    chain, outbox = market.house.chain, Outbox(market.house.record.place)
    nonce = outbox.next_nonce(0)
    empty = Transaction(chain.operator.address, b"", 21_000)
    price = chain.gas_price()
    dearer = type(price)(price.now_wei, 2 * price.most_wei, price.tip_wei)
    first, second = (chain.sign(chain.operator, empty, nonce=nonce, price=each) for each in (price, dearer))
    entry = outbox.add(
        kind="fill", reference=str(nonce), raw=first, hash_=read_signed(first).hash, nonce=nonce
    )
    outbox.replace(entry.sequence, raw=second, hash_=read_signed(second).hash)


@pytest.fixture
def engine(settled: Path, tmp_path: Path) -> Iterator[Engine]:
    shutil.copy(settled, tmp_path / "copy.db")
    engine = open_database(f"sqlite:///{tmp_path}/copy.db", must_exist=True)
    yield engine
    engine.dispose()


def findings(engine: Engine) -> list[Finding]:
    record = RecordReader(engine)
    return list(audit(record, tables=engine, notary=Notary(record.genesis)).findings)


def test_what_was_sent_agrees_with_its_bytes_and_the_record(engine: Engine) -> None:
    record = RecordReader(engine)
    report = audit(record, tables=engine, notary=Notary(record.genesis))
    assert report.findings == ()
    assert report.outbox == 5
    with engine.connect() as connection:
        kinds = connection.exec_driver_sql("SELECT kind FROM outbox ORDER BY sequence").scalars().all()
    assert kinds == ["settle", "deliver", "open", "pay", "fill"]


@pytest.mark.parametrize(
    ("change", "sequence", "told"),
    [
        ("outbox SET kind = 'deliver' WHERE sequence = 1", 1, "kind: found deliver, expected settle"),
        ("outbox SET reference = '2:1#1' WHERE sequence = 1", 1, "reference: found 2:1#, expected 1:1#"),
        ("outbox SET nonce = 999 WHERE sequence = 1", 1, "nonce: found 999, expected"),
        ("outbox SET hash = zeroblob(32) WHERE sequence = 1", 1, "but the bytes hash to"),
        ("outbox SET raw = zeroblob(5) WHERE sequence = 1", 1, "but the bytes hash to"),
        ("outbox SET raw = 'text' WHERE sequence = 1", 1, "raw: found 'text', expected the bytes"),
        ("outbox SET status = 'done' WHERE sequence = 1", 1, "status: found 'done', expected one of"),
        ("outbox SET status = 'reverted' WHERE sequence = 1", 1, "trades that this transaction locked"),
        ("outbox SET sequence = 8 WHERE sequence = 5", 8, "found it under this number, expected 5"),
        ("outbox_trades SET trade_number = 7 WHERE trade_number = 2", 1, "trades: found [1, 7], expected [1, 2]"),
        ("outbox_trades SET sequence = 9 WHERE sequence = 4", 4, "trades: found [], expected [1, 2]"),
        ("outbox_replacements SET hash = zeroblob(32)", 5, "signing 1: found hash"),
        ("outbox_replacements SET attempt = 2", 5, "signing 2: found"),
        ("outbox_replacements SET (raw, hash) = (SELECT raw, hash FROM outbox WHERE sequence = 1)", 5, "signing 1: found"),
    ],
)  # fmt: skip
def test_what_does_not_fit_its_bytes_is_named(engine: Engine, change: str, sequence: int, told: str) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE {change}")
    first, *_ = found = findings(engine)
    assert {each.check for each in found} == {"outbox"}
    assert first.where.startswith(f"transaction {sequence}, ")
    assert told in first.detail


def test_what_belongs_to_no_transaction_is_named(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO outbox_trades VALUES (9, 1)")
    (finding,) = findings(engine)
    assert (finding.where, finding.detail) == (
        "transaction 9",
        "found what belongs to it, but no such transaction",
    )


def test_a_batch_that_carries_a_hash_of_no_row_is_named(market: Market) -> None:
    """The operator signs a batch on a record that he does not show."""
    _settle_on(market, bytes(32))
    (finding,) = findings(market.house.engine)
    assert finding.where.startswith("transaction 1, settle")
    assert f"carries the record hash 0x{'00' * 32}, which no row of this record has" in finding.detail


def test_a_batch_that_carries_the_hash_of_a_row_before_its_trades_is_named(market: Market) -> None:
    (row,) = (each for each in RecordReader(market.house.engine).rows() if each.number == 1)
    _settle_on(market, row.hash)
    (finding,) = findings(market.house.engine)
    assert "carries the hash of row 1, expected a later one: trade 1 was agreed in row" in finding.detail


def _settle_on(market: Market, record_hash: bytes) -> None:
    agree(market)
    house = market.house
    house.sequencer.catch_up()
    bid, offer = house.venue.exchange.signed_orders(1) or (None, None)
    assert bid is not None
    assert offer is not None

    plan = plan_batch(
        batch_number=1,
        record_hash=record_hash,
        fee_bps=10,
        trades=[
            SignedTrade(
                house.venue.exchange.trade(1).agreed,
                SignedOrder(bid.terms, bid.signature),
                SignedOrder(offer.terms, offer.signature),
            )
        ],
    )
    raw = house.chain.sign(house.chain.operator, house.deployment.settlement.settle_batch(plan), nonce=0)
    Outbox(house.record.place).add(
        kind="settle", reference="1:1#1", raw=raw, hash_=read_signed(raw).hash, nonce=0, trades=(1,)
    )
    assert record_hash_of(raw) == record_hash


def test_every_flipped_byte_of_the_outbox_is_named(settled: Path, tmp_path: Path, tally: Tally) -> None:
    """Of its signed bytes, hashes, nonces and trades; the status has words, and the attempt in a reference is free."""
    shutil.copy(settled, tmp_path / "copy.db")
    chance, missed, done = random.Random(SEED), [], 0
    engine = open_database(f"sqlite:///{tmp_path}/copy.db", must_exist=True)
    genesis = RecordReader(engine).genesis
    with closing(sqlite3.connect(tmp_path / "copy.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        cells = [
            (table, column, key, value)
            for table, columns in (
                ("outbox", ("raw", "hash", "nonce")),
                ("outbox_replacements", ("raw", "hash")),
            )
            for column in columns
            for key, value in connection.execute(f"SELECT sequence, {column} FROM {table}")
        ]
        for _ in range(FLIPS):
            table, column, key, value = chance.choice(cells)
            stored = value if isinstance(value, bytes) else value.to_bytes(8, "big")
            at = chance.randrange(len(stored))
            flipped = stored[:at] + bytes([stored[at] ^ chance.randrange(1, 128)]) + stored[at + 1 :]
            changed = flipped if isinstance(value, bytes) else int.from_bytes(flipped, "big", signed=True)
            try:
                connection.execute(f"UPDATE {table} SET {column} = ? WHERE sequence = ?", (changed, key))
            except sqlite3.IntegrityError:  # two transactions cannot have one nonce
                continue
            where = [each.where for each in OutboxCheck(engine, genesis, Notary(genesis)).run(None)]
            if not any(each.startswith(f"transaction {key},") for each in where):
                missed.append((table, column, key, at, where))
            connection.execute(f"UPDATE {table} SET {column} = ? WHERE sequence = ?", (value, key))
            done += 1
    engine.dispose()
    tally.line(f"flipped bytes of the outbox: {done}, not found or wrongly named {len(missed)}")
    assert missed == []
    assert done > FLIPS * 0.9


@pytest.mark.parametrize("raw", [b"", b"\x02", b"\xc0", b"\x02\xc0", b"\x7f" * 100, b"\xf8\xff"])
def test_bytes_that_are_no_transaction_are_named(raw: bytes) -> None:
    with pytest.raises(Malformed, match="transaction: "):
        read_signed(raw)
    with pytest.raises(Malformed, match="call: found the selector"):
        read_call(raw)
