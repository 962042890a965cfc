"""Twin of `Guarantee.sol`: open trades that fell short, and know beforehand what each payout will be."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from contracts.abi import artifact
from contracts.chain import Chain, Receipt, Transaction
from contracts.leaves import Leaf, merkle_proof
from contracts.settlement import Reading
from market.instruments import from_id
from market.orders import Address
from market.quality import TIERS
from market.units import PPM_ONE, Lots, Micros, fee_micros, floor_money

LEAVES_MAX: Final = 50
"""Most leaves to open or pay out in one transaction, which keeps the worst under `GAS_MAX`."""

_GAS_BASE = 100_000
_GAS_OPEN = 170_000
_GAS_PAY_OUT = 150_000


class Status(IntEnum):
    """Where a guarantee is."""

    NONE = 0
    OPEN = 1
    PAID_OUT = 2


@dataclass(frozen=True, slots=True)
class State:
    """Where the guarantee of a leaf stands; `opened_at_s` in Unix seconds."""

    batch_number: int
    opened_at_s: int
    status: Status


@dataclass(frozen=True, slots=True)
class Opening:
    """A short trade that became a stored guarantee; `had_reading` is False if no reading came in time."""

    batch_number: int
    position: int
    trade_number: int
    delivered_lots: Lots
    had_reading: bool


@dataclass(frozen=True, slots=True)
class Payout:
    """How what a trade locked was shared out, in micros. `compensation` comes out of the seller's collateral."""

    trade_number: int
    delivered_lots: Lots
    paid_to_seller: Micros
    fee: Micros
    returned_to_buyer: Micros
    compensation: Micros


def payout(leaf: Leaf, *, delivered_lots: Lots) -> Payout:
    """Return how the contract will share out a leaf's lock if this much was delivered.

    The seller is paid for what came. The buyer pays the fee on that, gets the rest back, and is compensated with the cost
    of replacement at the reference price or the tier's ladder credit, whichever is more, at most the collateral.
    """
    instrument = from_id(leaf.instrument_id)
    locked = leaf.amounts

    def value(price_micros: int, quantity_lots: int) -> Micros:
        return floor_money(
            price_micros=Micros(price_micros),
            quantity_lots=Lots(quantity_lots),
            lots_per_unit=instrument.commodity.lots_per_unit,
        )

    paid = value(leaf.price_micros, delivered_lots)
    fee = fee_micros(value_micros=paid, fee_bps=leaf.fee_bps)
    cover = value(max(0, leaf.reference_micros - leaf.price_micros), leaf.quantity_lots - delivered_lots)
    share = TIERS[instrument.tier].credit(delivered_lots=delivered_lots, contracted_lots=leaf.quantity_lots)
    credit = locked.payment_micros * share // PPM_ONE
    return Payout(
        trade_number=leaf.trade_number,
        delivered_lots=delivered_lots,
        paid_to_seller=paid,
        fee=fee,
        returned_to_buyer=Micros(locked.payment_micros + locked.fee_micros - paid - fee),
        compensation=Micros(min(locked.collateral_micros, max(cover, credit))),
    )


@dataclass(frozen=True, slots=True)
class Guarantee:
    """The contract at an address."""

    address: Address

    def open_many(self, batch_number: int, leaves: Sequence[Leaf], positions: Sequence[int]) -> Transaction:
        """Open the guarantees of short leaves, all or none, at most `LEAVES_MAX`; anybody may send it.

        `leaves` are all leaves of the batch in position order: the proofs are made from them.
        """
        hashes = [leaf.hash for leaf in leaves]
        return self._transaction(
            _GAS_BASE + len(positions) * _GAS_OPEN,
            "openMany",
            batch_number,
            [leaves[position].to_abi() for position in positions],
            [merkle_proof(hashes, position) for position in positions],
        )

    def report(self, leaf: Leaf, reading: Reading) -> Transaction:
        """Bring a missing reading inside the challenge window; anybody may send it."""
        return self._transaction(_GAS_BASE + _GAS_OPEN, "report", leaf.to_abi(), reading.to_abi())

    def pay_out_many(self, leaves: Sequence[Leaf]) -> Transaction:
        """Pay out guarantees whose challenge window is over, all or none, at most `LEAVES_MAX`; anybody may send it."""
        gas = _GAS_BASE + len(leaves) * _GAS_PAY_OUT
        return self._transaction(gas, "payOutMany", [leaf.to_abi() for leaf in leaves])

    def openings(self, receipt: Receipt) -> tuple[Opening, ...]:
        """Return the guarantees that this transaction opened."""
        return tuple(
            Opening(
                fields["batchNumber"],
                fields["position"],
                fields["tradeNumber"],
                Lots(fields["delivered"]),
                fields["hadReading"],
            )
            for fields in self._events(receipt, "GuaranteeOpened")
        )

    def payouts(self, receipt: Receipt) -> tuple[Payout, ...]:
        """Return the guarantees that this transaction paid out."""
        return tuple(
            Payout(
                fields["tradeNumber"],
                Lots(fields["delivered"]),
                Micros(fields["paidToSeller"]),
                Micros(fields["fee"]),
                Micros(fields["returnedToBuyer"]),
                Micros(fields["compensation"]),
            )
            for fields in self._events(receipt, "GuaranteePaidOut")
        )

    def state_of(self, chain: Chain, leaf: Leaf) -> State:
        """Return where the guarantee of a leaf stands."""
        abi = artifact("Guarantee").functions["stateOf"]
        ((batch_number, opened_at_s, status),) = abi.decode_output(
            chain.call(self.address, abi.encode(leaf.hash))
        )
        return State(batch_number, opened_at_s, Status(status))

    def _transaction(self, gas: int, function: str, *arguments: Any) -> Transaction:
        return Transaction(self.address, artifact("Guarantee").functions[function].encode(*arguments), gas)

    def _events(self, receipt: Receipt, name: str) -> list[dict[str, Any]]:
        event = artifact("Guarantee").events[name]
        return [
            event.decode(log)
            for log in receipt.logs
            if log.address == self.address and log.topics[0] == event.topic
        ]
