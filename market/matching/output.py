"""What the kernel tells: arrays of fills and notices of one batch, and of changes of what is displayed; and their growth."""

import numpy as np
from numpy.typing import NDArray

from market.matching.layout import PUBLISH, word_of
from market.matching.messages import CHANGE, FILL, NOTICE

_WANTED, _SETTINGS = word_of("wanted"), word_of("settings")
_FILLS, _FILLS_ROOM, _FILLED = map(word_of, ("fills", "fills_room", "filled"))
_NOTICES, _NOTICES_ROOM, _NOTICED = map(word_of, ("notices", "notices_room", "noticed"))
_CHANGES, _CHANGES_ROOM, _CHANGED = map(word_of, ("changes", "changes_room", "changed"))
_NOTICES_AT_FIRST = 16
_NOTICES_PER_FILL, _CHANGES_PER_FILL = 2, 4  # and as many again for what is no fill


class Output:
    """Room for the fills and notices of one batch. The kernel finds it by the addresses in the head of its book."""

    def __init__(self, words: memoryview, room: int) -> None:
        """Make room for so many fills, in a book whose head has these words."""
        self._words = words
        self.fills: NDArray[np.void] = np.empty(room, FILL)
        self.notices: NDArray[np.void] = np.empty(_NOTICES_AT_FIRST, NOTICE)

    def tell(self) -> None:
        """Say in the head where to write."""
        words = self._words
        words[_FILLS], words[_FILLS_ROOM] = self.fills.ctypes.data, len(self.fills)
        words[_NOTICES], words[_NOTICES_ROOM] = self.notices.ctypes.data, len(self.notices)

    def grow(self) -> bool:
        """Enlarge what is too small for the fills that are waiting to be told; return whether anything was."""
        words = self._words
        wanted = words[_WANTED]
        grown = False
        if words[_FILLED] + wanted > len(self.fills):
            self.fills.resize(2 * len(self.fills) + wanted, refcheck=False)
            grown = True
        if words[_NOTICED] + _NOTICES_PER_FILL * (wanted + 1) > len(self.notices):
            self.notices.resize(2 * len(self.notices) + _NOTICES_PER_FILL * (wanted + 1), refcheck=False)
            grown = True
        self.tell()
        return grown

    def end(self) -> tuple[NDArray[np.void], NDArray[np.void]]:
        """Return the fills and notices that were told, without the room that was not used."""
        self.fills.resize(self._words[_FILLED], refcheck=False)
        self.notices.resize(self._words[_NOTICED], refcheck=False)
        return self.fills, self.notices


class Changes:
    """Changes of what is displayed, kept until somebody asks for them. Nothing is kept as long as nobody has asked to."""

    def __init__(self, words: memoryview) -> None:
        """Make no room yet."""
        self._words = words
        self._rows: NDArray[np.void] = np.empty(0, CHANGE)

    def publish(self, wanted: bool) -> None:
        """Begin to keep changes, or end it and forget them."""
        self._words[_SETTINGS] = self._words[_SETTINGS] & ~PUBLISH | (PUBLISH if wanted else 0)
        self._words[_CHANGED] = 0

    def grow(self) -> None:
        """Enlarge the room if it is too small for the fills that are waiting to be told."""
        words = self._words
        needed = words[_CHANGED] + _CHANGES_PER_FILL * (words[_WANTED] + 1)
        if words[_SETTINGS] & PUBLISH and needed > len(self._rows):
            self._rows.resize(2 * len(self._rows) + needed, refcheck=False)
            words[_CHANGES], words[_CHANGES_ROOM] = self._rows.ctypes.data, len(self._rows)

    def take(self) -> NDArray[np.void]:
        """Return the changes since the last call, and forget them."""
        changed = self._words[_CHANGED]
        self._words[_CHANGED] = 0
        return self._rows[:changed].copy()
