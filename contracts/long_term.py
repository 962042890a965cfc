"""Twin of `LongTerm.sol`: bring a negotiated agreement on chain, settle its periods, and hear what they paid."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from contracts.abi import artifact
from contracts.chain import Chain, Receipt, Transaction
from contracts.long_term_payout import Payout
from contracts.long_term_terms import (
    NOTHING,
    PRICE_TYPE,
    READING_TYPE,
    Activation,
    CumulativeReading,
    ExecutionTerms,
    Statement,
)
from contracts.signing import Domain, Signer, hash_words, type_hash, uint64
from contracts.stages import Outcome, Stage
from contracts.views import view
from market.orders import Address
from market.units import Lots, Micros

_READING_HASH, _PRICE_HASH = map(type_hash, (READING_TYPE, PRICE_TYPE))
_NO_PRICE: Final = (0, b"")

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
class Default:
    """A stake was not filled up in time, by the buyer, the seller, or both; what that moved, in micros."""

    of_buyer: bool
    of_seller: bool
    to_seller: Micros
    to_buyer: Micros


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
        return view(chain, self.address, artifact("LongTerm").functions[function], *arguments)

    def _events(self, receipt: Receipt, name: str) -> list[dict[str, Any]]:
        event = artifact("LongTerm").events[name]
        return [
            event.decode(log)
            for log in receipt.logs
            if log.address == self.address and log.topics[0] == event.topic
        ]
