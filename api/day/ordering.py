"""The orders of a market day: what agents intend becomes signed commands, and what became of each order is noted."""

import time
from collections.abc import Sequence

from api.day.intents import Cancel, Intent, Place, Replace
from api.day.progress import Advance
from api.day.result import OrderRow
from api.day.scenario import Scenario
from api.house import House
from api.sequencer import Answer
from contracts.signing import Signer, sign_order
from market.events import OrderAccepted, Refused
from market.instruments import SECONDS_PER_HOUR
from market.orders import CancelOrder, Command, OrderTerms, PlaceOrder, ReplaceOrder
from market.units import InvariantBroken, Micros

CHUNK = 500
"""Commands in one batch of the sequencer."""


class Ordering:
    """The orders of one day, signed by the participants that place them; `rows` tells of each that was placed."""

    def __init__(self, scenario: Scenario, house: House, signers: Sequence[Signer]) -> None:
        self._scenario = scenario
        self._house = house
        self._signers = signers
        self._next_order_id = [0] * len(signers)
        self._fee_cap_bps = {
            instrument.id: series.fee_bps for series in scenario.series for instrument in series.instruments
        }
        self.rows: list[OrderRow] = []

    def send(self, intents: Sequence[Intent], advance: Advance | None = None) -> None:
        """Sign what agents intend and process it, a chunk at a time; `advance` hears how many are done."""
        for start in range(0, len(intents), CHUNK):
            self._send_chunk(intents[start : start + CHUNK])
            if advance is not None:
                advance(min(start + CHUNK, len(intents)))

    def _send_chunk(self, intents: Sequence[Intent]) -> None:
        answers = self._house.sequencer.process_ahead([self._command(intent) for intent in intents])
        for intent, answer in zip(intents, answers, strict=True):
            if isinstance(intent, Place):
                self._note_order(intent, answer)

    def _command(self, intent: Intent) -> Command:
        match intent:
            case Cancel():
                return CancelOrder(self._signers[intent.agent].address, intent.order_id)
            case Replace():
                terms, signature = self._sign(intent)
                return ReplaceOrder(intent.order_id, terms, signature)
            case Place():
                terms, signature = self._sign(intent)
                return PlaceOrder(terms, signature, intent.order_type, intent.time_in_force, intent.post_only)

    def _sign(self, intent: Place | Replace) -> tuple[OrderTerms, bytes]:
        """Sign as the participant would, and check the signature as the door does."""
        instrument = intent.instrument
        listed = self._house.venue.exchange.listing(instrument.id)
        self._next_order_id[intent.agent] += 1
        good_until_s = listed.listing.schedule.gate_closes_s
        settle_until_s = max(good_until_s + self._house.deployment.notice_period_s, instrument.start_s)
        if not self._house.chain.drives_time:
            settle_until_s = max(settle_until_s, int(time.time()) + 24 * SECONDS_PER_HOUR)
        terms = OrderTerms(
            participant=self._signers[intent.agent].address,
            instrument_id=instrument.id,
            side=intent.side,
            price_micros=Micros(intent.price_ticks * instrument.commodity.tick_micros),
            quantity_lots=intent.quantity_lots,
            good_until_s=good_until_s,
            settle_until_s=settle_until_s,
            fee_cap_bps=self._fee_cap_bps[instrument.id],
            reference_micros=listed.reference_micros,
            client_order_id=self._next_order_id[intent.agent],
        )
        signature = sign_order(terms, self._signers[intent.agent], self._house.deployment.domain)
        self._house.door.check_order(terms, signature)
        return terms, signature

    def _note_order(self, intent: Place, answer: Answer) -> None:
        refusal = next((event.refusal for event in answer.events if isinstance(event, Refused)), None)
        if refusal is None and not any(isinstance(event, OrderAccepted) for event in answer.events):
            raise InvariantBroken(f"{intent}: neither accepted nor refused")
        participant = self._scenario.participants[intent.agent]
        self.rows.append(
            OrderRow(
                participant=participant.name,
                role=participant.role.value,
                commodity=intent.instrument.commodity,
                side=intent.side,
                order_type=intent.order_type,
                refusal=refusal,
            )
        )
