"""The journal: every line of every posting with what it left on its account, and what stands on each account now.

Accounts have numbers here, in the order in which the journal first came to them: a line is six integers, and the lines of
an account stand together. What a posting belongs to is said once, not in each of its lines.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from operator import itemgetter

from sqlalchemy import Connection, Engine, select

from ledger.accounts import Account, AccountKind
from ledger.assets import asset_name, parse_asset
from ledger.entries import Entry, Posting
from ledger.projections.sheet import Changes, Values, hexed, lowered
from ledger.references import reference_of
from ledger.tables import AccountRow, BalanceRow, EntryRow, PostingRow, table
from market.events import Event
from market.orders import Address
from market.units import InvariantBroken

ACCOUNTS = table(AccountRow)
POSTINGS = table(PostingRow)
ENTRIES = table(EntryRow)
BALANCES = table(BalanceRow)
_KIND = lowered(AccountKind)
_ROWS_PER_READ = 1_000
_account_number = itemgetter(0)


@dataclass(slots=True)
class _Standing:
    """What stands on an account, of which `sign` is the sign: nothing, or more of it."""

    number: int
    account: Account
    sign: int
    amount: int


class Journal:
    """The tables of accounts, postings, entries and balances."""

    def __init__(self) -> None:
        self._standings: dict[Account, _Standing] = {}
        self._by_number: list[_Standing] = []
        self._written = 0
        """How many accounts are in the tables."""
        self._postings: list[Values] = []
        self._entries: list[Values] = []

    def load(self, connection: Connection) -> None:
        """Take all accounts and what stands on them.

        Raises:
            InvariantBroken: if that is not what the journal writes.
        """
        amounts = {row.account_number: row.amount for row in connection.execute(select(BALANCES))}
        for account in _accounts(connection):
            standing = self._opened(account)
            if standing.number not in amounts:
                raise InvariantBroken(f"balances: found none of {account}, expected one of each account")
            standing.amount = amounts.pop(standing.number)
            account.check(standing.amount)
        if amounts:
            raise InvariantBroken(f"balances: found one of account {min(amounts)}, expected no such account")
        self._written = len(self._by_number)

    def book(self, events: tuple[Event, ...], postings: Iterable[Posting]) -> None:
        """Enter the postings that the events of one batch caused.

        Raises:
            InvariantBroken: if an account ends below zero, or custody above it.
        """
        standings, entries = self._standings, self._entries
        for posting in postings:
            batch_number, position = posting.batch_number, posting.event_position
            event = events[position]
            self._postings.append((batch_number, position, type(event).__name__, *reference_of(event)))
            beyond = []
            for line, (account, amount) in enumerate(posting.entries):
                standing = standings.get(account) or self._opened(account)
                standing.amount = left = standing.amount + amount
                if left * standing.sign < 0:
                    beyond.append(standing)
                entries.append((standing.number, batch_number, position, line, amount, left))
            for standing in beyond:  # a later line of the posting may have brought it back
                standing.account.check(standing.amount)

    def take(self) -> Iterable[Changes]:
        """Return what to write."""
        postings, self._postings = self._postings, []
        entries, self._entries = self._entries, []
        entries.sort(key=_account_number)  # the table's own order: batches come one after the other
        opened = [_row(standing) for standing in self._by_number[self._written :]]
        new: list[Values] = []
        changed: list[Values] = []
        for number in sorted(set(map(_account_number, entries))):
            (changed if number <= self._written else new).append((number, self._by_number[number - 1].amount))
        self._written = len(self._by_number)
        return (
            Changes(ACCOUNTS, opened, []),
            Changes(POSTINGS, postings, []),
            Changes(ENTRIES, entries, []),
            Changes(BALANCES, new, changed),
        )

    def _opened(self, account: Account) -> _Standing:
        """Number an account that the journal has not come to before."""
        sign = -1 if account.kind is AccountKind.CUSTODY else 1
        standing = self._standings[account] = _Standing(len(self._by_number) + 1, account, sign, 0)
        self._by_number.append(standing)
        return standing


def read_postings(engine: Engine) -> Iterable[Posting]:
    """Iterate over the journal as it stands in the tables, in order.

    Raises:
        InvariantBroken: if the entries of an event do not sum to zero, or one is on no account.
    """
    of = ENTRIES.c
    in_order = (of.batch_number, of.event_position, of.line)
    key: tuple[int, int] | None = None
    entries: list[Entry] = []
    with engine.connect() as connection:
        accounts = dict(enumerate(_accounts(connection), start=1))
        statement = select(*in_order, of.account_number, of.amount).order_by(*in_order)
        for number, position, line, account, amount in connection.execute(
            statement, execution_options={"yield_per": _ROWS_PER_READ}
        ):
            if key is not None and (number, position) != key:
                yield Posting(*key, tuple(entries))
                entries = []
            key = number, position
            if account not in accounts:
                raise InvariantBroken(
                    f"journal: batch {number}, event {position}, line {line}: found account {account}, expected 1 to "
                    f"{len(accounts)}"
                )
            entries.append((accounts[account], amount))
    if key is not None:
        yield Posting(*key, tuple(entries))


def _row(standing: _Standing) -> Values:
    kind, participant, asset = standing.account
    return standing.number, _KIND[kind], hexed(participant), asset_name(asset)


def _accounts(connection: Connection) -> Iterable[Account]:
    """Return the accounts of the tables by their numbers, from 1 on.

    Raises:
        InvariantBroken: if one is missing, or none of the chart.
    """
    accounts = []
    for number, row in enumerate(
        connection.execute(select(ACCOUNTS).order_by(*ACCOUNTS.primary_key)), start=1
    ):
        if row.account_number != number:
            raise InvariantBroken(
                f"accounts: found account {row.account_number}, expected {number} before it"
            )
        accounts.append(account_of(row.kind, row.participant, row.asset))
    return accounts


def account_of(kind: str, participant: str, asset: str) -> Account:
    """Return the account that a row names.

    Raises:
        InvariantBroken: if it is none of the chart.
    """
    try:
        holder = Address(bytes.fromhex(participant.removeprefix("0x")))
        return Account(AccountKind[kind.upper()], holder, parse_asset(asset))
    except (LookupError, ValueError) as error:
        raise InvariantBroken(
            f"journal: found account {kind!r} of {participant!r} in {asset!r}, expected one of the chart: {error}"
        ) from None
