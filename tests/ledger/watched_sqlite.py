"""Watch what SQLite asks of the disk, and fail it on demand: a shim around the VFS of the library that `sqlite3` uses.

A SQLite of another package would show another version's writes, through other connections than the market's. Here the
production code runs unchanged: the shim is registered as the default VFS, hands every call on, and tells of those that
decide what a crash leaves behind.
"""

import _sqlite3
import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

OK = 0
DISK_FULL = 13
FSYNC_FAILED = 10 | 4 << 8


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes to put at an offset of a file."""

    path: str
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Truncate:
    """A file is to become this long."""

    path: str
    size: int


@dataclass(frozen=True, slots=True)
class Sync:
    """What was written to a file so far is to survive a loss of power."""

    path: str


@dataclass(frozen=True, slots=True)
class Delete:
    """A file is to go; `synced` if that is to survive a loss of power at once."""

    path: str
    synced: bool


Operation = Write | Truncate | Sync | Delete

_POINTER, _INT, _LONG = ctypes.c_void_p, ctypes.c_int, ctypes.c_int64
# SQLite keeps what it calls with, and more stands behind a name's end: names travel as pointers, never as copies.
_Open = ctypes.CFUNCTYPE(_INT, _POINTER, _POINTER, _POINTER, _INT, _POINTER)
_Delete = ctypes.CFUNCTYPE(_INT, _POINTER, _POINTER, _INT)
_Write = ctypes.CFUNCTYPE(_INT, _POINTER, _POINTER, _INT, _LONG)
_Truncate = ctypes.CFUNCTYPE(_INT, _POINTER, _LONG)
_Sync = ctypes.CFUNCTYPE(_INT, _POINTER, _INT)


class _Vfs(ctypes.Structure):
    """`sqlite3_vfs`, version 3 (sqlite3.h)."""

    _fields_ = (
        ("iVersion", _INT),
        ("szOsFile", _INT),
        ("mxPathname", _INT),
        ("pNext", _POINTER),
        ("zName", ctypes.c_char_p),
        ("pAppData", _POINTER),
        ("xOpen", _Open),
        ("xDelete", _Delete),
        ("others", _POINTER * 14),
    )


class _Methods(ctypes.Structure):
    """`sqlite3_io_methods`, version 3 (sqlite3.h)."""

    _fields_ = (
        ("iVersion", _INT),
        ("xClose", _POINTER),
        ("xRead", _POINTER),
        ("xWrite", _Write),
        ("xTruncate", _Truncate),
        ("xSync", _Sync),
        ("others", _POINTER * 13),
    )


class _File(ctypes.Structure):
    """`sqlite3_file`: what stands first in every open file."""

    _fields_ = (("pMethods", ctypes.POINTER(_Methods)),)


def library() -> ctypes.CDLL | None:
    """Return the SQLite that `sqlite3` uses, None if it is built in where nobody can reach it."""
    found = ctypes.CDLL(getattr(_sqlite3, "__file__", None))
    if not hasattr(found, "sqlite3_vfs_find"):
        return None
    found.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
    return found


@contextmanager
def watched_sqlite(folder: Path, watch: Callable[[Operation], int]) -> Iterator[None]:
    """Tell `watch` of every operation on a file in `folder` before it is done.

    What `watch` returns is an SQLite result code: OK to go on, any other to fail the operation, which is then not done.
    Close all connections before leaving.
    """
    sqlite = library()
    if sqlite is None:
        raise RuntimeError("found no sqlite3_vfs_find in this Python's SQLite, expected a shared library")
    system = sqlite.sqlite3_vfs_find(None)
    shim = _Vfs.from_buffer_copy(system.contents)
    shim.zName = b"watched"
    watching = _Watching(str(folder), system.contents, watch)
    shim.xOpen, shim.xDelete = watching.open, watching.delete
    if sqlite.sqlite3_vfs_register(ctypes.byref(shim), 1) != OK:
        raise RuntimeError("SQLite refused the watching VFS")
    try:
        yield
    finally:
        sqlite.sqlite3_vfs_unregister(ctypes.byref(shim))


class _Watching:
    """The calls that are told of. SQLite holds pointers into this: it must live as long as the files."""

    def __init__(self, folder: str, system: _Vfs, watch: Callable[[Operation], int]) -> None:
        self._folder, self._system, self._watch = folder, system, watch
        self._paths: dict[int, str] = {}
        self._tables: dict[int, tuple[_Methods, _Methods]] = {}
        """By the address of the system's table: that table, and ours."""
        self._of_file: dict[int, _Methods] = {}
        self.open, self.delete = _Open(self._open), _Delete(self._delete)

    def _open(self, vfs: int, name: int | None, file: int, flags: int, out_flags: int) -> int:
        code: int = self._system.xOpen(vfs, name, file, flags, out_flags)
        path = ctypes.string_at(name).decode() if name else ""  # a temporary file has none
        opened = ctypes.cast(file, ctypes.POINTER(_File)).contents
        if code == OK and opened.pMethods and path.startswith(self._folder):
            system, ours = self._table(opened.pMethods)
            self._paths[file], self._of_file[file] = path, system
            opened.pMethods = ctypes.pointer(ours)
        return code

    def _table(self, methods: "ctypes._Pointer[_Methods]") -> tuple[_Methods, _Methods]:
        address = ctypes.addressof(methods.contents)
        if address not in self._tables:
            ours = _Methods.from_buffer_copy(methods.contents)
            ours.xWrite, ours.xTruncate = _Write(self._write), _Truncate(self._truncate)
            ours.xSync = _Sync(self._sync)
            self._tables[address] = (methods.contents, ours)
        return self._tables[address]

    def _delete(self, vfs: int, name: int, synced: int) -> int:
        path = ctypes.string_at(name).decode()
        if path.startswith(self._folder) and (code := self._watch(Delete(path, bool(synced)))) != OK:
            return code
        return int(self._system.xDelete(vfs, name, synced))

    def _write(self, file: int, data: int, size: int, offset: int) -> int:
        code = self._watch(Write(self._paths[file], offset, ctypes.string_at(data, size)))
        return code if code != OK else int(self._of_file[file].xWrite(file, data, size, offset))

    def _truncate(self, file: int, size: int) -> int:
        code = self._watch(Truncate(self._paths[file], size))
        return code if code != OK else int(self._of_file[file].xTruncate(file, size))

    def _sync(self, file: int, flags: int) -> int:
        code = self._watch(Sync(self._paths[file]))
        return code if code != OK else int(self._of_file[file].xSync(file, flags))
