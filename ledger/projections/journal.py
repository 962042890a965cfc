"""The journal: every line of every posting with what it left on its account, and what stands on each account now."""

from collections.abc import Iterable

from sqlalchemy import Connection, Engine, Table, select

from ledger.accounts import Account, AccountKind, Balances
from ledger.assets import asset_name, parse_asset
from ledger.entries import Entry, Posting
from ledger.projections.sheet import Row, hexed
from ledger.references import reference_of
from ledger.tables import BalanceRow, EntryRow, table
from market.events import Event
from market.orders import Address
from market.units import InvariantBroken

ENTRIES = table(EntryRow)
BALANCES = table(BalanceRow)
_ROWS_PER_READ = 1_000


class Journal:
    """The tables of entries and of balances."""

    def __init__(self) -> None:
        self._balances = Balances()
        self._entries: list[Row] = []
        self._touched: dict[Account, None] = {}

    def load(self, connection: Connection) -> None:
        """Take all balances."""
        self._balances.apply(
            (_account(row.kind, row.participant, row.asset), row.amount)
            for row in connection.execute(select(BALANCES))
        )

    def book(self, events: tuple[Event, ...], postings: Iterable[Posting]) -> None:
        """Enter the postings that the events of one batch caused."""
        for posting in postings:
            event = events[posting.event_position]
            reference, transaction = reference_of(event)
            left: dict[Account, int] = {}
            for line, (account, amount) in enumerate(posting.entries):
                left[account] = left.get(account, self._balances.on(account)) + amount
                self._entries.append(
                    {
                        "batch_number": posting.batch_number,
                        "event_position": posting.event_position,
                        "line": line,
                        "event": type(event).__name__,
                        "reference": reference,
                        "chain_transaction": transaction,
                        "kind": account.kind.name.lower(),
                        "participant": hexed(account.participant),
                        "asset": asset_name(account.asset),
                        "amount": amount,
                        "balance": left[account],
                    }
                )
            self._balances.apply(posting.entries)
            self._touched.update(dict.fromkeys(left))

    def take(self) -> Iterable[tuple[Table, list[Row]]]:
        """Return what to write."""
        balances = [
            {
                "kind": account.kind.name.lower(),
                "participant": hexed(account.participant),
                "asset": asset_name(account.asset),
                "amount": self._balances.on(account),
            }
            for account in self._touched
        ]
        entries, self._entries = self._entries, []
        self._touched.clear()
        return ((ENTRIES, entries), (BALANCES, balances))


def read_postings(engine: Engine) -> Iterable[Posting]:
    """Iterate over the journal as it stands in the table, in order.

    Raises:
        InvariantBroken: if the entries of an event do not sum to zero, or one is on no account.
    """
    key: tuple[int, int] | None = None
    entries: list[Entry] = []
    with engine.connect() as connection:
        statement = select(ENTRIES).order_by(*ENTRIES.primary_key)
        for row in connection.execute(statement, execution_options={"yield_per": _ROWS_PER_READ}):
            found = (row.batch_number, row.event_position)
            if key is not None and found != key:
                yield Posting(*key, tuple(entries))
                entries = []
            key = found
            entries.append((_account(row.kind, row.participant, row.asset), row.amount))
    if key is not None:
        yield Posting(*key, tuple(entries))


def _account(kind: str, participant: str, asset: str) -> Account:
    try:
        holder = Address(bytes.fromhex(participant.removeprefix("0x")))
        return Account(AccountKind[kind.upper()], holder, parse_asset(asset))
    except (LookupError, ValueError) as error:
        raise InvariantBroken(
            f"journal: found account {kind!r} of {participant!r} in {asset!r}, expected one of the chart: {error}"
        ) from None
