"""Twin of `PayAsYouGo.sol`: terms that two sides sign, readings that draw on a deposit, and what each draw will pay.

It sends nothing itself. Amounts are micros, quantities lots, times Unix seconds.
"""

from collections.abc import Iterator
from dataclasses import astuple, dataclass
from typing import Any, Final

from contracts.abi import artifact
from contracts.chain import Chain, Receipt, Transaction
from contracts.signing import Domain, Signer, bytes32, hash_words, type_hash, uint64
from contracts.stages import Outcome, Stage
from contracts.views import view
from market.instruments import RESOURCE_SHIFT, from_id
from market.orders import Address
from market.units import BPS_ONE, InvariantBroken, Lots, Malformed, Micros, fee_micros, floor_money

TERMS_TYPE: Final = (
    "PayAsYouGo(address buyer,address seller,address meter,uint256 resource,uint64 price,uint16 feeBps,"
    "uint128 deposit,uint32 notice,uint32 readingWindow,uint64 openUntil,bytes32 salt)"
)
CUMULATIVE_READING_TYPE: Final = (
    "CumulativeReading(bytes32 agreement,address meter,uint64 through,uint64 units)"
)

_TERMS_HASH, _READING_HASH = map(type_hash, (TERMS_TYPE, CUMULATIVE_READING_TYPE))
_GAS: Final = 250_000


@dataclass(frozen=True, slots=True)
class PayAsYouGoTerms:
    """What buyer and seller sign. `resource` is the instrument id without its low 48 bits; the price is per unit."""

    buyer: Address
    seller: Address
    meter: Address
    resource: int
    price_micros: Micros
    fee_bps: int
    deposit_micros: Micros
    notice_s: int
    reading_window_s: int
    open_until_s: int
    salt: bytes

    def to_abi(self) -> tuple[Any, ...]:
        """Return the ABI tuple."""
        return astuple(self)

    @property
    def hash(self) -> bytes:
        """The EIP-712 struct hash, 32 bytes.

        Raises:
            Malformed: if a field does not fit its type.
        """
        return hash_words(
            _TERMS_HASH,
            self.buyer,
            self.seller,
            self.meter,
            self.resource,
            uint64("price_micros", self.price_micros),
            _fits("fee_bps", self.fee_bps, bits=16),
            _fits("deposit_micros", self.deposit_micros, bits=128),
            _fits("notice_s", self.notice_s, bits=32),
            _fits("reading_window_s", self.reading_window_s, bits=32),
            uint64("open_until_s", self.open_until_s),
            bytes32("salt", self.salt),
        )

    def id_in(self, domain: Domain) -> bytes:
        """Return the agreement's id, 32 bytes: the EIP-712 digest that both sides sign."""
        return domain.digest(self.hash)

    def cost(self, units_lots: Lots) -> tuple[Micros, Micros]:
        """Return what so many lots, counted from the opening, are worth, and the fee on that."""
        first_hour = from_id(self.resource << RESOURCE_SHIFT | 1 << 8)
        worth = floor_money(
            price_micros=self.price_micros,
            quantity_lots=units_lots,
            lots_per_unit=first_hour.commodity.lots_per_unit,
        )
        return worth, fee_micros(value_micros=worth, fee_bps=self.fee_bps)


@dataclass(frozen=True, slots=True)
class CumulativeReading:
    """What a meter counted for one agreement since it opened, up to the second `through_s`; with its signature."""

    through_s: int
    units_lots: Lots
    signature: bytes

    def to_abi(self) -> tuple[Any, ...]:
        """Return the ABI tuple."""
        return astuple(self)


@dataclass(frozen=True, slots=True)
class State:
    """Where an agreement stands: the last reading drawn, its end (0 if not stopped), and since when it is exhausted.

    It is `ACTIVE` from opening until it is `CLOSED`. The outcome is told as soon as the end is fixed. `exhausted_at_s` is
    0 while something is left of the deposit.
    """

    stage: Stage
    outcome: Outcome
    units_lots: Lots
    through_s: int
    ends_at_s: int
    exhausted_at_s: int


@dataclass(frozen=True, slots=True)
class Draw:
    """What a reading moved to the seller and to the venue.

    `unpaid` is what its units are worth beyond what was paid, and not owed; it is None if something is left of the deposit.
    """

    units_lots: Lots
    paid: Micros
    fee: Micros
    unpaid: Micros | None


def draw(terms: PayAsYouGoTerms, *, drawn_lots: Lots, units_lots: Lots, left_micros: Micros) -> Draw:
    """Return what the contract will pay for a reading of `units_lots`, when `drawn_lots` were drawn before.

    `left_micros` is what is left of the deposit. If it does not cover the units and their fee, all of it goes to seller and
    venue in the same proportion, the odd micro to the seller.
    """
    (worth, fee), (worth_before, fee_before) = terms.cost(units_lots), terms.cost(drawn_lots)
    worth, fee = Micros(worth - worth_before), Micros(fee - fee_before)
    paid, fee_paid = worth, fee
    if worth + fee > left_micros:
        fee_paid = Micros(left_micros * terms.fee_bps // (BPS_ONE + terms.fee_bps))
        paid = Micros(left_micros - fee_paid)
    exhausted = paid + fee_paid == left_micros
    return Draw(units_lots, paid, fee_paid, Micros(worth - paid) if exhausted else None)


def cumulative_reading_digest(
    *, agreement: bytes, meter: Address, through_s: int, units_lots: Lots, domain: Domain
) -> bytes:
    """Return the 32 bytes that a meter signs for what it counted for an agreement."""
    through, units = uint64("through_s", through_s), uint64("units_lots", units_lots)
    return domain.digest(hash_words(_READING_HASH, bytes32("agreement", agreement), meter, through, units))


def sign_cumulative_reading(
    meter: Signer, terms: PayAsYouGoTerms, *, through_s: int, units_lots: Lots, domain: Domain
) -> CumulativeReading:
    """Sign what a meter counted for an agreement, in lots since it opened, up to `through_s`."""
    digest = cumulative_reading_digest(
        agreement=terms.id_in(domain),
        meter=meter.address,
        through_s=through_s,
        units_lots=units_lots,
        domain=domain,
    )
    return CumulativeReading(through_s, units_lots, meter.sign(digest))


@dataclass(frozen=True, slots=True)
class PayAsYouGo:
    """The contract at an address on one chain. Its signatures count for itself, not for the settlement."""

    address: Address
    chain_id: int

    @property
    def domain(self) -> Domain:
        """Where signatures for this contract count."""
        return Domain(self.chain_id, self.address)

    # What is sent

    def open(self, terms: PayAsYouGoTerms, *, buyer_signature: bytes, seller_signature: bytes) -> Transaction:
        """Open an agreement that both sides signed, which locks its deposit; anybody may send it."""
        return self._transaction("open", terms.to_abi(), buyer_signature, seller_signature)

    def retract(self, terms: PayAsYouGoTerms) -> Transaction:
        """Make terms that were not opened worthless; the buyer or the seller sends it."""
        return self._transaction("retract", terms.to_abi())

    def top_up(self, terms: PayAsYouGoTerms, amount_micros: Micros) -> Transaction:
        """Lock more of the buyer's free money; the buyer sends it."""
        return self._transaction("topUp", terms.to_abi(), amount_micros)

    def draw(self, terms: PayAsYouGoTerms, reading: CumulativeReading) -> Transaction:
        """Pay for what was metered since the last draw, as far as the deposit goes; anybody may send it."""
        return self._transaction("draw", terms.to_abi(), reading.to_abi())

    def stop(self, terms: PayAsYouGoTerms) -> Transaction:
        """End the agreement when the notice is over; the buyer or the seller sends it."""
        return self._transaction("stop", terms.to_abi())

    def close(self, terms: PayAsYouGoTerms) -> Transaction:
        """Return the rest to the buyer once no further reading can come; anybody may send it."""
        return self._transaction("close", terms.to_abi())

    # What it emitted

    def drawn(self, receipt: Receipt) -> Draw | None:
        """Return what a transaction drew, None if nothing.

        Raises:
            InvariantBroken: if it drew more than once.
        """
        found = list(self._events(receipt, "Drawn"))
        if len(found) > 1:
            raise InvariantBroken(f"transaction 0x{receipt.transaction.hex()}: found {len(found)} draws")
        if not found:
            return None
        unpaid = [Micros(fields["unpaid"]) for fields in self._events(receipt, "Exhausted")]
        (fields,) = found
        return Draw(
            Lots(fields["units"]),
            Micros(fields["paid"]),
            Micros(fields["fee"]),
            unpaid[0] if unpaid else None,
        )

    def returned(self, receipt: Receipt) -> Micros | None:
        """Return what closing gave back to the buyer, None if this transaction closed nothing."""
        found = [Micros(fields["returnedToBuyer"]) for fields in self._events(receipt, "Closed")]
        return found[0] if found else None

    # What it answers

    def state_of(self, chain: Chain, terms: PayAsYouGoTerms) -> State:
        """Return where an agreement stands."""
        stage, outcome, *numbers = self._view(chain, "stateOf", terms.id_in(self.domain))
        return State(Stage(stage), Outcome(outcome), *numbers)

    def _transaction(self, function: str, *arguments: Any) -> Transaction:
        data = artifact("PayAsYouGo").functions[function].encode(*arguments)
        return Transaction(self.address, data, _GAS)

    def _view(self, chain: Chain, function: str, *arguments: Any) -> Any:
        (answer,) = view(chain, self.address, artifact("PayAsYouGo").functions[function], *arguments)
        return answer

    def _events(self, receipt: Receipt, name: str) -> Iterator[dict[str, Any]]:
        event = artifact("PayAsYouGo").events[name]
        return (
            event.decode(log)
            for log in receipt.logs
            if log.address == self.address and log.topics[0] == event.topic
        )


def _fits(what: str, value: int, *, bits: int) -> int:
    if not 0 <= value < 1 << bits:
        raise Malformed(f"{what}: found {value}, expected 0 to 2^{bits} - 1")
    return value
