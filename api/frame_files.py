"""Frame files: data frames that come one after another, as one CSV or Parquet file, written whole or not at all.

Parquet needs pyarrow, which keeps every column's type; CSV is for spreadsheets: moments as ISO 8601, missing values empty.
"""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from api.whole_file import whole_path

if TYPE_CHECKING:
    import pandas


class Format(StrEnum):
    """How frames are written."""

    PARQUET = "parquet"
    CSV = "csv"


_MOMENT = "%Y-%m-%dT%H:%M:%S.%fZ"


def write_frames(frames: Iterable["pandas.DataFrame"], path: Path, form: Format) -> int:
    """Write frames of the same columns below each other, at least one, and return how many rows they have.

    Raises:
        Unwritable: if the file cannot be written.
    """
    write = _write_parquet if form is Format.PARQUET else _write_csv
    rows = 0

    def counted() -> Iterator["pandas.DataFrame"]:
        nonlocal rows
        for frame in frames:
            rows += len(frame)
            yield frame

    with whole_path(path) as part:
        write(counted(), part)
    return rows


def _write_csv(frames: Iterator["pandas.DataFrame"], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as out:
        for number, frame in enumerate(frames):
            frame.to_csv(out, header=number == 0, index=False, lineterminator="\n", date_format=_MOMENT)


def _write_parquet(frames: Iterator["pandas.DataFrame"], path: Path) -> None:
    """Write each frame as a row group; the first one's types hold for all."""
    import pyarrow
    from pyarrow import parquet

    first = pyarrow.Table.from_pandas(next(frames), preserve_index=False)
    with parquet.ParquetWriter(path, first.schema, compression="zstd") as writer:
        writer.write_table(first)
        for frame in frames:
            writer.write_table(pyarrow.Table.from_pandas(frame, schema=first.schema, preserve_index=False))
