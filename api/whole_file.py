"""Write a file whole or not at all: to a neighbour first, then into place; never into that of a database."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

KEPT_IN_MEMORY_CHARACTERS = 1 << 24
_DATABASE_BEGINS = b"SQLite format 3\0"


class Unwritable(OSError):
    """A file or folder that cannot be written: which, and what stands in the way."""

    def __init__(self, path: Path, found: str) -> None:
        super().__init__(f"{path}, writing it: found {found}, expected a place that can be written to")


@contextmanager
def whole_file(path: Path | None) -> Iterator[IO[str]]:
    """Open a text file that appears at `path` only if all was written; None is standard output, held back until then.

    What is there and is no ordinary file, such as a pipe or `/dev/null`, is written to directly.

    Raises:
        Unwritable: before anything is written, if the file cannot be.
    """
    if path is None:
        with _held_back(sys.stdout) as out:
            yield out
        return
    with _put_in_place(path, "w") as out:
        yield out


@contextmanager
def whole_binary_file(path: Path) -> Iterator[IO[bytes]]:
    """Do as `whole_file`, for bytes.

    Raises:
        Unwritable: before anything is written, if the file cannot be.
    """
    with _put_in_place(path, "wb") as out:
        yield out


@contextmanager
def whole_path(path: Path) -> Iterator[Path]:
    """Give a neighbour of `path` to write to, by whatever library; it takes the place of `path` only if all went well.

    Raises:
        Unwritable: before anything is written, if the file cannot be.
    """
    with _neighbour(path) as (handle, part):
        os.close(handle)
        yield part


@contextmanager
def new_folder(path: Path) -> Iterator[None]:
    """Make a folder; if what follows fails and left nothing in it, take away again what was made.

    Raises:
        Unwritable: if there is something else, or it cannot be made.
    """
    made = [folder for folder in (path, *path.parents) if not folder.exists()]
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unwritable(path, (error.strerror or str(error)).lower()) from None
    try:
        yield
    except BaseException:
        with suppress(OSError):  # the first that is not empty ends it
            for folder in made:
                folder.rmdir()
        raise


@contextmanager
def _held_back(out: IO[str]) -> Iterator[IO[str]]:
    with tempfile.SpooledTemporaryFile(KEPT_IN_MEMORY_CHARACTERS, "w+", encoding="utf-8", newline="") as held:
        yield held
        held.seek(0)
        shutil.copyfileobj(held, out)
        out.flush()


@contextmanager
def _put_in_place(path: Path, mode: str) -> Iterator[IO[Any]]:
    text: Any = {} if "b" in mode else {"encoding": "utf-8", "newline": "\n"}
    if path.exists() and not path.is_file() and not path.is_dir():
        try:
            out = path.open(mode, **text)
        except OSError as error:
            raise Unwritable(path, (error.strerror or str(error)).lower()) from None
        with out:
            yield out
        return
    with _neighbour(path) as (handle, _), os.fdopen(handle, mode, **text) as out:
        yield out


@contextmanager
def _neighbour(path: Path) -> Iterator[tuple[int, Path]]:
    """Make a file beside `path`, open for writing, which the caller fills and closes; then put it in place for good."""
    target = path.resolve()  # a link stays one
    if target.is_dir():
        raise Unwritable(path, "a folder")
    if _is_database(target):
        raise Unwritable(path, "a database, which no result replaces")
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    except OSError as error:
        raise Unwritable(path, (error.strerror or str(error)).lower()) from None
    part = Path(name)
    try:
        yield handle, part
        part.chmod(0o644)  # mkstemp makes files that only their owner reads
        _sync(part)
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    _sync(target.parent)  # its name too


def _is_database(path: Path) -> bool:
    """Tell whether a file is a database: one that was named by mistake may be a market that runs."""
    try:
        with path.open("rb") as file:
            return file.read(len(_DATABASE_BEGINS)) == _DATABASE_BEGINS
    except OSError:  # nothing is there, or nothing that we may read: writing says so
        return False


def _sync(path: Path) -> None:
    """Have what is written to a file, or the names in a folder, on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
