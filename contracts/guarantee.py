"""Twin of `Guarantee.sol`: see short trades through, and know beforehand what each payout will be."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final, Protocol

from contracts.abi import artifact
from contracts.chain import Chain, Receipt, Transaction
from contracts.leaves import Leaf, merkle_proofs
from contracts.settlement import Reading
from contracts.stages import Outcome, Stage
from contracts.views import views
from market.instruments import from_id
from market.orders import Address
from market.quality import TIERS
from market.units import PPM_ONE, InvariantBroken, Lots, Micros, Ppm, fee_micros, floor_money

_NO_LOTS: Final = Lots(0)
_NO_MONEY: Final = Micros(0)
LEAVES_MAX: Final = 50
"""Most leaves to open or pay out in one transaction, which keeps the worst under `GAS_MAX`."""

_NEVER = (1 << 256) - 1
_GAS_BASE = 100_000
_GAS_OPEN = 170_000
_GAS_PAY_OUT = 170_000
_GAS_CLAIM = 300_000
_GAS_RULE = 350_000
_GAS_RESCUE = 900_000


@dataclass(frozen=True, slots=True)
class Rules:
    """What binds every trade for good. Periods in seconds, at least 1 and at most 30 days.

    A claim is bonded with `bond_rate` of the trade's payment. Of what is missing, force majeure excuses `excuse_most`.
    The arbiter is the operator unless another is named.
    """

    arbiter: Address | None = None
    challenge_window_s: int = 1_800
    ruling_window_s: int = 86_400
    rescue_window_s: int = 7_200
    bond_rate: Ppm = Ppm(50_000)
    excuse_most: Ppm = Ppm(500_000)


@dataclass(frozen=True, slots=True)
class State:
    """Where the guarantee of a leaf stands. Times are Unix seconds; `final_at_s` is 0 as long as claims are open.

    `rank` is the place in the seller's plan of the fallback that is called next. `delivered_lots` are paid for,
    `allotted_lots` were given to the trade out of its meter's reading.
    """

    batch_number: int
    opened_at_s: int
    final_at_s: int
    stage: Stage
    outcome: Outcome
    rank: int
    ruled: bool
    delivered_lots: Lots
    allotted_lots: Lots
    excused_lots: Lots
    rescued_lots: Lots


class Verdict(IntEnum):
    """What became of a claim."""

    NONE = 0
    PENDING = 1
    UPHELD = 2
    DISMISSED = 3
    LAPSED = 4
    """The arbiter was silent, or a later reading says what was claimed."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a party claims: that so much was delivered, or, in a plea, that it is excused."""

    verdict: Verdict
    plea: bool
    delivered_lots: Lots
    bond_micros: Micros


class StandbyTerms(Protocol):
    """The terms of a standby option, as its module takes them."""

    def to_abi(self) -> tuple[Any, ...]:
        """Return the ABI tuple."""


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
    """How what a trade locked was shared out, in micros; penalties of a dispute come on top.

    `compensation` comes out of the seller's collateral, and so does `gap`, by which the fallback's strike is above the
    price of the trade. `paid_to_fallback` is the whole strike.
    """

    trade_number: int
    delivered_lots: Lots
    paid_to_seller: Micros
    fee: Micros
    returned_to_buyer: Micros
    compensation: Micros
    paid_to_fallback: Micros = Micros(0)
    gap: Micros = Micros(0)


def bond_micros(leaf: Leaf, rules: Rules) -> Micros:
    """Return what a claim on a leaf costs whom the arbiter does not follow."""
    return Micros(max(1, leaf.amounts.payment_micros * rules.bond_rate // PPM_ONE))


def payout(
    leaf: Leaf,
    *,
    delivered_lots: Lots,
    excused_lots: Lots = _NO_LOTS,
    rescued_lots: Lots = _NO_LOTS,
    strike_micros: Micros = _NO_MONEY,
) -> Payout:
    """Return how the contract will share out a leaf's lock: `Breach.payoutOf`.

    The seller is paid for what came from it, a fallback its strike for what it rescued. The buyer pays the fee on both at
    the price of the trade and gets the rest back. The collateral pays what the strike is above the price and
    compensates the buyer: together that gap and the cost of replacing at the reference price what nobody delivered and
    nothing excused, or the tier's ladder credit if that is more, at most the collateral.
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
    strike = value(strike_micros, rescued_lots)
    from_buyer = min(strike, value(leaf.price_micros, rescued_lots))
    gap = min(strike - from_buyer, locked.collateral_micros)
    fee = fee_micros(value_micros=Micros(paid + from_buyer), fee_bps=leaf.fee_bps)
    uncovered = leaf.quantity_lots - delivered_lots - excused_lots - rescued_lots
    if uncovered < 0:
        raise InvariantBroken(
            f"trade {leaf.trade_number}: {delivered_lots} delivered, {excused_lots} excused and {rescued_lots} "
            f"rescued are more than its {leaf.quantity_lots} lots"
        )
    cover = value(max(0, leaf.reference_micros - leaf.price_micros), uncovered)
    share = TIERS[instrument.tier].credit(
        delivered_lots=Lots(delivered_lots + excused_lots), contracted_lots=leaf.quantity_lots
    )
    credit = locked.payment_micros * share // PPM_ONE
    return Payout(
        trade_number=leaf.trade_number,
        delivered_lots=delivered_lots,
        paid_to_seller=paid,
        fee=fee,
        returned_to_buyer=Micros(locked.payment_micros + locked.fee_micros - paid - from_buyer - fee),
        compensation=Micros(min(locked.collateral_micros, max(gap + cover, credit)) - gap),
        paid_to_fallback=Micros(from_buyer + gap),
        gap=Micros(gap),
    )


@dataclass(frozen=True, slots=True)
class Penalty:
    """What one party paid the other for a claim that was upheld against it: the seller, or a buyer who claimed, too."""

    leaf_hash: bytes
    payer: Address
    payee: Address
    amount: Micros


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
            merkle_proofs(hashes, positions),
        )

    def report(self, leaf: Leaf, reading: Reading) -> Transaction:
        """Bring a missing reading in the first half of the challenge window; anybody may send it."""
        return self._transaction(_GAS_BASE + _GAS_OPEN, "report", leaf.to_abi(), reading.to_abi())

    def challenge(self, leaf: Leaf, claimed_lots: Lots) -> Transaction:
        """Claim inside the challenge window that so much was delivered; buyer or seller sends it, and posts the bond."""
        return self._transaction(_GAS_CLAIM, "challenge", leaf.to_abi(), claimed_lots)

    def plead(self, leaf: Leaf) -> Transaction:
        """Ask to be excused by force majeure; the seller sends it, instead of a challenge, and posts the bond."""
        return self._transaction(_GAS_CLAIM, "plead", leaf.to_abi())

    def rule(self, leaf: Leaf, *, delivered_lots: Lots, excused_lots: Lots) -> Transaction:
        """Rule on the claims; the arbiter sends it, after the challenge window and before the ruling window ends."""
        return self._transaction(_GAS_RULE, "rule", leaf.to_abi(), delivered_lots, excused_lots)

    def call_fallback(self, leaf: Leaf, terms: StandbyTerms) -> Transaction:
        """Call the next supplier of the seller's plan; the buyer sends it, inside the rescue window."""
        return self._transaction(_GAS_RESCUE, "callFallback", leaf.to_abi(), terms.to_abi())

    def conclude_fallback(self, leaf: Leaf, terms: StandbyTerms) -> Transaction:
        """Move on from a supplier who declined, or pay out what one delivered; anybody may send it."""
        return self._transaction(_GAS_RESCUE, "concludeFallback", leaf.to_abi(), terms.to_abi())

    def pay_out_many(self, leaves: Sequence[Leaf]) -> Transaction:
        """Pay out guarantees that are payable, all or none, at most `LEAVES_MAX`; anybody may send it."""
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
        return tuple(map(read_payout, self._events(receipt, "GuaranteePaidOut")))

    def penalties(self, receipt: Receipt) -> tuple[Penalty, ...]:
        """Return what this transaction made parties pay each other for claims that were upheld."""
        return tuple(
            Penalty(fields["leafHash"], fields["from"], fields["to"], Micros(fields["amount"]))
            for fields in self._events(receipt, "PenaltyPaid")
        )

    def state_of(self, chain: Chain, leaf: Leaf) -> State:
        """Return where the guarantee of a leaf stands."""
        return self.states_of(chain, [leaf])[0]

    def states_of(self, chain: Chain, leaves: Sequence[Leaf]) -> tuple[State, ...]:
        """Return where the guarantees of several leaves stand."""
        return tuple(
            State(batch_number, opened_at_s, final_at_s, Stage(stage), Outcome(outcome), *others)
            for ((batch_number, opened_at_s, final_at_s, stage, outcome, *others),) in self._views(
                chain, "stateOf", [(leaf.hash,) for leaf in leaves]
            )
        )

    def claim_of(self, chain: Chain, leaf: Leaf, claimant: Address) -> Claim:
        """Return what a party claims of a leaf."""
        ((verdict, *others),) = self._view(chain, "claimOf", leaf.hash, claimant)
        return Claim(Verdict(verdict), *others)

    def call_of(self, chain: Chain, leaf: Leaf) -> bytes:
        """Return the id of the call of a fallback that is not concluded, or 32 zero bytes."""
        (call_id,) = self._view(chain, "callOf", leaf.hash)
        return bytes(call_id)

    def payable_from_s(self, chain: Chain, leaf: Leaf) -> int | None:
        """Return from when on an open guarantee can be paid out as things stand, or None while a fallback's call runs."""
        return self.payables_from_s(chain, [leaf])[0]

    def payables_from_s(self, chain: Chain, leaves: Sequence[Leaf]) -> tuple[int | None, ...]:
        """Return the same of several guarantees, all of which are open."""
        answers = self._views(chain, "payableFrom", [(leaf.to_abi(),) for leaf in leaves])
        return tuple(None if from_s == _NEVER else int(from_s) for (from_s,) in answers)

    def rules_of(self, chain: Chain) -> Rules:
        """Return what binds every trade."""
        ((arbiter, challenge_s, ruling_s, rescue_s, bond_rate, excuse_most),) = self._view(chain, "rules")
        return Rules(arbiter, challenge_s, ruling_s, rescue_s, Ppm(bond_rate), Ppm(excuse_most))

    def _view(self, chain: Chain, function: str, *arguments: Any) -> tuple[Any, ...]:
        return self._views(chain, function, [arguments])[0]

    def _views(self, chain: Chain, function: str, asked: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        return views(chain, self.address, artifact("Guarantee").functions[function], asked)

    def _transaction(self, gas: int, function: str, *arguments: Any) -> Transaction:
        return Transaction(self.address, artifact("Guarantee").functions[function].encode(*arguments), gas)

    def _events(self, receipt: Receipt, name: str) -> list[dict[str, Any]]:
        event = artifact("Guarantee").events[name]
        return [
            event.decode(log)
            for log in receipt.logs
            if log.address == self.address and log.topics[0] == event.topic
        ]


def read_payout(fields: Mapping[str, Any]) -> Payout:
    """Return what the fields of a `GuaranteePaidOut` tell."""
    return Payout(
        fields["tradeNumber"],
        Lots(fields["delivered"]),
        Micros(fields["paidToSeller"]),
        Micros(fields["fee"]),
        Micros(fields["returnedToBuyer"]),
        Micros(fields["compensation"]),
        Micros(fields["paidToFallback"]),
        Micros(fields["gap"]),
    )
