"""The tables. Rows carry, they do not judge: the domain types check what is read back from them.

`Truth` cannot be dropped: the record, whose market it is, the outbox, and how far the chain was heard. Its changes are
in `ledger/migrations`. `Readable` can be dropped at any time: it is made from the record, and made again where its shape
has changed.

Amounts are micros, prices micros per unit, quantities lots; addresses, ids and hashes 0x-hex text; numbers that
participants choose freely (they may need all 64 bits) decimal text. Accounts name their asset: `token`, in micros, or a
certificate id, in Wh.

An index costs as much as a row: there is one where a question of this program needs it, and no other.
"""

from sqlalchemy import BigInteger, Index, Integer, String, Table, TextClause, UniqueConstraint, text
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

REVISION = "0002"
"""The newest of `ledger/migrations`: what the tables of `Truth` below are after it."""

_KEY = BigInteger().with_variant(Integer, "sqlite")
"""64 bits; in SQLite, where each integer has them, the word that makes a primary key the row's own number."""
_KEY_TEXT = String().with_variant(String(collation="C"), "postgresql")
"""Text that orders rows by its bytes, as in SQLite, whatever the language of the PostgreSQL cluster."""
_OURS = {"autoincrement": False}
"""For keys that the market counts itself."""
_BY_KEY = {"sqlite_with_rowid": False}
"""For tables of several keys: SQLite keeps their rows in the order of these, and needs no index beside them."""

UNFINISHED_ORDERS = text("status IN ('waiting', 'open')")
UNFINISHED_TRADES = text("state IN ('agreed', 'locked', 'opened')")
"""Conditions of the few rows that may still change, as their indexes say them: word for word, or no index is used."""


def _of_some(name: str, key: str, condition: TextClause) -> Index:
    """Return an index of the rows that meet a condition: a start finds them at once, however many there are by then."""
    return Index(name, key, sqlite_where=condition, postgresql_where=condition)


class Truth(SQLModel, registry=registry()):
    """Base of the tables that cannot be made again."""


class Readable(SQLModel, registry=registry()):
    """Base of the tables that are made from the record."""


class GenesisRow(Truth, table=True):
    """Which market this record belongs to: one row."""

    __tablename__ = "genesis"
    hash: bytes = Field(primary_key=True)
    name: str
    notice_period_s: int = Field(sa_type=BigInteger)
    withdrawal_margin_s: int = Field(sa_type=BigInteger)
    chain_id: str
    settlement: bytes


class RecordRow(Truth, table=True):
    """One batch: its stamped commands, its events, the hash of the row before and its own."""

    __tablename__ = "record"
    number: int = Field(primary_key=True, sa_type=_KEY, sa_column_kwargs=_OURS)
    time_us: int = Field(sa_type=BigInteger)
    version: int
    commands: bytes
    events: bytes
    state_hash: bytes
    previous: bytes
    hash: bytes


class OutboxRow(Truth, table=True):
    """One signed transaction, stored before it is broadcast."""

    __tablename__ = "outbox"
    __table_args__ = (UniqueConstraint("kind", "reference"),)
    sequence: int = Field(primary_key=True, sa_type=_KEY, sa_column_kwargs=_OURS)
    kind: str
    reference: str
    raw: bytes
    hash: bytes = Field(unique=True)
    nonce: int = Field(sa_type=BigInteger, unique=True)
    status: str = Field(index=True)


class SnapshotRow(Readable, table=True):
    """A piece of the memory as it was after a batch. Piece 0 seals the others; a snapshot without it is not finished."""

    __tablename__ = "snapshots"
    batch_number: int = Field(primary_key=True, sa_type=_KEY, sa_column_kwargs=_OURS)
    piece: int = Field(primary_key=True, sa_column_kwargs=_OURS)
    content: bytes


class OutboxTradeRow(Truth, table=True):
    """A trade that a transaction of the outbox is for."""

    __tablename__ = "outbox_trades"
    sequence: int = Field(primary_key=True, sa_type=_KEY, sa_column_kwargs=_OURS)
    trade_number: int = Field(primary_key=True, sa_type=_KEY, sa_column_kwargs=_OURS)


class OutboxReplacementRow(Truth, table=True):
    """A transaction of the outbox signed once more at a higher price, stored before it is broadcast.

    It has the nonce of the transaction that it replaces (`sequence`): at most one of them ever reaches a block.
    `attempt` counts from 1.
    """

    __tablename__ = "outbox_replacements"
    sequence: int = Field(primary_key=True, sa_type=_KEY, sa_column_kwargs=_OURS)
    attempt: int = Field(primary_key=True, sa_column_kwargs=_OURS)
    raw: bytes
    hash: bytes = Field(unique=True)


class HeardRow(Truth, table=True):
    """The last block of the chain that was heard, and its hash; in a second row, the block after which a start reads on.

    A chain that has another block there was reorganised below what the record took for final. The second row is there as
    long as the record lacks something that it was told.
    """

    __tablename__ = "heard"
    id: int = Field(primary_key=True, sa_column_kwargs=_OURS)
    block_number: int = Field(sa_type=BigInteger)
    block_hash: bytes


class ProjectedRow(Readable, table=True):
    """How far the readable tables have come, and in which shape they were made: one row."""

    __tablename__ = "projected"
    id: int = Field(primary_key=True, sa_column_kwargs=_OURS)
    batch_number: int = Field(sa_type=BigInteger)
    shape: str


class InstrumentRow(Readable, table=True):
    """A listed instrument, its price terms now, and its trading rules. `halted_until_us` is when its latest halt ends."""

    __tablename__ = "instruments"
    symbol: str = Field(primary_key=True, sa_type=_KEY_TEXT)
    instrument_id: str
    commodity: str
    product: str
    place: str
    place_to: str
    start_s: int = Field(sa_type=BigInteger)
    end_s: int = Field(sa_type=BigInteger)
    tier: int
    green: int
    session: str
    halted_until_us: int = Field(sa_type=BigInteger)
    rule: str
    allocation: str
    collar_micros: int = Field(sa_type=BigInteger)
    halt_s: int
    hidden_orders: bool
    fee_bps: int
    quantity_cap_lots: int = Field(sa_type=BigInteger)
    collateral_reference_micros: int = Field(sa_type=BigInteger)
    reference_micros: int = Field(sa_type=BigInteger)
    band_low_micros: int = Field(sa_type=BigInteger)
    band_high_micros: int = Field(sa_type=BigInteger)
    weight_ppm: int = Field(sa_type=BigInteger)


class ClearingRow(Readable, table=True):
    """The outcome of an auction that ended an instrument's call, or a halt."""

    __tablename__ = "clearings"
    __table_args__ = (_BY_KEY,)
    batch_number: int = Field(primary_key=True, sa_type=_KEY, sa_column_kwargs=_OURS)
    event_position: int = Field(primary_key=True, sa_column_kwargs=_OURS)
    symbol: str
    price_micros: int = Field(sa_type=BigInteger)
    low_micros: int = Field(sa_type=BigInteger)
    high_micros: int = Field(sa_type=BigInteger)
    volume_lots: int = Field(sa_type=BigInteger)
    price_rule: str
    tie_rule: str


class OrderRow(Readable, table=True):
    """An order. `status` is waiting (for its stop), open, filled or cancelled; `reason` says why it was cancelled.

    What the order asked for beyond its terms: `display_lots`, `stop_micros` and `budget_micros` are empty where it did
    not; `triggered_us` is when its stop was reached, 0 before. `symbol` is the 0x-hex commitment where several
    instruments satisfy the order; its trades say which it took.
    """

    __tablename__ = "orders"
    __table_args__ = (_of_some("ix_orders_unfinished", "order_id", UNFINISHED_ORDERS),)
    order_id: int = Field(primary_key=True, sa_type=_KEY, sa_column_kwargs=_OURS)
    participant: str
    symbol: str
    side: str
    order_type: str
    time_in_force: str
    post_only: bool
    all_or_none: bool
    minimum_lots: int = Field(sa_type=BigInteger)
    display_lots: int | None = Field(sa_type=BigInteger)
    stop_micros: int | None = Field(sa_type=BigInteger)
    budget_micros: int | None = Field(sa_type=BigInteger)
    self_trade: str
    price_micros: int = Field(sa_type=BigInteger)
    quantity_lots: int = Field(sa_type=BigInteger)
    remaining_lots: int = Field(sa_type=BigInteger)
    hold_micros: int = Field(sa_type=BigInteger)
    good_until_s: int = Field(sa_type=BigInteger)
    settle_until_s: int = Field(sa_type=BigInteger)
    client_order_id: str
    status: str
    reason: str
    triggered_us: int = Field(sa_type=BigInteger)
    accepted_us: int = Field(sa_type=BigInteger)
    accepted_batch: int = Field(sa_type=BigInteger)


class TradeRow(Readable, table=True):
    """A trade and how far it has come. `taker` is buy, sell or auction; `settlement_batch` 0 means not locked.

    `at_fault` is the party whose cancel or exit on chain made it void, empty if neither did.
    """

    __tablename__ = "trades"
    __table_args__ = (_of_some("ix_trades_unfinished", "trade_number", UNFINISHED_TRADES),)
    trade_number: int = Field(primary_key=True, sa_type=_KEY, sa_column_kwargs=_OURS)
    symbol: str
    buy_order_id: int = Field(sa_type=BigInteger, index=True)
    sell_order_id: int = Field(sa_type=BigInteger, index=True)
    buyer: str
    seller: str
    taker: str
    price_micros: int = Field(sa_type=BigInteger)
    bid_micros: int = Field(sa_type=BigInteger)
    ask_micros: int = Field(sa_type=BigInteger)
    quantity_lots: int = Field(sa_type=BigInteger)
    payment_micros: int = Field(sa_type=BigInteger)
    fee_micros: int = Field(sa_type=BigInteger)
    collateral_micros: int = Field(sa_type=BigInteger)
    state: str
    void_reason: str
    at_fault: str
    settlement_batch: int = Field(sa_type=BigInteger)
    delivered_lots: int = Field(sa_type=BigInteger)
    agreed_us: int = Field(sa_type=BigInteger)
    agreed_batch: int = Field(sa_type=BigInteger)


class CandleRow(Readable, table=True):
    """What traded in a minute; prices in micros per unit. A minute without a trade has no row."""

    __tablename__ = "candles"
    __table_args__ = (_BY_KEY,)
    symbol: str = Field(primary_key=True, sa_type=_KEY_TEXT)
    start_s: int = Field(primary_key=True, sa_type=_KEY, sa_column_kwargs=_OURS)
    open_micros: int = Field(sa_type=BigInteger)
    high_micros: int = Field(sa_type=BigInteger)
    low_micros: int = Field(sa_type=BigInteger)
    close_micros: int = Field(sa_type=BigInteger)
    volume_lots: int = Field(sa_type=BigInteger)
    payment_micros: int = Field(sa_type=BigInteger)
    trades: int


class GuaranteeRow(Readable, table=True):
    """A trade that fell short. The amounts are 0 until it is paid out, when `paid_transaction` is filled in."""

    __tablename__ = "guarantees"
    trade_number: int = Field(primary_key=True, sa_type=_KEY, sa_column_kwargs=_OURS)
    opened_transaction: str
    paid_transaction: str
    delivered_lots: int = Field(sa_type=BigInteger)
    paid_to_seller_micros: int = Field(sa_type=BigInteger)
    fee_micros: int = Field(sa_type=BigInteger)
    returned_to_buyer_micros: int = Field(sa_type=BigInteger)
    compensation_micros: int = Field(sa_type=BigInteger)


class SettlementBatchRow(Readable, table=True):
    """A settlement batch of which the contract locked at least one trade."""

    __tablename__ = "settlement_batches"
    batch_number: int = Field(primary_key=True, sa_type=_KEY, sa_column_kwargs=_OURS)
    lock_transaction: str
    locked_trades: int
    locked_micros: int = Field(sa_type=BigInteger)
    delivered_trades: int
    opened_trades: int


class AccountRow(Readable, table=True):
    """An account of the books that was ever used. Its number is that of its turn: the journal came to it as the n-th."""

    __tablename__ = "accounts"
    __table_args__ = (Index("ix_accounts_owner", "participant", "kind", "asset", unique=True),)
    account_number: int = Field(primary_key=True, sa_type=_KEY, sa_column_kwargs=_OURS)
    kind: str = Field(sa_type=_KEY_TEXT)
    participant: str = Field(sa_type=_KEY_TEXT)
    asset: str = Field(sa_type=_KEY_TEXT)


class PostingRow(Readable, table=True):
    """An event that moved value.

    `reference` is what to ask for: an order, a trade, a withdrawal, a lock, a claim; `chain_transaction` where the chain
    brought it about.
    """

    __tablename__ = "postings"
    __table_args__ = (_BY_KEY,)
    batch_number: int = Field(primary_key=True, sa_type=_KEY, sa_column_kwargs=_OURS)
    event_position: int = Field(primary_key=True, sa_column_kwargs=_OURS)
    event: str
    reference: str
    chain_transaction: str


class EntryRow(Readable, table=True):
    """One line of a posting, in the unit of its account's asset: micros of the token, Wh of certificates.

    `balance` is what the line left on its account. An account's lines stand together, in order.
    """

    __tablename__ = "entries"
    __table_args__ = (_BY_KEY,)
    account_number: int = Field(primary_key=True, sa_type=_KEY, sa_column_kwargs=_OURS)
    batch_number: int = Field(primary_key=True, sa_type=_KEY, sa_column_kwargs=_OURS)
    event_position: int = Field(primary_key=True, sa_column_kwargs=_OURS)
    line: int = Field(primary_key=True, sa_column_kwargs=_OURS)
    amount: int = Field(sa_type=BigInteger)
    balance: int = Field(sa_type=BigInteger)


class BalanceRow(Readable, table=True):
    """What stands on an account, in the unit of its asset."""

    __tablename__ = "balances"
    account_number: int = Field(primary_key=True, sa_type=_KEY, sa_column_kwargs=_OURS)
    amount: int = Field(sa_type=BigInteger)


def table(row: type[Truth | Readable]) -> Table:
    """Return the Core table of a row class, for writing in bulk and for statements."""
    return row.metadata.tables[str(row.__tablename__)]
