"""What a period of a long-term agreement pays: the rules of `LongTermRules.sol`, here and asked of the library itself."""

from dataclasses import dataclass
from typing import Final

from eth_hash.auto import keccak

from contracts.abi import Function, artifact
from contracts.chain import Chain
from contracts.long_term_terms import NOBODY, ExecutionTerms
from market.orders import Address
from market.units import PPM_ONE, Micros, fee_micros

_CERTIFICATES_PER_PRICE: Final = 1000

# A library's functions are named with its structs' names, which the general encoder does not know.
_PAYOUT_FOR: Final = Function(
    "payoutFor",
    bytes(keccak(b"payoutFor(bytes,uint256,Delivery,Stakes)"))[:4],
    ("bytes", "uint256", "(uint256,uint256,uint256,uint256,uint256,uint256)", "(uint256,uint256)"),
    ("(uint256,uint256,uint256)",),
)


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
