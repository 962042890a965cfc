"""Twin of `LongTerm.sol`: bring a negotiated agreement on chain, settle its periods, and know beforehand what each pays."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from eth_hash.auto import keccak

from contracts.abi import Function, artifact, encode_struct
from contracts.agreement import LongTermTerms
from contracts.chain import Chain, Receipt, Transaction
from contracts.signing import Domain, Signer, bytes32, hash_words, type_hash, uint64
from contracts.stages import Outcome, Stage
from market.instruments import from_id
from market.orders import Address
from market.units import PPM_ONE, Lots, Micros, Ppm, fee_micros, floor_money

NOBODY: Final = Address(bytes(20))
"""Where no meter, price source or certificate contract is named."""

NOTHING: Final = Lots(0)
"""What is excused of a delivery unless the arbiter says more."""

EXECUTION_TERMS_TYPE: Final = (
    "ExecutionTerms(bytes32 agreement,uint256 instrument,uint64[] quantities,uint64 price,Rung[] ladder,"
    "address priceSource,uint64 replacementCap,address meter,address checkMeter,uint32 takeOrPay,uint32 greenShare,"
    "uint64 greenPrice,address certificates,uint32 excuseMost,uint32 bondRate,bytes32 salt)"
    "Rung(uint32 below,uint32 credit)"
)
ACTIVATION_TYPE: Final = (
    "Activation(bytes32 termsHash,address buyer,address seller,address arbiter,uint128 buyerStake,"
    "uint128 buyerDeposit,uint128 sellerStake,uint32 firstHour,uint16 hoursPerPeriod,uint16 periods,uint16 feeBps,"
    "uint32 readingWindow,uint32 challengeWindow,uint32 rulingWindow,uint32 grace,uint32 notice,"
    "uint64 activateUntil,bytes32 salt)"
)
STATEMENT_TYPE: Final = (
    "PeriodStatement(bytes32 agreement,uint16 period,uint128 toSeller,uint128 toBuyer,uint64 deadline)"
)
READING_TYPE: Final = "CumulativeReading(bytes32 agreement,address meter,uint32 throughHour,uint64 units)"
PRICE_TYPE: Final = "ReplacementPrice(bytes32 agreement,uint16 period,uint64 price)"

_TERMS_HASH, _ACTIVATION_HASH, _STATEMENT_HASH, _READING_HASH, _PRICE_HASH, _RUNG_HASH = map(
    type_hash,
    (
        EXECUTION_TERMS_TYPE,
        ACTIVATION_TYPE,
        STATEMENT_TYPE,
        READING_TYPE,
        PRICE_TYPE,
        "Rung(uint32 below,uint32 credit)",
    ),
)
_TERMS_ABI: Final = (
    "(bytes32,uint256,uint64[],uint64,(uint32,uint32)[],address,uint64,address,address,uint32,uint32,uint64,address,"
    "uint32,uint32,bytes32)"
)
_NO_PRICE: Final = (0, b"")
_CERTIFICATES_PER_PRICE: Final = 1000

# A library's functions are named with its structs' names, which the general encoder does not know.
_PAYOUT_FOR: Final = Function(
    "payoutFor",
    bytes(keccak(b"payoutFor(bytes,uint256,Delivery,Stakes)"))[:4],
    ("bytes", "uint256", "(uint256,uint256,uint256,uint256,uint256,uint256)", "(uint256,uint256)"),
    ("(uint256,uint256,uint256)",),
)

GAS_ACTIVATE: Final = 300_000
GAS_SINGLE: Final = 120_000
GAS_SETTLE: Final = 300_000
GAS_REPORT: Final = 300_000
GAS_CLAIM: Final = 250_000
GAS_RULE: Final = 250_000
GAS_PAY_OUT: Final = 420_000
GAS_GREEN: Final = 250_000
_GAS_PER_WORD: Final = 1_500
"""Of presented terms: calldata, decoding, hashing, and telling them."""


@dataclass(frozen=True, slots=True)
class Execution:
    """What two sides add to negotiated terms so that a chain can keep them. Shares in ppm, money in micros, seconds.

    `fee_bps` is the venue's. The deposit is the part of the buyer's stake that a default costs it: let it cover what is
    delivered until a default shows (`reading_s`, `challenge_s` and `grace_s` after a period). `green_ppm` are certificates
    (Wh) per million lots taken, `green_price_micros` the price of 1,000 that are missing.
    """

    meter: Address
    arbiter: Address
    hours_per_period: int
    deposit_micros: Micros
    replacement_cap_micros: Micros
    activate_until_s: int
    salt: bytes
    fee_bps: int = 0
    check_meter: Address = NOBODY
    price_source: Address = NOBODY
    take_or_pay_ppm: Ppm = Ppm(0)
    green_ppm: Ppm = Ppm(0)
    green_price_micros: Micros = Micros(0)
    certificates: Address = NOBODY
    excuse_most_ppm: Ppm = Ppm(PPM_ONE)
    bond_ppm: Ppm = Ppm(50_000)
    reading_s: int = 7200
    challenge_s: int = 24 * 3600
    ruling_s: int = 7 * 24 * 3600
    grace_s: int = 24 * 3600


@dataclass(frozen=True, slots=True)
class ExecutionTerms:
    """What a period is judged by; the chain sees its salted hash until somebody presents it. See `Execution`."""

    agreement: bytes
    instrument_id: int
    quantity_lots: tuple[Lots, ...]
    price_micros: Micros
    ladder: tuple[tuple[Ppm, Ppm], ...]
    price_source: Address
    replacement_cap_micros: Micros
    meter: Address
    check_meter: Address
    take_or_pay_ppm: Ppm
    green_ppm: Ppm
    green_price_micros: Micros
    certificates: Address
    excuse_most_ppm: Ppm
    bond_ppm: Ppm
    salt: bytes

    @classmethod
    def of(cls, agreed: LongTermTerms, execution: Execution) -> "ExecutionTerms":
        """Return what was negotiated with what it takes to keep it, the hours' quantities added up per period."""
        return cls(
            agreement=agreed.hash,
            instrument_id=agreed.instrument_id,
            quantity_lots=tuple(
                Lots(sum(agreed.quantity_lots[start : start + execution.hours_per_period]))
                for start in range(0, len(agreed.quantity_lots), execution.hours_per_period)
            ),
            price_micros=agreed.price_micros,
            ladder=agreed.ladder,
            price_source=execution.price_source,
            replacement_cap_micros=execution.replacement_cap_micros,
            meter=execution.meter,
            check_meter=execution.check_meter,
            take_or_pay_ppm=execution.take_or_pay_ppm,
            green_ppm=execution.green_ppm,
            green_price_micros=execution.green_price_micros,
            certificates=execution.certificates,
            excuse_most_ppm=execution.excuse_most_ppm,
            bond_ppm=execution.bond_ppm,
            salt=bytes32("salt", execution.salt),
        )

    def to_abi(self) -> tuple[Any, ...]:
        """Return the ABI tuple."""
        return tuple(getattr(self, name) for name in self.__slots__)

    def encode(self) -> bytes:
        """Return the ABI encoding, in which the terms are presented."""
        return encode_struct((_TERMS_ABI,), (self.to_abi(),))

    @property
    def hash(self) -> bytes:
        """The EIP-712 struct hash, 32 bytes: what stands on chain in a quiet life.

        Raises:
            Malformed: if a field does not fit its type.
        """
        return hash_words(
            _TERMS_HASH,
            bytes32("agreement", self.agreement),
            self.instrument_id,
            hash_words(*(uint64("quantity_lots", lots) for lots in self.quantity_lots)),
            uint64("price_micros", self.price_micros),
            hash_words(*(hash_words(_RUNG_HASH, below, credit) for below, credit in self.ladder)),
            self.price_source,
            uint64("replacement_cap_micros", self.replacement_cap_micros),
            self.meter,
            self.check_meter,
            self.take_or_pay_ppm,
            self.green_ppm,
            uint64("green_price_micros", self.green_price_micros),
            self.certificates,
            self.excuse_most_ppm,
            self.bond_ppm,
            bytes32("salt", self.salt),
        )

    def value(self, lots: int, *, price_micros: int | None = None) -> Micros:
        """Return what so many lots cost, at the terms' price unless another is given."""
        price = self.price_micros if price_micros is None else price_micros
        return floor_money(
            price_micros=Micros(price),
            quantity_lots=Lots(lots),
            lots_per_unit=from_id(self.instrument_id).commodity.lots_per_unit,
        )


@dataclass(frozen=True, slots=True)
class Activation:
    """What both sign to put an agreement in force: all that a chain must know in a quiet life. Money is micros.

    With its signature a side consents that its stake is locked, and filled up from its free money for each period.
    """

    terms_hash: bytes
    buyer: Address
    seller: Address
    arbiter: Address
    buyer_stake_micros: Micros
    buyer_deposit_micros: Micros
    seller_stake_micros: Micros
    first_hour: int
    hours_per_period: int
    periods: int
    fee_bps: int
    reading_s: int
    challenge_s: int
    ruling_s: int
    grace_s: int
    notice_s: int
    activate_until_s: int
    salt: bytes

    @classmethod
    def of(cls, agreed: LongTermTerms, execution: Execution) -> "Activation":
        """Return what to sign for a negotiated agreement.

        The buyer's stake is its largest period's payment and fee, and the deposit; the seller's is the agreed share of
        that payment, rounded up.
        """
        terms = ExecutionTerms.of(agreed, execution)
        payment = max((terms.value(lots) for lots in terms.quantity_lots), default=Micros(0))
        fee = fee_micros(value_micros=payment, fee_bps=execution.fee_bps)
        return cls(
            terms_hash=terms.hash,
            buyer=agreed.buyer,
            seller=agreed.seller,
            arbiter=execution.arbiter,
            buyer_stake_micros=Micros(payment + fee + execution.deposit_micros),
            buyer_deposit_micros=execution.deposit_micros,
            seller_stake_micros=Micros(-(-payment * agreed.collateral_ppm // PPM_ONE)),
            first_hour=agreed.instrument.start_hour,
            hours_per_period=execution.hours_per_period,
            periods=len(terms.quantity_lots),
            fee_bps=execution.fee_bps,
            reading_s=execution.reading_s,
            challenge_s=execution.challenge_s,
            ruling_s=execution.ruling_s,
            grace_s=execution.grace_s,
            notice_s=agreed.notice_s,
            activate_until_s=execution.activate_until_s,
            salt=bytes32("salt", execution.salt),
        )

    def to_abi(self) -> tuple[Any, ...]:
        """Return the ABI tuple."""
        return tuple(getattr(self, name) for name in self.__slots__)

    def id(self, domain: Domain) -> bytes:
        """Return what the agreement is kept under, and what both sign: the EIP-712 digest, 32 bytes.

        Raises:
            Malformed: if a field does not fit its type.
        """
        uint64("activate_until_s", self.activate_until_s)
        return domain.digest(hash_words(_ACTIVATION_HASH, *self.to_abi()))

    def last_hour(self, period: int) -> int:
        """Return the last hour of a period, through which its meters are read."""
        return self.first_hour + (period + 1) * self.hours_per_period - 1

    def ends_s(self, period: int) -> int:
        """Return when a period ends."""
        return (self.last_hour(period) + 1) * 3600


@dataclass(frozen=True, slots=True)
class Statement:
    """What both sign of a period that went well: `to_buyer_micros` comes out of the seller's stake."""

    period: int
    to_seller_micros: Micros
    to_buyer_micros: Micros
    deadline_s: int

    def to_abi(self) -> tuple[Any, ...]:
        """Return the ABI tuple."""
        return (self.period, self.to_seller_micros, self.to_buyer_micros, self.deadline_s)

    def digest(self, agreement: bytes, domain: Domain) -> bytes:
        """Return the 32 bytes that both sign."""
        uint64("deadline_s", self.deadline_s)
        return domain.digest(hash_words(_STATEMENT_HASH, agreement, *self.to_abi()))


@dataclass(frozen=True, slots=True)
class CumulativeReading:
    """What a meter counted for an agreement from its first hour through `through_hour`, and its signature."""

    meter: Address
    through_hour: int
    units_lots: Lots
    signature: bytes

    def to_abi(self) -> tuple[Any, ...]:
        """Return the ABI tuple."""
        return (self.meter, self.through_hour, self.units_lots, self.signature)


@dataclass(frozen=True, slots=True)
class State:
    """Where an agreement stands. `period` runs, or is over and not settled; `ends` is how many periods there are."""

    stage: Stage
    outcome: Outcome
    period: int
    ends: int
    funded: bool
    compensated: bool
    since_s: int
    begins_s: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a period came to, in lots; `replacement_micros` per unit, `certificates` in Wh."""

    contracted_lots: int
    available_lots: int
    taken_lots: int
    excused_lots: int = 0
    replacement_micros: int = 0
    certificates: int = 0

    def to_abi(self) -> tuple[int, ...]:
        """Return the ABI tuple."""
        return tuple(getattr(self, name) for name in self.__slots__)


@dataclass(frozen=True, slots=True)
class Payout:
    """What a period moves, in micros: `to_seller` and `fee` out of the buyer's stake, `to_buyer` out of the seller's."""

    to_seller: Micros
    fee: Micros
    to_buyer: Micros


@dataclass(frozen=True, slots=True)
class Default:
    """A stake was not filled up in time, by the buyer, the seller, or both; what that moved, in micros."""

    of_buyer: bool
    of_seller: bool
    to_seller: Micros
    to_buyer: Micros


def measured(
    terms: ExecutionTerms, *, period: int, metered_lots: int, checked_lots: int | None = None
) -> Delivery:
    """Return what two meters say together; a second that is silent leaves the first alone.

    Without take-or-pay the lower of the two was delivered. With it the first says what was available, the second what was
    taken of that.
    """
    contracted = terms.quantity_lots[period] if period < len(terms.quantity_lots) else 0
    available = min(metered_lots, contracted)
    taken = available if checked_lots is None else min(available, checked_lots)
    if not terms.take_or_pay_ppm:
        available = taken
    replacement = 0 if terms.price_source != NOBODY else terms.replacement_cap_micros
    return Delivery(contracted, available, taken, replacement_micros=replacement)


def payout(
    terms: ExecutionTerms,
    delivery: Delivery,
    *,
    fee_bps: int,
    buyer_stake_micros: int,
    seller_stake_micros: int,
) -> Payout:
    """Return how the contract will pay a period.

    The seller is paid for what was taken, or for what take-or-pay asks of what was available. The buyer is compensated with
    cover or the ladder's credit, whichever is more, and the missing certificates; nobody is asked for more than its stake.
    """
    contracted, available = delivery.contracted_lots, delivery.available_lots
    paid = max(delivery.taken_lots, min(available, contracted * terms.take_or_pay_ppm // PPM_ONE))
    to_seller = Micros(min(buyer_stake_micros, terms.value(paid)))
    fee = min(buyer_stake_micros - to_seller, fee_micros(value_micros=to_seller, fee_bps=fee_bps))

    spared = available + delivery.excused_lots
    dearer = max(0, delivery.replacement_micros - terms.price_micros)
    cover = terms.value(contracted - spared, price_micros=dearer)
    share = 0
    for below, credit in terms.ladder:
        if spared * PPM_ONE < below * contracted:
            share = credit
    promised = delivery.taken_lots * terms.green_ppm // PPM_ONE
    green = max(0, promised - delivery.certificates) * terms.green_price_micros // _CERTIFICATES_PER_PRICE
    owed = max(cover, terms.value(contracted) * share // PPM_ONE) + green
    return Payout(to_seller, Micros(fee), Micros(min(seller_stake_micros, owed)))


@dataclass(frozen=True, slots=True)
class LongTerm:
    """The contract at an address, with the library of its rules."""

    address: Address
    chain_id: int

    @property
    def domain(self) -> Domain:
        """Where signatures for long-term agreements count."""
        return Domain(self.chain_id, self.address)

    def sign_reading(
        self, meter: Signer, activation: Activation, *, through_hour: int, units_lots: Lots
    ) -> CumulativeReading:
        """Sign what a meter counted for an agreement from its first hour through another."""
        agreement = activation.id(self.domain)
        units = uint64("units_lots", units_lots)
        digest = self.domain.digest(hash_words(_READING_HASH, agreement, meter.address, through_hour, units))
        return CumulativeReading(meter.address, through_hour, units_lots, meter.sign(digest))

    def sign_replacement(
        self, source: Signer, activation: Activation, *, period: int, price_micros: Micros
    ) -> tuple[Micros, bytes]:
        """Sign what replacing a unit that is missing of a period costs; return the price with the signature."""
        words = (activation.id(self.domain), period, uint64("price_micros", price_micros))
        return price_micros, source.sign(self.domain.digest(hash_words(_PRICE_HASH, *words)))

    def activate(self, activation: Activation, buyer: bytes, seller: bytes) -> Transaction:
        """Put an agreement in force with both signatures of its id; anybody may send it."""
        return self._transaction(GAS_ACTIVATE, "activate", activation.to_abi(), buyer, seller)

    def retract(self, activation: Activation) -> Transaction:
        """Take back what was signed, for good; a party sends it, before activation."""
        return self._transaction(GAS_SINGLE, "retract", activation.to_abi())

    def settle_agreed(
        self, activation: Activation, statement: Statement, buyer: bytes, seller: bytes
    ) -> Transaction:
        """Settle a period as both signed; anybody may send it."""
        return self._transaction(
            GAS_SETTLE, "settleAgreed", activation.to_abi(), statement.to_abi(), buyer, seller
        )

    def report_period(
        self,
        activation: Activation,
        terms: ExecutionTerms,
        readings: Sequence[CumulativeReading],
        replacement: tuple[int, bytes] = _NO_PRICE,
    ) -> Transaction:
        """Present the terms of a period that is over, with what the meters counted; anybody may who has them."""
        arguments = [reading.to_abi() for reading in readings], replacement
        return self._presenting(GAS_REPORT, "reportPeriod", activation, terms, *arguments)

    def challenge(self, activation: Activation, terms: ExecutionTerms, delivered_lots: Lots) -> Transaction:
        """Claim that another quantity was delivered, against a bond; a party sends it."""
        return self._presenting(GAS_CLAIM, "challenge", activation, terms, delivered_lots)

    def plead(self, activation: Activation, terms: ExecutionTerms) -> Transaction:
        """Claim that force majeure excuses what is missing, against a bond; the seller sends it."""
        return self._presenting(GAS_CLAIM, "plead", activation, terms)

    def rule(
        self,
        activation: Activation,
        terms: ExecutionTerms,
        *,
        delivered_lots: Lots,
        excused_lots: Lots = NOTHING,
    ) -> Transaction:
        """Decide the claims of a period; the arbiter sends it."""
        return self._presenting(GAS_RULE, "rule", activation, terms, delivered_lots, excused_lots)

    def pay_out(self, activation: Activation, terms: ExecutionTerms) -> Transaction:
        """Pay a reported period that nobody may contradict any more; anybody may send it."""
        return self._presenting(GAS_PAY_OUT, "payOut", activation, terms)

    def lapse(self, activation: Activation) -> Transaction:
        """Pass over a period of which nobody presented the terms in time; anybody may send it."""
        return self._transaction(GAS_SETTLE, "lapse", activation.to_abi())

    def roll(self, activation: Activation) -> Transaction:
        """Fill up the stakes as far as free money allows; anybody may send it."""
        return self._transaction(GAS_SETTLE, "roll", activation.to_abi())

    def terminate(self, activation: Activation) -> Transaction:
        """End an agreement whose stakes were not filled up in the grace; anybody may send it."""
        return self._transaction(GAS_SETTLE, "terminate", activation.to_abi())

    def give_notice(self, activation: Activation) -> Transaction:
        """End the agreement with the period that contains the end of the notice; a party sends it."""
        return self._transaction(GAS_SETTLE, "giveNotice", activation.to_abi())

    def deliver_green(
        self, activation: Activation, terms: ExecutionTerms, *, certificate_id: int, amount: int
    ) -> Transaction:
        """Send the seller's certificates to the buyer and count them; the seller, who approved the contract, sends it."""
        return self._presenting(GAS_GREEN, "deliverGreen", activation, terms, certificate_id, amount)

    def state_of(self, chain: Chain, agreement: bytes) -> State:
        """Return where an agreement stands, by its id."""
        ((stage, outcome, *others),) = self._ask(chain, "stateOf", agreement)
        return State(Stage(stage), Outcome(outcome), *others)

    def payout_of(
        self, chain: Chain, activation: Activation, terms: ExecutionTerms, *, period: int
    ) -> Payout:
        """Return what a period would pay by what is known and locked now."""
        (found,) = self._ask(chain, "payoutOf", activation.to_abi(), terms.encode(), period)
        return Payout(*map(Micros, found))

    def certificates_of(self, chain: Chain, agreement: bytes, *, period: int) -> int:
        """Return the certificates (Wh) that were delivered for a period."""
        (found,) = self._ask(chain, "certificatesOf", agreement, period)
        return int(found)

    def settled(self, receipt: Receipt) -> tuple[Payout, ...]:
        """Return what the periods moved that this transaction settled, before it was netted."""
        return tuple(
            Payout(Micros(fields["toSeller"]), Micros(fields["fee"]), Micros(fields["toBuyer"]))
            for fields in self._events(receipt, "PeriodSettled")
        )

    def defaults(self, receipt: Receipt) -> tuple[Default, ...]:
        """Return the defaults that this transaction found."""
        return tuple(
            Default(
                fields["ofBuyer"], fields["ofSeller"], Micros(fields["toSeller"]), Micros(fields["toBuyer"])
            )
            for fields in self._events(receipt, "AgreementDefaulted")
        )

    def _presenting(
        self, gas: int, function: str, activation: Activation, terms: ExecutionTerms, *arguments: Any
    ) -> Transaction:
        encoded = terms.encode()
        gas += _GAS_PER_WORD * (len(encoded) // 32)
        return self._transaction(gas, function, activation.to_abi(), encoded, *arguments)

    def _transaction(self, gas: int, function: str, *arguments: Any) -> Transaction:
        return Transaction(self.address, artifact("LongTerm").functions[function].encode(*arguments), gas)

    def _ask(self, chain: Chain, function: str, *arguments: Any) -> tuple[Any, ...]:
        abi = artifact("LongTerm").functions[function]
        return abi.decode_output(chain.call(self.address, abi.encode(*arguments)))

    def _events(self, receipt: Receipt, name: str) -> list[dict[str, Any]]:
        event = artifact("LongTerm").events[name]
        return [
            event.decode(log)
            for log in receipt.logs
            if log.address == self.address and log.topics[0] == event.topic
        ]


def payout_on_chain(
    chain: Chain,
    rules: Address,
    terms: ExecutionTerms,
    delivery: Delivery,
    *,
    fee_bps: int,
    buyer_stake_micros: int,
    seller_stake_micros: int,
) -> Payout:
    """Ask the library of the rules what any delivery pays: what `payout` is compared with."""
    stakes = (buyer_stake_micros, seller_stake_micros)
    asked = _PAYOUT_FOR.encode(terms.encode(), fee_bps, delivery.to_abi(), stakes)
    (found,) = _PAYOUT_FOR.decode_output(chain.call(rules, asked))
    return Payout(*map(Micros, found))


def terms_hash_on_chain(chain: Chain, rules: Address, terms: ExecutionTerms) -> bytes:
    """Ask the library of the rules for the hash of terms."""
    abi = artifact("LongTermRules").functions["termsHashOf"]
    (found,) = abi.decode_output(chain.call(rules, abi.encode(terms.encode())))
    return bytes(found)
