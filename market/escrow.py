"""Money that a module of the settlement locks behind a key and shares out, as the chain told it: commands and events.

Guarantee, standby and every other module move money in this way and in no other, so all of it books alike. What happened
is named for good by its transaction and its log there: told twice, it does nothing the second time. Amounts in micros.
"""

from dataclasses import dataclass

from market.address import Address
from market.units import Micros


@dataclass(frozen=True, slots=True)
class Share:
    """What somebody had locked behind the key and has no more, and what it was given; nobody's address is the venue."""

    participant: Address
    unlocked_micros: Micros
    earned_micros: Micros


@dataclass(frozen=True, slots=True)
class ConfirmSecured:
    """Book money that a module locked."""

    module: Address
    key: bytes
    participant: Address
    amount_micros: Micros
    transaction: bytes
    log_index: int


@dataclass(frozen=True, slots=True)
class ConfirmShared:
    """Book how a module shared money out; `log_index` is that of the first share."""

    module: Address
    key: bytes
    shares: tuple[Share, ...]
    transaction: bytes
    log_index: int


@dataclass(frozen=True, slots=True)
class EscrowSecured:
    """A module locked a participant's free money behind a key."""

    module: Address
    key: bytes
    participant: Address
    amount_micros: Micros
    transaction: bytes
    log_index: int


@dataclass(frozen=True, slots=True)
class EscrowShared:
    """A module shared out money that was locked behind a key: as much was given as was unlocked."""

    module: Address
    key: bytes
    shares: tuple[Share, ...]
    transaction: bytes
    log_index: int


EscrowCommand = ConfirmSecured | ConfirmShared
EscrowEvent = EscrowSecured | EscrowShared
