"""The readable tables behind the record: instruments, orders, trades, candles, the journal, balances, settlement.

They follow the record batch by batch, written in bulk, and can be dropped and made again from it at any time.
"""

from ledger.projections.journal import BALANCES, ENTRIES, read_postings
from ledger.projections.orders import ORDERS
from ledger.projections.projector import TABLES, Lag, Projector, position_of
from ledger.projections.trades import TRADES

__all__ = [
    "BALANCES",
    "ENTRIES",
    "ORDERS",
    "TABLES",
    "TRADES",
    "Lag",
    "Projector",
    "position_of",
    "read_postings",
]
