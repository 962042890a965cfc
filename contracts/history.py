"""What happened at the contracts, in the sequence of the chain: to accounts, money of modules, trades, certificates.

One query reads it all, whoever's transactions brought it about. What a single call told in several events is one here:
money that a module shared out part by part, and a payout with the shares that the guarantee told just before it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from contracts.abi import Event, artifact
from contracts.batches import positions_of
from contracts.certificate import Certificate
from contracts.certificate_history import EVENTS as _OF_CERTIFICATE
from contracts.certificate_history import read_certificates
from contracts.chain import Chain, Log
from contracts.deployment import Deployment
from contracts.guarantee import Payout, read_payout
from market.certificates import CertificateHappening
from market.orders import Address
from market.units import InvariantBroken, Lots, Micros


@dataclass(frozen=True, slots=True)
class Deposit:
    """Tokens that arrived for a participant; (transaction, log index) names the deposit for good."""

    participant: Address
    amount_micros: Micros
    transaction: bytes
    log_index: int


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A counter-signed withdrawal that was paid."""

    participant: Address
    amount_micros: Micros
    nonce: int
    transaction: bytes


@dataclass(frozen=True, slots=True)
class ExitRequest:
    """A wish to take money out without the operator; 0 takes it back, another one replaces it."""

    participant: Address
    amount_micros: Micros
    effective_at_s: int
    transaction: bytes
    log_index: int


@dataclass(frozen=True, slots=True)
class ExitPaid:
    """An exit that was paid out."""

    participant: Address
    amount_micros: Micros
    transaction: bytes
    log_index: int


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """An order that its participant cancelled; `below` says that it meant all with a smaller client order id instead."""

    participant: Address
    client_order_id: int
    effective_at_s: int
    transaction: bytes
    log_index: int
    below: bool


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


@dataclass(frozen=True, slots=True)
class Delivered:
    """Leaves of a batch, by their positions, that were delivered in full and released."""

    batch_number: int
    positions: tuple[int, ...]
    transaction: bytes


@dataclass(frozen=True, slots=True)
class Opened:
    """A short trade that became a stored guarantee."""

    batch_number: int
    trade_number: int
    delivered_lots: Lots
    transaction: bytes


@dataclass(frozen=True, slots=True)
class PaidOut:
    """A guarantee that paid out, and how the settlement shared out what it had locked."""

    batch_number: int
    payout: Payout
    parts: tuple[Part, ...]
    transaction: bytes


Happening = (
    Deposit
    | Withdrawal
    | ExitRequest
    | ExitPaid
    | CancelRequest
    | Secured
    | Shared
    | Delivered
    | Opened
    | PaidOut
    | CertificateHappening
)

_OF_SETTLEMENT = (
    "Deposited",
    "Withdrawn",
    "ExitRequested",
    "Exited",
    "CancelRequested",
    "CancelBelowRequested",
    "Secured",
    "Shared",
    "BatchDelivered",
)
_OF_GUARANTEE = ("GuaranteeOpened", "GuaranteePaidOut")


def history(
    deployment: Deployment,
    chain: Chain,
    *,
    from_block: int,
    to_block: int,
    certificate: Certificate | None = None,
) -> tuple[Happening, ...]:
    """Return what happened in a range of blocks, inclusive, oldest first; certificates where their contract is given."""
    places = _events(deployment, certificate)
    addresses = tuple(dict.fromkeys(address for address, _ in places))
    topics = tuple(topic for _, topic in places)
    logs = chain.logs(addresses, [topics], from_block=from_block, to_block=to_block)
    return read_history(deployment, logs, certificate)


def read_history(
    deployment: Deployment, logs: Iterable[Log], certificate: Certificate | None = None
) -> tuple[Happening, ...]:
    """Return what events tell that are in the sequence of the chain; others are passed over."""
    events = _events(deployment, certificate)
    found: list[Happening] = []
    for log in logs:
        event = events.get((log.address, log.topics[0]))
        if event is not None:
            happening = _read(log, event, certificate)
            if happening is not None:
                _take_in(happening, found, guarantee=deployment.guarantee.address)
    return tuple(found)


def _events(deployment: Deployment, certificate: Certificate | None) -> dict[tuple[Address, bytes], Event]:
    """Return what to read, by the contract that tells it and its topic."""
    contracts = (
        (deployment.settlement.address, "Settlement", _OF_SETTLEMENT),
        (deployment.guarantee.address, "Guarantee", _OF_GUARANTEE),
        *(((certificate.address, "Certificate", _OF_CERTIFICATE),) if certificate is not None else ()),
    )
    return {
        (address, event.topic): event
        for address, contract, names in contracts
        for event in (artifact(contract).events[name] for name in names)
    }


def _take_in(happening: Happening, found: list[Happening], *, guarantee: Address) -> None:
    """Add what happened, or complete what came just before it.

    Raises:
        InvariantBroken: if the guarantee paid out and shared out nothing.
    """
    last = found[-1] if found else None
    match happening:
        case Shared(module, key, parts, transaction):
            if isinstance(last, Shared) and (last.module, last.key, last.transaction) == (
                module,
                key,
                transaction,
            ):
                found[-1] = replace(last, parts=last.parts + parts)
                return
        case PaidOut(transaction=transaction):
            if not isinstance(last, Shared) or (last.module, last.transaction) != (guarantee, transaction):
                raise InvariantBroken(
                    f"trade {happening.payout.trade_number}: found a payout after {last}, expected its shares before it"
                )
            found[-1] = replace(happening, parts=last.parts)
            return
    found.append(happening)


def _read(log: Log, event: Event, certificate: Certificate | None) -> Happening | None:
    fields = event.decode(log)
    if certificate is not None and log.address == certificate.address:
        return read_certificates(log, event.name, fields)
    return _read_money(log, event.name, fields)


def _read_money(log: Log, name: str, fields: Mapping[str, Any]) -> Happening:
    where = log.transaction, log.index
    happening: Happening
    match name:
        case "Deposited":
            happening = Deposit(fields["participant"], Micros(fields["amount"]), *where)
        case "Withdrawn":
            amount = Micros(fields["amount"])
            happening = Withdrawal(fields["participant"], amount, fields["nonce"], log.transaction)
        case "ExitRequested":
            wanted = Micros(fields["amount"])
            happening = ExitRequest(fields["participant"], wanted, fields["effectiveAt"], *where)
        case "Exited":
            happening = ExitPaid(fields["participant"], Micros(fields["amount"]), *where)
        case "CancelRequested" | "CancelBelowRequested":
            below = name == "CancelBelowRequested"
            ids = fields["participant"], fields["clientOrderId"], fields["effectiveAt"]
            happening = CancelRequest(*ids, *where, below=below)
        case "Secured":
            behind = fields["module"], bytes(fields["key"])
            happening = Secured(*behind, fields["participant"], Micros(fields["amount"]), *where)
        case "Shared":
            behind = fields["module"], bytes(fields["key"])
            part = Part(fields["participant"], Micros(fields["unlocked"]), Micros(fields["earned"]))
            happening = Shared(*behind, (part,), *where)
        case "BatchDelivered":
            happening = Delivered(fields["batchNumber"], positions_of(fields["released"]), log.transaction)
        case "GuaranteeOpened":
            delivered = Lots(fields["delivered"])
            happening = Opened(fields["batchNumber"], fields["tradeNumber"], delivered, log.transaction)
        case "GuaranteePaidOut":
            happening = PaidOut(fields["batchNumber"], read_payout(fields), (), log.transaction)
        case _:
            raise InvariantBroken(
                f"found the event {name}, expected one of {', '.join(_OF_SETTLEMENT + _OF_GUARANTEE)}"
            )
    return happening
