"""Leaves: what the contract locked, trade by trade; their Merkle tree, and how a slot's delivery is shared among them.

Twin of `Leaf.sol`, `Merkle.sol`, `Money.sol` and of the rule in `ISettlement.deliveredOf`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from eth_hash.auto import keccak

from contracts.signing import hash_words
from market.instruments import from_id
from market.orders import Address
from market.trades import collateral_price
from market.units import InvariantBroken, Lots, Micros, fee_micros, floor_money


@dataclass(frozen=True, slots=True)
class Amounts:
    """What a leaf locks: `payment_micros` and `fee_micros` of the buyer, `collateral_micros` of the seller."""

    payment_micros: Micros
    fee_micros: Micros
    collateral_micros: Micros


@dataclass(frozen=True)
class Leaf:
    """One locked trade. `position` counts within its batch; `sold_before_lots` of the seller's hour were sold earlier."""

    position: int
    trade_number: int
    instrument_id: int
    buyer: Address
    seller: Address
    price_micros: Micros
    quantity_lots: Lots
    reference_micros: Micros
    fee_bps: int
    sold_before_lots: Lots

    @classmethod
    def from_abi(cls, fields: Sequence[Any]) -> "Leaf":
        """Read a leaf from its decoded ABI tuple."""
        return cls(*fields)

    def to_abi(self) -> tuple[Any, ...]:
        """Return the ABI tuple."""
        return (
            self.position,
            self.trade_number,
            self.instrument_id,
            self.buyer,
            self.seller,
            self.price_micros,
            self.quantity_lots,
            self.reference_micros,
            self.fee_bps,
            self.sold_before_lots,
        )

    @cached_property
    def hash(self) -> bytes:
        """The 32 bytes that the Merkle tree is built on."""
        return hash_words(*self.to_abi())

    @property
    def resource(self) -> int:
        """What the seller's meter measures: the instrument id without its low 48 bits."""
        return from_id(self.instrument_id).resource

    @property
    def start_hour(self) -> int:
        """The delivery hour, counted from 1970-01-01T00Z."""
        return from_id(self.instrument_id).start_hour

    @property
    def amounts(self) -> Amounts:
        """What the leaf locks."""
        return locked_amounts(
            instrument_id=self.instrument_id,
            price_micros=self.price_micros,
            quantity_lots=self.quantity_lots,
            reference_micros=self.reference_micros,
            fee_bps=self.fee_bps,
        )

    def delivered_lots(self, *, units_lots: Lots, sold_lots: Lots) -> Lots:
        """Return this leaf's share of what the seller's meter measured in the hour, when `sold_lots` were sold of it.

        With R = min(units, sold) and S = sold, a leaf of q lots after c earlier ones gets `ceil(R(c+q)/S) - ceil(Rc/S)`:
        pro rata, adding up to exactly R, what rounding leaves going to the earliest trades.

        Raises:
            InvariantBroken: if the leaf reaches beyond what was sold.
        """
        reach = self.sold_before_lots + self.quantity_lots
        if reach > sold_lots:
            raise InvariantBroken(
                f"trade {self.trade_number}: reaches to lot {reach}, but the slot sold {sold_lots}"
            )
        delivered = min(units_lots, sold_lots)
        return Lots(-(-delivered * reach // sold_lots) + (-delivered * self.sold_before_lots // sold_lots))


def locked_amounts(
    *,
    instrument_id: int,
    price_micros: Micros,
    quantity_lots: Lots,
    reference_micros: Micros,
    fee_bps: int,
) -> Amounts:
    """Return what the contract locks for a trade on these terms: `Money.amounts`."""
    instrument = from_id(instrument_id)
    per_unit = instrument.commodity.lots_per_unit
    collateral_micros = collateral_price(tier=instrument.tier, reference_micros=reference_micros)
    payment = floor_money(price_micros=price_micros, quantity_lots=quantity_lots, lots_per_unit=per_unit)
    return Amounts(
        payment,
        fee_micros(value_micros=payment, fee_bps=fee_bps),
        floor_money(price_micros=collateral_micros, quantity_lots=quantity_lots, lots_per_unit=per_unit),
    )


def merkle_root(hashes: Sequence[bytes]) -> bytes:
    """Return the root over leaf hashes: sorted pairs, an odd node moves up as it is. No leaves have the root 0."""
    return _levels(tuple(hashes))[-1][0] if hashes else bytes(32)


def merkle_proof(hashes: Sequence[bytes], position: int) -> tuple[bytes, ...]:
    """Return the siblings that lead from the leaf at `position` to the root, from the bottom up."""
    return merkle_proofs(hashes, [position])[0]


def merkle_proofs(hashes: Sequence[bytes], positions: Iterable[int]) -> list[tuple[bytes, ...]]:
    """Return the proofs of several leaves, for which the tree is built once."""
    levels = _levels(tuple(hashes))
    return [tuple(_siblings(levels, position)) for position in positions]


def _siblings(levels: Iterable[Sequence[bytes]], position: int) -> Iterator[bytes]:
    for level in levels:
        sibling = position ^ 1
        if sibling < len(level):
            yield level[sibling]
        position >>= 1


@lru_cache(maxsize=16)
def _levels(hashes: tuple[bytes, ...]) -> Sequence[Sequence[bytes]]:
    """Return the tree from the bottom up. Many prove from one tree in a row: the parties to one batch."""
    levels: list[Sequence[bytes]] = [hashes]
    while len(levels[-1]) > 1:
        below = levels[-1]
        level = [bytes(keccak(min(a, b) + max(a, b))) for a, b in zip(below[::2], below[1::2], strict=False)]
        if len(below) % 2:
            level.append(below[-1])
        levels.append(level)
    return levels
