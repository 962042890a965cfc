"""`ccei statement` and `GET /v1/accounts/me/statement`: a participant's accounts over whole days, in UTC."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from contracts.certificate_ids import from_id
from ledger.assets import TOKEN, Asset, asset_name, unit_of
from ledger.database import open_database
from ledger.statements import AccountStatement, Statement, read_statement
from market.orders import Address
from market.units import MICROS_PER_TOKEN, Malformed, format_decimal

if TYPE_CHECKING:
    import pandas

_MICROS_PER_SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days in UTC, the first and the last one included."""

    first: date
    last: date

    @property
    def from_us(self) -> int:
        """When it begins, Unix microseconds."""
        return _midnight_us(self.first)

    @property
    def to_us(self) -> int:
        """When it is over, Unix microseconds: the midnight after its last day."""
        return _midnight_us(self.last) + 24 * 3600 * _MICROS_PER_SECOND


def parse_period(first: str, last: str) -> Period:
    """Read the first and the last day of a period.

    Raises:
        Malformed: if one is no date, or the last comes before the first.
    """
    period = Period(_parse_day(first, "from"), _parse_day(last, "to"))
    if period.last < period.first:
        raise Malformed(f"to: found {last}, expected {first} or a later day")
    return period


def state_database(url: str, participant: Address, period: Period) -> Statement:
    """Return a participant's statement from a database.

    Raises:
        DatabaseUnusable, TablesBehind: if there is nothing to state.
    """
    engine = open_database(url, must_exist=True)
    try:
        return read_statement(engine, participant, from_us=period.from_us, to_us=period.to_us)
    finally:
        engine.dispose()


def amount_text(amount: int, asset: Asset) -> str:
    """Write an amount for people: whole tokens with their decimals, or Wh."""
    return format_decimal(amount, scale=MICROS_PER_TOKEN) if asset == TOKEN else f"{amount}"


def certificate_text(asset: Asset) -> str:
    """Write what certificates certify: source, place, hour and the end of the meter's address; else their id as it is.

    >>> certificate_text(Asset(0xABC))[-7:]
    '0000abc'
    """
    try:
        return from_id(asset).symbol
    except Malformed:
        return f"certificates {asset_name(asset)}"


def utc_text(time_us: int) -> str:
    """Write a moment as ISO 8601 with microseconds.

    >>> utc_text(1_500_000)
    '1970-01-01T00:00:01.500000Z'
    """
    moment = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=time_us)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def show(statement: Statement, console: Console) -> None:
    """Print a statement for people, an account after another."""
    console.print(f"[bold]0x{statement.participant.hex()}[/], {_through(statement)}", highlight=False)
    for account in statement.accounts:
        console.print(_table(account))
    if not statement.accounts:
        console.print("No account held anything, and nothing moved.")


def as_frame(statement: Statement) -> "pandas.DataFrame":
    """Return all movements as one tidy frame, each account between two rows of its own: `Opening` and `Closing`."""
    import pandas

    rows: list[tuple[object, ...]] = []
    for account in statement.accounts:
        what = (account.account.kind.name.lower(), asset_name(account.account.asset))
        unit = unit_of(account.account.asset)
        rows.append((*what, statement.from_us, None, "Opening", "", "", unit, 0, account.opening))
        rows += [
            (
                *what,
                each.time_us,
                each.batch_number,
                each.event,
                each.reference,
                each.chain_transaction,
                unit,
                each.amount,
                each.balance,
            )
            for each in account.movements
        ]
        rows.append((*what, statement.to_us, None, "Closing", "", "", unit, 0, account.closing))
    frame = pandas.DataFrame(rows, columns=list(FRAME_TYPES)).astype({"time_utc": "int64"})
    times = pandas.to_datetime(frame["time_utc"], unit="us", utc=True)
    return frame.assign(time_utc=times).astype(FRAME_TYPES)


FRAME_TYPES = {
    "kind": "string",
    "asset": "string",
    "time_utc": "datetime64[us, UTC]",
    "batch_number": "Int64",
    "event": "string",
    "reference": "string",
    "chain_transaction": "string",
    "unit": "string",
    "amount": "int64",
    "balance": "int64",
}
"""The columns of a statement's frame."""


def _through(statement: Statement) -> str:
    period = f"{utc_text(statement.from_us)} to {utc_text(statement.to_us)}"
    if statement.first_batch > statement.last_batch:
        return f"{period}, no batch of the record"
    return f"{period}, batches {statement.first_batch} to {statement.last_batch} of the record"


def _table(account: AccountStatement) -> Table:
    asset = account.account.asset
    what = "tokens" if asset == TOKEN else f"{unit_of(asset)} of {certificate_text(asset)}"
    shown = Table(
        title=f"{account.account.kind.name.lower().replace('_', ' ')}, {what}", title_justify="left"
    )
    for name in ("time (UTC)", "event", "reference"):
        shown.add_column(name)
    for name in ("amount", "balance"):
        shown.add_column(name, justify="right")
    shown.add_row("", "opening balance", "", "", amount_text(account.opening, asset))
    for each in account.movements:
        texts = (amount_text(each.amount, asset), amount_text(each.balance, asset))
        shown.add_row(utc_text(each.time_us), each.event, each.reference or each.chain_transaction, *texts)
    shown.add_row("", "closing balance", "", "", amount_text(account.closing, asset))
    return shown


def _parse_day(text: str, what: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = date.max
    if day.year == date.max.year:  # the midnight after its last day has no date
        raise Malformed(f"{what}: found {text!r}, expected a date such as 2026-01-31")
    return day


def _midnight_us(day: date) -> int:
    return (day - date(1970, 1, 1)).days * 24 * 3600 * _MICROS_PER_SECOND
