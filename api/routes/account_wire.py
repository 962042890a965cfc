"""One's own money and meters on the wire, and who is asking."""

from typing import Annotated

from pydantic import Field

from api.routes.wire import Decimal, HexAddress, HexSignature, Integer, Model, Symbol, UnixSeconds


class Login(Model):
    """A signed login (EIP-712 struct `Login`)."""

    participant: HexAddress
    expires: UnixSeconds
    signature: HexSignature


class Token(Model):
    """A bearer token."""

    token: str


class BalanceOut(Model):
    """A participant's money, in tokens."""

    participant: str
    free: str
    held_for_orders: str
    held_for_trades: str
    held_for_withdrawals: str
    held_for_exit: Annotated[str, Field(description="Set aside because you asked on chain to take it out.")]
    locked_on_chain: str


class MeterIn(Model):
    """A meter to admit: what it measures and the capacity behind it."""

    participant: HexAddress
    meter: HexAddress
    instrument: Annotated[Symbol, Field(description="Any instrument of the product and place it measures.")]
    capacity: Annotated[Decimal, Field(description="Capacity per delivery hour, in units.")]


class ReadingIn(Model):
    """A meter's signed reading of one delivery hour (EIP-712 struct `Reading`)."""

    meter: HexAddress
    start: Annotated[UnixSeconds, Field(description="Start of the hour.")]
    units: Annotated[Integer, Field(description="Delivered quantity, in lots.")]
    signature: HexSignature


class DepositIn(Model):
    """Test tokens to mint and deposit (local chains only)."""

    participant: HexAddress
    amount: Decimal


class WithdrawalIn(Model):
    """A withdrawal to counter-sign."""

    amount: Decimal
    nonce: Integer


class WithdrawalOut(Model):
    """The operator's counter-signature: call `withdraw` on the contract with it before the deadline."""

    participant: str
    amount_micros: str
    nonce: str
    deadline: int
    operator_signature: str
