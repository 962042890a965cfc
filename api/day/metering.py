"""The meters of a market day: who they are, what they sign of each hour, and what was generated in the end."""

from collections import defaultdict
from collections.abc import Sequence

from api.day.rescuing import Rescuing
from api.day.result import GenerationRow
from api.day.scenario import Scenario
from api.house import House
from contracts.settlement import sign_reading
from contracts.signing import Signer
from market.listing import RegisterMeter
from market.orders import Address
from market.settlement import SubmitReading
from market.trades import TradeState
from market.units import BPS_ONE, Commodity, Lots


class Metering:
    """The meters of one day, each with a key of its own. Ask for `readings` once for each hour that is over."""

    def __init__(
        self, scenario: Scenario, seed: int, house: House, signers: Sequence[Signer], rescuing: Rescuing
    ) -> None:
        self._scenario = scenario
        self._house = house
        self._signers = signers
        self._rescuing = rescuing
        self._keys = [Signer.from_seed(seed, f"meter {each.label}") for each in scenario.meters]
        self._delivered_lots: dict[tuple[int, int], Lots] = {}

    def registrations(self) -> list[RegisterMeter]:
        """Return the commands that register every meter."""
        return [
            RegisterMeter(
                self._signers[meter.owner].address,
                key.address,
                self._scenario.series[meter.series].resource,
                meter.capacity_lots,
            )
            for meter, key in zip(self._scenario.meters, self._keys, strict=True)
        ]

    def readings(self, hour: int) -> list[SubmitReading]:
        """Return, and note, what each meter that sold something of the hour (from 1970) signs that it delivered."""
        sold: defaultdict[tuple[Address, int], int] = defaultdict(int)
        exchange = self._house.venue.exchange
        for trade in exchange.trades(TradeState.LOCKED, hour):
            resource = exchange.listing(trade.agreed.instrument_id).resource
            sold[trade.agreed.seller, resource] += trade.agreed.quantity_lots
        readings: list[SubmitReading] = []
        slot = hour - self._scenario.first_hour
        for index, (meter, key) in enumerate(zip(self._scenario.meters, self._keys, strict=True)):
            owner = self._signers[meter.owner].address
            sold_lots = sold.get((owner, self._scenario.series[meter.series].resource), 0)
            called_lots = self._rescuing.called_lots(index, hour)
            delivered = Lots(self._delivered(index, slot, Lots(sold_lots)) + called_lots)
            self._delivered_lots[index, slot] = delivered
            if sold_lots or called_lots:
                reading = sign_reading(
                    key, start_hour=hour, delivered_lots=delivered, domain=self._house.deployment.domain
                )
                readings.append(SubmitReading(reading.meter, hour, delivered, reading.signature))
        return readings

    def generation(self) -> tuple[GenerationRow, ...]:
        """Return what each energy type offered, and what its meters delivered, hour by hour."""
        offered: defaultdict[tuple[int, str], int] = defaultdict(int)
        metered: defaultdict[tuple[int, str], int] = defaultdict(int)
        for index, meter in enumerate(self._scenario.meters):
            instrument = self._scenario.series[meter.series].instruments[0]
            if instrument.commodity is not Commodity.ENE:
                continue
            for slot, lots in enumerate(meter.offered_lots):
                offered[slot, instrument.product] += lots
                metered[slot, instrument.product] += self._delivered_lots.get((index, slot), 0)
        return tuple(
            GenerationRow(slot, product, Lots(lots), Lots(metered[slot, product]))
            for (slot, product), lots in sorted(offered.items())
        )

    def _delivered(self, meter: int, slot: int, sold_lots: Lots) -> Lots:
        """Return what a meter delivers of what it sold: what it could, or in an outage a share."""
        delivered = self._scenario.meters[meter].delivered_lots
        for outage in self._scenario.outages:
            if (outage.meter, outage.hour) == (meter, slot):
                return Lots(sold_lots * outage.delivered_bps // BPS_ONE)
        return sold_lots if delivered is None else delivered[slot]
