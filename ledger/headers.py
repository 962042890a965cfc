"""The headers of record rows, one after the other: what a proof of inclusion follows from its row to a known hash.

A header costs a walk over all commands and events of its row, and never changes again: the last ones that were asked for
are kept in memory, so that the next proof reads only what came since.
"""

from collections.abc import Iterator
from itertools import count

from ledger.record import BrokenChain, RecordedBatch, RecordReader, sealed_header
from ledger.seal import Header

HEADERS_KEPT = 20_000
"""Headers that are kept, about 600 bytes each."""


class Headers:
    """The headers of a record. Use it from one thread at a time."""

    def __init__(self, record: RecordReader) -> None:
        self.record = record
        self._kept: dict[int, Header] = {}

    def since(self, first: int) -> Iterator[Header]:
        """Iterate over the headers from row `first` on, up to the last row.

        Raises:
            BrokenChain: naming the first row from there on that is missing, changed or does not follow the row before.
        """
        previous, reading = None, None
        for number in count(first):
            header = self._kept.get(number)
            if header is not None:
                reading = None
            else:
                reading = reading or self.record.rows(after=number - 1)
                row = next(reading, None)
                if row is None:
                    return
                header = self._keep(_header_of(row, number))
            if previous is not None and header.previous != previous:
                raise BrokenChain(
                    number, f"found previous hash {header.previous.hex()}, expected {previous.hex()}"
                )
            previous = header.hash
            yield header

    def _keep(self, header: Header) -> Header:
        self._kept[header.number] = header
        if len(self._kept) > HEADERS_KEPT:
            del self._kept[next(iter(self._kept))]
        return header


def _header_of(row: RecordedBatch, number: int) -> Header:
    """Return the header of a row that has this number, and the hash of its content."""
    if row.number != number:
        raise BrokenChain(number, f"missing; the next one found is {row.number}")
    return sealed_header(row)
