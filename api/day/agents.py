"""Agents: what the participants of a scenario do, by stated rules and a seed.

An agent decides from its own figures, the public prices and its own orders, never from what others intend. The same
scenario, seed and views give the same intents in the same order. Chance comes from one generator for each
participant, of which only `random()` is used: its stream is fixed by the seed, on every machine.

The day ahead, everybody bids or offers most of an hour in one call. Afterwards each looks once an hour at the next
few slots: suppliers offer what they held back and come down towards their cost, buyers go up towards what a unit is
worth to them, data centres buy the energy for what they really sold. Prices stay inside the band, but for a slip now
and then.
"""

from collections.abc import Iterator
from dataclasses import replace

from numpy.random import PCG64, Generator, SeedSequence

from api.day.intents import Cancel, Intent, MarketView, Place, Replace
from api.day.parts import Demand, Meter, Role, Series, Site
from api.day.scenario import Scenario
from market.instruments import Instrument
from market.orders import OrderType, Side, TimeInForce
from market.units import BPS_ONE, Commodity, Lots, Ticks
from pricing.taxonomy import taxonomy

# Suppliers. In the call: (share of the offer, multiple of the margin), in basis points; the rest is held back. Sources
# whose output is metered cannot choose when to run: they offer all they have in one step.
_OFFER_STEPS = {
    Commodity.CMP: ((5_500, 10_000), (3_000, 25_000)),
    Commodity.NET: ((8_500, 10_000),),
    Commodity.ENE: ((7_500, 10_000), (1_500, 60_000)),
}
_METERED_STEPS = ((BPS_ONE, 10_000),)
_MARGIN_BPS = (600, 1_800)  # of cost, drawn once for each meter
# Buyers. In the call: (share of the forecast, share of what it is worth). What goes beyond the forecast is no need, only
# welcome at a bargain. What they really need turns out within the day, a share of the forecast drawn once for each hour.
_BID_STEPS = {
    Commodity.CMP: ((10_000, 10_000), (1_500, 6_000)),
    Commodity.NET: ((10_000, 10_000), (1_500, 5_000)),
    Commodity.ENE: ((10_000, 10_000),),
}
_NEED_BPS = (9_000, 10_600)
_DUST_BPS = 150  # less than this share of the forecast is not worth an order
_WORTH_JITTER_BPS = (9_500, 10_500)  # of what a unit is worth, drawn for each order
# Data centres: the shares of their expected energy that they bid for in the call, for the first two types of their choice
# that run at that hour, and what it is worth to them over the reference price, before the premium for renewable energy.
_ENERGY_SHARES_BPS = (6_500, 3_500)
_ENERGY_WORTH_BPS = 10_500
_ENERGY_SLACK_BPS = 10_200  # the limit of a purchase within the day, over the best offer seen
_ENERGY_DUST_WH = Lots(10_000)  # less than this is not worth an order

# Within the day: hours from now to the slot at which something is done.
_POST_AT, _RAISE_AT, _HURRY_AT, _LAST_AT = 4, 3, 2, 1
_POST_ODDS_BPS = 6_000  # a supplier posts what it held back
_RETREAT_ODDS_BPS = (
    2_500  # a supplier in a hurry cancels, to offer at cost in the end, and does not come down
)
_RAISE_BPS = 10_300  # a resting bid goes up to this share of its price
_HURRY_ODDS_BPS = 5_000  # a buyer takes offers two hours ahead, and does not wait for the last hour
_HURRY_BPS = 10_600  # what a unit is then worth, over the worth of the day before
_LAST_BPS = 11_500  # and in the last hour
_SLIP_ODDS_BPS = 15  # a price with one digit too many, which the band refuses


class _Agent:
    """One participant's chance and character."""

    def __init__(self, sequence: SeedSequence) -> None:
        self._generator = Generator(PCG64(sequence))

    def draw(self, low: int, high: int) -> int:
        """Return an integer from low to high."""
        return low + int(self._generator.random() * (high - low + 1))

    def happens(self, odds_bps: int) -> bool:
        """Return True with these odds."""
        return self.draw(1, BPS_ONE) <= odds_bps


class Agents:
    """All participants of a scenario; the seed is not negative. Call `call_intents`, then `intents_at` hour by hour."""

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self._scenario = scenario
        sequences = SeedSequence(seed).spawn(len(scenario.participants) + 1)
        self._turns = _Agent(sequences.pop())
        self._agents = [_Agent(sequence) for sequence in sequences]
        self._margins_bps = [self._agents[meter.owner].draw(*_MARGIN_BPS) for meter in scenario.meters]
        self._needs_bps = [
            [self._agents[demand.buyer].draw(*_NEED_BPS) for _ in demand.lots] for demand in scenario.demands
        ]
        self._energy = [
            (place, series)
            for place, series in enumerate(scenario.series)
            if series.commodity is Commodity.ENE
        ]
        # what ran at this hour of the day before, which is published
        self._generated = [
            [
                any(meter.offered_lots[slot] for meter in scenario.meters if meter.series == place)
                for slot in range(len(scenario.schedules))
            ]
            for place in range(len(scenario.series))
        ]

    def call_intents(self, view: MarketView) -> list[Intent]:
        """Return what everybody sends into the day-ahead call of all hours of the day."""
        intents: list[Intent] = []
        for slot in range(len(self._scenario.schedules)):
            for index, meter in enumerate(self._scenario.meters):
                intents += self._offer_ahead(index, meter, slot, view)
            for demand in self._scenario.demands:
                intents += self._bid_ahead(demand, slot, view)
            for site in self._scenario.sites:
                intents += self._buy_energy_ahead(site, slot, view)
        return self._in_turn(intents)

    def intents_at(self, hour: int, view: MarketView) -> list[Intent]:
        """Return what everybody sends at the start of an hour (counted since 1970) into continuous trading."""
        intents: list[Intent] = []
        for ahead in (_LAST_AT, _HURRY_AT, _RAISE_AT, _POST_AT):
            slot = hour + ahead - self._scenario.first_hour
            if not 0 <= slot < len(self._scenario.schedules):
                continue
            for index, meter in enumerate(self._scenario.meters):
                intents += self._offer_on(index, meter, slot, ahead, view)
            for index, demand in enumerate(self._scenario.demands):
                intents += self._bid_on(index, demand, slot, ahead, view)
            if ahead != _POST_AT:
                for site in self._scenario.sites:
                    intents += self._top_up_energy(site, slot, ahead, view)
        return self._in_turn(intents)

    def _in_turn(self, intents: list[Intent]) -> list[Intent]:
        """Return cancels and replacements first, then new orders; within each, agents in turns mixed by chance."""
        mixed: list[Intent] = []
        for new in (False, True):
            group = [intent for intent in intents if isinstance(intent, Place) is new]
            own: dict[int, list[Intent]] = {}
            for intent in reversed(group):
                own.setdefault(intent.agent, []).append(intent)
            draws = [(self._turns.draw(0, 1 << 40), intent.agent) for intent in group]
            mixed += [own[agent].pop() for _, agent in sorted(draws)]
        return mixed

    def _offer_ahead(self, index: int, meter: Meter, slot: int, view: MarketView) -> Iterator[Intent]:
        """Offer an hour in steps, each at cost and more margin than the one before."""
        series = self._scenario.series[meter.series]
        steps = _METERED_STEPS if meter.delivered_lots is not None else _OFFER_STEPS[series.commodity]
        for share_bps, margin_share_bps in steps:
            lots = Lots(meter.offered_lots[slot] * share_bps // BPS_ONE)
            if lots:
                price = self._ask(index, meter, series, margin_share_bps)
                yield self._sent(Place(meter.owner, series.instruments[slot], Side.SELL, price, lots), view)

    def _bid_ahead(self, demand: Demand, slot: int, view: MarketView) -> Iterator[Intent]:
        """Bid for an hour: the forecast at what it is worth, and some more at a bargain."""
        series = self._scenario.series[demand.series]
        for share_bps, worth_share_bps in _BID_STEPS[series.commodity]:
            lots = Lots(demand.lots[slot] * share_bps // BPS_ONE)
            if lots:
                instrument = series.instruments[slot]
                price = self._worth(demand, instrument, worth_share_bps, view)
                yield self._sent(Place(demand.buyer, instrument, Side.BUY, price, lots), view)

    def _buy_energy_ahead(self, site: Site, slot: int, view: MarketView) -> Iterator[Intent]:
        """Bid for the energy of the load that a data centre expects, more for what is renewable."""
        meters = self._scenario.meters
        expected = sum(
            meters[meter].offered_lots[slot] * site.expected_load_bps * wh
            for meter, wh in site.wh_per_gpu_hour
        ) // (BPS_ONE * Commodity.CMP.lots_per_unit)
        running = [place for place in site.energy if self._generated[place][slot]]
        for place, share_bps in zip(running, _ENERGY_SHARES_BPS, strict=False):
            lots = Lots(expected * share_bps // BPS_ONE)
            if lots >= _ENERGY_DUST_WH:
                series = self._scenario.series[place]
                instrument = series.instruments[slot]
                jitter = self._agents[site.owner].draw(*_WORTH_JITTER_BPS)
                worth = view.reference(instrument) * _ENERGY_WORTH_BPS * jitter // BPS_ONE**2
                price = Ticks(worth + self._premium(site, series))
                yield self._sent(Place(site.owner, instrument, Side.BUY, price, lots), view)

    def _offer_on(
        self, index: int, meter: Meter, slot: int, ahead: int, view: MarketView
    ) -> Iterator[Intent]:
        """Sell on what is left: post it first, come down halfway to cost next, sell at cost in the end."""
        series = self._scenario.series[meter.series]
        agent, instrument = self._agents[meter.owner], series.instruments[slot]
        resting = view.open_orders(meter.owner, instrument)
        unsold = meter.offered_lots[slot] - view.sold(meter.owner, instrument)
        idle = Lots(unsold - sum(order.remaining_lots for order in resting))
        cost = _cost_ticks(meter, series)
        bid = view.best_bid(instrument)
        above_bids = Ticks(1 if bid is None else bid.price_ticks + 1)
        if ahead == _POST_AT and idle > 0 and agent.happens(_POST_ODDS_BPS):
            price = max(self._ask(index, meter, series, BPS_ONE), above_bids)
            yield self._sent(Place(meter.owner, instrument, Side.SELL, price, idle, post_only=True), view)
        elif ahead == _HURRY_AT:
            for order in resting:
                if agent.happens(_RETREAT_ODDS_BPS):
                    yield Cancel(meter.owner, order.order_id)
                    continue
                price = _within(
                    view.band(instrument), max(Ticks((order.price_ticks + cost) // 2), above_bids)
                )
                if price < order.price_ticks:
                    yield Replace(
                        meter.owner, order.order_id, instrument, Side.SELL, price, order.remaining_lots
                    )
        elif ahead == _LAST_AT and idle > 0:
            at_once = TimeInForce.IOC if bid is not None and bid.price_ticks >= cost else TimeInForce.GTC
            offer = Place(meter.owner, instrument, Side.SELL, cost, idle, time_in_force=at_once)
            yield self._sent(offer, view)

    def _bid_on(
        self, index: int, demand: Demand, slot: int, ahead: int, view: MarketView
    ) -> Iterator[Intent]:
        """Buy on what is missing: raise resting bids first, take offers next, and pay nearly any price in the end.

        A factory needs all of an hour or none, so its last order is fill-or-kill; the others send a market order.
        """
        series = self._scenario.series[demand.series]
        instrument = series.instruments[slot]
        resting = view.open_orders(demand.buyer, instrument)
        forecast = demand.lots[slot]
        needed = forecast * self._needs_bps[index][slot] // BPS_ONE
        missing = Lots(needed - view.bought(demand.buyer, instrument))
        if missing * BPS_ONE <= forecast * _DUST_BPS or ahead == _POST_AT:
            return
        if ahead == _RAISE_AT:
            for order in resting:
                price = _within(view.band(instrument), Ticks(order.price_ticks * _RAISE_BPS // BPS_ONE))
                yield Replace(demand.buyer, order.order_id, instrument, Side.BUY, price, order.remaining_lots)
            return
        ask = view.best_ask(instrument)
        price = self._worth(demand, instrument, _LAST_BPS if ahead == _LAST_AT else _HURRY_BPS, view)
        if ask is None or ask.price_ticks > price:
            return
        if ahead == _HURRY_AT and not self._agents[demand.buyer].happens(_HURRY_ODDS_BPS):
            return
        for order in resting:
            yield Cancel(demand.buyer, order.order_id)
        if ahead == _HURRY_AT:
            yield self._sent(
                Place(demand.buyer, instrument, Side.BUY, price, missing, time_in_force=TimeInForce.IOC), view
            )
        elif self._scenario.participants[demand.buyer].role is Role.FACTORY:
            yield self._sent(
                Place(demand.buyer, instrument, Side.BUY, price, missing, time_in_force=TimeInForce.FOK), view
            )
        else:
            yield self._sent(
                Place(demand.buyer, instrument, Side.BUY, price, missing, order_type=OrderType.MARKET), view
            )

    def _top_up_energy(self, site: Site, slot: int, ahead: int, view: MarketView) -> Iterator[Intent]:
        """Buy the energy that the GPU hours sold so far still lack: the offers that cost least after the premium.

        What is not to be had is tried for again an hour later; the last orders rest.
        """
        scenario = self._scenario
        need = 0
        for index, wh in site.wh_per_gpu_hour:
            sold = view.sold(site.owner, scenario.series[scenario.meters[index].series].instruments[slot])
            need += -(-sold * wh // Commodity.CMP.lots_per_unit)
        offers = []
        for place, series in self._energy:
            instrument = series.instruments[slot]
            need -= view.bought(site.owner, instrument)
            need -= sum(order.remaining_lots for order in view.open_orders(site.owner, instrument))
            ask = view.best_ask(instrument)
            if ask is not None and ask.quantity_lots >= _ENERGY_DUST_WH:
                offers.append((ask.price_ticks - self._premium(site, series), place, ask))
        for _, place, ask in sorted(offers):
            if need < _ENERGY_DUST_WH:
                return
            order = Place(
                site.owner,
                scenario.series[place].instruments[slot],
                Side.BUY,
                Ticks(ask.price_ticks * _ENERGY_SLACK_BPS // BPS_ONE),
                Lots(min(need, ask.quantity_lots)),
                time_in_force=TimeInForce.GTC if ahead == _LAST_AT else TimeInForce.IOC,
            )
            yield self._sent(order, view)
            need -= order.quantity_lots

    def _ask(self, index: int, meter: Meter, series: Series, margin_share_bps: int) -> Ticks:
        margin_bps = self._margins_bps[index] * margin_share_bps // BPS_ONE
        return Ticks(-(-_cost_ticks(meter, series) * (BPS_ONE + margin_bps) // BPS_ONE))

    def _worth(self, demand: Demand, instrument: Instrument, share_bps: int, view: MarketView) -> Ticks:
        jitter_bps = self._agents[demand.buyer].draw(*_WORTH_JITTER_BPS)
        worth = view.reference(instrument) * demand.worth_bps * share_bps * jitter_bps // BPS_ONE**3
        return _within(view.band(instrument), Ticks(worth))

    @staticmethod
    def _premium(site: Site, series: Series) -> Ticks:
        renewable = taxonomy().energy[series.instruments[0].product].renewable
        return Ticks(site.premium_micros // series.commodity.tick_micros if renewable else 0)

    def _sent(self, order: Place, view: MarketView) -> Place:
        """Return the order as it leaves the agent: its price inside the band, but for a slip."""
        price = _within(view.band(order.instrument), order.price_ticks)
        if self._agents[order.agent].happens(_SLIP_ODDS_BPS):
            price = Ticks(price * 10)
        return replace(order, price_ticks=price)


def _cost_ticks(meter: Meter, series: Series) -> Ticks:
    return Ticks(-(-meter.cost_micros // series.commodity.tick_micros))


def _within(band: tuple[Ticks, Ticks], price: Ticks) -> Ticks:
    low, high = band
    return min(max(price, low), high)
