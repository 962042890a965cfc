import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import replace
from hashlib import sha256

import pytest

from api.day.agents import Agents
from api.day.intents import Cancel, Intent, OpenOrder, Place, Replace
from api.day.scenario import Role, Scenario, load_scenario
from market.depth import DepthLevel
from market.instruments import Instrument
from market.orders import OrderType, Side, TimeInForce
from market.units import Commodity, Lots, Ticks
from pricing.rules import price_terms


class FakeView:
    """A market of our making: empty books and no positions, but for what a test sets."""

    def __init__(self, scenario: Scenario) -> None:
        self.terms = {
            instrument: price_terms(
                base_price_per_unit=series.base_usd, load_multiplier=1.0, commodity=series.commodity
            )
            for series in scenario.series
            for instrument in series.instruments
        }
        self.bids: dict[Instrument, DepthLevel] = {}
        self.asks: dict[Instrument, DepthLevel] = {}
        self.purchases: dict[tuple[int, Instrument], Lots] = {}
        self.sales: dict[tuple[int, Instrument], Lots] = {}
        self.resting: dict[tuple[int, Instrument], list[OpenOrder]] = {}

    def best_bid(self, instrument: Instrument) -> DepthLevel | None:
        return self.bids.get(instrument)

    def best_ask(self, instrument: Instrument) -> DepthLevel | None:
        return self.asks.get(instrument)

    def reference(self, instrument: Instrument) -> Ticks:
        return self.terms[instrument].reference_ticks

    def band(self, instrument: Instrument) -> tuple[Ticks, Ticks]:
        return self.terms[instrument].band_low_ticks, self.terms[instrument].band_high_ticks

    def bought(self, agent: int, instrument: Instrument) -> Lots:
        return self.purchases.get((agent, instrument), Lots(0))

    def sold(self, agent: int, instrument: Instrument) -> Lots:
        return self.sales.get((agent, instrument), Lots(0))

    def open_orders(self, agent: int, instrument: Instrument) -> list[OpenOrder]:
        return self.resting.get((agent, instrument), [])


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return load_scenario()


@pytest.fixture(scope="module")
def call(scenario: Scenario) -> list[Intent]:
    return Agents(scenario, 1).call_intents(FakeView(scenario))


@pytest.fixture
def view(scenario: Scenario) -> FakeView:
    return FakeView(scenario)


def who(scenario: Scenario, name: str) -> int:
    return [participant.name for participant in scenario.participants].index(name)


def an_instrument(scenario: Scenario, product: str, place: str, slot: int) -> Instrument:
    return next(
        series.instruments[slot]
        for series in scenario.series
        if (series.instruments[0].product, series.instruments[0].place) == (product, place)
    )


def of(intents: list[Intent], agent: int, instrument: Instrument) -> list[Intent]:
    return [
        it
        for it in intents
        if it.agent == agent and not isinstance(it, Cancel) and it.instrument == instrument
    ]


# --- the call


def test_the_call_takes_thousands_of_resting_limit_orders_in_every_commodity(call):
    assert 3_700 <= len(call) <= 4_000
    assert all(isinstance(it, Place) for it in call)
    assert {(it.order_type, it.time_in_force, it.post_only) for it in call} == {
        (OrderType.LIMIT, TimeInForce.GTC, False)
    }
    assert {it.instrument.commodity for it in call} == set(Commodity)


def test_the_same_seed_gives_the_same_intents_and_another_seed_others(scenario, call):
    assert Agents(scenario, 1).call_intents(FakeView(scenario)) == call
    other = Agents(scenario, 2).call_intents(FakeView(scenario))
    assert other != call
    assert Counter((it.agent, it.instrument) for it in other) == Counter(
        (it.agent, it.instrument) for it in call
    )


DIGEST = """
import tests.api.day.test_agents as t
print(t.digest(t.Agents(s := t.load_scenario(), 1).call_intents(t.FakeView(s))))
"""


def digest(intents: list[Intent]) -> str:
    return sha256(repr(intents).encode()).hexdigest()


def test_intents_do_not_depend_on_the_order_of_hashes(call):
    run = subprocess.run(
        [sys.executable, "-c", DIGEST],
        env={"PYTHONHASHSEED": "12345", "PYTHONPATH": ":".join(filter(None, sys.path))},
        cwd=__file__.rsplit("/tests/", 1)[0],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == digest(call)


def test_prices_stay_in_the_band_but_for_a_slip_of_one_digit(call, view):
    outside = []
    for it in call:
        low, high = view.band(it.instrument)
        if not low <= it.price_ticks <= high:
            outside.append(it)
            assert it.price_ticks % 10 == 0
            assert low <= it.price_ticks // 10 <= high
    assert 0 < len(outside) < 20


def test_nobody_offers_more_than_it_has_nor_below_its_cost(scenario, call):
    offered: defaultdict[tuple[int, Instrument], int] = defaultdict(int)
    for it in call:
        if it.side is Side.SELL:
            offered[it.agent, it.instrument] += it.quantity_lots
    for meter in scenario.meters:
        series = scenario.series[meter.series]
        for slot, instrument in enumerate(series.instruments):
            assert offered[meter.owner, instrument] <= meter.offered_lots[slot]
            for it in of(call, meter.owner, instrument)[:1]:
                assert it.price_ticks * series.commodity.tick_micros > meter.cost_micros


def test_metered_sources_offer_all_they_have_in_one_step(scenario, call):
    kern, solar = who(scenario, "Kern Sun"), an_instrument(scenario, "SOLAR", "CISO", 16)
    (offer,) = of(call, kern, solar)
    assert offer.quantity_lots == 4_363_470


def test_dispatchable_sources_offer_dearer_steps_and_hold_some_back(scenario, call):
    moss, gas = who(scenario, "Moss Gas"), an_instrument(scenario, "GAS", "CISO", 0)
    cheap, dear = sorted(of(call, moss, gas), key=lambda it: it.price_ticks)
    assert (cheap.quantity_lots, dear.quantity_lots) == (5_827_000 * 40 * 75 // 10_000, 349_620)


def test_a_data_centre_bids_for_its_expected_energy_from_types_that_run_at_that_hour(scenario, call):
    vernon = who(scenario, "Vernon Compute")
    for slot, products in ((16, {"SOLAR", "HYDRO"}), (8, {"HYDRO", "NUCLEAR"})):
        bids = [
            it
            for it in call
            if it.agent == vernon
            and it.side is Side.BUY
            and it.instrument.start_hour == scenario.first_hour + slot
        ]
        assert {it.instrument.product for it in bids} == products
        expected = (120 * 1160 + 140 * 663) * 70 // 100
        assert sum(it.quantity_lots for it in bids) == pytest.approx(expected, abs=2)


# --- within the day


def test_before_the_first_slots_come_near_nobody_acts(scenario, view):
    agents = Agents(scenario, 1)
    agents.call_intents(view)
    assert agents.intents_at(scenario.first_hour - 12, view) == []
    assert agents.intents_at(scenario.first_hour + 23, view) == []


def test_a_supplier_posts_what_it_holds_without_taking(scenario, view):
    meter = scenario.meters[8]
    instrument = scenario.series[meter.series].instruments[0]
    low_bid = DepthLevel(view.reference(instrument), Lots(5), 1)
    view.bids[instrument] = low_bid
    for seed in range(6):
        intents = of(
            Agents(scenario, seed).intents_at(scenario.first_hour - 4, view), meter.owner, instrument
        )
        for it in intents:
            assert isinstance(it, Place)
            assert it.post_only
            assert it.price_ticks > low_bid.price_ticks
            assert it.quantity_lots == meter.offered_lots[0]


def test_a_supplier_in_a_hurry_comes_halfway_down_to_cost_or_retreats(scenario, view):
    meter = scenario.meters[0]
    instrument = scenario.series[meter.series].instruments[16]
    view.resting[meter.owner, instrument] = [OpenOrder(7, Side.SELL, Ticks(300), Lots(1000))]
    answers = set()
    for seed in range(20):
        for it in Agents(scenario, seed).intents_at(scenario.first_hour + 14, view):
            if isinstance(it, Cancel | Replace) and it.agent == meter.owner:
                assert it.order_id == 7
                answers.add(it.price_ticks if isinstance(it, Replace) else None)
    assert answers == {(300 + 100) // 2, None}


def test_an_unmet_buyer_raises_then_takes_then_pays_nearly_any_price(scenario, view):
    redwood, slot = who(scenario, "Redwood AI"), 12
    instrument = an_instrument(scenario, "H100", "SFO", slot)
    view.asks[instrument] = DepthLevel(view.reference(instrument), Lots(1000), 1)
    view.resting[redwood, instrument] = [OpenOrder(9, Side.BUY, Ticks(2000), Lots(500))]
    kinds = {3: set(), 2: set(), 1: set()}
    for seed in range(6):
        for ahead, seen in kinds.items():
            intents = Agents(scenario, seed).intents_at(scenario.first_hour + slot - ahead, view)
            for it in of(intents, redwood, instrument):
                if isinstance(it, Replace):
                    assert it.price_ticks == 2060
                    seen.add("replace")
                else:
                    assert Cancel(redwood, 9) in intents
                    assert intents.index(Cancel(redwood, 9)) < intents.index(it)
                    seen.add((it.order_type, it.time_in_force))
    assert kinds == {
        3: {"replace"},
        2: {(OrderType.LIMIT, TimeInForce.IOC)},
        1: {(OrderType.MARKET, TimeInForce.GTC)},
    }


def test_a_factory_takes_all_of_its_last_need_or_none(scenario, view):
    factory = who(scenario, "Pelican Logistics")
    assert scenario.participants[factory].role is Role.FACTORY
    instrument = an_instrument(scenario, "L40S", "SJC", 12)
    view.asks[instrument] = DepthLevel(view.reference(instrument), Lots(1000), 1)
    (order,) = of(Agents(scenario, 1).intents_at(scenario.first_hour + 11, view), factory, instrument)
    assert (order.order_type, order.time_in_force) == (OrderType.LIMIT, TimeInForce.FOK)


def test_a_data_centre_buys_what_its_sales_use_cheapest_first_after_the_premium(scenario, view):
    alviso, slot = who(scenario, "Alviso Compute"), 12
    gas, hydro = (an_instrument(scenario, product, "CISO", slot) for product in ("GAS", "HYDRO"))
    view.sales[alviso, an_instrument(scenario, "H100", "SJC", slot)] = Lots(100_000)
    # hydro is 0.0079 dearer, and worth 0.008 more to this one
    view.asks = {gas: DepthLevel(Ticks(450), Lots(10**6), 1), hydro: DepthLevel(Ticks(529), Lots(60_000), 1)}
    bought = [
        it
        for it in Agents(scenario, 1).intents_at(scenario.first_hour + slot - 2, view)
        if it.agent == alviso and it.instrument.commodity is Commodity.ENE
    ]
    wanted = {hydro: (60_000, 529 * 102 // 100), gas: (100 * 1109 - 60_000, 450 * 102 // 100)}
    assert {it.instrument: (it.quantity_lots, it.price_ticks) for it in bought} == wanted
    assert {it.time_in_force for it in bought} == {TimeInForce.IOC}


def test_a_data_centre_that_has_its_energy_buys_none(scenario, view):
    alviso, slot = who(scenario, "Alviso Compute"), 12
    gas = an_instrument(scenario, "GAS", "CISO", slot)
    view.sales[alviso, an_instrument(scenario, "H100", "SJC", slot)] = Lots(100_000)
    view.purchases[alviso, gas] = Lots(110_900)
    view.asks = {gas: DepthLevel(Ticks(450), Lots(10**6), 1)}
    intents = Agents(scenario, 1).intents_at(scenario.first_hour + slot - 2, view)
    assert of(intents, alviso, gas) == []


def test_cancels_and_replacements_come_before_new_orders(scenario, view):
    for meter in scenario.meters[:20]:
        for instrument in scenario.series[meter.series].instruments:
            view.resting[meter.owner, instrument] = [OpenOrder(1, Side.SELL, Ticks(3000), Lots(1))]
    kinds = [isinstance(it, Place) for it in Agents(scenario, 1).intents_at(scenario.first_hour + 8, view)]
    assert set(kinds) == {False, True}
    assert kinds == sorted(kinds)


def test_a_scenario_without_demand_for_an_hour_asks_for_nothing_then(scenario, view):
    idle = replace(scenario, demands=(), sites=(), meters=())
    assert Agents(idle, 1).call_intents(view) == []
