"""Statements: what moved on each account of a participant in a period, from the readable journal.

Every line of the journal says what it left on its account. So where an account stood when the period began is looked up,
and what moved since is read: the years before and after cost nothing. A statement exists only if each movement leads from
the balance before it to the one that it says it left, and the last line of all left the balance of today.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    ScalarSelect,
    and_,
    bindparam,
    select,
)

from ledger.accounts import Account
from ledger.assets import unit_of
from ledger.latest import last_before
from ledger.projections.journal import account_of
from ledger.reading import reading
from ledger.tables import (
    AccountRow,
    BalanceRow,
    EntryRow,
    PostingRow,
    ProjectedRow,
    RecordRow,
    table,
)
from market.orders import Address
from market.units import InvariantBroken, Malformed

_ACCOUNTS: Final = table(AccountRow)
_BALANCES: Final = table(BalanceRow)
_POSTINGS: Final = table(PostingRow)
_ENTRIES: Final = table(EntryRow)
_PROJECTED: Final = table(ProjectedRow)
_RECORD: Final = table(RecordRow)


class TablesBehind(Exception):
    """The readable tables have not come as far as the period that was asked for. Says how far, and what to do."""


class TooManyMovements(Malformed):
    """A period with more movements than the caller takes at once."""


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
                raise _disagreement(
                    self.account, f"batch {movement.batch_number}", movement.balance, expected=balance
                )
        if balance != self.closing:
            raise _disagreement(self.account, "the closing balance", self.closing, expected=balance)


def _disagreement(account: Account, where: str, found: int, *, expected: int) -> InvariantBroken:
    return InvariantBroken(
        f"statement of {account}, {where}: found {found} {unit_of(account.asset)}, expected {expected}: "
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

    The market may go on meanwhile: what it appends is after the last batch that is stated. The cost grows with what moved
    in the period and with how many accounts the participant ever had, not with how long the market has been running.

    Raises:
        Malformed: if the period ends before it begins; `TooManyMovements` if it has more than `movements_max`.
        TablesBehind: if batches of the period are in the record, but not yet in the tables.
        InvariantBroken: if a balance is not what it should be.
    """
    if from_us >= to_us:
        raise Malformed(
            f"period: found an end at {to_us} us, expected one after its beginning at {from_us} us"
        )
    with reading(engine) as connection:
        before, last = (last_before(connection, moment) for moment in (from_us, to_us))
        position = connection.execute(select(_PROJECTED.c.batch_number)).scalar() or 0
        if position < last:
            raise TablesBehind(
                f"readable tables: found them at batch {position}, expected batch {last}, the last of the period: "
                "wait for the market to bring them forward, or start it on this database"
            )
        accounts, left = [], movements_max
        for opened in _accounts(connection, participant, before):
            opening = opened.balance
            movements = _movements(connection, opened.number, before, last, at_most=left)
            if left is not None:
                left -= len(movements)
                if left < 0:
                    raise TooManyMovements(
                        f"period: found more than {movements_max} movements: ask for a shorter one"
                    )
            closing = movements[-1].balance if movements else opening
            if opening or movements:
                accounts.append(AccountStatement(opened.account, opening, movements, closing))
    return Statement(participant, from_us, to_us, before + 1, last, tuple(sorted(accounts, key=_by_account)))


def _by_account(statement: AccountStatement) -> Account:
    return statement.account


@dataclass(frozen=True, slots=True)
class _Opened:
    """An account with its number and what stood on it when the period began."""

    number: int
    account: Account
    balance: int


def _accounts(connection: Connection, participant: Address, before: int) -> Iterator[_Opened]:
    """Iterate over the accounts that a participant ever had, each with what stood on it after batch `before`.

    Raises:
        InvariantBroken: if what stands on one today is not what its last line left, or one is none of the chart.
    """
    owner = f"0x{participant.hex()}"
    for row in connection.execute(_OF_PARTICIPANT, {"participant": owner, "before": before}):
        account = account_of(row.kind, owner, row.asset)
        if row.today is None or row.today != row.latest:
            raise _disagreement(account, "the balance of today", row.today or 0, expected=row.latest or 0)
        yield _Opened(row.account_number, account, row.opening or 0)


def _movements(
    connection: Connection, account_number: int, before: int, last: int, *, at_most: int | None
) -> tuple[Movement, ...]:
    """Return what moved on an account after batch `before` up to `last`, in order; one more than `at_most` if there are."""
    of, batch_number = _ENTRIES.c, _ENTRIES.c.batch_number
    posting = and_(_POSTINGS.c.batch_number == batch_number, _POSTINGS.c.event_position == of.event_position)
    statement = (
        select(
            _RECORD.c.time_us,
            batch_number,
            of.event_position,
            _POSTINGS.c.event,
            _POSTINGS.c.reference,
            _POSTINGS.c.chain_transaction,
            of.amount,
            of.balance,
        )
        .select_from(_ENTRIES)
        .join(_RECORD, _RECORD.c.number == batch_number)
        .join(_POSTINGS, posting)
        .where(of.account_number == account_number, batch_number > before, batch_number <= last)
        .order_by(*_IN_ORDER)
        .limit(None if at_most is None else at_most + 1)
    )
    return tuple(Movement(*row) for row in connection.execute(statement))


def _left_by_the_last(*conditions: ColumnElement[bool]) -> ScalarSelect[Any]:
    """Return what the last line that meets some conditions left on the account of the row that is looked at."""
    return (
        select(_ENTRIES.c.balance)
        .where(_ENTRIES.c.account_number == _ACCOUNTS.c.account_number, *conditions)
        .order_by(*(column.desc() for column in _IN_ORDER))
        .limit(1)
        .scalar_subquery()
    )


_IN_ORDER: Final = (_ENTRIES.c.batch_number, _ENTRIES.c.event_position, _ENTRIES.c.line)
_OF_PARTICIPANT: Final = select(
    _ACCOUNTS.c.account_number,
    _ACCOUNTS.c.kind,
    _ACCOUNTS.c.asset,
    _left_by_the_last(_ENTRIES.c.batch_number <= bindparam("before")).label("opening"),
    _left_by_the_last().label("latest"),
    select(_BALANCES.c.amount)
    .where(_BALANCES.c.account_number == _ACCOUNTS.c.account_number)
    .scalar_subquery()
    .label("today"),
).where(_ACCOUNTS.c.participant == bindparam("participant"))
