"""Pay for effort that nobody sees, by results that everybody sees: how much of the risk a supplier should bear."""

import math
from dataclasses import dataclass
from typing import Protocol

from pricing.errors import LOG_MAX, Infeasible, PricingError, number


@dataclass(frozen=True, slots=True)
class LinearContract:
    """Pay is `fixed_pay` + `slope`·output; `effort` is what the supplier then chooses.

    `total_certainty_equivalent` is what both have together, risk counted, and does not depend on how they share it.
    """

    slope: float
    effort: float
    fixed_pay: float
    total_certainty_equivalent: float


def linear_contract(
    *, risk_aversion: float, effort_cost: float, variance: float, reservation: float = 0.0
) -> LinearContract:
    """Return the best linear pay for output e + ε, ε ~ N(0, σ²), effort cost c·e²/2 and constant risk aversion r.

    slope β = 1/(1 + r·c·σ²), effort β/c, total β/(2c): a supplier who fears no risk gets all the output (β = 1). Fixed
    pay brings the supplier's certainty equivalent to `reservation`, in money.
    Source: Holmström & Milgrom, Econometrica 55 (1987); cases T08 and T09.

    >>> linear_contract(risk_aversion=2, effort_cost=1, variance=0.5)
    LinearContract(slope=0.5, effort=0.5, fixed_pay=0.0, total_certainty_equivalent=0.25)

    Raises:
        PricingError: if the effort cost is not positive, or another figure negative or not finite.
    """
    r = number("risk_aversion", risk_aversion, low=0)
    c = number("effort_cost", effort_cost, low=0, open_low=True)
    s2 = number("variance", variance, low=0)
    slope = 1 / number("1 + r·c·σ²", 1 + r * c * s2)
    effort = number("effort", slope / c)
    fixed_pay = (
        number("reservation", reservation) + c * effort**2 / 2 + r * slope**2 * s2 / 2 - slope * effort
    )
    return LinearContract(slope, effort, fixed_pay, slope / (2 * c))


class Utility(Protocol):
    """How a supplier values a wage: rising and concave, so that it fears risk."""

    @property
    def low(self) -> float:
        """The least utility that a wage can give, −∞ if there is none."""
        ...

    @property
    def high(self) -> float:
        """The utility that no wage reaches, ∞ if there is none."""
        ...

    def wage(self, utility: float) -> float:
        """Return the wage that gives this utility, in money."""
        ...


@dataclass(frozen=True, slots=True)
class PowerUtility:
    """u(w) = w^k for a wage w >= 0 and an exponent k in (0, 1); 1/2 is the square root.

    >>> PowerUtility(0.5).wage(4.5)
    20.25
    """

    exponent: float = 0.5

    def __post_init__(self) -> None:
        number("exponent", self.exponent, low=0, high=math.nextafter(1, 0), open_low=True)

    @property
    def low(self) -> float:
        """No wage is below 0, and so no utility."""
        return 0.0

    @property
    def high(self) -> float:
        """Some wage gives any utility."""
        return math.inf

    def wage(self, utility: float) -> float:
        """Return u^{1/k}."""
        return _power(number("utility", utility, low=0), 1 / self.exponent)


@dataclass(frozen=True, slots=True)
class CrraUtility:
    """u(w) = w^{1−γ}/(1−γ), or ln w for γ = 1: constant relative risk aversion γ > 0, wages of at least 0.

    >>> round(CrraUtility(1.0).wage(math.log(3)), 9), round(CrraUtility(2.0).wage(-0.5), 9)
    (3.0, 2.0)
    """

    aversion: float

    def __post_init__(self) -> None:
        number("aversion", self.aversion, low=0, open_low=True)

    @property
    def low(self) -> float:
        """A wage of 0 gives 0 for γ < 1, and what no wage can make up for from 1 on."""
        return 0.0 if self.aversion < 1 else -math.inf

    @property
    def high(self) -> float:
        """No wage gives 0 for γ > 1."""
        return 0.0 if self.aversion > 1 else math.inf

    def wage(self, utility: float) -> float:
        """Return ((1 − γ)u)^{1/(1−γ)}, or e^u for γ = 1."""
        u, rest = number("utility", utility), 1 - self.aversion
        if rest == 0:
            return number("wage", math.exp(u) if u < LOG_MAX else math.inf)
        return _power(number("(1 − γ)·utility", rest * u, low=0, open_low=rest < 0), 1 / rest)


@dataclass(frozen=True, slots=True)
class CaraUtility:
    """u(w) = −e^{−r·w}: constant absolute risk aversion r > 0 per unit of money; a wage may be negative.

    >>> round(CaraUtility(0.5).wage(-math.exp(-1)), 9)
    2.0
    """

    aversion: float

    def __post_init__(self) -> None:
        number("aversion", self.aversion, low=0, open_low=True)

    @property
    def low(self) -> float:
        """Some wage, however negative, gives any utility below 0."""
        return -math.inf

    @property
    def high(self) -> float:
        """No wage gives 0."""
        return 0.0

    def wage(self, utility: float) -> float:
        """Return −ln(−u)/r."""
        return number("wage", -math.log(-number("utility", utility, high=-math.ulp(0.0))) / self.aversion)


@dataclass(frozen=True, slots=True)
class BinaryContract:
    """What to pay after success and after failure; `first_best_wage` is what seen effort would cost.

    `rent` is the supplier's expected utility above its reservation: 0 unless the wage after failure is at its floor.
    """

    wage_success: float
    wage_failure: float
    expected_wage: float
    first_best_wage: float
    rent: float


def binary_contract(
    *, success_high: float, success_low: float, effort_cost: float, reservation: float, utility: Utility
) -> BinaryContract:
    """Return the cheapest wages that make effort worth while: success has probability p_H with it and p_L without.

    With both conditions binding, u_S = ū + ψ + (1 − p_H)·ψ/(p_H − p_L) and u_F = ū + ψ − p_H·ψ/(p_H − p_L), ψ being
    the effort's cost and ū the reservation, in utility. Where u_F would be below the floor of the utility it stays
    there, u_S = u_F + ψ/(p_H − p_L), and the supplier keeps a rent.
    Source: Laffont & Martimort, The Theory of Incentives (2002), chapter 4; case T10.

    >>> contract = binary_contract(
    ...     success_high=0.8, success_low=0.4, effort_cost=1, reservation=3, utility=PowerUtility(0.5)
    ... )
    >>> round(contract.wage_success, 9), round(contract.wage_failure, 9), round(contract.expected_wage, 9)
    (20.25, 4.0, 17.0)

    Raises:
        PricingError: if the probabilities are not 0 <= p_L < p_H <= 1, or the effort's cost is negative.
        Infeasible: if no wage gives the utility that is needed.
    """
    high = number("success_high", success_high, low=0, high=1)
    low = number("success_low", success_low, low=0, high=1)
    if low >= high:
        raise PricingError(f"success_low: found {low:g}, expected less than success_high, {high:g}")
    psi = number("effort_cost", effort_cost, low=0)
    needed = number("reservation", reservation) + psi
    spread = number("effort_cost / (success_high − success_low)", psi / (high - low))
    failure = max(needed - high * spread, utility.low)
    success = failure + spread
    best = max(needed, utility.low)
    for what, level in (("success", success), ("seen effort", best)):
        if level >= utility.high:
            raise Infeasible(
                f"reservation: found that {what} needs a utility of {level:g}, expected less than "
                f"{utility.high:g}, which no wage reaches"
            )
    wage_success, wage_failure = utility.wage(success), utility.wage(failure)
    return BinaryContract(
        wage_success=wage_success,
        wage_failure=wage_failure,
        expected_wage=high * wage_success + (1 - high) * wage_failure,
        first_best_wage=utility.wage(best),
        rent=max(0.0, failure + high * spread - needed),
    )


def _power(base: float, exponent: float) -> float:
    """Return base^exponent as a wage, refused where it is beyond all floats."""
    try:
        return number("wage", math.pow(base, exponent))
    except OverflowError:
        return number("wage", math.inf)
