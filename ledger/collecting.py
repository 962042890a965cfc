"""Leave garbage alone for a while: what replays a record, or runs a whole day, makes millions of values that stay."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """Keep Python's collector of cycles from walking, in vain, over values that stay."""
    was_at_work = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_at_work:
            gc.enable()
