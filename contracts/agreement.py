"""What a negotiation ends in: the terms of a long-term contract, which both sides sign and a guarantee is made from."""

from dataclasses import astuple, dataclass
from typing import Any, Final

from contracts.abi import decode_struct, encode_struct
from contracts.signing import Domain, bytes32, hash_words, type_hash, uint64
from market.instruments import Instrument, from_id
from market.negotiations import Negotiation
from market.orders import Address
from market.quality import TIERS
from market.units import InvariantBroken, Lots, Micros, Ppm

RUNG_TYPE: Final = "Rung(uint32 below,uint32 credit)"
AGREEMENT_TYPE: Final = (
    "LongTermAgreement(address buyer,address seller,uint256 instrument,uint64[] quantities,uint64 price,"
    f"uint32 availability,Rung[] ladder,uint32 collateralRate,uint64 notice,bytes32 salt){RUNG_TYPE}"
)
_AGREEMENT_HASH, _RUNG_HASH = map(type_hash, (AGREEMENT_TYPE, RUNG_TYPE))
_ABI: Final = (
    "address",
    "address",
    "uint256",
    "uint64[]",
    "uint64",
    "uint32",
    "(uint32,uint32)[]",
    "uint32",
    "uint64",
    "bytes32",
)


@dataclass(frozen=True, slots=True)
class LongTermTerms:
    """The terms of a long-term contract, complete in themselves: nothing has to be looked up to judge a delivery.

    `quantity_lots` has one quantity for each hour of the instrument's window, `price_micros` is per unit. The tier's
    promise is spelt out in ppm: the availability, the `ladder` of (delivered share below this, credit as a share of the
    hour's price), and the collateral as a share of the price. Either side may end the contract with `notice_s`
    seconds' notice. `salt` keeps the hash from being guessed, so it may stand on chain while the terms do not.
    """

    buyer: Address
    seller: Address
    instrument_id: int
    quantity_lots: tuple[Lots, ...]
    price_micros: Micros
    availability_ppm: Ppm
    ladder: tuple[tuple[Ppm, Ppm], ...]
    collateral_ppm: Ppm
    notice_s: int
    salt: bytes

    @classmethod
    def of(cls, negotiation: Negotiation) -> "LongTermTerms":
        """Return what was agreed in a negotiation, with the promise of the instrument's tier.

        Raises:
            InvariantBroken: if no price was agreed.
        """
        proposal, price_micros = negotiation.proposal, negotiation.price_micros
        if price_micros is None:
            raise InvariantBroken(
                f"negotiation {negotiation.number}: found {negotiation.state.name}, expected an agreed price"
            )
        tier = TIERS[proposal.instrument.tier]
        return cls(
            buyer=proposal.buyer,
            seller=proposal.seller,
            instrument_id=proposal.instrument_id,
            quantity_lots=proposal.quantity_lots,
            price_micros=price_micros,
            availability_ppm=tier.availability,
            ladder=tier.ladder,
            collateral_ppm=tier.collateral,
            notice_s=proposal.notice_s,
            salt=proposal.salt,
        )

    @classmethod
    def decode(cls, encoded: bytes) -> "LongTermTerms":
        """Read terms back from their encoding.

        Raises:
            Malformed: if the bytes are not what `encode` writes.
        """
        return cls(*decode_struct(_ABI, encoded))

    def encode(self) -> bytes:
        """Return the ABI encoding of the fields in their order: equal terms give equal bytes, and they read back."""
        return encode_struct(_ABI, self.to_abi())

    def to_abi(self) -> tuple[Any, ...]:
        """Return the ABI tuple."""
        return astuple(self)

    @property
    def instrument(self) -> Instrument:
        """What is delivered, over the whole window."""
        return from_id(self.instrument_id)

    @property
    def slots(self) -> tuple[tuple[int, Lots], ...]:
        """The hours (since 1970) in which something is delivered, each with its quantity."""
        hours = enumerate(self.quantity_lots, start=self.instrument.start_hour)
        return tuple((hour, lots) for hour, lots in hours if lots)

    @property
    def hash(self) -> bytes:
        """The EIP-712 struct hash, 32 bytes: what a chain is shown of the terms.

        Raises:
            Malformed: if a field does not fit its type.
        """
        return hash_words(
            _AGREEMENT_HASH,
            self.buyer,
            self.seller,
            self.instrument_id,
            hash_words(*(uint64("quantity_lots", lots) for lots in self.quantity_lots)),
            uint64("price_micros", self.price_micros),
            self.availability_ppm,
            hash_words(*(hash_words(_RUNG_HASH, below, credit) for below, credit in self.ladder)),
            self.collateral_ppm,
            uint64("notice_s", self.notice_s),
            bytes32("salt", self.salt),
        )


def agreement_digest(terms: LongTermTerms, domain: Domain) -> bytes:
    """Return the 32 bytes that both sides sign for the terms of a long-term contract."""
    return domain.digest(terms.hash)
