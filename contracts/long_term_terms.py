"""What the parties to a long-term agreement sign: its terms on chain, its activation, statements and readings."""

from dataclasses import dataclass
from typing import Any, Final

from contracts.abi import encode_struct
from contracts.agreement import LongTermTerms
from contracts.signing import Domain, bytes32, hash_words, type_hash, uint64
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

_TERMS_HASH, _ACTIVATION_HASH, _STATEMENT_HASH, _RUNG_HASH = map(
    type_hash,
    (EXECUTION_TERMS_TYPE, ACTIVATION_TYPE, STATEMENT_TYPE, "Rung(uint32 below,uint32 credit)"),
)
_TERMS_ABI: Final = (
    "(bytes32,uint256,uint64[],uint64,(uint32,uint32)[],address,uint64,address,address,uint32,uint32,uint64,address,"
    "uint32,uint32,bytes32)"
)


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
