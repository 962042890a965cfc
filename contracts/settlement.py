"""Twin of `Settlement.sol`: build what is sent to it, read what it answers and emits. It sends nothing itself.

Every transaction states its gas from a bound measured over the worst case (see `tests/contracts/test_gas.py`): estimating
would cost a call each, and fails on a chain whose next block has another time than its latest.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.abi import artifact
from contracts.batches import OUTCOME_EVENTS, BatchOutcome, BatchPlan, bitmap_of, positions_of, read_outcome
from contracts.bundles import BundlesPlan
from contracts.chain import Chain, Log, Receipt, Transaction
from contracts.leaves import Leaf
from contracts.packing import pack_leaves
from contracts.signing import Domain, Signer, reading_digest, withdrawal_digest
from contracts.views import views
from market.orders import Address
from market.units import Lots, Micros

_GAS_SINGLE = 250_000
_GAS_BATCH = 150_000
_GAS_ORDER = 14_000
_GAS_FILL = 125_000
_GAS_BUNDLE = 150_000
_GAS_PART = 220_000
_GAS_LEAF = 8_000
_GAS_RELEASE = 70_000
_GAS_READING = 60_000


@dataclass(frozen=True, slots=True)
class Account:
    """A participant's money in the contract, in micros: free to trade with or take out, and locked in trades."""

    free_micros: Micros
    locked_micros: Micros


@dataclass(frozen=True, slots=True)
class Exit:
    """A wish to leave without the operator; it takes effect at `effective_at_s`, 0 if there is none."""

    amount_micros: Micros
    effective_at_s: int


@dataclass(frozen=True, slots=True)
class CancelledBelow:
    """What a participant cancelled at a stroke: all ids below `in_force`, and from a time on all below `pending`."""

    in_force: int
    pending: int
    pending_from_s: int


@dataclass(frozen=True, slots=True)
class Slot:
    """One hour of a seller's resource, in lots: sold, measured, and given to trades.

    `reported_at_s` is 0 until the reading comes; `meter_number` says which of the seller's meters for the resource counts,
    from 1, and is 0 until something is sold or reported.
    """

    sold_lots: Lots
    units_lots: Lots
    allotted_lots: Lots
    reported_at_s: int
    meter_number: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What a meter says that it delivered in one hour, in lots, and the signature of its key."""

    meter: Address
    start_hour: int
    delivered_lots: Lots
    signature: bytes

    def to_abi(self) -> tuple[Any, ...]:
        """Return the ABI tuple."""
        return (self.meter, self.start_hour, self.delivered_lots, self.signature)


def sign_reading(meter: Signer, *, start_hour: int, delivered_lots: Lots, domain: Domain) -> Reading:
    """Sign what a meter measured in one hour."""
    digest = reading_digest(
        meter=meter.address, start_hour=start_hour, units_lots=delivered_lots, domain=domain
    )
    return Reading(meter.address, start_hour, delivered_lots, meter.sign(digest))


def sign_withdrawal(
    operator: Signer,
    *,
    participant: Address,
    amount_micros: Micros,
    nonce: int,
    deadline_s: int,
    domain: Domain,
) -> bytes:
    """Counter-sign an immediate withdrawal; return 65 bytes."""
    return operator.sign(
        withdrawal_digest(
            participant=participant,
            amount_micros=amount_micros,
            nonce=nonce,
            deadline_s=deadline_s,
            domain=domain,
        )
    )


@dataclass(frozen=True, slots=True)
class Settlement:
    """The contract at an address on one chain. Amounts are micros, times Unix seconds."""

    address: Address
    chain_id: int

    @property
    def domain(self) -> Domain:
        """Where signatures for this contract count."""
        return Domain(self.chain_id, self.address)

    # What is sent

    def deposit(self, amount_micros: Micros) -> Transaction:
        """Move the sender's tokens into its account; the token must have been approved."""
        return self._transaction(_GAS_SINGLE, "deposit", amount_micros)

    def deposit_for(self, participant: Address, amount_micros: Micros) -> Transaction:
        """Move the sender's tokens into another's account."""
        return self._transaction(_GAS_SINGLE, "depositFor", participant, amount_micros)

    def deposit_with_permit(
        self, owner: Address, amount_micros: Micros, *, deadline_s: int, signature: bytes
    ) -> Transaction:
        """Move the owner's tokens into its account with its signed permit; anybody may send it."""
        r, s, v = signature[:32], signature[32:64], signature[64]
        return self._transaction(_GAS_SINGLE, "depositWithPermit", owner, amount_micros, deadline_s, v, r, s)

    def withdraw(
        self,
        participant: Address,
        amount_micros: Micros,
        *,
        nonce: int,
        deadline_s: int,
        operator_signature: bytes,
    ) -> Transaction:
        """Take out free money at once; the participant or the operator may send it."""
        return self._transaction(
            _GAS_SINGLE, "withdraw", participant, amount_micros, nonce, deadline_s, operator_signature
        )

    def request_exit(self, amount_micros: Micros) -> Transaction:
        """Ask to take out money without the operator, when the notice period is over."""
        return self._transaction(_GAS_SINGLE, "requestExit", amount_micros)

    def execute_exit(self, participant: Address) -> Transaction:
        """Pay out an exit whose notice is over; anybody may send it."""
        return self._transaction(_GAS_SINGLE, "executeExit", participant)

    def cancel_order(self, client_order_id: int) -> Transaction:
        """Forbid further fills of the sender's order with this id, when the notice period is over."""
        return self._transaction(_GAS_SINGLE, "cancelOrder", client_order_id)

    def cancel_below(self, client_order_id: int) -> Transaction:
        """Forbid further fills of all the sender's orders with a smaller id, when the notice period is over."""
        return self._transaction(_GAS_SINGLE, "cancelBelow", client_order_id)

    def register_meter(self, seller: Address, resource: int, meter: Address) -> Transaction:
        """Let a meter measure what a seller offers of a resource, in hours not sold from so far; operator only."""
        return self._transaction(_GAS_SINGLE, "registerMeter", seller, resource, meter)

    def report(self, readings: Sequence[Reading]) -> Transaction:
        """Store signed readings; anybody may send them."""
        gas = _GAS_BATCH + len(readings) * _GAS_READING
        return self._transaction(gas, "report", [reading.to_abi() for reading in readings])

    def settle_batch(self, plan: BatchPlan) -> Transaction:
        """Lock the trades of a batch; operator only. Sending it twice is safe."""
        gas = _GAS_BATCH + len(plan.orders) * _GAS_ORDER + len(plan.fills) * _GAS_FILL
        return Transaction(self.address, plan.calldata(), gas)

    def settle_bundles(self, plan: BundlesPlan) -> Transaction:
        """Lock bundles, each wholly or not at all. Operator only."""
        parts = sum(len(bundle.parts) for bundle in plan.bundles)
        gas = _GAS_BATCH + len(plan.bundles) * _GAS_BUNDLE + parts * _GAS_PART
        return Transaction(self.address, plan.calldata(), gas)

    def deliver_batch(
        self,
        batch_number: int,
        leaves: Sequence[Leaf],
        positions: Iterable[int],
        readings: Sequence[Reading] = (),
    ) -> Transaction:
        """Store readings and release those leaves of `positions` that were delivered in full; anybody may send it.

        `leaves` are all leaves of the batch in position order.
        """
        which = bitmap_of(positions)
        gas = (
            _GAS_BATCH
            + len(leaves) * _GAS_LEAF
            + which.bit_count() * _GAS_RELEASE
            + len(readings) * _GAS_READING
        )
        return self._transaction(
            gas,
            "deliverBatch",
            batch_number,
            pack_leaves(leaves),
            which,
            [reading.to_abi() for reading in readings],
        )

    # What it emitted

    def outcome(self, receipt: Receipt, *, batch_number: int) -> BatchOutcome | None:
        """Return what became of a batch, or None if this transaction did not settle it (it was settled before).

        Raises:
            InvariantBroken: if the leaves told do not make the root stored.
        """
        return read_outcome(self._own(receipt.logs), batch_number=batch_number)

    def find_outcome(self, chain: Chain, *, batch_number: int, from_block: int) -> BatchOutcome | None:
        """Return what became of a batch from the chain's history, whoever's transaction settled it; None if none did."""
        number = batch_number.to_bytes(32, "big")
        logs = chain.logs(self.address, [_outcome_topics(), number], from_block=from_block)
        return read_outcome(logs, batch_number=batch_number)

    def outcomes(self, chain: Chain, *, from_block: int, to_block: int) -> tuple[BatchOutcome, ...]:
        """Return what became of the batches that were settled in a range of blocks, inclusive, in their sequence."""
        logs = chain.logs(self.address, [_outcome_topics()], from_block=from_block, to_block=to_block)
        found = (
            read_outcome(
                (log for log in logs if log.topics[1] == settled.topics[1]),  # the number of the batch
                batch_number=int.from_bytes(settled.topics[1], "big"),
            )
            for settled in logs
            if settled.topics[0] == artifact("Settlement").events["BatchSettled"].topic
        )
        return tuple(outcome for outcome in found if outcome is not None)

    def released(self, receipt: Receipt, *, batch_number: int) -> tuple[int, ...]:
        """Return the positions of a batch that this transaction released."""
        return tuple(
            position
            for _, fields in self._events(receipt.logs, "BatchDelivered")
            if fields["batchNumber"] == batch_number
            for position in positions_of(fields["released"])
        )

    def record_hashes(
        self, chain: Chain, *, from_block: int, batch_number: int | None = None
    ) -> tuple[bytes, ...]:
        """Return the record hash that each settled batch carries, in the sequence of the batches, or that of one."""
        topics = [artifact("Settlement").events["BatchSettled"].topic]
        if batch_number is not None:
            topics.append(batch_number.to_bytes(32, "big"))
        logs = chain.logs(self.address, topics, from_block=from_block)
        return tuple(bytes(fields["recordHash"]) for _, fields in self._events(logs, "BatchSettled"))

    # What it answers

    def account_of(self, chain: Chain, participant: Address) -> Account:
        """Return a participant's money."""
        return Account(*self._view(chain, "accountOf", participant))

    def accounts_of(self, chain: Chain, participants: Sequence[Address]) -> tuple[Account, ...]:
        """Return the money of several participants."""
        return tuple(
            Account(*money) for money in self._views(chain, "accountOf", [(each,) for each in participants])
        )

    def exit_of(self, chain: Chain, participant: Address) -> Exit:
        """Return a participant's pending exit."""
        return Exit(*self._view(chain, "exitOf", participant))

    def withdrawal_used(self, chain: Chain, participant: Address, nonce: int) -> bool:
        """Return whether the withdrawal with this nonce was paid."""
        return bool(self._view(chain, "withdrawalUsed", participant, nonce))

    def slot_of(self, chain: Chain, meter: Address, start_hour: int) -> Slot:
        """Return the ledger of the hour that a meter measures; all zero if another meter counts for it."""
        return self.slots_of(chain, [(meter, start_hour)])[0]

    def slots_of(self, chain: Chain, measured: Sequence[tuple[Address, int]]) -> tuple[Slot, ...]:
        """Return the same of several pairs of meter and hour."""
        return tuple(Slot(*slot) for slot in self._views(chain, "slotOf", measured))

    def meter_of(self, chain: Chain, seller: Address, resource: int) -> Address:
        """Return the meter that a seller's resource has now; 20 zero bytes if none is registered."""
        return Address(self._view(chain, "meterOf", seller, resource))

    def meters_of(self, chain: Chain, sold: Sequence[tuple[Address, int]]) -> tuple[Address, ...]:
        """Return the meters of several pairs of seller and resource."""
        return tuple(Address(meter) for meter in self._views(chain, "meterOf", sold))

    def meter_at(self, chain: Chain, seller: Address, instrument_id: int) -> Address:
        """Return the meter that counts for a seller's hour of an instrument: fixed for good when the first of it is sold."""
        return Address(self._view(chain, "meterAt", seller, instrument_id))

    def meters_at(self, chain: Chain, sold: Sequence[tuple[Address, int]]) -> tuple[Address, ...]:
        """Return the meters that count for several pairs of seller and instrument."""
        return tuple(Address(meter) for meter in self._views(chain, "meterAt", sold))

    def delivered_of(self, chain: Chain, leaf: Leaf) -> Lots | None:
        """Return the lots of a leaf that its reading covers; None while there is no reading."""
        return self.deliveries_of(chain, [leaf])[0]

    def deliveries_of(self, chain: Chain, leaves: Sequence[Leaf]) -> tuple[Lots | None, ...]:
        """Return the same of several leaves."""
        answers = self._views(chain, "deliveredOf", [(leaf.to_abi(),) for leaf in leaves])
        return tuple(Lots(delivered) if reported_at_s else None for delivered, reported_at_s in answers)

    def filled_of(self, chain: Chain, participant: Address, client_order_id: int) -> Lots:
        """Return the lots locked so far of a participant's order."""
        return Lots(self._view(chain, "filledOf", participant, client_order_id))

    def cancelled_from(self, chain: Chain, participant: Address, client_order_id: int) -> int:
        """Return when the cancellation of this one order takes effect, 0 if none was asked for on chain."""
        return int(self._view(chain, "cancelledFrom", participant, client_order_id))

    def cancelled_below(self, chain: Chain, participant: Address) -> CancelledBelow:
        """Return what a participant cancelled at a stroke."""
        return CancelledBelow(*self._view(chain, "cancelledBelow", participant))

    def last_batch(self, chain: Chain) -> int:
        """Return the number of the last settled batch, 0 before the first."""
        return int(self._view(chain, "lastBatch"))

    def batch_root(self, chain: Chain, batch_number: int) -> bytes:
        """Return the root over a batch's leaves; zeros if it has none."""
        return bytes(self._view(chain, "batchRoot", batch_number))

    def marked_of(self, chain: Chain, batch_number: int) -> tuple[int, ...]:
        """Return the positions of a batch that were released or opened."""
        return positions_of(self._view(chain, "markedOf", batch_number))

    def _transaction(self, gas: int, function: str, *arguments: Any) -> Transaction:
        return Transaction(self.address, artifact("Settlement").functions[function].encode(*arguments), gas)

    def _view(self, chain: Chain, function: str, *arguments: Any) -> Any:
        return self._views(chain, function, [arguments])[0]

    def _views(self, chain: Chain, function: str, asked: Iterable[tuple[Any, ...]]) -> list[Any]:
        answers = views(chain, self.address, artifact("Settlement").functions[function], asked)
        return [answer[0] if len(answer) == 1 else answer for answer in answers]

    def _own(self, logs: Iterable[Log]) -> Iterator[Log]:
        return (log for log in logs if log.address == self.address)

    def _events(self, logs: Iterable[Log], name: str) -> Iterator[tuple[Log, dict[str, Any]]]:
        event = artifact("Settlement").events[name]
        return ((log, event.decode(log)) for log in self._own(logs) if log.topics[0] == event.topic)


def _outcome_topics() -> tuple[bytes, ...]:
    events = artifact("Settlement").events
    return tuple(events[name].topic for name in OUTCOME_EVENTS)
