"""Models of the wire. Amounts travel as decimal strings, ids as decimal strings where they may pass 2^53."""

from typing import Annotated, Literal

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field

Decimal = Annotated[str, Field(pattern=r"^\d{1,18}(\.\d{1,9})?$", examples=["0.0453"])]
Integer = Annotated[str, Field(pattern=r"^\d{1,19}$", examples=["1"])]
HexAddress = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$")]
HexSignature = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{130}$")]
Symbol = Annotated[str, Field(examples=["ENE.SOLAR@CISO/2022-03-12T18Z/1h#Q1"], max_length=80)]
OrderId = Annotated[int, Path(ge=1, lt=1 << 63)]
UnixSeconds = Annotated[int, Field(ge=0, lt=1 << 53)]
SideName = Literal["buy", "sell"]
OrderTypeName = Literal["limit", "market"]
TimeInForceName = Literal["gtc", "ioc", "fok", "day", "gtd"]
SelfTradeName = Literal["cancel_newest", "cancel_oldest", "cancel_both", "decrement"]
SessionName = Literal["pending", "call", "continuous", "halted", "closed", "delivery", "settled"]


class Model(BaseModel):
    """Base: unknown fields are an error, so a misspelt one is not silently dropped."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ProblemOut(BaseModel):
    """RFC 9457 problem; `title` is the refusal's or error's name."""

    type: str
    title: str
    status: int
    detail: str


class Accepted(Model):
    """Done."""

    accepted: bool = True
