"""What the modules of a settlement locked and shared out, read from its events; see `IEscrow`."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from contracts.abi import artifact
from contracts.chain import Chain, Log
from contracts.settlement import Settlement
from market.orders import Address
from market.units import Micros


@dataclass(frozen=True, slots=True)
class Secured:
    """Free money that a module locked behind a key."""

    module: Address
    key: bytes
    participant: Address
    amount_micros: Micros
    transaction: bytes
    log_index: int


@dataclass(frozen=True, slots=True)
class Part:
    """What one participant had locked behind the key and has no more, and what it was given."""

    participant: Address
    unlocked_micros: Micros
    earned_micros: Micros


@dataclass(frozen=True, slots=True)
class Shared:
    """Money behind a key that a module shared out; `log_index` is that of the first part."""

    module: Address
    key: bytes
    parts: tuple[Part, ...]
    transaction: bytes
    log_index: int


EscrowEvent = Secured | Shared


def escrow_events(
    settlement: Settlement, chain: Chain, *, from_block: int, to_block: int
) -> tuple[EscrowEvent, ...]:
    """Return what modules locked and shared out in a range of blocks, inclusive, oldest first."""
    topics = tuple(artifact("Settlement").events[name].topic for name in ("Secured", "Shared"))
    logs = chain.logs(settlement.address, [topics], from_block=from_block, to_block=to_block)
    return read_escrow_events(settlement, logs)


def read_escrow_events(settlement: Settlement, logs: Iterable[Log]) -> tuple[EscrowEvent, ...]:
    """Return what modules locked and shared out, from events in their sequence; other events are passed over."""
    secured, shared = (artifact("Settlement").events[name] for name in ("Secured", "Shared"))
    own = (log for log in logs if log.address == settlement.address)
    told = (log for log in own if log.topics[0] in (secured.topic, shared.topic))
    found: list[EscrowEvent] = []
    # what follows one another under one key is one sharing, told part by part
    for _, group in groupby(told, key=lambda log: (log.transaction, *log.topics[:3])):
        alike = list(group)
        fields = [(secured if log.topics[0] == secured.topic else shared).decode(log) for log in alike]
        first = fields[0]
        if alike[0].topics[0] == secured.topic:
            found += (
                Secured(
                    each["module"],
                    bytes(each["key"]),
                    each["participant"],
                    Micros(each["amount"]),
                    log.transaction,
                    log.index,
                )
                for each, log in zip(fields, alike, strict=True)
            )
            continue
        parts = tuple(
            Part(each["participant"], Micros(each["unlocked"]), Micros(each["earned"])) for each in fields
        )
        place = alike[0].transaction, alike[0].index
        found.append(Shared(first["module"], bytes(first["key"]), parts, *place))
    return tuple(found)
