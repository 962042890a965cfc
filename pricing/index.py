"""A price index at constant quality: what the same unit costs in each period."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from pricing.errors import LOG_MAX, PricingError, number
from pricing.hedonic import HedonicFit, fit_hedonic
from pricing.period import distinct_periods


@dataclass(frozen=True, slots=True)
class PriceIndex:
    """Price levels of a unit of constant quality, 1 in the first period, and the regression behind them.

    `log_errors` are HC1 standard errors of ln level (0 in the first period), so that a level is known to about
    ± its log error as a fraction.
    """

    periods: tuple[int, ...]
    levels: tuple[float, ...]
    log_errors: tuple[float, ...]
    fit: HedonicFit

    def level(self, period: int) -> float:
        """Return the level of a period.

        Raises:
            PricingError: if no price of that period was observed.
        """
        if period not in self.periods:
            raise PricingError(f"period: found {period!r}, expected one of {list(self.periods)}")
        return self.levels[self.periods.index(period)]


def price_index(
    periods: Sequence[int],
    rows: Sequence[Sequence[float]],
    prices: Sequence[float],
    *,
    names: Sequence[str] | None = None,
    nonnegative: Collection[str] = (),
) -> PriceIndex:
    """Fit ln p = a_t + Σ β_j ln q_j + u and return the index e^{a_t − a_0}: time dummies at constant quality.

    Each observed price has its period (a year, a count of months) and its row of quality, without constant or
    time dummies: they are added. `nonnegative` restricts signs as in `fit_hedonic`.
    Source: Triplett, Handbook on Hedonic Indexes (OECD 2004), chapter III, the time dummy method.

    >>> quality, years = [0.0, 1.0, 0.5, 2.0], [2022, 2022, 2023, 2023]
    >>> prices = [math.exp(q) * (1.0 if year == 2022 else 0.8) for q, year in zip(quality, years)]
    >>> index = price_index(years, [[q] for q in quality], prices)
    >>> [round(level, 9) for level in index.levels]
    [1.0, 0.8]

    Raises:
        PricingError: if their numbers differ, or `fit_hedonic` refuses the rows; too few prices in a period for its
            dummy show as columns that are not independent.
        NotConverged: as `fit_hedonic`.
    """
    if not rows or not len(periods) == len(rows) == len(prices):
        raise PricingError(
            f"periods: found {len(periods)} for {len(rows)} rows and {len(prices)} prices, expected one for each"
        )
    distinct = distinct_periods(periods)
    quality = tuple(f"x{j}" for j in range(len(rows[0]))) if names is None else tuple(names)
    dated = [
        [1.0, *(float(period == each) for each in distinct[1:]), *row]
        for period, row in zip(periods, rows, strict=True)
    ]
    fit = fit_hedonic(
        dated,
        prices,
        names=("constant", *(f"period {each}" for each in distinct[1:]), *quality),
        nonnegative=nonnegative,
    )
    logs = (0.0, *fit.coefficients[1 : len(distinct)])
    return PriceIndex(
        periods=distinct,
        levels=tuple(number("level", math.exp(log) if log < LOG_MAX else math.inf) for log in logs),
        log_errors=(0.0, *fit.standard_errors[1 : len(distinct)]),
        fit=fit,
    )
