"""Candles as a readable table: what traded in each minute, by instrument. Wider candles are sums of these.

A trade counts as it was agreed, also if it turns void later, as on the tape (`market/tape.py`). The time of batches never
goes back, so only an instrument's latest candle may still change.
"""

from typing import Final

from sqlalchemy import Connection, and_, func, select

from ledger.projections.sheet import Changes, Sheet
from ledger.tables import CandleRow, table
from market.events import TradeAgreed
from market.sessions import MICROS_PER_SECOND
from market.tape import MINUTE_S

CANDLES: Final = table(CandleRow)


class Candles:
    """The latest candle of each instrument, and those that wait to be written."""

    def __init__(self) -> None:
        self._sheet = Sheet(CANDLES)
        self._latest_s: dict[str, int] = {}

    def load(self, connection: Connection) -> None:
        """Take the latest candle of each instrument into memory."""
        latest = select(CANDLES.c.symbol, func.max(CANDLES.c.start_s).label("start_s"))
        newest = latest.group_by(CANDLES.c.symbol).subquery()
        same = and_(CANDLES.c.symbol == newest.c.symbol, CANDLES.c.start_s == newest.c.start_s)
        self._sheet.load(connection, select(CANDLES).join(newest, same), "symbol", "start_s")
        self._latest_s = dict(self._sheet)

    def add(self, symbol: str, price_micros: int, trade: TradeAgreed, *, time_us: int) -> None:
        """Add a trade that was agreed at this time (Unix microseconds) and price (micros per unit)."""
        start_s = time_us // MICROS_PER_SECOND // MINUTE_S * MINUTE_S
        if self._latest_s.get(symbol) != start_s:
            self._begin(symbol, start_s, price_micros)
        candle = self._sheet[symbol, start_s]
        if price_micros > candle["high_micros"]:
            candle["high_micros"] = price_micros
        elif price_micros < candle["low_micros"]:
            candle["low_micros"] = price_micros
        candle["close_micros"] = price_micros
        candle["volume_lots"] += trade.quantity_lots
        candle["payment_micros"] += trade.payment_micros
        candle["trades"] += 1

    def take(self) -> Changes:
        """Return what to write."""
        return self._sheet.take()

    def _begin(self, symbol: str, start_s: int, price_micros: int) -> None:
        before_s = self._latest_s.get(symbol)
        if before_s is not None:
            self._sheet.finish((symbol, before_s))
        self._latest_s[symbol] = start_s
        self._sheet.add(
            (symbol, start_s),
            {
                "symbol": symbol,
                "start_s": start_s,
                "open_micros": price_micros,
                "high_micros": price_micros,
                "low_micros": price_micros,
                "close_micros": price_micros,
                "volume_lots": 0,
                "payment_micros": 0,
                "trades": 0,
            },
        )
