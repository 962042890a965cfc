"""Read CSV columns in bulk: each distinct text is parsed once, and a bad one is named with its file and line."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from api.day.inputs import InputError
from market.units import Malformed, parse_decimal

if TYPE_CHECKING:
    from pandas import DataFrame, Series

ROWS_PER_CHUNK = 200_000
FIRST_DATA_LINE = 2
INTEGER_LIMIT = 1 << 63


class Columns:
    """Some rows of a CSV file as text, and where they stand in it."""

    def __init__(self, path: Path, frame: "DataFrame", first_line: int) -> None:
        self._path = path
        self._frame = frame
        self._first_line = first_line

    def __len__(self) -> int:
        return len(self._frame)

    def words(self, name: str, codes: Mapping[str, int], *, default: int | None = None) -> NDArray[np.int64]:
        """Return the code of each word (any case); a blank is `default`, or an error without one."""

        def parse(text: str) -> int:
            if not text and default is not None:
                return default
            code = codes.get(text.lower())
            if code is None:
                raise Malformed(f"one of {', '.join(codes)}")
            return code

        return self._parsed(name, parse)

    def decimals(
        self, name: str, *, scale: int, low: int, high: int, blank: int | None = None
    ) -> NDArray[np.int64]:
        """Return decimals in `1/scale` parts, each from `low` to `high` parts; a blank is `blank`, or an error."""

        def parse(text: str) -> int:
            if not text and blank is not None:
                return blank
            expected = (
                f"a decimal number from {low / scale:g} to {high / scale:g} with steps of {1 / scale:g}"
            )
            try:
                value = parse_decimal(text, scale=scale, what=name)
            except Malformed:
                raise Malformed(expected) from None
            if not low <= value <= high:
                raise Malformed(expected)
            return value

        return self._parsed(name, parse)

    def integers(self, name: str) -> NDArray[np.int64]:
        """Return whole numbers of 64 bits."""
        text = self._frame[name]
        try:
            return text.to_numpy(dtype=np.str_).astype(np.int64)
        except (ValueError, OverflowError):
            return self._parsed(name, _integer)

    def texts(self, name: str) -> "Series[str]":
        """Return the column as it stands."""
        return self._frame[name]

    def wrong(self, mask: NDArray[np.bool_], name: str, expected: str) -> None:
        """Raise for the first row of the mask, if there is one."""
        rows = np.flatnonzero(mask)
        if rows.size:
            self._fail(int(rows[0]), name, expected)

    def _parsed(self, name: str, parse: Callable[[str], int]) -> NDArray[np.int64]:
        places, distinct = pd.factorize(self._frame[name])
        values = np.zeros(len(distinct), dtype=np.int64)
        for index, text in enumerate(distinct):
            try:
                values[index] = parse(str(text).strip())
            except Malformed as error:
                self._fail(int(np.argmax(places == index)), name, str(error))
        return values[places] if len(distinct) else np.zeros(0, dtype=np.int64)

    def _fail(self, row: int, name: str, expected: str) -> None:
        found = str(self._frame[name].iloc[row])
        raise InputError(
            self._path,
            f"line {self._first_line + row}",
            f"{name} {found!r}" if found else f"no {name}",
            expected,
        )


def read_columns(path: Path, *, required: Sequence[str], optional: Sequence[str] = ()) -> Iterator[Columns]:
    """Stream a CSV file with a header line, some hundred thousand rows at a time. Absent optional columns are blank.

    Raises:
        InputError: if it is empty, lacks a column or has an unknown one, or a line has other columns than the header.
    """
    options: dict[str, Any] = {
        "dtype": str,
        "keep_default_na": False,
        "skip_blank_lines": False,
        "encoding": "utf-8",
    }
    line = FIRST_DATA_LINE
    try:
        with pd.read_csv(path, chunksize=ROWS_PER_CHUNK, index_col=False, **options) as chunks:
            for frame in chunks:
                if line == FIRST_DATA_LINE:
                    _check_header(path, list(frame.columns), required, optional)
                if frame.isna().to_numpy().any():
                    row = int(np.argmax(frame.isna().to_numpy().any(axis=1)))
                    raise InputError(
                        path, f"line {line + row}", "fewer columns", f"{len(frame.columns)} columns"
                    )
                for name in optional:
                    if name not in frame:
                        frame[name] = ""
                yield Columns(path, frame, line)
                line += len(frame)
    except pd.errors.EmptyDataError:
        raise InputError(path, "line 1", "nothing", f"columns {', '.join(required)}") from None
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise InputError(
            path, f"after line {line - 1}", str(error).strip(), "lines of comma-separated text"
        ) from None


def _check_header(path: Path, found: list[str], required: Sequence[str], optional: Sequence[str]) -> None:
    missing = [name for name in required if name not in found]
    unknown = [name for name in found if name not in (*required, *optional)]
    if missing or unknown:
        expected = f"columns {', '.join(required)}" + (
            f" and perhaps {', '.join(optional)}" if optional else ""
        )
        raise InputError(path, "line 1", f"columns {', '.join(found)}", expected)


def _integer(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        raise Malformed("a whole number") from None
    if not -INTEGER_LIMIT <= value < INTEGER_LIMIT:
        raise Malformed("a whole number of 64 bits")
    return value
