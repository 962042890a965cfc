"""What passes between the coordinator and the members in a private negotiation: these messages, and nothing else.

Down, from the coordinator: `Open`, `Propose`, `Settle`, `Absorb`, `Appraise`, `Divide`. Up, from a member: `Ready`, `Share`,
`Settled`, `Paid`. No message has a field for a cost function, a limit, a load or what a store holds.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
Words = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Open:
    """Are you there, and can you live alone? `relaxation` is the α that everybody uses."""

    relaxation: float


@dataclass(frozen=True, slots=True, eq=False)
class Propose:
    """One round: the mean exchange ē of the round before, the scaled price u and the penalty ρ, all per exchange.

    The price is λ = ρ u, in dollars per unit·hour. Without a mean the member starts from a share of nothing. `accuracy`
    is how exactly it needs to answer, relative to its own quantities.
    """

    round: int
    mean: Floats | None
    dual: Floats
    penalty: Floats
    accuracy: float


@dataclass(frozen=True, slots=True, eq=False)
class Settle:
    """The rounds are over: commit yourself to what you will exchange. `mean` is that of the last round."""

    mean: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Absorb:
    """All commitments together import this much too much, in counts: take what you can of it."""

    mismatch: Counts


@dataclass(frozen=True, slots=True)
class Appraise:
    """What do you save with what you committed to? The answer is for the sum alone."""

    round: int


@dataclass(frozen=True, slots=True)
class Divide:
    """This is your part w_i S of what all save, in micro-units: what do you pay?"""

    gain_micros: int


@dataclass(frozen=True, slots=True)
class Ready:
    """The member is there: how many exchanges it has, commodity by commodity and slot by slot."""

    exchanges: int


@dataclass(frozen=True, slots=True, eq=False)
class Share:
    """A member's part of a sum, as words modulo 2⁶⁴; with masks a single one tells nothing."""

    words: Words


@dataclass(frozen=True, slots=True, eq=False)
class Settled:
    """What a member commits itself to exchange, in counts."""

    exchange: Counts


@dataclass(frozen=True, slots=True)
class Paid:
    """What a member pays (positive) or is paid (negative), in micro-units."""

    payment_micros: int


Down: TypeAlias = Open | Propose | Settle | Absorb | Appraise | Divide
Up: TypeAlias = Ready | Share | Settled | Paid


@dataclass(frozen=True, slots=True, eq=False)
class Passed:
    """A message as it passed: with which member, whether up to the coordinator, and what."""

    member: str
    up: bool
    message: Down | Up
