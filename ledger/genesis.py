"""The genesis: what makes a market this market. Its hash stands before the first row of the record."""

import hashlib
from dataclasses import dataclass
from typing import Final

import msgspec
from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import MultipleResultsFound, OperationalError

from ledger.tables import GenesisRow, table
from ledger.unusable import DatabaseUnusable
from market.orders import Address

_GENESIS: Final = table(GenesisRow)
_GENESIS_TYPES = {
    "hash": bytes,
    "name": str,
    "notice_period_s": int,
    "withdrawal_margin_s": int,
    "chain_id": str,
    "settlement": bytes,
}
"""SQLite stores what it is given, whatever the column's type."""


class WrongMarket(Exception):
    """The record belongs to another market. Says which, and which was expected."""


@dataclass(frozen=True, slots=True)
class Genesis:
    """What makes a market this market: where it settles, and the rules that its replay depends on.

    `name` tells apart markets that are otherwise equal; `settlement` is the address of the contract on `chain_id`.
    """

    name: str
    notice_period_s: int
    withdrawal_margin_s: int
    chain_id: int
    settlement: Address

    @property
    def hash(self) -> bytes:
        """The hash that stands before row 1."""
        fields = (
            "ccei-market",
            self.name,
            self.notice_period_s,
            self.withdrawal_margin_s,
            str(self.chain_id),
            self.settlement,
        )
        return hashlib.sha256(msgspec.msgpack.encode(fields)).digest()

    def __str__(self) -> str:
        return (
            f"{self.name!r} (settlement 0x{self.settlement.hex()} on chain {self.chain_id}, notice period "
            f"{self.notice_period_s} s, withdrawal margin {self.withdrawal_margin_s} s)"
        )


def claim(connection: Connection, genesis: Genesis) -> None:
    """Write the genesis of a new record.

    Raises:
        WrongMarket: if there is the record of another market.
    """
    stored = stored_genesis(connection)
    if stored is None:
        connection.execute(
            insert(_GENESIS),
            {
                "hash": genesis.hash,
                "name": genesis.name,
                "notice_period_s": genesis.notice_period_s,
                "withdrawal_margin_s": genesis.withdrawal_margin_s,
                "chain_id": str(genesis.chain_id),
                "settlement": genesis.settlement,
            },
        )
    elif stored != genesis:
        raise WrongMarket(f"the record belongs to market {stored}, expected {genesis}")


def stored_genesis(connection: Connection) -> Genesis | None:
    """Return whose record a database holds, None if there is none.

    Raises:
        DatabaseUnusable: if that was changed.
    """
    try:
        row = connection.execute(select(_GENESIS)).one_or_none()
        if row is None:
            return None
        for name, expected in _GENESIS_TYPES.items():
            found = getattr(row, name)
            if type(found) is not expected:
                raise ValueError(f"{name} {found!r}, expected {expected.__name__}")
        stored = Genesis(
            name=row.name,
            notice_period_s=row.notice_period_s,
            withdrawal_margin_s=row.withdrawal_margin_s,
            chain_id=int(row.chain_id),
            settlement=Address(row.settlement),
        )
    except (ValueError, OperationalError, MultipleResultsFound) as error:  # text that is none, or no number
        raise DatabaseUnusable(f"genesis: found {error}, expected the one row that was written") from None
    if stored.hash != row.hash:
        raise DatabaseUnusable(
            f"genesis: found {stored} under hash {row.hash.hex()}, but it hashes to {stored.hash.hex()}"
        )
    return stored
