"""Estimate base-price coefficients from observed prices: a log-linear (hedonic) regression."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pricing.errors import LOG_MAX, PricingError, number


@dataclass(frozen=True, slots=True)
class HedonicFit:
    """Coefficients of ln p = X·β + u, with HC1 standard errors.

    `smearing` is mean(e^u) (Duan 1983): without it the prediction would be the median price, which is below the mean.
    """

    coefficients: tuple[float, ...]
    standard_errors: tuple[float, ...]
    smearing: float

    def predict(self, row: Sequence[float]) -> float:
        """Return the expected price for one row of X, in the unit of the observed prices.

        Raises:
            PricingError: if the row does not have one number for each coefficient.
        """
        if len(row) != len(self.coefficients):
            raise PricingError(f"row: found {len(row)} numbers, expected {len(self.coefficients)}")
        log = math.fsum(
            beta * number(f"row[{j}]", value)
            for j, (beta, value) in enumerate(zip(self.coefficients, row, strict=True))
        )
        return number("predicted price", math.exp(log) * self.smearing if log < LOG_MAX else math.inf)


def fit_hedonic(rows: Sequence[Sequence[float]], prices: Sequence[float]) -> HedonicFit:
    """Fit ln p = X·β + u by least squares; each row of X is one observed price (logs and dummies made by the caller).

    Errors are HC1 (White 1980 with n/(n−k)); they are 0 where there are as many rows as coefficients.

    >>> fit = fit_hedonic([[1, 0], [1, 1], [1, 2]], [1.0, 2.0, 4.0])
    >>> round(fit.coefficients[1], 12) == round(math.log(2), 12)
    True

    Raises:
        PricingError: if the rows differ in length, a price is not positive, or the columns are not independent.
    """
    if not rows or len(rows) != len(prices) or len({len(row) for row in rows}) != 1:
        raise PricingError(
            f"rows: found {len(rows)} for {len(prices)} prices, expected one row per price, all of one length"
        )
    X = np.array([[number(f"rows[{i}][{j}]", v) for j, v in enumerate(row)] for i, row in enumerate(rows)])
    y = np.array([math.log(number(f"prices[{i}]", p, low=0, open_low=True)) for i, p in enumerate(prices)])
    n, k = X.shape
    beta, _, rank, _ = np.linalg.lstsq(X, y, rcond=None)
    if rank < k:
        raise PricingError(f"rows: found columns of rank {rank}, expected {k} independent columns")
    u = y - X @ beta
    bread = np.linalg.pinv(X.T @ X)
    scale = n / (n - k) if n > k else 0.0
    covariance = scale * bread @ (X.T * u**2) @ X @ bread
    return HedonicFit(
        coefficients=tuple(float(b) for b in beta),
        standard_errors=tuple(math.sqrt(max(0.0, float(v))) for v in np.diag(covariance)),
        smearing=float(np.mean(np.exp(u))),
    )
