"""Estimate base-price coefficients from observed prices: a log-linear (hedonic) regression."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from pricing.errors import LOG_MAX, NotConverged, PricingError, number, vector

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class HedonicFit:
    """Coefficients of ln p = X·β + u, with HC1 standard errors.

    `smearing` is mean(e^u) (Duan, JASA 78, 1983): without it the prediction would be the median price, which is below
    the mean. `r_squared` is that of the logs, about their mean. `at_zero` names the columns whose coefficient a sign
    restriction holds at 0; their standard error is 0, and those of the others take the zeros as known.
    """

    coefficients: tuple[float, ...]
    standard_errors: tuple[float, ...]
    smearing: float
    names: tuple[str, ...]
    r_squared: float
    observations: int
    at_zero: tuple[str, ...] = ()

    def predict(self, row: Sequence[float]) -> float:
        """Return the expected price e^{x·β}·mean(e^u) for one row of X, in the unit of the observed prices.

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

    def describe(self) -> str:
        """Return a table: a line per coefficient with its standard error, then n, R² and the smearing factor.

        >>> print(fit_hedonic([[1, 0], [1, 1], [1, 2]], [1.0, 2.0, 4.0], names=["constant", "ln q"]).describe())
        column       coefficient   std error
        constant          0.0000      0.0000
        ln q              0.6931      0.0000
        n = 3, R² = 1.0000, smearing = 1.0000
        """
        width = max(6, *(len(name) for name in self.names))
        lines = [f"{'column':{width}} {'coefficient':>15} {'std error':>11}"]
        for name, beta, error in zip(self.names, self.coefficients, self.standard_errors, strict=True):
            bound = "  held at 0 by its sign" if name in self.at_zero else ""
            lines.append(f"{name:{width}} {round(beta, 4) + 0.0:15.4f} {error:11.4f}{bound}")
        lines.append(f"n = {self.observations}, R² = {self.r_squared:.4f}, smearing = {self.smearing:.4f}")
        return "\n".join(lines)


def fit_hedonic(
    rows: Sequence[Sequence[float]],
    prices: Sequence[float],
    *,
    names: Sequence[str] | None = None,
    nonnegative: Collection[str] = (),
) -> HedonicFit:
    """Fit ln p = X·β + u by least squares; each row of X is one observed price (logs and dummies made by the caller).

    Errors are HC1 (White, Econometrica 48 (1980), with n/(n−k)); they are 0 where there are as many rows as
    coefficients. Columns in `nonnegative` may not get a coefficient below 0: if least squares gives one, the problem is
    solved again by NNLS (Lawson & Hanson 1974), after the other columns are projected out (Frisch, Waugh & Lovell),
    and what the restriction holds at 0 is reported. Columns are named x0, x1, … unless given.

    >>> fit = fit_hedonic([[1, 0], [1, 1], [1, 2]], [1.0, 2.0, 4.0])
    >>> round(fit.coefficients[1], 12) == round(math.log(2), 12)
    True

    Raises:
        PricingError: if the rows differ in length, a price is not positive, the columns are not independent, a name
            is not there or there twice.
        NotConverged: if NNLS does not end within its iterations.
    """
    X = _design(rows, len(prices))
    y = np.log(vector("prices", prices, low=0, open_low=True))
    n, k = X.shape
    columns = tuple(f"x{j}" for j in range(k)) if names is None else tuple(names)
    if len(columns) != k or len(set(columns)) != k:
        raise PricingError(f"names: found {list(columns)}, expected {k} different ones")
    unknown = sorted(set(nonnegative) - set(columns))
    if unknown:
        raise PricingError(f"nonnegative: found {unknown}, expected some of {list(columns)}")
    beta, _, rank, _ = np.linalg.lstsq(X, y, rcond=None)
    if rank < k:
        raise PricingError(f"rows: found columns of rank {rank}, expected {k} independent columns")
    signed = np.array([name in nonnegative for name in columns])
    kept = np.ones(k, bool)
    if np.any(beta[signed] < 0):
        beta = _restricted(X, y, signed)
        kept = ~signed | (beta > 0)
    u = y - X @ beta
    errors = np.zeros(k)
    errors[kept] = _robust_errors(X[:, kept], u)
    spread = float(np.sum((y - y.mean()) ** 2))
    return HedonicFit(
        coefficients=tuple(float(b) for b in beta),
        standard_errors=tuple(float(error) for error in errors),
        smearing=number("smearing", float(np.mean(np.exp(u)))),
        names=columns,
        r_squared=1 - float(u @ u) / spread if spread else 1.0,
        observations=n,
        at_zero=tuple(name for name, keep in zip(columns, kept, strict=True) if not keep),
    )


def _design(rows: Sequence[Sequence[float]], observations: int) -> Floats:
    if not rows or len(rows) != observations or len({len(row) for row in rows}) != 1 or not len(rows[0]):
        raise PricingError(
            f"rows: found {len(rows)} for {observations} prices, expected one row per price, all of one length"
        )
    return np.array([vector(f"rows[{i}]", row) for i, row in enumerate(rows)])


def _restricted(X: Floats, y: Floats, signed: NDArray[np.bool_]) -> Floats:
    """Minimise |y − Xβ| with β >= 0 in the signed columns only."""
    free, held = X[:, ~signed], X[:, signed]
    Q, _ = np.linalg.qr(free)
    beta = np.zeros(X.shape[1])
    try:
        beta[signed], _ = nnls(held - Q @ (Q.T @ held), y - Q @ (Q.T @ y))
    except RuntimeError as reason:
        raise NotConverged(f"rows: sign restrictions: {reason}") from None
    beta[~signed] = np.linalg.lstsq(free, y - held @ beta[signed], rcond=None)[0]
    return beta


def _robust_errors(X: Floats, u: Floats) -> Floats:
    """Return HC1 standard errors, √diag(n/(n−k) · (X'X)⁻¹ X'diag(u²)X (X'X)⁻¹), by the pseudo-inverse of X."""
    n, k = X.shape
    if n <= k:
        return np.zeros(k)
    return np.asarray(np.sqrt(n / (n - k) * (np.linalg.pinv(X) ** 2 @ u**2)))
