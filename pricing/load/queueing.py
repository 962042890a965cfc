"""Queue admission: the toll that keeps a queue as short as everybody together would like it (Naor 1969).

Jobs arrive at random, see the queue and join it or leave. Money and time are in one unit each: rates are per hour if the
cost of waiting is per hour.
"""

import math
from dataclasses import dataclass

import numpy as np

from pricing.errors import PricingError, number

LONGEST_QUEUE = 1_000_000
TIE = 1e-12


@dataclass(frozen=True, slots=True)
class AdmissionToll:
    """Longest queues (jobs in the system) that form freely, that are best for all and that earn most; n_r <= n_s <= n_e.

    A toll in (`toll_low`, `toll_high`] makes jobs of their own will stop at `length_social`; a negative one is a subsidy.
    `welfare` is what all jobs together gain per unit of time at `length_social`, and `revenue` the most that tolls earn.
    """

    length_individual: int
    length_social: int
    length_revenue: int
    welfare: float
    revenue: float
    toll_low: float
    toll_high: float


def admission_toll(
    *, reward: float, waiting_cost: float, service_rate: float, arrival_rate: float
) -> AdmissionToll:
    """Return the lengths, toll and welfare of an observable M/M/1 queue: reward R, cost C per unit of time, rates μ and λ.

    A job that finds i others gains R − C(i + 1)/μ, so jobs join up to n_e = ⌊Rμ/C⌋. With places up to n, M/M/1/n gives
    the welfare λ(1 − π_n)R − C·E[N], largest at n_s, and the revenue λ(1 − π_n)(R − Cn/μ), largest at n_r. Whoever
    is indifferent joins. Source: Naor, Econometrica 37 (1969); case D10.

    >>> toll = admission_toll(reward=10, waiting_cost=1, service_rate=1, arrival_rate=0.8)
    >>> toll.length_individual, toll.length_social, toll.length_revenue, toll.toll_low, toll.toll_high
    (10, 4, 2, 5.0, 6.0)

    Raises:
        PricingError: if a figure is not positive, or the free queue would be longer than a million jobs.
    """
    R = number("reward", reward, low=0, open_low=True)
    C = number("waiting_cost", waiting_cost, low=0, open_low=True)
    mu = number("service_rate", service_rate, low=0, open_low=True)
    arrivals = number("arrival_rate", arrival_rate, low=0, open_low=True)
    longest = number("reward · service_rate / waiting_cost", R * (mu / C))
    if longest > LONGEST_QUEUE:
        raise PricingError(
            f"reward · service_rate / waiting_cost: found {longest:g}, expected at most {LONGEST_QUEUE}"
        )
    n_e = math.floor(longest * (1 + TIE))  # 0.3/0.1 is three jobs, whatever binary fractions make of it
    places = np.arange(n_e + 1)
    blocked, in_system = _finite_queue(arrivals / mu, n_e)
    welfare = arrivals * (1 - blocked) * R - C * in_system
    revenue = arrivals * (1 - blocked) * (R - C * places / mu)
    n_s, n_r = _last_largest(welfare), _last_largest(revenue)
    return AdmissionToll(
        length_individual=n_e,
        length_social=n_s,
        length_revenue=n_r,
        welfare=number("welfare", float(welfare[n_s])),
        revenue=number("revenue", float(revenue[n_r])),
        toll_low=number("toll_low", R - C * (n_s + 1) / mu),
        toll_high=number("toll_high", R - C * n_s / mu),
    )


def _finite_queue(rho: float, longest: int) -> tuple[np.ndarray, np.ndarray]:
    """Return π_n and E[N] of M/M/1/n for n = 0 … longest, from sums of powers below one, so that nothing overflows."""
    n = np.arange(longest + 1)
    powers = (rho if rho <= 1 else 1 / rho) ** n
    total, moment = np.cumsum(powers), np.cumsum(n * powers)
    if rho <= 1:
        return powers / total, moment / total
    return 1 / total, n - moment / total  # the same states, counted down from the full queue


def _last_largest(values: np.ndarray) -> int:
    best = float(values.max())
    return int(np.flatnonzero(values >= best - TIE * max(1.0, abs(best)))[-1])
