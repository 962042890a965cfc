"""How a statement goes over the wire: amounts as decimal strings, moments as ISO 8601 in UTC."""

from typing import Literal

from pydantic import Field

from api.routes.wire import Model
from api.stating import amount_text, utc_text
from ledger.assets import asset_name, unit_of
from ledger.statements import AccountStatement, Statement


class MovementOut(Model):
    """An entry of the journal, and the balance after it."""

    time: str
    batch: int
    event: str
    reference: str = Field(description="Order, trade, withdrawal, lock or claim; empty where there is none.")
    chain_transaction: str = Field(
        description="0x-hex hash of the transaction that brought it about, or empty."
    )
    amount: str
    balance: str


class AccountStatementOut(Model):
    """One account: amounts in tokens, or in Wh of certificates."""

    kind: str
    asset: str
    unit: Literal["tokens", "Wh"]
    opening: str
    movements: list[MovementOut]
    closing: str


class StatementOut(Model):
    """A participant's accounts over whole days."""

    participant: str
    begins: str
    ends: str
    last_batch: int = Field(description="The last batch of the record that is in it.")
    accounts: list[AccountStatementOut]


def statement_out(statement: Statement) -> StatementOut:
    """Word a statement."""
    return StatementOut(
        participant=f"0x{statement.participant.hex()}",
        begins=utc_text(statement.from_us),
        ends=utc_text(statement.to_us),
        last_batch=statement.last_batch,
        accounts=[_account_out(each) for each in statement.accounts],
    )


def _account_out(account: AccountStatement) -> AccountStatementOut:
    asset = account.account.asset
    return AccountStatementOut(
        kind=account.account.kind.name.lower(),
        asset=asset_name(asset),
        unit="Wh" if unit_of(asset) == "Wh" else "tokens",
        opening=amount_text(account.opening, asset),
        movements=[
            MovementOut(
                time=utc_text(each.time_us),
                batch=each.batch_number,
                event=each.event,
                reference=each.reference,
                chain_transaction=each.chain_transaction,
                amount=amount_text(each.amount, asset),
                balance=amount_text(each.balance, asset),
            )
            for each in account.movements
        ],
        closing=amount_text(account.closing, asset),
    )
