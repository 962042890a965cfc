"""Trades, from the handshake to the last payment: candles, settlement batches and, where they fell short, guarantees."""

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, select

from ledger.projections.candles import Candles
from ledger.projections.part import Rule
from ledger.projections.sheet import Changes, Sheet, hexed, lowered
from ledger.projections.symbols import symbol_of, tick_micros_of
from ledger.tables import UNFINISHED_TRADES, GuaranteeRow, SettlementBatchRow, TradeRow, table
from market.events import TradeAgreed
from market.orders import Batch, Side
from market.settlement import GuaranteeOpened, GuaranteePaid, TradeDelivered, TradeLocked, TradeVoided
from market.trades import TradeState

TRADES = table(TradeRow)
GUARANTEES = table(GuaranteeRow)
SETTLEMENT_BATCHES = table(SettlementBatchRow)
_STATE = lowered(TradeState)
_TAKER: dict[Side | None, str] = {None: "auction", Side.BUY: "buy", Side.SELL: "sell"}


class Trades:
    """The tables of trades, candles, guarantees and settlement batches."""

    def __init__(self) -> None:
        self._trades = Sheet(TRADES)
        self._candles = Candles()
        self._guarantees = Sheet(GUARANTEES)
        self._batches = Sheet(SETTLEMENT_BATCHES)

    @property
    def rules(self) -> Mapping[type, Rule]:
        """What each event does."""
        return {
            TradeAgreed: self._agreed,
            TradeLocked: self._locked,
            TradeVoided: self._voided,
            TradeDelivered: self._delivered,
            GuaranteeOpened: self._opened,
            GuaranteePaid: self._paid,
        }

    def load(self, connection: Connection) -> None:
        """Take the trades and guarantees that are not over, the latest candles, and every settlement batch."""
        self._trades.load(connection, select(TRADES).where(UNFINISHED_TRADES), "trade_number")
        self._candles.load(connection)
        unpaid = select(GUARANTEES).where(GUARANTEES.c.paid_transaction == "")
        self._guarantees.load(connection, unpaid, "trade_number")
        self._batches.load(connection, select(SETTLEMENT_BATCHES), "batch_number")

    def take(self) -> Iterable[Changes]:
        """Return what to write."""
        return (self._trades.take(), self._candles.take(), self._guarantees.take(), self._batches.take())

    def _agreed(self, event: TradeAgreed, batch: Batch, _position: int) -> None:
        symbol, tick = symbol_of(event.instrument_id), tick_micros_of(event.instrument_id)
        price_micros = event.price_ticks * tick
        self._candles.add(symbol, price_micros, event, time_us=batch.time_us)
        self._trades.add(
            event.trade_number,
            {
                "trade_number": event.trade_number,
                "symbol": symbol,
                "buy_order_id": event.buy_order_id,
                "sell_order_id": event.sell_order_id,
                "buyer": hexed(event.buyer),
                "seller": hexed(event.seller),
                "taker": _TAKER[event.taker],
                "price_micros": price_micros,
                "bid_micros": event.bid_ticks * tick,
                "ask_micros": event.ask_ticks * tick,
                "quantity_lots": event.quantity_lots,
                "payment_micros": event.payment_micros,
                "fee_micros": event.fee_micros,
                "collateral_micros": event.collateral_micros,
                "state": _STATE[TradeState.AGREED],
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
        trade.update(state=_STATE[TradeState.LOCKED], settlement_batch=event.batch_number)
        if event.batch_number not in self._batches:
            self._batches.add(
                event.batch_number,
                {
                    "batch_number": event.batch_number,
                    "lock_transaction": hexed(event.transaction),
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
            state=_STATE[TradeState.VOID],
            void_reason=event.reason,
            at_fault="" if event.at_fault is None else hexed(event.at_fault),
        )
        self._trades.finish(event.trade_number)

    def _delivered(self, event: TradeDelivered, _batch: Batch, _position: int) -> None:
        trade = self._trades[event.trade_number]
        trade.update(state=_STATE[TradeState.DELIVERED], delivered_lots=trade["quantity_lots"])
        self._trades.finish(event.trade_number)
        self._batches[trade["settlement_batch"]]["delivered_trades"] += 1

    def _opened(self, event: GuaranteeOpened, _batch: Batch, _position: int) -> None:
        trade = self._trades[event.trade_number]
        trade.update(state=_STATE[TradeState.OPENED], delivered_lots=event.delivered_lots)
        self._batches[trade["settlement_batch"]]["opened_trades"] += 1
        self._guarantees.add(
            event.trade_number,
            {
                "trade_number": event.trade_number,
                "opened_transaction": hexed(event.transaction),
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
            state=_STATE[TradeState.PAID_OUT], delivered_lots=event.delivered_lots
        )
        self._trades.finish(event.trade_number)
        self._guarantees[event.trade_number].update(
            paid_transaction=hexed(event.transaction),
            delivered_lots=event.delivered_lots,
            paid_to_seller_micros=event.paid_to_seller,
            fee_micros=event.fee,
            returned_to_buyer_micros=event.returned_to_buyer,
            compensation_micros=event.compensation,
        )
        self._guarantees.finish(event.trade_number)
