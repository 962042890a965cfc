"""The readable tables behind the record: instruments, orders, trades, the journal, balances, guarantees, settlement.

They follow the record batch by batch, written in bulk, and can be dropped and made again from it at any time. The
projector keeps in memory what may still change (open orders, trades that are not over), never what is finished.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, Table, insert, select
from sqlalchemy.dialects import sqlite

from ledger.accounts import Account, AccountKind, Balances
from ledger.assets import asset_name, parse_asset
from ledger.candles import CANDLES, Candles
from ledger.entries import Entry, Posting
from ledger.references import reference_of
from ledger.tables import (
    BalanceRow,
    ClearingRow,
    EntryRow,
    GuaranteeRow,
    InstrumentRow,
    OrderRow,
    ProjectedRow,
    Readable,
    SettlementBatchRow,
    TradeRow,
    table,
)
from market.events import (
    Cleared,
    Event,
    GuaranteeOpened,
    GuaranteePaid,
    InstrumentListed,
    OrderAccepted,
    OrderCancelled,
    OrderReduced,
    OrderReplaced,
    OrderTriggered,
    PriceTermsSet,
    Session,
    SessionChanged,
    TradeAgreed,
    TradeDelivered,
    TradeLocked,
    TradeVoided,
    TradingHalted,
)
from market.instruments import Instrument, from_id
from market.orders import Address, Batch, Conditions, ListInstrument, SetPriceTerms
from market.requirements import is_commitment
from market.trades import TradeState
from market.units import InvariantBroken, Ticks

if TYPE_CHECKING:
    import pandas

INSTRUMENTS = table(InstrumentRow)
CLEARINGS = table(ClearingRow)
ORDERS = table(OrderRow)
TRADES = table(TradeRow)
GUARANTEES = table(GuaranteeRow)
SETTLEMENT_BATCHES = table(SettlementBatchRow)
ENTRIES = table(EntryRow)
BALANCES = table(BalanceRow)
TABLES = (
    INSTRUMENTS,
    CLEARINGS,
    ORDERS,
    TRADES,
    CANDLES,
    GUARANTEES,
    SETTLEMENT_BATCHES,
    ENTRIES,
    BALANCES,
)
_PROJECTED = table(ProjectedRow)
_DIALECT = sqlite.dialect(paramstyle="named")
_UPSERTS = {
    each.name: str(insert(each).prefix_with("OR REPLACE").compile(dialect=_DIALECT))
    for each in (*TABLES, _PROJECTED)
}
"""Compiled once: values are integers and text already, and SQLAlchemy's care for each row would cost twice the writing."""

_WAITING, _OPEN, _FILLED, _CANCELLED = "waiting", "open", "filled", "cancelled"
_OVER = (TradeState.VOID.name.lower(), TradeState.DELIVERED.name.lower(), TradeState.PAID_OUT.name.lower())

_Row = dict[str, Any]


class _Sheet:
    """The rows of one table that may still change, and those that a batch touched."""

    def __init__(self, of: Table) -> None:
        self._table = of
        self._rows: dict[Any, _Row] = {}
        self._touched: dict[Any, _Row] = {}

    def __getitem__(self, key: Any) -> _Row:
        """Return a row in order to change it."""
        row = self._rows.get(key)
        if row is None:
            raise InvariantBroken(f"table {self._table.name}: found no unfinished row {key!r}, expected one")
        self._touched[key] = row
        return row

    def __contains__(self, key: Any) -> bool:
        return key in self._rows

    def put(self, key: Any, row: _Row) -> None:
        self._rows[key] = self._touched[key] = row

    def load(self, key: Any, row: _Row) -> None:
        self._rows[key] = row

    def finish(self, key: Any) -> None:
        """Forget a row that will not change any more, once it is written."""
        self._touched[key] = self._rows.pop(key)

    def take_touched(self) -> list[_Row]:
        touched = [dict(row) for row in self._touched.values()]
        self._touched.clear()
        return touched


class Projector:
    """Keeps the readable tables of one database in step with the record."""

    def __init__(self, engine: Engine) -> None:
        """Go on from where the tables stand; see `position`."""
        self._engine = engine
        self.position = 0
        """The number of the last batch in the tables."""
        self._clearings: list[_Row] = []
        self._rules: dict[type, Callable[[Any, Batch, int], None]] = {
            InstrumentListed: self._listed,
            PriceTermsSet: self._price_terms,
            SessionChanged: self._session,
            TradingHalted: self._halted,
            Cleared: self._cleared,
            OrderAccepted: self._accepted,
            OrderTriggered: self._triggered,
            OrderReplaced: self._replaced,
            OrderReduced: self._reduced,
            OrderCancelled: self._cancelled,
            TradeAgreed: self._agreed,
            TradeLocked: self._locked,
            TradeVoided: self._voided,
            TradeDelivered: self._delivered,
            GuaranteeOpened: self._opened,
            GuaranteePaid: self._paid,
        }
        self._load()

    def apply(self, batch: Batch, events: tuple[Event, ...], postings: Iterable[Posting]) -> None:
        """Bring the tables forward by one batch, in one commit.

        Raises:
            InvariantBroken: if the batch is not the one after `position`, or an event does not fit the tables.
        """
        if batch.number != self.position + 1:
            raise InvariantBroken(
                f"readable tables: found batch {batch.number}, expected {self.position + 1}"
            )
        for position, event in enumerate(events):
            rule = self._rules.get(type(event))
            if rule is not None:
                rule(event, batch, position)
        entries, balances = self._journal(events, postings)
        writes = (
            (INSTRUMENTS, self._instruments.take_touched()),
            (CLEARINGS, self._clearings),
            (ORDERS, self._orders.take_touched()),
            (TRADES, self._trades.take_touched()),
            (CANDLES, self._candles.take_touched()),
            (GUARANTEES, self._guarantees.take_touched()),
            (SETTLEMENT_BATCHES, self._batches.take_touched()),
            (ENTRIES, entries),
            (BALANCES, balances),
            (_PROJECTED, [{"id": 1, "batch_number": batch.number}]),
        )
        with self._engine.begin() as connection:
            for target, rows in writes:
                if rows:
                    connection.exec_driver_sql(_UPSERTS[target.name], rows)
        self._clearings = []
        self.position = batch.number

    def reset(self) -> None:
        """Drop the readable tables and make them again, empty: the next batch is number 1."""
        Readable.metadata.drop_all(self._engine)
        Readable.metadata.create_all(self._engine)
        self._load()

    def _load(self) -> None:
        """Take into memory what may still change."""
        self._instruments = _Sheet(INSTRUMENTS)
        self._orders = _Sheet(ORDERS)
        self._trades = _Sheet(TRADES)
        self._candles = Candles()
        self._guarantees = _Sheet(GUARANTEES)
        self._batches = _Sheet(SETTLEMENT_BATCHES)
        self._known: dict[int, Instrument] = {}
        self._symbols: dict[int, str] = {}
        self._clearings = []
        self._balances = Balances()
        with self._engine.connect() as connection:
            self.position = connection.execute(select(_PROJECTED.c.batch_number)).scalar() or 0
            for sheet, statement, key in (
                (self._instruments, select(INSTRUMENTS), "symbol"),
                (self._orders, select(ORDERS).where(ORDERS.c.status.in_((_WAITING, _OPEN))), "order_id"),
                (self._trades, select(TRADES).where(TRADES.c.state.not_in(_OVER)), "trade_number"),
                (
                    self._guarantees,
                    select(GUARANTEES).where(GUARANTEES.c.paid_transaction == ""),
                    "trade_number",
                ),
                (self._batches, select(SETTLEMENT_BATCHES), "batch_number"),
            ):
                for found in connection.execute(statement):
                    row = dict(found._mapping)
                    sheet.load(row[key], row)
            self._candles.load(connection)
            self._balances.apply(
                Entry(_account(row.kind, row.participant, row.asset), row.amount)
                for row in connection.execute(select(BALANCES))
            )

    def _journal(
        self, events: tuple[Event, ...], postings: Iterable[Posting]
    ) -> tuple[list[_Row], list[_Row]]:
        """Return the rows of the journal and of the balances that it changes."""
        rows = []
        touched: dict[Account, None] = {}
        for posting in postings:
            self._balances.apply(posting.entries)
            event = events[posting.event_position]
            reference, transaction = reference_of(event)
            for line, (account, amount) in enumerate(posting.entries):
                touched[account] = None
                rows.append(
                    {
                        "batch_number": posting.batch_number,
                        "event_position": posting.event_position,
                        "line": line,
                        "event": type(event).__name__,
                        "reference": reference,
                        "chain_transaction": transaction,
                        "kind": account.kind.name.lower(),
                        "participant": _hex(account.participant),
                        "asset": asset_name(account.asset),
                        "amount": amount,
                    }
                )
        balances = [
            {
                "kind": account.kind.name.lower(),
                "participant": _hex(account.participant),
                "asset": asset_name(account.asset),
                "amount": self._balances.on(account),
            }
            for account in touched
        ]
        return rows, balances

    def _instrument(self, instrument_id: int) -> Instrument:
        found = self._known.get(instrument_id)
        if found is None:
            found = self._known[instrument_id] = from_id(instrument_id)
        return found

    def _symbol(self, instrument_id: int) -> str:
        symbol = self._symbols.get(instrument_id)
        if symbol is None:
            named = not is_commitment(instrument_id)
            symbol = self._instrument(instrument_id).symbol if named else f"0x{instrument_id:064x}"
            self._symbols[instrument_id] = symbol
        return symbol

    def _prices(self, instrument_id: int, **ticks: Ticks) -> dict[str, int]:
        """Turn prices in ticks into prices in micros per unit."""
        tick_micros = self._instrument(instrument_id).commodity.tick_micros
        return {f"{name}_micros": price * tick_micros for name, price in ticks.items()}

    def _terms(self, terms: ListInstrument | SetPriceTerms) -> dict[str, int]:
        return {
            **self._prices(
                terms.instrument_id,
                reference=terms.reference_ticks,
                band_low=terms.band_low_ticks,
                band_high=terms.band_high_ticks,
            ),
            "weight_ppm": terms.weight_ppm,
        }

    def _listed(self, event: InstrumentListed, _batch: Batch, _position: int) -> None:
        listing, rules = event.listing, event.listing.rules
        instrument = self._instrument(listing.instrument_id)
        self._instruments.put(
            instrument.symbol,
            {
                "symbol": instrument.symbol,
                "instrument_id": f"0x{instrument.id:064x}",
                "commodity": instrument.commodity.name,
                "product": instrument.product,
                "place": instrument.place,
                "place_to": instrument.place_to,
                "start_s": instrument.start_s,
                "end_s": instrument.end_s,
                "tier": instrument.tier,
                "green": instrument.green,
                "session": Session.PENDING.name.lower(),
                "halted_until_us": 0,
                "rule": listing.rule.value,
                "allocation": rules.allocation.value,
                "halt_s": rules.halt_s,
                "hidden_orders": rules.hidden_orders,
                "fee_bps": listing.fee_bps,
                "quantity_cap_lots": listing.quantity_cap_lots,
                **self._prices(
                    instrument.id, collar=rules.collar_ticks, collateral_reference=listing.reference_ticks
                ),
                **self._terms(listing),
            },
        )

    def _price_terms(self, event: PriceTermsSet, _batch: Batch, _position: int) -> None:
        self._instruments[self._symbol(event.terms.instrument_id)].update(self._terms(event.terms))

    def _session(self, event: SessionChanged, _batch: Batch, _position: int) -> None:
        self._instruments[self._symbol(event.instrument_id)]["session"] = event.session.name.lower()

    def _halted(self, event: TradingHalted, _batch: Batch, _position: int) -> None:
        self._instruments[self._symbol(event.instrument_id)]["halted_until_us"] = event.until_us

    def _cleared(self, event: Cleared, batch: Batch, position: int) -> None:
        self._clearings.append(
            {
                "batch_number": batch.number,
                "event_position": position,
                "symbol": self._symbol(event.instrument_id),
                **self._prices(
                    event.instrument_id,
                    price=event.price_ticks,
                    low=event.low_ticks,
                    high=event.high_ticks,
                ),
                "volume_lots": event.volume_lots,
                "price_rule": event.price_rule,
                "tie_rule": event.tie_rule,
            }
        )

    def _accepted(self, event: OrderAccepted, batch: Batch, _position: int) -> None:
        terms = event.terms
        self._orders.put(
            event.order_id,
            {
                "order_id": event.order_id,
                "participant": _hex(terms.participant),
                "symbol": self._symbol(terms.instrument_id),
                "side": terms.side.name.lower(),
                "order_type": event.order_type.name.lower(),
                "time_in_force": event.time_in_force.name,
                "post_only": event.post_only,
                **_readable(event.conditions),
                "price_micros": terms.price_micros,
                "quantity_lots": terms.quantity_lots,
                "remaining_lots": terms.quantity_lots,
                "hold_micros": event.hold_micros,
                "good_until_s": terms.good_until_s,
                "settle_until_s": terms.settle_until_s,
                "client_order_id": str(terms.client_order_id),
                "status": _OPEN if event.conditions.stop_micros is None else _WAITING,
                "reason": "",
                "triggered_us": 0,
                "accepted_us": batch.time_us,
                "accepted_batch": batch.number,
            },
        )

    def _triggered(self, event: OrderTriggered, batch: Batch, _position: int) -> None:
        self._orders[event.order_id].update(status=_OPEN, triggered_us=batch.time_us)

    def _replaced(self, event: OrderReplaced, _batch: Batch, _position: int) -> None:
        terms = event.terms
        self._orders[event.order_id].update(
            price_micros=terms.price_micros,
            quantity_lots=terms.quantity_lots,
            remaining_lots=terms.quantity_lots,
            hold_micros=event.hold_micros,
            good_until_s=terms.good_until_s,
            settle_until_s=terms.settle_until_s,
            client_order_id=str(terms.client_order_id),
        )

    def _reduced(self, event: OrderReduced, _batch: Batch, _position: int) -> None:
        order = self._orders[event.order_id]
        order["remaining_lots"] -= event.by_lots
        order["hold_micros"] = event.hold_micros

    def _cancelled(self, event: OrderCancelled, _batch: Batch, _position: int) -> None:
        self._orders[event.order_id].update(
            remaining_lots=event.remaining_lots,
            hold_micros=0,
            status=_CANCELLED,
            reason=event.reason.name.lower(),
        )
        self._orders.finish(event.order_id)

    def _agreed(self, event: TradeAgreed, batch: Batch, _position: int) -> None:
        for order_id, hold_micros in (
            (event.buy_order_id, event.buy_hold_micros),
            (event.sell_order_id, event.sell_hold_micros),
        ):
            order = self._orders[order_id]
            order["remaining_lots"] -= event.quantity_lots
            order["hold_micros"] = hold_micros
            if order["remaining_lots"] == 0:
                order["status"] = _FILLED
                self._orders.finish(order_id)
        symbol = self._symbol(event.instrument_id)
        prices = self._prices(
            event.instrument_id, price=event.price_ticks, bid=event.bid_ticks, ask=event.ask_ticks
        )
        self._candles.add(symbol, prices["price_micros"], event, time_us=batch.time_us)
        self._trades.put(
            event.trade_number,
            {
                "trade_number": event.trade_number,
                "symbol": symbol,
                "buy_order_id": event.buy_order_id,
                "sell_order_id": event.sell_order_id,
                "buyer": _hex(event.buyer),
                "seller": _hex(event.seller),
                "taker": event.taker.name.lower() if event.taker is not None else "auction",
                **prices,
                "quantity_lots": event.quantity_lots,
                "payment_micros": event.payment_micros,
                "fee_micros": event.fee_micros,
                "collateral_micros": event.collateral_micros,
                "state": TradeState.AGREED.name.lower(),
                "void_reason": "",
                "at_fault": "",
                "settlement_batch": 0,
                "delivered_lots": 0,
                "agreed_us": batch.time_us,
                "agreed_batch": batch.number,
            },
        )

    def _locked(self, event: TradeLocked, _batch: Batch, _position: int) -> None:
        trade = self._trades[event.trade_number]
        trade.update(state=TradeState.LOCKED.name.lower(), settlement_batch=event.batch_number)
        if event.batch_number not in self._batches:
            self._batches.put(
                event.batch_number,
                {
                    "batch_number": event.batch_number,
                    "lock_transaction": _hex(event.transaction),
                    "locked_trades": 0,
                    "locked_micros": 0,
                    "delivered_trades": 0,
                    "opened_trades": 0,
                },
            )
        settled = self._batches[event.batch_number]
        settled["locked_trades"] += 1
        settled["locked_micros"] += trade["payment_micros"] + trade["fee_micros"] + trade["collateral_micros"]

    def _voided(self, event: TradeVoided, _batch: Batch, _position: int) -> None:
        self._trades[event.trade_number].update(
            state=TradeState.VOID.name.lower(),
            void_reason=event.reason,
            at_fault="" if event.at_fault is None else _hex(event.at_fault),
        )
        self._trades.finish(event.trade_number)

    def _delivered(self, event: TradeDelivered, _batch: Batch, _position: int) -> None:
        trade = self._trades[event.trade_number]
        trade.update(state=TradeState.DELIVERED.name.lower(), delivered_lots=trade["quantity_lots"])
        self._trades.finish(event.trade_number)
        self._batches[trade["settlement_batch"]]["delivered_trades"] += 1

    def _opened(self, event: GuaranteeOpened, _batch: Batch, _position: int) -> None:
        trade = self._trades[event.trade_number]
        trade.update(state=TradeState.OPENED.name.lower(), delivered_lots=event.delivered_lots)
        self._batches[trade["settlement_batch"]]["opened_trades"] += 1
        self._guarantees.put(
            event.trade_number,
            {
                "trade_number": event.trade_number,
                "opened_transaction": _hex(event.transaction),
                "paid_transaction": "",
                "delivered_lots": event.delivered_lots,
                "paid_to_seller_micros": 0,
                "fee_micros": 0,
                "returned_to_buyer_micros": 0,
                "compensation_micros": 0,
            },
        )

    def _paid(self, event: GuaranteePaid, _batch: Batch, _position: int) -> None:
        self._trades[event.trade_number].update(
            state=TradeState.PAID_OUT.name.lower(), delivered_lots=event.delivered_lots
        )
        self._trades.finish(event.trade_number)
        self._guarantees[event.trade_number].update(
            paid_transaction=_hex(event.transaction),
            delivered_lots=event.delivered_lots,
            paid_to_seller_micros=event.paid_to_seller,
            fee_micros=event.fee,
            returned_to_buyer_micros=event.returned_to_buyer,
            compensation_micros=event.compensation,
        )
        self._guarantees.finish(event.trade_number)


def frames(engine: Engine) -> dict[str, "pandas.DataFrame"]:
    """Return every readable table as a pandas frame, by name, in the order of its key."""
    import pandas

    with engine.connect() as connection:
        return {
            each.name: pandas.read_sql(select(each).order_by(*each.primary_key), connection)
            for each in TABLES
        }


def read_postings(engine: Engine) -> Iterable[Posting]:
    """Iterate over the journal as it stands in the table, in order.

    Raises:
        InvariantBroken: if the entries of an event do not sum to zero.
    """
    key: tuple[int, int] | None = None
    entries: list[Entry] = []
    with engine.connect() as connection:
        for row in connection.execute(select(ENTRIES).order_by(*ENTRIES.primary_key)):
            found = (row.batch_number, row.event_position)
            if key is not None and found != key:
                yield Posting(*key, tuple(entries))
                entries = []
            key = found
            entries.append(Entry(_account(row.kind, row.participant, row.asset), row.amount))
    if key is not None:
        yield Posting(*key, tuple(entries))


def _readable(conditions: Conditions) -> _Row:
    return {
        "all_or_none": conditions.all_or_none,
        "minimum_lots": conditions.minimum_lots,
        "display_lots": conditions.display_lots,
        "stop_micros": conditions.stop_micros,
        "budget_micros": conditions.budget_micros,
        "self_trade": conditions.self_trade.name.lower(),
    }


def _hex(raw: bytes) -> str:
    return f"0x{raw.hex()}"


def _account(kind: str, participant: str, asset: str) -> Account:
    return Account(AccountKind[kind.upper()], Address(bytes.fromhex(participant[2:])), parse_asset(asset))
