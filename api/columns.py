"""Read CSV columns in bulk, in a stream: plain numbers and words all at once, anything else cell by cell.

A cell that the fast way does not understand goes the slow way, which alone decides what it means or what is wrong with
it. An error names the file and the line.
"""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from api.input_error import InputError
from market.units import Malformed, format_decimal, parse_decimal

BLOCK_BYTES = 1 << 23
ROWS_PER_BLOCK = 50_000
"""Rows taken at a time once a quote was seen; from then on rows are split one by one."""

_HEADER_BYTES = 1 << 16
_NEWLINE, _COMMA, _POINT, _MINUS, _SPACE, _ZERO, _UPPER_A = b"\n,.- 0A"
_LETTERS = 26
_LOWER = 32
_WORD_BYTES = 8
_DIGITS = 19
"""So many decimal digits always fit into an unsigned word of 64 bits."""
INTEGER_LIMIT = 1 << 63
_SHOWN_CHARACTERS = 150

_Integers = NDArray[np.int64]
_Mask = NDArray[np.bool_]


class Columns:
    """Some rows of a CSV file: where the text of each cell starts and ends, and `lines`, the line of each row."""

    def __init__(
        self, path: Path, text: bytes, cells: Mapping[str, tuple[_Integers, _Integers]], lines: _Integers
    ) -> None:
        """Hold `cells`, a pair of starts and ends in `text` for each column; a column that is not there is blank."""
        self._path = path
        self._text = text
        self._cells = cells
        self.lines = lines
        # A cell's bytes are fetched at offsets up to its longest neighbour's length: leave room behind the last.
        self._bytes = np.frombuffer(text + bytes(_DIGITS + 2), np.uint8)

    def __len__(self) -> int:
        return len(self.lines)

    def words(self, name: str, codes: Mapping[str, int], *, default: int | None = None) -> _Integers:
        """Return the code of each word (lower case in `codes`, any case in the file); a blank is `default`, or an error."""

        def parse(text: str) -> int:
            code = codes.get(text.lower())
            if code is None:
                raise Malformed(f"one of {', '.join(codes)}")
            return code

        keys, lengths = self._keys(name)
        values = np.zeros(len(self), np.int64)
        known = np.zeros(len(self), np.bool_)
        for word, code in codes.items():
            if len(word) <= _WORD_BYTES:
                same = (keys == int.from_bytes(word.encode(), "big")) & (lengths == len(word))
                values[same] = code
                known |= same
        return self._completed(name, values, known, parse, blank=default)

    def decimals(self, name: str, *, scale: int, low: int, high: int, blank: int | None = None) -> _Integers:
        """Return decimals in `1/scale` parts, each from `low` to `high` parts; a blank is `blank`, or an error.

        `scale` is a power of ten.
        """
        places = len(str(scale)) - 1
        expected = (
            f"a number from {format_decimal(low, scale=scale)} to {format_decimal(high, scale=scale)} "
            f"with at most {places} decimals"
        )

        def parse(text: str) -> int:
            try:
                value = parse_decimal(text, scale=scale, what=name)
            except Malformed:
                raise Malformed(expected) from None
            if not low <= value <= high:
                raise Malformed(expected)
            return value

        values, plain = self._plain_numbers(name, places)
        return self._completed(name, values, plain & (values >= low) & (values <= high), parse, blank=blank)

    def integers(self, name: str) -> _Integers:
        """Return whole numbers of 64 bits; a blank is an error."""
        values, plain = self._plain_numbers(name, 0)
        return self._completed(name, values, plain, _integer, blank=None)

    def texts(self, name: str) -> list[str]:
        """Return each cell's text; a blank is an error."""
        texts = [self._cell(name, row) for row in range(len(self))]
        for row, text in enumerate(texts):
            if not text or "\ufffd" in text:
                self._fail(row, name, "some text in UTF-8")
        return texts

    def wrong(self, mask: _Mask, name: str, expected: str) -> None:
        """Raise for the first row of the mask, if there is one."""
        if mask.any():
            self._fail(int(np.argmax(mask)), name, expected)

    def _keys(self, name: str) -> tuple[NDArray[np.uint64], _Integers]:
        """Return the first bytes of each cell in lower case, packed into one word, and the cells' lengths."""
        starts, lengths = self._places(name)
        keys = np.zeros(len(self), np.uint64)
        for at in range(min(int(lengths.max(initial=0)), _WORD_BYTES)):
            found = self._bytes[starts + at]
            found = np.where(found - np.uint8(_UPPER_A) < _LETTERS, found + np.uint8(_LOWER), found)
            keys = np.where(at < lengths, keys << np.uint64(8) | found, keys)
        return keys, lengths

    def _plain_numbers(self, name: str, places: int) -> tuple[_Integers, _Mask]:
        """Return the cells' values in parts of 1/10^`places`, and which of them are plain enough to be trusted.

        Plain is an optional minus, digits, and an optional point with at most `places` digits after it.
        """
        starts, lengths = self._places(name)
        negative = (self._bytes[starts] == _MINUS) & (lengths > 0)
        starts, lengths = starts + negative, lengths - negative
        values = np.zeros(len(self), np.uint64)
        digits, decimals = np.zeros(len(self), np.int64), np.zeros(len(self), np.int64)
        pointed = np.zeros(len(self), np.bool_)
        plain = lengths <= _DIGITS + 1
        for at in range(min(int(lengths.max(initial=0)), _DIGITS + 1)):
            inside = at < lengths
            digit = self._bytes[starts + at] - np.uint8(_ZERO)
            is_digit = inside & (digit <= 9)
            is_point = inside & (self._bytes[starts + at] == _POINT) & ~pointed
            values = np.where(is_digit, values * np.uint64(10) + digit, values)
            digits += is_digit
            decimals += is_digit & pointed
            pointed |= is_point
            plain &= is_digit | is_point | ~inside
        lacking = places - decimals
        plain &= (digits > 0) & (lacking >= 0) & (digits + lacking <= _DIGITS)
        values *= np.uint64(10) ** np.where(plain, lacking, 0).astype(np.uint64)
        plain &= values < INTEGER_LIMIT
        signed = values.astype(np.int64)
        return np.where(negative, -signed, signed), plain

    def _completed(
        self, name: str, values: _Integers, known: _Mask, parse: Callable[[str], int], *, blank: int | None
    ) -> _Integers:
        """Fill in what is not known: a blank by its value, any other cell by parsing it."""
        if blank is not None:
            blanks = self._places(name)[1] == 0
            values[blanks] = blank
            known = known | blanks
        for row in np.flatnonzero(~known).tolist():
            try:
                values[row] = parse(self._cell(name, row))
            except Malformed as error:
                self._fail(row, name, str(error))
        return values

    def _places(self, name: str) -> tuple[_Integers, _Integers]:
        """Return where each cell of a column starts, and its length in bytes."""
        if name not in self._cells:
            return np.zeros(len(self), np.int64), np.zeros(len(self), np.int64)
        starts, ends = self._cells[name]
        return starts, ends - starts

    def _cell(self, name: str, row: int) -> str:
        if name not in self._cells:
            return ""
        # of one row only: to take the lengths of all here makes many cells quadratic
        starts, ends = self._cells[name]
        return self._text[starts[row] : ends[row]].decode("utf-8", "replace").strip()

    def _fail(self, row: int, name: str, expected: str) -> None:
        found = self._cell(name, row)
        what = f"{name} {_shown(found)}" if found else f"no {name}"
        raise InputError(self._path, f"line {self.lines[row]}", what, expected)


def read_columns(path: Path, *, required: Sequence[str], optional: Sequence[str] = ()) -> Iterator[Columns]:
    """Stream the rows of a CSV file with a header line (UTF-8), some hundred thousand at a time. Blank lines are skipped.

    Raises:
        InputError: if it cannot be read or is empty, lacks a column, has an unknown one or one twice, or a line has
            other columns than the header.
    """
    try:
        with path.open("rb") as file:
            header = _header(path, file, required, optional)
            yield from _plain_rows(path, file, header)
    except OSError as error:
        found = "a folder" if path.is_dir() else (error.strerror or str(error)).lower()
        raise InputError(path, "opening it", found, "a file that can be read") from None


def _header(path: Path, file: BinaryIO, required: Sequence[str], optional: Sequence[str]) -> list[str]:
    expected = f"columns {', '.join(required)}" + (f" and perhaps {', '.join(optional)}" if optional else "")
    line = file.readline(_HEADER_BYTES).decode("utf-8-sig", "replace")
    if not line:
        raise InputError(path, "line 1", "an empty file", expected)
    try:
        found = [name.strip() for name in next(csv.reader([line], strict=True), [])]
    except csv.Error:
        raise InputError(path, "line 1", "a line that cannot be split at commas", expected) from None
    known = {*required, *optional}
    if not set(required) <= set(found) <= known or len(set(found)) < len(found):
        named = f"columns {_shown(', '.join(found))}" if any(found) else "no columns"
        raise InputError(path, "line 1", named, expected)
    return found


def _plain_rows(path: Path, file: BinaryIO, header: list[str]) -> Iterator[Columns]:
    """Split blocks of whole lines at newlines and commas, until a quote turns up."""
    line, rest = 2, b""
    while block := file.read(BLOCK_BYTES):
        block = rest + block
        length = block.rfind(b"\n") + 1
        block, rest = block[:length], block[length:]
        if b'"' in block or b'"' in rest:
            file.seek(-len(block) - len(rest), 1)
            yield from _quoted(path, file, header, line)
            return
        yield from _split(path, block, header, line)
        line += block.count(b"\n")
    if rest:
        yield from _split(path, rest + b"\n", header, line)


def _split(path: Path, block: bytes, header: list[str], first_line: int) -> Iterator[Columns]:
    """Split whole lines without quotes."""
    if b"\r" in block:
        block = block.replace(b"\r\n", b"\n")
    found = np.frombuffer(block, np.uint8)
    newlines = np.flatnonzero(found == _NEWLINE)
    starts = np.concatenate(([0], newlines[:-1] + 1))
    filled = newlines > starts
    lines, starts, newlines = first_line + np.flatnonzero(filled), starts[filled], newlines[filled]
    commas = np.flatnonzero(found == _COMMA)
    cells = np.diff(np.searchsorted(commas, newlines), prepend=0) + 1
    uneven = cells != len(header)
    if uneven.any():
        row = int(np.argmax(uneven))
        raise _uneven(path, int(lines[row]), int(cells[row]), header)
    if len(lines):
        inner = commas.reshape(len(lines), len(header) - 1)
        starts, ends = np.column_stack((starts, inner + 1)), np.column_stack((inner, newlines))
        yield Columns(path, block, _cells(header, found, starts, ends), lines)


def _quoted(path: Path, file: BinaryIO, header: list[str], first_line: int) -> Iterator[Columns]:
    """Split the rest of the file row by row, quotes and all."""
    rows = _rows(path, file, header, first_line)
    while batch := list(islice(rows, ROWS_PER_BLOCK)):
        texts = [cell.encode() for _, cells in batch for cell in cells]
        lengths = np.array(list(map(len, texts))).reshape(len(batch), len(header))
        ends = np.cumsum(lengths).reshape(lengths.shape)
        cells = _cells(header, np.frombuffer(text := b"".join(texts), np.uint8), ends - lengths, ends)
        yield Columns(path, text, cells, np.array([line for line, _ in batch]))


def _rows(path: Path, file: BinaryIO, header: list[str], first_line: int) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader((line.decode("utf-8", "replace") for line in file), strict=True)
    try:
        for cells in reader:
            line = first_line + reader.line_num - 1
            if cells:
                if len(cells) != len(header):
                    raise _uneven(path, line, len(cells), header)
                yield line, cells
    except csv.Error as error:
        line = first_line + max(reader.line_num, 1) - 1
        raise InputError(path, f"line {line}", str(error), "comma-separated text") from None


def _cells(
    header: list[str], found: NDArray[np.uint8], starts: _Integers, ends: _Integers
) -> dict[str, tuple[_Integers, _Integers]]:
    """Return each column's starts and ends, without the spaces around cells."""
    while (spaced := (starts < ends) & (found[np.minimum(starts, len(found) - 1)] == _SPACE)).any():
        starts = starts + spaced
    while (spaced := (starts < ends) & (found[ends - 1] == _SPACE)).any():
        ends = ends - spaced
    return {
        name: (np.ascontiguousarray(starts[:, at]), np.ascontiguousarray(ends[:, at]))
        for at, name in enumerate(header)
    }


def _uneven(path: Path, line: int, cells: int, header: list[str]) -> InputError:
    return InputError(path, f"line {line}", f"{cells} cells", f"{len(header)}, as in the header")


def _shown(text: str) -> str:
    """Quote a text, cut where it is too long to be read."""
    return repr(text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…")


def _integer(text: str) -> int:
    expected = "a whole number of 64 bits"
    try:
        value = parse_decimal(text, scale=1, what="number")
    except Malformed:
        raise Malformed(expected) from None
    if not -INTEGER_LIMIT <= value < INTEGER_LIMIT:
        raise Malformed(expected)
    return value
