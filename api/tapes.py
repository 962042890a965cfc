"""Fill the tapes of a market that is opened again from the readable table of its trades."""

from itertools import groupby
from operator import itemgetter

import numpy as np
from sqlalchemy import Engine, select

from ledger.projections import TRADES
from market.instruments import parse_symbol
from market.tape import Tapes


def read_tapes(engine: Engine) -> Tapes:
    """Return the tapes as the trades in the readable tables fill them, which must have caught up with the record."""
    tapes = Tapes()
    trades = select(
        TRADES.c.symbol, TRADES.c.agreed_us, TRADES.c.price_micros, TRADES.c.quantity_lots
    ).order_by(TRADES.c.symbol, TRADES.c.trade_number)
    with engine.connect() as connection:
        for symbol, rows in groupby(connection.execute(trades), key=itemgetter(0)):
            instrument = parse_symbol(symbol)
            columns = np.array([row[1:] for row in rows], np.int64).T.copy()
            times_us, prices_micros, quantities_lots = columns
            prices_ticks = prices_micros // instrument.commodity.tick_micros
            tapes.of(instrument.id).note_all(times_us, prices_ticks, quantities_lots)
    return tapes
