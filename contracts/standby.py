"""Twin of `Standby.sol`: sign options on standby capacity, call and answer them, and know beforehand what is paid."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from enum import IntEnum
from typing import Any, Final

from contracts.abi import artifact
from contracts.chain import Chain, Log, Receipt, Transaction
from contracts.signing import Domain, Signer, bytes32, hash_words, type_hash, uint64
from contracts.stages import Outcome, Stage
from contracts.views import view
from market.orders import Address
from market.units import Commodity, Lots, Micros, ceil_money, floor_money

STANDBY_TYPE: Final = (
    "Standby(address holder,address supplier,uint256 resource,uint8 tier,uint32 firstHour,uint32 lastHour,"
    "uint64 lots,uint64 strike,uint128 premium,uint32 answerWindow,uint64 openUntil,bytes32 salt)"
)
PLAN_MOST: Final = 8
"""Most options in a plan."""

NO_CAUSE: Final = bytes(32)
"""What a call tells as its cause if the holder made it."""

_STANDBY_HASH: Final = type_hash(STANDBY_TYPE)
_COMMODITY_SHIFT: Final = 192

_GAS_OPEN = 250_000
_GAS_RETRACT = 80_000
_GAS_JOIN = 120_000
_GAS_JOIN_BASE = 60_000
_GAS_CALL = 220_000
_GAS_ANSWER = 200_000
_GAS_CONCLUDE = 300_000
_GAS_CLOSE = 180_000


class CallStatus(IntEnum):
    """Where a call is: asked and not answered, accepted, declined or lapsed, over."""

    NONE = 0
    ASKED = 1
    ACCEPTED = 2
    DECLINED = 3
    OVER = 4


@dataclass(frozen=True, slots=True)
class StandbyTerms:
    """What holder and supplier sign: a supplier keeps lots ready, for a premium now and the strike when it is called.

    `resource` is the instrument id without its low 48 bits; hours are counted from 1970-01-01T00Z, both included. The
    strike is per unit, times are Unix seconds. `salt` makes otherwise equal options differ.
    """

    holder: Address
    supplier: Address
    resource: int
    tier: int
    first_hour: int
    last_hour: int
    quantity_lots: Lots
    strike_micros: Micros
    premium_micros: Micros
    answer_window_s: int
    open_until_s: int
    salt: bytes

    @classmethod
    def from_abi(cls, fields: Sequence[Any]) -> "StandbyTerms":
        """Read terms from their decoded ABI tuple."""
        return cls(*fields)

    def to_abi(self) -> tuple[Any, ...]:
        """Return the ABI tuple."""
        return astuple(self)

    @property
    def hash(self) -> bytes:
        """The EIP-712 struct hash, 32 bytes.

        Raises:
            Malformed: if a field does not fit its type.
        """
        uint64("quantity_lots", self.quantity_lots)
        uint64("strike_micros", self.strike_micros)
        uint64("open_until_s", self.open_until_s)
        bytes32("salt", self.salt)
        return hash_words(_STANDBY_HASH, *self.to_abi())

    def id(self, domain: Domain) -> bytes:
        """Return what the option is kept under, and what both sign: the EIP-712 digest, 32 bytes."""
        return domain.digest(self.hash)

    def sign(self, signer: Signer, domain: Domain) -> bytes:
        """Sign as holder or supplier; return 65 bytes."""
        return signer.sign(self.id(domain))

    def strike_of(self, lots: Lots) -> Micros:
        """Return the strike of so many lots, rounded down: what delivering them earns."""
        return floor_money(
            price_micros=self.strike_micros, quantity_lots=lots, lots_per_unit=self._lots_per_unit
        )

    def strike_held(self, lots: Lots) -> Micros:
        """Return what the holder locks to call so many lots, rounded up."""
        return ceil_money(
            price_micros=self.strike_micros, quantity_lots=lots, lots_per_unit=self._lots_per_unit
        )

    @property
    def _lots_per_unit(self) -> int:
        return Commodity(self.resource >> _COMMODITY_SHIFT & 0xFF).lots_per_unit


@dataclass(frozen=True, slots=True)
class Asked:
    """A call that waits for the supplier's answer, which is due at `answer_by_s` with an hour up to `last_hour`."""

    call_id: bytes
    option_id: bytes
    cause: bytes
    quantity_lots: Lots
    answer_by_s: int
    last_hour: int


@dataclass(frozen=True, slots=True)
class Called:
    """A call as it is kept. `start_hour`, `sold_before_lots` and `meter` are zeros until it is accepted."""

    status: CallStatus
    quantity_lots: Lots
    delivered_lots: Lots
    answer_by_s: int
    start_hour: int
    sold_before_lots: Lots
    meter: Address


@dataclass(frozen=True, slots=True)
class Delivered:
    """How an accepted call ended. `paid_micros` is 0 if the guarantee called, which pays out of the trade."""

    call_id: bytes
    option_id: bytes
    quantity_lots: Lots
    delivered_lots: Lots
    paid_micros: Micros


@dataclass(frozen=True, slots=True)
class Premium:
    """A premium that was paid: to the supplier, or back to the holder after a failure."""

    option_id: bytes
    participant: Address
    premium_micros: Micros


@dataclass(frozen=True, slots=True)
class Standby:
    """The contract at an address on one chain."""

    address: Address
    chain_id: int

    @property
    def domain(self) -> Domain:
        """Where signatures for this contract count."""
        return Domain(self.chain_id, self.address)

    # What is sent

    def open(self, terms: StandbyTerms, *, holder_signature: bytes, supplier_signature: bytes) -> Transaction:
        """Open an option that both signed, and lock the holder's premium; anybody may send it."""
        return self._transaction(_GAS_OPEN, "open", terms.to_abi(), holder_signature, supplier_signature)

    def retract(self, terms: StandbyTerms) -> Transaction:
        """Make terms that are not open useless for good; holder or supplier may send it."""
        return self._transaction(_GAS_RETRACT, "retract", terms.to_abi())

    def join_plan(self, options: Sequence[StandbyTerms]) -> Transaction:
        """Append the sender's options to its plan of their resource, all or none, at most `PLAN_MOST` a plan."""
        gas = _GAS_JOIN_BASE + len(options) * _GAS_JOIN
        return self._transaction(gas, "joinPlan", [terms.to_abi() for terms in options])

    def call(self, terms: StandbyTerms, lots: Lots, *, until_s: int) -> Transaction:
        """Ask for lots in an hour that ends by `until_s`, and lock their strike; the sender is the holder."""
        return self._transaction(_GAS_CALL, "call", terms.to_abi(), lots, until_s)

    def accept(self, call_id: bytes, terms: StandbyTerms, *, start_hour: int) -> Transaction:
        """Promise what was called in this hour; the sender is the supplier."""
        return self._transaction(_GAS_ANSWER, "accept", call_id, terms.to_abi(), start_hour)

    def decline(self, call_id: bytes, terms: StandbyTerms) -> Transaction:
        """Refuse a call, which ends the option and costs the premium; the sender is the supplier."""
        return self._transaction(_GAS_CONCLUDE, "decline", call_id, terms.to_abi())

    def conclude(self, call_id: bytes, terms: StandbyTerms) -> Transaction:
        """End a call that lapsed, or whose hour was metered or will not be any more; anybody may send it."""
        return self._transaction(_GAS_CONCLUDE, "conclude", call_id, terms.to_abi())

    def close(self, terms: StandbyTerms) -> Transaction:
        """Close an option whose hours are over and pay its premium to the supplier; anybody may send it."""
        return self._transaction(_GAS_CLOSE, "close", terms.to_abi())

    # What it emitted

    def opened(
        self,
        chain: Chain,
        *,
        from_block: int,
        to_block: int | None = None,
        holder: Address | None = None,
    ) -> dict[bytes, StandbyTerms]:
        """Return the options opened in a range of blocks, inclusive, by id; of one holder or of all."""
        topic = artifact("Standby").events["OptionOpened"].topic
        whose = None if holder is None else holder.rjust(32, b"\0")
        logs = chain.logs(self.address, [topic, None, whose], from_block=from_block, to_block=to_block)
        return {
            bytes(fields["id"]): StandbyTerms.from_abi(fields["terms"])
            for fields in self._events(logs, "OptionOpened")
        }

    def asked(self, receipt: Receipt) -> tuple[Asked, ...]:
        """Return the calls that a transaction made."""
        return tuple(
            Asked(
                bytes(fields["callId"]),
                bytes(fields["id"]),
                bytes(fields["cause"]),
                Lots(fields["lots"]),
                fields["answerBy"],
                fields["lastHour"],
            )
            for fields in self._events(receipt.logs, "Called")
        )

    def delivered(self, receipt: Receipt) -> tuple[Delivered, ...]:
        """Return the accepted calls that a transaction ended."""
        return tuple(
            Delivered(
                bytes(fields["callId"]),
                bytes(fields["id"]),
                Lots(fields["lots"]),
                Lots(fields["delivered"]),
                Micros(fields["paid"]),
            )
            for fields in self._events(receipt.logs, "CallOver")
        )

    def premiums(self, receipt: Receipt) -> tuple[Premium, ...]:
        """Return the premiums that a transaction paid."""
        return tuple(
            Premium(bytes(fields["id"]), fields["participant"], Micros(fields["premium"]))
            for fields in self._events(receipt.logs, "PremiumPaid")
        )

    # What it answers

    def stage_of(self, chain: Chain, option_id: bytes) -> Stage:
        """Return where an option stands."""
        return Stage(self._view(chain, "stageOf", option_id))

    def outcome_of(self, chain: Chain, option_id: bytes) -> Outcome:
        """Return how an option ended, or will end when its calls are over."""
        return Outcome(self._view(chain, "outcomeOf", option_id))

    def lots_left(self, chain: Chain, option_id: bytes) -> Lots:
        """Return the lots that can still be called of an option."""
        return Lots(self._view(chain, "lotsLeft", option_id))

    def is_callable(self, chain: Chain, terms: StandbyTerms, lots: Lots) -> bool:
        """Return whether the guarantee could call so many lots now."""
        return bool(self._view(chain, "isCallable", terms.to_abi(), lots))

    def call_of(self, chain: Chain, call_id: bytes) -> Called:
        """Return a call."""
        status, lots, delivered, answer_by_s, start_hour, sold_before, meter = self._view(
            chain, "callOf", call_id
        )
        return Called(
            CallStatus(status),
            Lots(lots),
            Lots(delivered),
            answer_by_s,
            start_hour,
            Lots(sold_before),
            Address(meter),
        )

    def plan_of(self, chain: Chain, holder: Address, resource: int) -> tuple[bytes, ...]:
        """Return the ids of the options in a holder's plan of a resource, in the sequence in which they are called."""
        return tuple(bytes(each) for each in self._view(chain, "planOf", holder, resource))

    def _transaction(self, gas: int, function: str, *arguments: Any) -> Transaction:
        return Transaction(self.address, artifact("Standby").functions[function].encode(*arguments), gas)

    def _view(self, chain: Chain, function: str, *arguments: Any) -> Any:
        (answer,) = view(chain, self.address, artifact("Standby").functions[function], *arguments)
        return answer

    def _events(self, logs: Iterable[Log], name: str) -> Iterator[dict[str, Any]]:
        event = artifact("Standby").events[name]
        return (
            event.decode(log) for log in logs if log.address == self.address and log.topics[0] == event.topic
        )
