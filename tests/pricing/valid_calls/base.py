"""Base prices, their estimation, rounding and trade-price rules."""

from collections.abc import Iterator

from market.instruments import parse_symbol
from market.units import Commodity
from pricing import (
    base,
    hedonic,
    index,
    payments,
    period,
    rolling,
    rules,
)
from pricing.taxonomy import EnergyType, taxonomy
from tests.pricing.valid_calls.call import Call, call


def calls() -> Iterator[Call]:
    solar = EnergyType(45.0, renewable=True, carbon_free=True, certificate_usd_per_kwh=0.004)
    yield call(base.quality_factor, {"tflops": 312.0}, {"tflops": 78.0}, {"tflops": 0.5})
    yield call(base.service_factor, {"sla": 0.5}, {"sla": 0.2})
    yield call(base.EnergyPrices, 0.04, 30.0, 475.0, 0.25, 4.0)
    yield call(base.EnergyPrices(0.04, 30.0, 475.0).factor, solar)
    yield call(
        base.multiplicative_price,
        reference_usd=2.0,
        quality_factor=1.5,
        service_factor=1.1,
        energy_factor=1.0,
    )
    yield call(
        base.cost_plus_price,
        capital_usd=2.0,
        quality_factor=1.0,
        service_factor=1.1,
        power_w=1000.0,
        pue=1.5,
        electricity_usd_per_kwh=0.04,
        energy_factor=1.4,
    )
    prices = base.BasePrices()
    symbol = parse_symbol("CMP.H100@CISO/2022-03-11T18Z/1h#Q3.G2")
    yield call(base.BasePrices, tier_coefficient=0.25)
    yield call(prices.power_w, "H100")
    yield call(prices.price, symbol, pue=1.2, energy=solar)

    rows, observed = [[1.0, 0.0], [1.0, 1.0], [1.0, 2.0], [1.0, 1.0]], [1.0, 2.0, 4.0, 2.5]
    fit = hedonic.fit_hedonic(rows, observed)
    yield call(hedonic.fit_hedonic, rows, observed)
    yield call(hedonic.fit_hedonic, rows, observed, names=["constant", "size"], nonnegative=["size"])
    yield call(fit.predict, [1.0, 0.5])
    yield call(fit.describe)
    sized = [row[1:] for row in rows]
    yield call(index.price_index, [1, 1, 2, 2], sized, observed)
    yield call(index.price_index([1, 1, 2, 2], sized, observed).level, 2)
    yield call(period.distinct_periods, [2023, 2022])
    yield call(rolling.shrink, [0.5, 0.25], [0.75, 0.125], weight=0.5)
    yield call(rolling.rolling_fits, [1, 1, 2, 2], rows, observed, window=1, weight=0.5)

    yield call(payments.round_payments, [0.7, 0.5, -1.2], per_unit=100, total=0)
    yield call(rules.Band, 0.5, 2.0)
    yield call(rules.price_terms, base_price_per_unit=2.11, load_multiplier=1.1, commodity=Commodity.CMP)
    yield call(rules.greenness, solar)
    yield call(rules.nash_weight, tier=3, load=0.95, energy="G4")

    figures = taxonomy()
    yield call(figures.joules_per_token, "LLAMA-3.1-8B", "H100", share_of_range=0.5)
    yield call(figures.accelerator_hours_per_token, "LLAMA-3.1-8B", "H100", share_of_range=0.5)
    yield call(figures.blend, {"SOLAR": 0.5, "WIND": 0.5})
    yield call(figures.stored, {"SOLAR": 0.5, "WIND": 0.5}, round_trip_efficiency=0.8)
    yield call(figures.of_green_class, "G2")
