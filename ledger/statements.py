"""Statements: what moved on each account of a participant in a period, from the readable journal.

The two ends are taken from different tables: the opening balance is the sum of the journal before the period, the closing
one is counted back from the balances of today. A statement exists only if its movements lead from one to the other.
"""

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, Select, func, select, union_all

from ledger.accounts import Account, AccountKind
from ledger.assets import parse_asset, unit_of
from ledger.reading import reading
from ledger.tables import BalanceRow, EntryRow, ProjectedRow, RecordRow, table
from market.orders import Address
from market.units import InvariantBroken, Malformed

_BALANCES = table(BalanceRow)
_ENTRIES = table(EntryRow)
_PROJECTED = table(ProjectedRow)
_RECORD = table(RecordRow)


class TablesBehind(Exception):
    """The readable tables have not come as far as the period that was asked for. Says how far, and what to do."""


class TooManyMovements(Malformed):
    """A period with more movements than the caller takes at once. Says how many."""


class Movement(NamedTuple):
    """One entry: when (Unix microseconds), why, how much in the unit of the asset, and the balance after it."""

    time_us: int
    batch_number: int
    event_position: int
    event: str
    reference: str
    chain_transaction: str
    amount: int
    balance: int


@dataclass(frozen=True, slots=True)
class AccountStatement:
    """What moved on one account.

    Raises:
        InvariantBroken: if the movements do not lead from the opening to the closing balance.
    """

    account: Account
    opening: int
    movements: tuple[Movement, ...]
    closing: int

    def __post_init__(self) -> None:
        balance = self.opening
        for movement in self.movements:
            balance += movement.amount
            if balance != movement.balance:
                self._stop(f"batch {movement.batch_number}", movement.balance, balance)
        if balance != self.closing:
            self._stop("the closing balance", self.closing, balance)

    def _stop(self, where: str, found: int, expected: int) -> None:
        unit = unit_of(self.account.asset)
        raise InvariantBroken(
            f"statement of {self.account}, {where}: found {found} {unit}, expected {expected}: "
            "the journal and the balances disagree, ccei audit says where"
        )


@dataclass(frozen=True, slots=True)
class Statement:
    """A participant's accounts from `from_us` on and before `to_us`, Unix microseconds, by kind and asset.

    Batches from `first_batch` to `last_batch` are in it; none are where the first is greater than the last. Accounts
    that held nothing and saw nothing are left out.
    """

    participant: Address
    from_us: int
    to_us: int
    first_batch: int
    last_batch: int
    accounts: tuple[AccountStatement, ...]


def read_statement(
    engine: Engine, participant: Address, *, from_us: int, to_us: int, movements_max: int | None = None
) -> Statement:
    """Return a participant's statement of a period, Unix microseconds, the end not included.

    The market may go on meanwhile: what it appends is after the last batch that is stated.

    Raises:
        Malformed: if the period ends before it begins; `TooManyMovements` if it has more than `movements_max`.
        TablesBehind: if batches of the period are in the record, but not yet in the tables.
        InvariantBroken: if a sum is not what it should be.
    """
    if from_us >= to_us:
        raise Malformed(
            f"period: found an end at {to_us} us, expected one after its beginning at {from_us} us"
        )
    with reading(engine) as connection:
        before, last = (_last_before(connection, moment) for moment in (from_us, to_us))
        position = connection.execute(select(_PROJECTED.c.batch_number)).scalar() or 0
        if position < last:
            raise TablesBehind(
                f"readable tables: found them at batch {position}, expected batch {last}, the last of the period: "
                "wait for the market to bring them forward, or start it on this database"
            )
        rows = _entries(connection, participant, before, last, movements_max)
        opening = _opening(connection, participant, before)
        closing = _closing(connection, participant, last)
    movements: defaultdict[Account, list[Any]] = defaultdict(list)
    for row in rows:
        movements[_account(participant, row)].append(row)
    return Statement(
        participant,
        from_us,
        to_us,
        before + 1,
        last,
        tuple(
            _state(account, opening.get(account, 0), movements.get(account, []), closing.get(account, 0))
            for account in sorted(opening.keys() | movements.keys() | closing.keys())
        ),
    )


def _last_before(connection: Connection, moment_us: int) -> int:
    """Return the number of the last batch before a moment, 0 if there is none: times rise with the numbers."""

    def time_us(number: int) -> int:
        statement = select(_RECORD.c.time_us).where(_RECORD.c.number == number)
        return int(connection.execute(statement).scalar_one())

    head = connection.execute(select(func.max(_RECORD.c.number))).scalar() or 0
    return bisect_left(range(1, head + 1), moment_us, key=time_us)


def _entries(
    connection: Connection, participant: Address, before: int, last: int, movements_max: int | None
) -> list[Any]:
    """Return a participant's entries of the batches after `before` up to `last`, in order, with their times."""
    wanted = (
        _ENTRIES.c.participant == _hex(participant),
        _ENTRIES.c.batch_number > before,
        _ENTRIES.c.batch_number <= last,
    )
    if movements_max is not None:
        found = connection.execute(select(func.count()).select_from(_ENTRIES).where(*wanted)).scalar_one()
        if found > movements_max:
            raise TooManyMovements(
                f"period: found {found} movements, expected at most {movements_max}: ask for a shorter one"
            )
    statement = select(_ENTRIES, _RECORD.c.time_us).join(_RECORD, _RECORD.c.number == _ENTRIES.c.batch_number)
    return list(connection.execute(statement.where(*wanted).order_by(*_ENTRIES.primary_key)))


def _opening(connection: Connection, participant: Address, before: int) -> dict[Account, int]:
    """Return the balances after a batch other than 0: the sums of the journal up to it."""
    kind, asset, amount = _ENTRIES.c.kind, _ENTRIES.c.asset, _ENTRIES.c.amount
    statement = select(kind, asset, func.sum(amount).label("amount")).where(
        _ENTRIES.c.participant == _hex(participant), _ENTRIES.c.batch_number <= before
    )
    return _by_account(connection, participant, statement.group_by(kind, asset))


def _closing(connection: Connection, participant: Address, last: int) -> dict[Account, int]:
    """Return the balances after a batch other than 0: those of today, less what was booked since, in one reading."""
    both = union_all(
        select(_BALANCES.c.kind, _BALANCES.c.asset, _BALANCES.c.amount).where(
            _BALANCES.c.participant == _hex(participant)
        ),
        select(_ENTRIES.c.kind, _ENTRIES.c.asset, -_ENTRIES.c.amount).where(
            _ENTRIES.c.participant == _hex(participant), _ENTRIES.c.batch_number > last
        ),
    ).subquery()
    kind, asset, amount = both.c
    statement = select(kind, asset, func.sum(amount).label("amount")).group_by(kind, asset)
    return _by_account(connection, participant, statement)


def _by_account(connection: Connection, participant: Address, statement: Select[Any]) -> dict[Account, int]:
    return {
        _account(participant, row): int(row.amount) for row in connection.execute(statement) if row.amount
    }


def _hex(participant: Address) -> str:
    return f"0x{participant.hex()}"


def _account(participant: Address, row: Any) -> Account:
    return Account(AccountKind[row.kind.upper()], participant, parse_asset(row.asset))


def _state(account: Account, opening: int, rows: list[Any], closing: int) -> AccountStatement:
    """Return the statement of one account, with the balance after each movement."""
    balance = opening
    movements = []
    for row in rows:
        balance += row.amount
        movements.append(
            Movement(
                row.time_us,
                row.batch_number,
                row.event_position,
                row.event,
                row.reference,
                row.chain_transaction,
                row.amount,
                balance,
            )
        )
    return AccountStatement(account, opening, tuple(movements), closing)
