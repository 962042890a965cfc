"""Compile all that is compiled, so that it is on disk before anybody waits for it: `python -m market.compiling`."""

import numpy as np

from market.auctions import clear_uniform
from market.block_orders import Block, simple_order
from market.blocks import clear_blocks
from market.book import OrderBook
from market.crossing import LARGE
from market.orders import Side
from market.units import Lots, Ticks


def compile_all() -> None:
    """Use everything once that numba compiles: it compiles what is not on disk yet, and keeps it there."""
    OrderBook()
    prices = np.arange(LARGE, dtype=np.int64)
    lots = np.ones(LARGE, np.int64)
    clear_uniform(prices, lots, prices, lots)
    orders = [simple_order(Side.BUY, 1, Ticks(50), Lots(10))]
    clear_blocks(orders, [Block(Side.SELL, Ticks(10), ((1, Lots(10)),))])


if __name__ == "__main__":
    compile_all()
