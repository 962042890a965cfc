"""The memory of one book: the arrays that the kernel works on, and their growth."""

from typing import NoReturn

import numpy as np

from market.matching.compiled import LOOP, kernel
from market.matching.ladder import LAYERS
from market.matching.layout import ENTRY, EXTRA, HEAD, NO_WEIGHT, ORDER, PAGE, word_of
from market.matching.messages import NO_PRICE

_SMALL = 1 << 16
_USUALLY_REST = 8  # one message in so many, or the table of ids has to grow
_NODES_MAX = 1 << 30
_LEVELS_AT_FIRST = 16
_PAGES_AT_FIRST = 4
_EXTRAS_AT_FIRST = 4
_LADDER_AT_FIRST = 64
_NODES_USED, _VACANT, _LEVELS = map(word_of, ("nodes_used", "nodes_vacant", "levels"))
_PAGES_USED, _PAGES_ROOM = word_of("pages_used"), word_of("pages_room")
_LADDER_USED = word_of("ladder_used")
_EXTRAS_FREE, _EXTRAS_USED, _EXTRAS_ROOM = map(word_of, ("extras_free", "extras_used", "extras_room"))


class Memory:
    """A head, and arrays: orders and levels (nodes), what orders ask beside, places for ids, pages, the ladder.

    All but the ids grow where they are; compiled code finds them by the addresses in the head.
    """

    def __init__(self, capacity: int) -> None:
        """Make room for `capacity` orders."""
        head = np.zeros(1, HEAD)
        self.address: int = head.ctypes.data
        self.words = head.view(np.int64).data
        """The fields of the head; `word_of` tells which is which."""
        self._nodes = np.zeros(1, ORDER)  # record 0 stays empty
        self._ids = np.zeros(1, np.int32)
        self._pages = np.zeros(_PAGES_AT_FIRST, PAGE)
        self._ladder = np.zeros(_LADDER_AT_FIRST, ENTRY)
        self._extras = np.zeros(_EXTRAS_AT_FIRST, EXTRA)
        self._limit = 0
        self.words[word_of("loop")] = LOOP
        self.words[word_of("weight")] = NO_WEIGHT
        self.words[word_of("last")] = NO_PRICE
        self._make_room(nodes=capacity + _LEVELS_AT_FIRST, ids=capacity + _LEVELS_AT_FIRST)

    def __reduce__(self) -> NoReturn:
        """Refuse to be copied: two heads would point at the same records."""
        raise TypeError("an order book cannot be copied: rest its orders in another one")

    @property
    def used(self) -> int:
        """How many orders and levels there are."""
        return self._limit - self.words[_VACANT]

    @property
    def orders(self) -> int:
        """How many orders there are."""
        return self.used - self.words[_LEVELS]

    @property
    def vacant(self) -> int:
        """How many more orders and levels there is room for."""
        return self.words[_VACANT]

    @property
    def nbytes(self) -> int:
        """The size of all arrays together, in bytes."""
        return sum(each.nbytes for each in (self._nodes, self._extras, self._ids, self._pages, self._ladder))

    def reserve(self, messages: int) -> None:
        """Make room for all that a batch of messages could rest: what it does not use of that is never touched."""
        if self.vacant < messages:
            self._make_room(nodes=self.used + messages, ids=self.used + messages // _USUALLY_REST)

    def trim(self) -> None:
        """Give back what a batch did not use, but for an eighth more than it did."""
        kept = self.words[_NODES_USED] + self.words[_NODES_USED] // 8 + _LEVELS_AT_FIRST
        if kept < len(self._nodes) - 1:
            self._nodes.resize(1 + kept, refcheck=False)
            self._tell()

    def grow(self) -> None:
        """Enlarge whatever is full."""
        words = self.words
        if self.vacant < 2:
            more = self._limit + (self._limit if self._limit < _SMALL else self._limit // 4)
            self._make_room(nodes=max(more, len(self._nodes) - 1), ids=more)
        if not words[_EXTRAS_FREE] and words[_EXTRAS_USED] >= words[_EXTRAS_ROOM]:
            self._extras.resize(2 * len(self._extras), refcheck=False)
            self._tell()
        if words[_PAGES_USED] >= words[_PAGES_ROOM]:
            self._pages.resize(2 * len(self._pages), refcheck=False)
            self._tell()
        if 2 * (words[_LADDER_USED] + LAYERS) >= len(self._ladder):
            old, self._ladder = self._ladder, np.zeros(2 * len(self._ladder), ENTRY)
            self._tell()
            kernel.move_entries(self.address, old.ctypes.data, len(old))

    def _make_room(self, *, nodes: int, ids: int) -> None:
        """Make room for so many orders and levels in all, and for the ids of so many: two places for each."""
        if nodes > _NODES_MAX:
            raise MemoryError(f"an order book: found {nodes} orders, expected at most {_NODES_MAX}")
        if nodes >= len(self._nodes):
            larger = np.empty(1 + nodes, ORDER)
            begun = (1 + self.words[_NODES_USED]) * ORDER.itemsize
            larger.view(np.uint8)[:begun] = self._nodes.view(np.uint8)[:begun]
            self._nodes = larger
        old = self._ids
        if 2 * ids > len(old):
            self._ids = np.zeros(1 << (2 * ids - 1).bit_length(), np.int32)
        self._tell()
        if old is not self._ids:
            kernel.move_ids(self.address, old.ctypes.data, len(old))

    def _tell(self) -> None:
        """Write into the head where the arrays are, and how much room there is."""
        used = self.used
        self._limit = min(len(self._nodes) - 1, len(self._ids) // 2)
        places = {
            "nodes": self._nodes.ctypes.data,
            "nodes_vacant": self._limit - used,
            "ids": self._ids.ctypes.data,
            "ids_mask": len(self._ids) - 1,
            "extras": self._extras.ctypes.data,
            "extras_room": len(self._extras) - 1,
            "pages": self._pages.ctypes.data,
            "pages_room": len(self._pages) - 1,
            "ladder": self._ladder.ctypes.data,
            "ladder_mask": len(self._ladder) - 1,
        }
        for name, place in places.items():
            self.words[word_of(name)] = place
