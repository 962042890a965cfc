"""Microgrids drawn at random: an evening peak, sun at noon, a battery, a diesel set and a tariff of three levels."""

import numpy as np

from pricing.coalition import Agent, Balance, Generator, GridTariff, Storage


def microgrids(count, slots=24, seed=0):
    """Return microgrids of a day of `slots` equal slots, the same for the same seed."""
    chance = np.random.default_rng(seed)
    hour = (np.arange(slots) + 0.5) * 24 / slots
    evening = np.exp(-(((hour - 19) / 3) ** 2))
    sun = np.clip(np.sin((hour - 6) / 12 * np.pi), 0, None)
    buy = np.select([hour < 7, (hour > 16) & (hour < 22)], [0.3, 0.9], 0.5)
    return [
        Agent(
            f"microgrid {place}",
            (
                Balance(
                    load=chance.uniform(0.5, 2) * (4 + 3 * evening + chance.uniform(0, 2, slots)),
                    renewable=chance.uniform(0, 10) * sun * chance.uniform(0.8, 1, slots),
                    storage=Storage(
                        rate_max=2,
                        capacity=chance.uniform(2, 8),
                        initial=1,
                        charge_efficiency=0.95,
                        discharge_efficiency=0.95,
                        throughput_cost=0.01,
                    ),
                    generators=(
                        Generator(
                            rate_max=chance.uniform(1, 5),
                            cost_linear=chance.uniform(0.2, 0.5),
                            cost_quadratic=chance.uniform(0.02, 0.2),
                        ),
                    ),
                    grid=GridTariff(buy=buy, sell=0.1),
                ),
            ),
            slot_hours=24 / slots,
        )
        for place in range(count)
    ]
