"""Models of the wire for negotiations of long-term contracts."""

from typing import Annotated, Literal

from pydantic import Field

from api.routes.wire import Decimal, HexAddress, HexSignature, Model, SideName, Symbol, UnixSeconds
from market.proposals import HOURS_MAX

HexWord = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{64}$")]
NegotiationStateName = Literal["open", "sealed", "revealed", "agreed", "signed", "failed", "lapsed"]


class Proposed(Model):
    """What is negotiated, all but the price."""

    buyer: HexAddress
    seller: HexAddress
    instrument: Annotated[
        Symbol,
        Field(
            description="Its window is the contract's.", examples=["ENE.SOLAR@CISO/2022-04-01T00Z/720h#Q1"]
        ),
    ]
    quantities: Annotated[
        list[Decimal],
        Field(min_length=1, max_length=HOURS_MAX, description="One for each hour of the window, in units."),
    ]
    notice_s: Annotated[
        int, Field(ge=0, lt=1 << 53, description="Seconds of notice to end the contract early.")
    ]
    answer_by: Annotated[
        UnixSeconds, Field(description="Both reservations are revealed before, or the negotiation lapses.")
    ]
    salt: Annotated[HexWord, Field(description="32 random bytes, never used twice.")]


class NewNegotiation(Proposed):
    """A signed request to negotiate (EIP-712 struct `Proposal`), by the buyer or the seller."""

    participant: HexAddress
    signature: HexSignature


class Seal(Model):
    """A signed seal of a reservation price (EIP-712 struct `Seal`)."""

    participant: HexAddress
    seal: HexWord
    signature: HexSignature


class Reveal(Model):
    """What opens a seal: the price in tokens per unit, and the salt it was sealed with."""

    price: Decimal
    salt: HexWord


class AgreementSignature(Model):
    """A signature under the agreed terms (EIP-712 struct `LongTermAgreement`)."""

    participant: HexAddress
    signature: HexSignature


class RungOut(Model):
    """A step of the compensation ladder: below this delivered share, this share of the hour's price."""

    below: str
    credit: str


class AgreementOut(Model):
    """What the terms of a contract have beside what was proposed; `hash` is the struct hash of all of them."""

    price: Annotated[str, Field(description="Tokens per unit.")]
    availability: str
    ladder: list[RungOut]
    collateral_rate: Annotated[str, Field(description="The supplier's collateral as a share of the price.")]
    hash: str


class NegotiationOut(Proposed):
    """A negotiation as its parties may see it: what was revealed to the market is told to neither."""

    number: str
    state: NegotiationStateName
    sealed: list[SideName]
    revealed: list[SideName]
    signed: list[SideName]
    agreement: Annotated[AgreementOut | None, Field(description="Once a price is agreed.")]
