"""A witness of a market that is killed again and again: reads what each kill left, and holds it against what was told."""

import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from ledger.database import open_database
from ledger.rebuild import open_venue
from ledger.record import RecordReader
from ledger.venue import Venue
from market.events import OrderAccepted, TradeAgreed
from market.orders import Address

OrderName = tuple[Address, int]
"""A participant and its client order id."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a trader was told of an order: its id (None: it was refused), and the trades that it made at once."""

    order_id: int | None
    trades: frozenset[int]


@dataclass
class Witness:
    """Follows one record from kill to kill."""

    database: Path = Path()
    batches: int = 0
    accepted: dict[OrderName, Told] = field(default_factory=dict)
    _head: bytes = b""
    _venue: Venue | None = None

    def look(self, told: dict[OrderName, Told], aside: Path) -> None:
        """Check what is on the disk now: the chain, the books, and all that was told so far.

        It looks at a copy: closing the last connection to a database tidies up what the next start is to find.
        """
        copy = aside / self.database.name
        for suffix in ("", "-wal"):
            beside, there = Path(f"{copy}{suffix}"), Path(f"{self.database}{suffix}")
            beside.unlink(missing_ok=True)
            if there.exists():
                shutil.copyfile(there, beside)
        self.look_at(told, f"sqlite:///{copy}")

    def look_at(self, told: dict[OrderName, Told], url: str) -> None:
        """Check what a database holds now, where looking changes nothing."""
        engine = open_database(url, must_exist=True)
        try:
            self._read(RecordReader(engine))
        finally:
            engine.dispose()
        for name, said in told.items():
            found = self.accepted.get(name)
            if said.order_id is None:
                assert found is None, f"{name}: told that it was refused, found {found}"
            else:
                assert found is not None, f"{name}: told {said}, found nothing"
                assert (found.order_id, said.trades <= found.trades) == (said.order_id, True), (said, found)

    def _read(self, record: RecordReader) -> None:
        venue = self._venue = self._venue or open_venue(record.genesis)
        for row in record.verified_rows():
            if row.number == self.batches:
                assert row.hash == self._head, f"row {row.number} is not the one that was there before"
            if row.number <= self.batches:
                continue
            batch, events = row.batch(), row.told()
            venue.absorb(batch, events)
            assert sum(dict(venue.books.balances.items()).values()) == 0
            trades = [event for event in events if isinstance(event, TradeAgreed)]
            for event in events:
                if isinstance(event, OrderAccepted):
                    name = (event.terms.participant, event.terms.client_order_id)
                    assert name not in self.accepted, f"{name} was taken in twice"
                    self.accepted[name] = Told(
                        event.order_id,
                        frozenset(
                            trade.trade_number
                            for trade in trades
                            if event.order_id in (trade.buy_order_id, trade.sell_order_id)
                        ),
                    )
            self._head, last = row.hash, row.number
            self.batches = last

    @property
    def counts(self) -> Counter[str]:
        """What is in the record."""
        return Counter({"batches": self.batches, "orders in the record": len(self.accepted)})
