"""What participants did to their accounts at the settlement, oldest first: money in and out, exits and cancels."""

from dataclasses import dataclass

from contracts.abi import artifact
from contracts.chain import Chain, Log
from contracts.settlement import Deposit, Settlement, Withdrawal
from market.orders import Address
from market.units import InvariantBroken, Micros


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


AccountEvent = Deposit | Withdrawal | ExitRequest | ExitPaid | CancelRequest

_NAMES = ("Deposited", "Withdrawn", "ExitRequested", "Exited", "CancelRequested", "CancelBelowRequested")


def account_events(
    settlement: Settlement, chain: Chain, *, from_block: int, to_block: int
) -> tuple[AccountEvent, ...]:
    """Return what happened to accounts in a range of blocks, inclusive, oldest first."""
    topics = {artifact("Settlement").events[name].topic: name for name in _NAMES}
    logs = chain.logs(settlement.address, [tuple(topics)], from_block=from_block, to_block=to_block)
    return tuple(_read(log, topics[log.topics[0]]) for log in logs)


def _read(log: Log, name: str) -> AccountEvent:
    fields = artifact("Settlement").events[name].decode(log)
    who: Address = fields["participant"]
    match name:
        case "Deposited":
            return Deposit(who, Micros(fields["amount"]), log.transaction, log.index)
        case "Withdrawn":
            return Withdrawal(who, Micros(fields["amount"]), fields["nonce"], log.transaction)
        case "ExitRequested":
            wanted = Micros(fields["amount"])
            return ExitRequest(who, wanted, fields["effectiveAt"], log.transaction, log.index)
        case "Exited":
            return ExitPaid(who, Micros(fields["amount"]), log.transaction, log.index)
        case "CancelRequested" | "CancelBelowRequested":
            return CancelRequest(
                who,
                fields["clientOrderId"],
                fields["effectiveAt"],
                log.transaction,
                log.index,
                below=name == "CancelBelowRequested",
            )
        case _:
            raise InvariantBroken(f"found the event {name}, expected one of {', '.join(_NAMES)}")
