"""Twin of `Certificate.sol`: build what is sent to it, read what it answers and emits. It sends nothing itself.

The gas that a transaction states is for holders with a key; a holder that is a contract may need more.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from typing import Any, Final

from contracts.abi import Emitted, artifact
from contracts.certificate_history import read_place
from contracts.chain import GAS_MAX, Chain, Log, Receipt, Transaction
from contracts.leaves import Leaf, merkle_proof, merkle_proofs
from contracts.signing import hash_words
from contracts.views import view
from market.orders import Address
from market.units import Lots

_GAS_BASE = 60_000
_GAS_ISSUE = 110_000
_GAS_PLEDGE = 130_000
_GAS_SINGLE = 250_000
_GAS_RETIRE = 60_000

LEAVES_MAX: Final = (GAS_MAX - _GAS_BASE) // _GAS_PLEDGE
"""Most leaves to pledge or to deliver in one transaction."""
CLAIMS_MAX: Final = (GAS_MAX - _GAS_BASE) // _GAS_RETIRE
"""Most claims to retire certificates for in one transaction."""


@dataclass(frozen=True, slots=True)
class Production:
    """A metered hour to certify; `resource` is the instrument id without its low 48 bits."""

    seller: Address
    resource: int
    start_hour: int


@dataclass(frozen=True, slots=True)
class Discharge:
    """Energy from a storage (`resource` has the product STORAGE), and the certificates of what had gone in."""

    resource: int
    start_hour: int
    amount_wh: Lots
    charge_id: int


@dataclass(frozen=True, slots=True)
class Lock:
    """The terms on which certificates go with a trade; the owner may have them back from `until_s` on."""

    owner: Address
    certificate_id: int
    leaf_hash: bytes
    until_s: int

    @property
    def hash(self) -> bytes:
        """The 32 bytes under which the contract keeps the lock."""
        return hash_words(*astuple(self))


@dataclass(frozen=True, slots=True)
class Claim:
    """Whose consumption certificates are retired for: of which hours (from 1970), and where.

    `statement` is the hash of a text that says what for, or 32 zero bytes.
    """

    certificate_id: int
    amount_wh: Lots
    beneficiary: Address
    start_hour: int
    hours: int
    place: str
    statement: bytes = bytes(32)

    def to_abi(self) -> tuple[Any, ...]:
        """Return the ABI tuple."""
        place = self.place.encode("ascii").ljust(8, b"\0")
        return (*astuple(self)[:5], place, self.statement)


@dataclass(frozen=True, slots=True)
class Hour:
    """What is known of a meter's hour: the whole meter, Wh certified, and lots pledged with trades that are not over."""

    meter: Address
    issued_wh: Lots
    pledged_lots: Lots


@dataclass(frozen=True, slots=True)
class Issue:
    """Certificates that came to be."""

    certificate_id: int
    meter: Address
    owner: Address
    amount_wh: Lots


def read_issues(logs: Iterable[Emitted]) -> tuple[Issue, ...]:
    """Return what was certified, from the contract's events, in their sequence; other events are passed over."""
    event = artifact("Certificate").events["Issued"]
    found = (event.decode(log) for log in logs if log.topics[0] == event.topic)
    return tuple(
        Issue(fields["id"], fields["meter"], fields["owner"], Lots(fields["amount"])) for fields in found
    )


def read_claims(logs: Iterable[Emitted]) -> tuple[Claim, ...]:
    """Return what was retired, from the contract's events, in their sequence; other events are passed over."""
    event = artifact("Certificate").events["Retired"]
    found = (event.decode(log) for log in logs if log.topics[0] == event.topic)
    return tuple(
        Claim(
            certificate_id=fields["id"],
            amount_wh=Lots(fields["amount"]),
            beneficiary=fields["beneficiary"],
            start_hour=fields["periodStart"],
            hours=fields["periodHours"],
            place=read_place(fields["place"]),
            statement=fields["statement"],
        )
        for fields in found
    )


@dataclass(frozen=True, slots=True)
class Certificate:
    """The contract at an address. Amounts are Wh, times Unix seconds, hours counted from 1970-01-01T00Z."""

    address: Address

    # What is sent

    def issue(self, productions: Sequence[Production]) -> Transaction:
        """Certify what meters measured, less what is pledged, to their sellers, all or none; anybody may send it."""
        gas = _GAS_BASE + len(productions) * _GAS_ISSUE
        return self._transaction(gas, "issue", [astuple(each) for each in productions])

    def issue_stored(self, discharge: Discharge) -> Transaction:
        """Certify what the sender's storage gave back, for certificates of what went in."""
        return self._transaction(_GAS_SINGLE, "issueStored", astuple(discharge))

    def pledge(self, batch_number: int, leaves: Sequence[Leaf], positions: Sequence[int]) -> Transaction:
        """Promise the certificates of trades to their buyers, all or none; the sender is their seller.

        `leaves` are all leaves of the batch in position order: the proofs are made from them.
        """
        hashes = [leaf.hash for leaf in leaves]
        return self._transaction(
            _GAS_BASE + len(positions) * _GAS_PLEDGE,
            "pledge",
            batch_number,
            [leaves[position].to_abi() for position in positions],
            merkle_proofs(hashes, positions),
        )

    def deliver_pledged(self, leaves: Sequence[Leaf]) -> Transaction:
        """Certify what was delivered of pledged trades to their buyers, all or none; anybody may send it."""
        gas = _GAS_BASE + len(leaves) * _GAS_PLEDGE
        return self._transaction(gas, "deliverPledged", [leaf.to_abi() for leaf in leaves])

    def transfer(self, owner: Address, to: Address, certificate_id: int, amount_wh: Lots) -> Transaction:
        """Send certificates on; the owner or whom it approved may send it."""
        return self._transaction(_GAS_SINGLE, "safeTransferFrom", owner, to, certificate_id, amount_wh, b"")

    def approve(self, operator: Address, *, approved: bool) -> Transaction:
        """Let an address move and retire all of the sender's certificates, or no longer."""
        return self._transaction(_GAS_SINGLE, "setApprovalForAll", operator, approved)

    def lock(self, lock: Lock, amount_wh: Lots) -> Transaction:
        """Lock the sender's certificates to a trade; the sender is the lock's owner."""
        return self._transaction(
            _GAS_SINGLE, "lock", lock.certificate_id, amount_wh, lock.leaf_hash, lock.until_s
        )

    def deliver_locked(
        self, lock: Lock, batch_number: int, leaves: Sequence[Leaf], position: int
    ) -> Transaction:
        """Move locked certificates with their trade, which is over; anybody may send it.

        `leaves` are all leaves of the batch in position order.
        """
        proof = merkle_proof([leaf.hash for leaf in leaves], position)
        return self._transaction(
            _GAS_SINGLE, "deliverLocked", astuple(lock), batch_number, leaves[position].to_abi(), proof
        )

    def release(self, lock: Lock) -> Transaction:
        """Free a lock whose time has passed; anybody may send it."""
        return self._transaction(_GAS_SINGLE, "release", astuple(lock))

    def retire(self, owner: Address, claims: Sequence[Claim]) -> Transaction:
        """Retire an owner's certificates for good, all or none; the owner or whom it approved may send it."""
        gas = _GAS_BASE + len(claims) * _GAS_RETIRE
        return self._transaction(gas, "retire", owner, [claim.to_abi() for claim in claims])

    # What it emitted

    def issues(self, receipt: Receipt) -> tuple[Issue, ...]:
        """Return the certificates that a transaction brought about."""
        return read_issues(self._own(receipt.logs))

    def issued(self, chain: Chain, *, from_block: int, to_block: int | None = None) -> tuple[Issue, ...]:
        """Return the certificates that came to be in a range of blocks, inclusive, oldest first."""
        topic = artifact("Certificate").events["Issued"].topic
        return read_issues(chain.logs(self.address, [topic], from_block=from_block, to_block=to_block))

    def claims(
        self,
        chain: Chain,
        *,
        from_block: int,
        to_block: int | None = None,
        beneficiary: Address | None = None,
    ) -> tuple[Claim, ...]:
        """Return what was retired in a range of blocks, inclusive, oldest first; for one beneficiary or for all."""
        topic = artifact("Certificate").events["Retired"].topic
        whose = None if beneficiary is None else beneficiary.rjust(32, b"\0")
        return read_claims(
            chain.logs(self.address, [topic, None, None, whose], from_block=from_block, to_block=to_block)
        )

    def issued_and_claimed(
        self, chain: Chain, *, from_block: int, to_block: int
    ) -> tuple[tuple[Issue, ...], tuple[Claim, ...]]:
        """Return both, for all beneficiaries, of one reading of the blocks."""
        topics = tuple(artifact("Certificate").events[name].topic for name in ("Issued", "Retired"))
        logs = chain.logs(self.address, [topics], from_block=from_block, to_block=to_block)
        return read_issues(logs), read_claims(logs)

    # What it answers

    def balance_of(self, chain: Chain, owner: Address, certificate_id: int) -> Lots:
        """Return what an owner holds, with what is locked of it."""
        return Lots(self._view(chain, "balanceOf", owner, certificate_id))

    def balances_of(self, chain: Chain, holdings: Sequence[tuple[Address, int]]) -> tuple[Lots, ...]:
        """Return what each owner holds of each certificate, for pairs of owner and id."""
        owners, ids = [owner for owner, _ in holdings], [certificate_id for _, certificate_id in holdings]
        return tuple(map(Lots, self._view(chain, "balanceOfBatch", owners, ids)))

    def locked_of(self, chain: Chain, owner: Address, certificate_id: int) -> Lots:
        """Return what is locked of an owner's certificates."""
        return Lots(self._view(chain, "lockedOf", owner, certificate_id))

    def lock_of(self, chain: Chain, lock: Lock) -> Lots:
        """Return what is locked on these terms."""
        return Lots(self._view(chain, "lockOf", lock.hash))

    def pledge_of(self, chain: Chain, leaf: Leaf) -> tuple[int, bool]:
        """Return the batch of a pledged trade, 0 if it was not pledged, and whether its certificates were delivered."""
        batch_number, over = self._view(chain, "pledgeOf", leaf.hash)
        return int(batch_number), bool(over)

    def hour_of(self, chain: Chain, certificate_id: int) -> Hour:
        """Return what is known of a meter's hour; see `ICertificate.hourOf` for stored energy."""
        return Hour(*self._view(chain, "hourOf", certificate_id))

    def _transaction(self, gas: int, function: str, *arguments: Any) -> Transaction:
        return Transaction(self.address, artifact("Certificate").functions[function].encode(*arguments), gas)

    def _view(self, chain: Chain, function: str, *arguments: Any) -> Any:
        answer = view(chain, self.address, artifact("Certificate").functions[function], *arguments)
        return answer[0] if len(answer) == 1 else answer

    def _own(self, logs: Iterable[Log]) -> Iterator[Log]:
        return (log for log in logs if log.address == self.address)
