"""A witness of a market that is killed again and again: reads what each kill left, and holds it against what was told."""

import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ledger.database import open_database
from ledger.rebuild import open_venue
from ledger.record import RecordReader
from ledger.venue import Venue
from market.events import Event, OrderAccepted, OrderCancelled, OrderReplaced, TradeAgreed
from market.orders import Address
from market.transfers import WithdrawalApproved

OrderName = tuple[Address, int]
"""A participant and its client order id."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a trader was told of an order: its id (None: it was refused), and trades that it made."""

    order_id: int | None
    trades: frozenset[int]


@dataclass(frozen=True, slots=True)
class Cancelled:
    """An order that a trader was told is off the book."""

    order_id: int


@dataclass(frozen=True, slots=True)
class Replaced:
    """An order that a trader was told has these terms now, by their client order id, and the trades that they made."""

    order_id: int
    client_order_id: int
    trades: frozenset[int]


@dataclass(frozen=True, slots=True)
class Approved:
    """A withdrawal for which somebody was given the operator's signature, good until the deadline (Unix seconds)."""

    participant: Address
    nonce: int
    deadline_s: int


Said = Told | Cancelled | Replaced | Approved
"""What somebody was told. Of an order under its name; of a change under the change itself."""


@dataclass
class Witness:
    """Follows one record from kill to kill."""

    database: Path = Path()
    batches: int = 0
    accepted: dict[OrderName, int] = field(default_factory=dict)
    """Order ids."""
    cancelled: set[int] = field(default_factory=set)
    replaced: set[tuple[int, int]] = field(default_factory=set)
    """Order ids, each with the client order id of terms that it got."""
    trades: dict[int, set[int]] = field(default_factory=dict)
    """By order id."""
    approved: dict[tuple[Address, int], Approved] = field(default_factory=dict)
    """By participant and nonce."""
    _head: bytes = b""
    _venue: Venue | None = None

    def look(self, told: Mapping[OrderName | Said, Said], aside: Path) -> None:
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

    def look_at(self, told: Mapping[OrderName | Said, Said], url: str) -> None:
        """Check what a database holds now, where looking changes nothing."""
        engine = open_database(url, must_exist=True)
        try:
            self._read(RecordReader(engine))
        finally:
            engine.dispose()
        for name, said in told.items():
            match said:
                case Cancelled(order_id):
                    assert order_id in self.cancelled, f"told {said}, found nothing"
                case Replaced(order_id, client_order_id, trades):
                    assert (order_id, client_order_id) in self.replaced, f"told {said}, found nothing"
                    self._check_trades(said, order_id, trades)
                case Approved():
                    found = self.approved.get((said.participant, said.nonce))
                    assert found == said, f"told {said}, found {found or 'nothing'}"
                case Told():
                    self._check_order(name, said)

    def _check_order(self, name: OrderName | Said, said: Told) -> None:
        assert isinstance(name, tuple)
        found = self.accepted.get(name)
        if said.order_id is None:
            assert found is None, f"{name}: told that it was refused, found order {found}"
        else:
            assert found is not None, f"{name}: told {said}, found nothing"
            assert found == said.order_id, f"{name}: told {said}, found order {found}"
            self._check_trades(said, found, said.trades)

    def _check_trades(self, said: Said, order_id: int, told: frozenset[int]) -> None:
        found = self.trades.get(order_id, set())
        assert told <= found, f"told {said}, found trades {sorted(found)}"

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
            self._follow(events)
            self._head, last = row.hash, row.number
            self.batches = last

    def _follow(self, events: tuple[Event, ...]) -> None:
        """Take in what became of orders, in the order in which it happened."""
        for event in events:
            match event:
                case OrderAccepted(order_id, terms):
                    name = (terms.participant, terms.client_order_id)
                    assert name not in self.accepted, f"{name} was taken in twice"
                    self.accepted[name] = order_id
                case OrderCancelled(order_id):
                    self.cancelled.add(order_id)
                case OrderReplaced(order_id, terms):
                    self.replaced.add((order_id, terms.client_order_id))
                case WithdrawalApproved(participant, _, nonce, deadline_s):
                    assert (participant, nonce) not in self.approved, f"withdrawal {nonce} was approved twice"
                    self.approved[participant, nonce] = Approved(participant, nonce, deadline_s)
                case TradeAgreed():
                    for order_id in (event.buy_order_id, event.sell_order_id):
                        assert order_id not in self.cancelled, f"order {order_id} traded after its cancel"
                        self.trades.setdefault(order_id, set()).add(event.trade_number)

    @property
    def counts(self) -> Counter[str]:
        """What is in the record."""
        return Counter(
            {
                "batches": self.batches,
                "orders in the record": len(self.accepted),
                "cancels": len(self.cancelled),
                "replacements": len(self.replaced),
                "withdrawals": len(self.approved),
            }
        )
