"""What a sample of replicates says: means with intervals, differences of pairs, and several comparisons at once."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pricing.errors import LARGEST, EmptySide, PricingError, number, vector, whole

RESAMPLES_MAX = 10_000_000


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean, the standard deviation of the sample, its size, and the interval that the mean is in at a confidence."""

    mean: float
    sd: float
    n: int
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Half of what is between the ends of the interval."""
        return (self.high - self.low) / 2


def mean_interval(sample: Iterable[float], *, confidence: float = 0.95) -> Estimate:
    """Return x̄ ± t_{n−1}·s/√n, Student's interval.

    >>> estimate = mean_interval([1.0, 2.0, 3.0])
    >>> estimate.mean, estimate.sd, round(estimate.half_width, 4)
    (2.0, 1.0, 2.4841)

    Raises:
        EmptySide: if there are fewer than two values.
        PricingError: if one is not a finite number, or the confidence is not between 0 and 1.

    Source: Student, "The probable error of a mean", Biometrika 6, 1908.
    """
    x, level = _sample(sample), _level(confidence)
    from scipy.stats import t

    mean, sd = float(x.mean()), float(x.std(ddof=1))
    half = float(t.ppf((1 + level) / 2, len(x) - 1)) * sd / math.sqrt(len(x))
    return Estimate(number("mean", mean), number("sd", sd), len(x), mean - half, mean + half)


def bootstrap_interval(
    sample: Iterable[float], *, seed: int, confidence: float = 0.95, resamples: int = 9999
) -> Estimate:
    """Return the mean with its BCa interval: from resamples, corrected for bias and for a variance that moves with the mean.

    For samples that are skewed or at a bound, such as efficiencies of nearly 100 %. `seed` is for the resamples.

    >>> estimate = bootstrap_interval([1.0, 2.0, 4.0, 8.0, 16.0], seed=1)
    >>> estimate.low < estimate.mean < estimate.high
    True

    Raises:
        EmptySide: if there are fewer than two values.
        PricingError: if one is not a finite number, or another figure is out of range.

    Source: B. Efron, "Better bootstrap confidence intervals", Journal of the American Statistical Association 82, 1987.
    """
    x, level = _sample(sample), _level(confidence)
    whole("seed", seed)
    whole("resamples", resamples, low=1, high=RESAMPLES_MAX)
    mean, sd = float(x.mean()), float(x.std(ddof=1))
    if np.all(x == x[0]):  # every resample is the same: there is no bias to correct
        return Estimate(mean, 0.0, len(x), mean, mean)
    from scipy.stats import bootstrap

    interval = bootstrap(
        (x,),
        np.mean,
        n_resamples=resamples,
        confidence_level=level,
        method="BCa",
        batch=max(1, 10_000_000 // len(x)),
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Estimate(
        mean, sd, len(x), number("low", float(interval.low)), number("high", float(interval.high))
    )


@dataclass(frozen=True, slots=True)
class Difference:
    """The mean of paired differences with its interval, and the chance of one as far from zero if there were none."""

    estimate: Estimate
    p_value: float


def paired_difference(a: Iterable[float], b: Iterable[float], *, confidence: float = 0.95) -> Difference:
    """Return Student's interval and two-sided test of the mean of a − b, value by value of the same seeds.

    With common random numbers the difference varies less than either.

    >>> round(paired_difference([3.0, 5.0, 7.0], [2.0, 3.0, 6.0]).p_value, 4)
    0.0572

    Raises:
        EmptySide: if there are fewer than two pairs.
        PricingError: if a value is not a finite number, or there are not as many of both.
    """
    first = _sample(a)
    difference = first - vector("b", b, size=len(first), low=-LARGEST, high=LARGEST)
    estimate = mean_interval(difference, confidence=confidence)
    if estimate.sd == 0:
        return Difference(estimate, 1.0 if estimate.mean == 0 else 0.0)
    from scipy.stats import t

    score = abs(estimate.mean) / (estimate.sd / math.sqrt(estimate.n))
    return Difference(estimate, float(2 * t.sf(score, estimate.n - 1)))


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Return p-values of comparisons made together: the kth smallest of m times m − k + 1, never less than the one before.

    Rejecting those up to a level errs once or more with at most that chance.

    >>> holm([0.04, 0.01, 0.03])
    (0.06, 0.03, 0.06)

    Raises:
        PricingError: if one is not in [0, 1].

    Source: S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6, 1979.
    """
    p = vector("p_values", p_values, low=0, high=1)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1)
    return tuple(adjusted.tolist())


def _sample(values: Iterable[float]) -> NDArray[np.float64]:
    x = vector("sample", values, low=-LARGEST, high=LARGEST)
    if len(x) < 2:
        raise EmptySide(f"sample: found {len(x)} values, expected at least two")
    return x


def _level(confidence: float) -> float:
    level = number("confidence", confidence, low=0, high=1, open_low=True)
    if level == 1:
        raise PricingError("confidence: found 1, expected less")
    return level
