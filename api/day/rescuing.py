"""The emergency plans of a market day: options agreed beforehand, called by buyers of short trades, delivered.

    before the day          -> both sign, the option opens and locks the premium, the holder joins it to its plan
    a trade fell short      -> when that is final, its buyer calls the fallback, who accepts the next hour
    that hour was metered   -> `concludeFallback`, which anybody may send, pays out the guarantee
    day over                -> the option closes, and its premium is the supplier's

Every party sends its own transactions. What money moves reaches the books by the settler, which reads the contract's events.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from api.day.locked import LockedLeaves
from api.day.parts import StandbyOption
from api.day.rescues import Emergencies, Premium, Rescue
from api.day.result import TradeRow
from api.day.scenario import Scenario
from api.house import House
from contracts.chain import Receipt, Transaction
from contracts.leaves import Leaf
from contracts.sending import send_all
from contracts.settlement import Reading
from contracts.signing import Signer
from contracts.stages import Stage
from contracts.standby import CallStatus, StandbyTerms
from market.instruments import SECONDS_PER_HOUR
from market.instruments import from_id as instrument_of
from market.orders import Address
from market.settlement import GuaranteePaid
from market.trades import TradeState
from market.units import InvariantBroken, Lots

ANSWER_WINDOW_S = 300
_HOURS_OF_DAY = 24


@dataclass(frozen=True, slots=True)
class _Agreed:
    """An option that is open, and the scenario's word about it."""

    option: StandbyOption
    terms: StandbyTerms


@dataclass(frozen=True, slots=True)
class _Called:
    """A call for a short trade; `lots` are due in `hour`, counted from 1970. Concluded calls stay, for the report."""

    agreed: _Agreed
    leaf: Leaf
    call_id: bytes
    lots: Lots
    hour: int
    delivered_lots: Lots | None = None


class Rescuing:
    """The emergency plans of one day. Call `agree` first, `step` after each step of the settler, `close` last."""

    def __init__(
        self, scenario: Scenario, house: House, signers: Sequence[Signer], locked: LockedLeaves
    ) -> None:
        self._scenario = scenario
        self._house = house
        self._locked = locked
        self._signers = signers
        self._signer_of = {signer.address: signer for signer in signers}
        self._standby = house.deployment.standby
        self._agreed: list[_Agreed] = []
        self._called: dict[int, _Called] = {}
        self._premiums: list[Premium] = []
        self._note = ""

    # --- on the chain -----------------------------------------------------------------------------------------------

    def agree(self) -> None:
        """Open the options that the scenario names, and let their holders name them as their plan."""
        first, chain = self._scenario.first_hour, self._house.chain
        if self._scenario.options and chain.now_s() >= first * SECONDS_PER_HOUR:
            self._note = (
                "No emergency plan: the chain’s clock is past the day, so no fallback could still deliver."
            )
            return
        for number, option in enumerate(self._scenario.options):
            instrument = self._scenario.series[self._scenario.meters[option.meter].series].instruments[0]
            terms = StandbyTerms(
                holder=self._signers[option.holder].address,
                supplier=self._signers[option.supplier].address,
                resource=instrument.resource,
                tier=instrument.tier,
                first_hour=first,
                last_hour=first + _HOURS_OF_DAY - 1,
                quantity_lots=option.lots,
                strike_micros=option.strike_micros,
                premium_micros=option.premium_micros,
                answer_window_s=ANSWER_WINDOW_S,
                open_until_s=first * SECONDS_PER_HOUR,
                salt=number.to_bytes(32, "big"),
            )
            self._agreed.append(_Agreed(option, terms))
        self._send((self._house.chain.operator, self._opening(agreed.terms)) for agreed in self._agreed)
        self._send(
            (self._signers[agreed.option.holder], self._standby.join_plan([agreed.terms]))
            for agreed in self._agreed
        )

    def step(self) -> None:
        """Call fallbacks for the trades whose shortfall is final, and conclude the calls whose hour was metered."""
        if self._agreed:
            self._call()
            self._conclude()

    def close(self) -> None:
        """Close the options, whose hours are over, and note who has their premiums."""
        closing = [
            agreed
            for agreed in self._agreed
            if self._standby.stage_of(self._house.chain, self._id(agreed)) is not Stage.CLOSED
        ]
        for agreed in closing:
            self._send([(self._house.chain.operator, self._standby.close(agreed.terms))])
        names = {
            signer.address: each.name
            for signer, each in zip(self._signers, self._scenario.participants, strict=True)
        }
        for agreed in self._agreed:
            terms = agreed.terms
            kept = terms.supplier if agreed in closing else terms.holder
            self._premiums.append(
                Premium(names[terms.holder], names[terms.supplier], terms.premium_micros, names[kept])
            )

    def called_lots(self, meter: int, hour: int) -> Lots:
        """Return what a meter delivers in an hour (from 1970) for calls, beside what it sold."""
        return Lots(
            sum(
                called.lots
                for called in self._called.values()
                if called.agreed.option.meter == meter and called.hour == hour
            )
        )

    def _call(self) -> None:
        """Let buyers call, and suppliers accept the next hour."""
        calling = [
            (leaf, agreed)
            for leaf in self._short_leaves()
            if (agreed := self._plan_of(leaf)) is not None and self._is_final(leaf)
        ]
        receipts = self._send(
            (
                self._signer_of[leaf.buyer],
                self._house.deployment.guarantee.call_fallback(leaf, agreed.terms),
            )
            for leaf, agreed in calling
        )
        accepting = []
        for (leaf, agreed), receipt in zip(calling, receipts, strict=True):
            hour = self._house.chain.now_s() // SECONDS_PER_HOUR + 1
            for asked in self._standby.asked(receipt):  # none if the option cannot serve
                called = _Called(agreed, leaf, asked.call_id, asked.quantity_lots, hour)
                self._called[leaf.trade_number] = called
                accepting.append(called)
        self._send(
            (
                self._signer_of[called.agreed.terms.supplier],
                self._standby.accept(called.call_id, called.agreed.terms, start_hour=called.hour),
            )
            for called in accepting
        )

    def _conclude(self) -> None:
        """End the calls whose hour was metered; the guarantee pays out at once."""
        now_s = min(self._house.sequencer.now_s(), self._house.chain.now_s())
        due = [
            called
            for called in self._called.values()
            if called.delivered_lots is None and (called.hour + 1) * SECONDS_PER_HOUR < now_s
        ]
        self._report(called for called in due)
        self._send(
            (
                self._house.chain.operator,
                self._house.deployment.guarantee.conclude_fallback(called.leaf, called.agreed.terms),
            )
            for called in due
        )
        for called in due:
            ended = self._standby.call_of(self._house.chain, called.call_id)
            if ended.status is not CallStatus.OVER:
                raise InvariantBroken(
                    f"trade {called.leaf.trade_number}: found the call {ended}, expected it over"
                )
            self._called[called.leaf.trade_number] = replace(called, delivered_lots=ended.delivered_lots)

    def _report(self, due: Iterable[_Called]) -> None:
        """Bring the readings of the fallbacks' hours to the chain, those that no delivery has brought."""
        settlement, chain = self._house.deployment.settlement, self._house.chain
        readings = []
        for meter, hour in {(self._meter_of(called), called.hour) for called in due}:
            received = self._house.venue.exchange.reading(meter, hour)
            if received is not None and not settlement.slot_of(chain, meter, hour).reported_at_s:
                readings.append(Reading(received.meter, hour, received.delivered_lots, received.signature))
        if readings:
            self._send([(chain.operator, settlement.report(readings))])

    def _meter_of(self, called: _Called) -> Address:
        return self._standby.call_of(self._house.chain, called.call_id).meter

    def _short_leaves(self) -> list[Leaf]:
        """Return the leaves of open guarantees whose seller has a plan, and for which nobody was called yet."""
        holders = {agreed.terms.holder for agreed in self._agreed}
        numbers = [
            trade.agreed.trade_number
            for trade in self._house.venue.exchange.trades(TradeState.OPENED)
            if trade.agreed.seller in holders and trade.agreed.trade_number not in self._called
        ]
        if numbers:
            self._locked.look()
        return [self._locked.leaf_of(number) for number in numbers]

    def _plan_of(self, leaf: Leaf) -> _Agreed | None:
        """Return the option that covers a leaf."""
        resource = instrument_of(leaf.instrument_id).resource
        for agreed in self._agreed:
            if (agreed.terms.holder, agreed.terms.resource) == (leaf.seller, resource):
                return agreed
        return None

    def _is_final(self, leaf: Leaf) -> bool:
        """Return whether the challenge window is over, and the time to call is not."""
        rules = self._house.deployment.rules
        state = self._house.deployment.guarantee.state_of(self._house.chain, leaf)
        final_at_s = state.opened_at_s + rules.challenge_window_s
        return final_at_s <= self._house.chain.now_s() < final_at_s + rules.rescue_window_s

    def _opening(self, terms: StandbyTerms) -> Transaction:
        holder, supplier = (
            terms.sign(self._signer_of[party], self._standby.domain)
            for party in (terms.holder, terms.supplier)
        )
        return self._standby.open(terms, holder_signature=holder, supplier_signature=supplier)

    def _id(self, agreed: _Agreed) -> bytes:
        return agreed.terms.id(self._standby.domain)

    def _send(self, sending: Iterable[tuple[Signer, Transaction]]) -> tuple[Receipt, ...]:
        signed = list(sending)
        return send_all(self._house.chain, signed) if signed else ()

    # --- what is left behind ----------------------------------------------------------------------------------------

    def deliveries(self) -> Iterable[tuple[Leaf, Address, int, Lots]]:
        """Return what fallbacks delivered: for which leaf, by whom, in which hour, how much."""
        for called in self._called.values():
            if called.delivered_lots:
                yield called.leaf, called.agreed.terms.supplier, called.hour, called.delivered_lots

    def result(self, trades: Mapping[int, TradeRow], payouts: Iterable[GuaranteePaid]) -> Emergencies:
        """Return what became of the plans, with the money as the record has it."""
        names = [each.name for each in self._scenario.participants]
        paid = {payout.trade_number: payout for payout in payouts}
        rescues = []
        for number, called in sorted(self._called.items()):
            trade = trades[number]
            rescues.append(
                Rescue(
                    trade_number=number,
                    instrument=trade.instrument,
                    commodity=trade.commodity,
                    failed=trade.seller,
                    stepped_in=names[called.agreed.option.supplier],
                    buyer=trade.buyer,
                    failed_hour=trade.hour,
                    delivered_hour=called.hour - self._scenario.first_hour,
                    called_lots=called.lots,
                    rescued_lots=called.delivered_lots or Lots(0),
                    price_micros=trade.price_micros,
                    strike_micros=called.agreed.terms.strike_micros,
                    paid_to_fallback_micros=paid[number].paid_to_fallback,
                    gap_micros=paid[number].gap,
                )
            )
        return Emergencies(tuple(rescues), tuple(self._premiums), self._note)
