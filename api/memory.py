"""What a process that serves a market does about Python's garbage collector."""

import gc

_YOUNG = 50_000
"""So many new containers before the young ones are looked through: a batch of a thousand orders makes about as many."""


def settle_memory() -> None:
    """Leave alone, from now on, all that is in memory: call it once, when a market has been opened.

    Orders, trades and their history stay, by the million, and form no cycles. Without this the collector walks all of them
    again and again, each time with the market standing still for as long as that takes.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, 20, 50)
