"""The toll that keeps a queue as short as everybody together would like it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing.errors import PricingError
from pricing.load import admission_toll

figures = st.fixed_dictionaries(
    {
        "reward": st.floats(0.5, 20),
        "waiting_cost": st.floats(0.5, 5),
        "service_rate": st.floats(0.3, 3),
        "arrival_rate": st.floats(0.1, 6),
    }
)


def balance(longest, arrivals, service):
    """Stationary distribution of M/M/1/n from the generator: the slow, obvious way."""
    n = longest + 1
    rates = np.diag([arrivals] * longest, 1) + np.diag([service] * longest, -1)
    generator = rates - np.diag(rates.sum(axis=1))
    system = np.vstack([generator.T, np.ones(n)])
    return np.linalg.lstsq(system, np.append(np.zeros(n), 1.0), rcond=None)[0]


@settings(max_examples=40, deadline=None)  # the oracle solves a system for each length
@given(figures)
def test_lengths_are_best_among_all(given_figures):
    toll = admission_toll(**given_figures)
    reward, cost = given_figures["reward"], given_figures["waiting_cost"]
    mu, arrivals = given_figures["service_rate"], given_figures["arrival_rate"]
    assert toll.length_revenue <= toll.length_social <= toll.length_individual
    welfare, revenue = [], []
    for n in range(toll.length_individual + 3):
        states = balance(n, arrivals, mu)
        joining = arrivals * (1 - states[-1])
        welfare.append(joining * reward - cost * states @ np.arange(n + 1))
        revenue.append(joining * (reward - cost * n / mu))
    assert toll.welfare == pytest.approx(max(welfare), abs=1e-8)
    assert toll.revenue == pytest.approx(max(revenue), abs=1e-8)
    assert welfare[toll.length_social] == pytest.approx(max(welfare), abs=1e-8)
    assert revenue[toll.length_revenue] == pytest.approx(max(revenue), abs=1e-8)


@given(figures)
def test_tolls_in_the_interval_stop_the_queue_there(given_figures):
    toll = admission_toll(**given_figures)

    def joins(found, price):
        wait = given_figures["waiting_cost"] * (found + 1) / given_figures["service_rate"]
        return given_figures["reward"] - price - wait >= 0

    inside = (toll.toll_low + toll.toll_high) / 2
    assert not joins(toll.length_social, inside)
    assert toll.length_social == 0 or joins(toll.length_social - 1, inside)


def test_arrivals_as_fast_as_service_and_faster():
    level = admission_toll(reward=5, waiting_cost=1, service_rate=1, arrival_rate=1)
    assert (level.length_individual, level.length_social) == (5, 2)  # n_s(n_s + 1)/2 <= 5
    flooded = admission_toll(reward=1000, waiting_cost=1, service_rate=1, arrival_rate=50)
    # two places keep the server busy 99.96 % of the time; a third costs more waiting than it serves
    assert (flooded.length_individual, flooded.length_social, flooded.length_revenue) == (1000, 2, 2)


def test_three_jobs_are_three_whatever_binary_fractions_say():
    assert admission_toll(reward=0.3, waiting_cost=0.1, service_rate=1, arrival_rate=1).length_individual == 3


def test_nobody_joins_for_less_than_the_wait_costs():
    toll = admission_toll(reward=1, waiting_cost=2, service_rate=1, arrival_rate=1)
    assert (toll.length_individual, toll.length_social, toll.welfare, toll.revenue) == (0, 0, 0, 0)


@pytest.mark.parametrize("name", ["reward", "waiting_cost", "service_rate", "arrival_rate"])
@pytest.mark.parametrize("bad", [0, -1, float("nan"), float("inf"), "1"])
def test_impossible_queues_are_refused(name, bad):
    usual = {"reward": 10, "waiting_cost": 1, "service_rate": 1, "arrival_rate": 0.8}
    with pytest.raises(PricingError, match=f"{name}: found"):
        admission_toll(**(usual | {name: bad}))


def test_endless_queues_are_refused():
    with pytest.raises(PricingError, match=r"reward · service_rate / waiting_cost: found 1e\+09"):
        admission_toll(reward=1e9, waiting_cost=1, service_rate=1, arrival_rate=1)
