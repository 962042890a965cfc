"""Bundles: one buyer's trades that the contract locks together or not at all. Twin of `Bundles.sol`.

A bundle's bid names a commitment where others name an instrument: to a set of which any will do, or to legs of which all
are wanted (`market/requirements.py`, `market/legs.py`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from contracts.abi import artifact, encode_struct
from contracts.batches import BatchOutcome, SignedOrder, order_to_abi
from contracts.leaves import Amounts, locked_amounts
from market.legs import BUNDLE_ONE, Leg, legs_commitment
from market.orders import Eligible
from market.requirements import commitment, membership_proof
from market.units import InvariantBroken, Lots, Malformed, Micros

PARTS_MAX: Final = 128
"""Most parts of all bundles of a batch: two participants of each fit a table of packed leaves."""

_ORDER = "(address,uint256,uint8,uint64,uint64,uint64,uint64,uint16,uint64,uint64)"
_PART = f"({_ORDER},bytes,uint64,uint64,uint64,int128,bytes32[],uint64,uint64)"
_BUNDLES = f"({_ORDER},bytes,uint64,{_PART}[])[]"


@dataclass(frozen=True, slots=True)
class Part:
    """A fill of a bundle by one seller's offer."""

    offer: SignedOrder
    trade_number: int
    price_micros: Micros
    quantity_lots: Lots

    def amounts(self, *, fee_bps: int) -> Amounts:
        """Return what the part locks."""
        return locked_amounts(
            instrument_id=self.offer.terms.instrument_id,
            price_micros=self.price_micros,
            quantity_lots=self.quantity_lots,
            reference_micros=self.offer.terms.reference_micros,
            fee_bps=fee_bps,
        )


@dataclass(frozen=True, slots=True)
class SetBundle:
    """Fills of a bid for any instruments of a set."""

    bid: SignedOrder
    eligible: tuple[Eligible, ...]
    parts: tuple[Part, ...]

    @property
    def quantity(self) -> int:
        """What is filled of the bid, in lots."""
        return sum(part.quantity_lots for part in self.parts)

    def check(self) -> None:
        """Prove that the parts are what the bid asks for.

        Raises:
            InvariantBroken: if one of them is not.
        """
        terms = self.bid.terms
        if commitment(self.eligible) != terms.instrument_id:
            raise InvariantBroken(f"bundle: the bid names {terms.instrument_id:#x}, not this set")
        for part in self.parts:
            adjustment = self._member(part)[1].adjustment_micros
            limit = terms.price_micros + min(adjustment, 0)
            if part.price_micros > limit:
                raise InvariantBroken(
                    f"trade {part.trade_number}: costs {part.price_micros}, expected at most {limit}"
                )

    def part_abi(self, part: Part) -> tuple[object, ...]:
        """Return the ABI tuple of a part."""
        place, member = self._member(part)
        return (*_filled(part), member.adjustment_micros, membership_proof(self.eligible, place), 0, 0)

    def _member(self, part: Part) -> tuple[int, Eligible]:
        wanted = part.offer.terms.instrument_id
        for place, each in enumerate(self.eligible):
            if each.instrument_id == wanted:
                return place, each
        raise InvariantBroken(f"trade {part.trade_number}: {wanted:#x} is not in the bid's set")


@dataclass(frozen=True, slots=True)
class LegsBundle:
    """One fill for each leg of a bid; `quantity` counts thousandths of a bundle."""

    bid: SignedOrder
    legs: tuple[Leg, ...]
    parts: tuple[Part, ...]
    quantity: int

    def check(self) -> None:
        """Prove that the parts are all the legs, in proportion, and cost no more together than the bid allows.

        Raises:
            InvariantBroken: if they are not, or cost more.
        """
        terms = self.bid.terms
        if legs_commitment(self.legs) != terms.instrument_id:
            raise InvariantBroken(f"bundle: the bid names {terms.instrument_id:#x}, not these legs")
        wanted = [(leg.instrument_id, leg.lots(self.quantity)) for leg in self.legs]
        found = [(part.offer.terms.instrument_id, part.quantity_lots) for part in self.parts]
        if found != wanted:
            raise InvariantBroken(f"bundle: found the parts {found}, expected {wanted}")
        total = sum(part.amounts(fee_bps=0).payment_micros for part in self.parts)
        limit = terms.price_micros * self.quantity // BUNDLE_ONE
        if total > limit:
            raise InvariantBroken(f"bundle: costs {total} micros, expected at most {limit}")

    def part_abi(self, part: Part) -> tuple[object, ...]:
        """Return the ABI tuple of a part."""
        leg = self.legs[self.parts.index(part)]
        return (*_filled(part), 0, (), leg.lots_per_bundle, leg.reference_micros)


Bundle = SetBundle | LegsBundle


@dataclass(frozen=True, slots=True)
class BundlesPlan:
    """What the contract is asked to lock. `record_hash` ties the batch to the exchange's record."""

    batch_number: int
    record_hash: bytes
    fee_bps: int
    bundles: tuple[Bundle, ...]

    def encoded(self) -> bytes:
        """Return the bundles as the contract reads them."""
        values = [
            (
                order_to_abi(bundle.bid.terms),
                bundle.bid.signature,
                bundle.quantity,
                [bundle.part_abi(part) for part in bundle.parts],
            )
            for bundle in self.bundles
        ]
        return encode_struct((_BUNDLES,), (values,))

    def calldata(self) -> bytes:
        """Return the call of `settleBundles`, exactly as it is sent."""
        settle = artifact("Settlement").functions["settleBundles"]
        return settle.encode(self.batch_number, self.record_hash, self.fee_bps, self.encoded())


def plan_bundles(
    *, batch_number: int, record_hash: bytes, fee_bps: int, bundles: Iterable[Bundle]
) -> BundlesPlan:
    """Put bundles into a batch, in the sequence of their trade numbers.

    Raises:
        Malformed: if a bundle is empty, or there are more than `PARTS_MAX` parts.
        InvariantBroken: if the parts of a bundle are not what its bid asks for.
    """
    kept = tuple(bundles)
    parts = sum(len(bundle.parts) for bundle in kept)
    if parts > PARTS_MAX or not all(bundle.parts for bundle in kept):
        raise Malformed(
            f"batch {batch_number}: found {parts} parts, expected 1 to {PARTS_MAX}, some in each bundle"
        )
    for bundle in kept:
        bundle.check()
    ordered = tuple(sorted(kept, key=lambda bundle: bundle.parts[0].trade_number))
    return BundlesPlan(batch_number, record_hash, fee_bps, ordered)


def check_bundles_outcome(plan: BundlesPlan, outcome: BatchOutcome) -> None:
    """Prove that the contract locked each planned bundle as it was asked, or all of it was left out with its reasons.

    Raises:
        InvariantBroken: if a part is missing or invented, locked on other terms, or locked without the others.
    """
    leaves = {leaf.trade_number: leaf for leaf in outcome.locked}
    skipped = dict(outcome.skipped)
    planned = [part.trade_number for bundle in plan.bundles for part in bundle.parts]
    if sorted([*leaves, *skipped]) != sorted(planned):
        raise InvariantBroken(
            f"batch {plan.batch_number}: the contract tells of other trades than were asked for"
        )
    for bundle in plan.bundles:
        if len({part.trade_number in leaves for part in bundle.parts}) > 1:
            raise InvariantBroken(f"batch {plan.batch_number}: a bundle was locked in part")
        for part in bundle.parts:
            leaf = leaves.get(part.trade_number)
            if leaf is None:
                continue
            offer = part.offer.terms
            asked = (
                offer.instrument_id,
                bundle.bid.terms.participant,
                offer.participant,
                part.price_micros,
                part.quantity_lots,
                offer.reference_micros,
                plan.fee_bps,
            )
            found = (
                leaf.instrument_id,
                leaf.buyer,
                leaf.seller,
                leaf.price_micros,
                leaf.quantity_lots,
                leaf.reference_micros,
                leaf.fee_bps,
            )
            if found != asked:
                raise InvariantBroken(
                    f"trade {part.trade_number}: the contract locked {found}, expected {asked}"
                )


def _filled(part: Part) -> tuple[object, ...]:
    return (
        order_to_abi(part.offer.terms),
        part.offer.signature,
        part.trade_number,
        part.price_micros,
        part.quantity_lots,
    )
