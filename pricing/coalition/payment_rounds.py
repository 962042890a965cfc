"""Payments by rounds: the members bargain over the saving without a sum of their savings, each by its own small step.

max Σ w_i log(s_i − π_i) subject to Σ π_i = 0, by exchange ADMM (Boyd et al. 2011, section 7.3.2). In scaled form member i
moves from v = π_i − π̄ − u to

    π_i⁺ = s_i − x,    x = ((s_i − v) + √((s_i − v)² + 4 w_i / ρ)) / 2,

and u⁺ = u + π̄⁺. x, what the member gains, is positive in every round.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from market.units import MICROS_PER_TOKEN
from pricing import errors
from pricing.errors import DisagreementOutside, NotConverged, PricingError, number, vector
from pricing.payments import round_payments

PENALTY_FIRST = 1.0
ADAPTED_UNTIL = 20
"""The last round after which ρ may change; from then on it is frozen."""

FACTOR_MAX = 100.0
PRICE_SMALLEST = 1e-300


@dataclass(frozen=True, slots=True)
class PaymentRounds:
    """Where the rounds ended: payments (positive if the member pays) and gains in dollars, and how many rounds it took.

    `payments_micros` are the payments in micro-units, none above the member's saving; they sum to exactly zero.
    """

    payments: tuple[float, ...]
    payments_micros: tuple[int, ...]
    gains: tuple[float, ...]
    iterations: int


@dataclass(slots=True)
class Payer:
    """A member in the rounds: its saving s_i (dollars) is its own, and only payments leave."""

    saving: float
    weight: float
    payment: float = 0.0

    def answer(self, mean: float, dual: float, penalty: float) -> float:
        """Return the payment for the mean of the round before, the scaled price u and ρ.

        >>> Payer(saving=3.0, weight=1.0).answer(mean=0.0, dual=0.0, penalty=0.25)  # gains (3 + √(9 + 16)) / 2 = 4
        -1.0
        """
        reach = self.saving - (self.payment - mean - dual)
        root = math.hypot(reach, 2 * math.sqrt(self.weight / penalty))
        # the positive root of x² − reach x = w/ρ, in the form that does not cancel
        gain = (reach + root) / 2 if reach >= 0 else 2 * self.weight / penalty / (root - reach)
        self.payment = self.saving - gain
        return self.payment


def payment_rounds(
    savings: Iterable[float],
    weights: Iterable[float] | None = None,
    *,
    tolerance: float = 1e-8,
    iterations_max: int = 1000,
) -> PaymentRounds:
    """Return the payments π_i = s_i − w_i S (dollars), S = Σ s_i, found by rounds in which nobody tells its saving.

    They stop when the payments balance, √N |π̄| <= tol max(‖π‖, 1/ρ|u|), where 1/ρ|u| comes to S, and when they rest,
    ‖z⁺ − z‖ <= tol √N |u| with z = π − π̄. After each of the first 20 rounds ρ moves by the square root of the ratio of
    the two residuals (Wohlberg 2017), so that it need not know the scale of the money. The mean that is left is taken
    from all alike. Equal to `share_savings`, which needs S, to the tolerance.

    >>> bargain = payment_rounds([12, -3, 6, 9])
    >>> [round(payment, 6) + 0.0 for payment in bargain.payments], bargain.iterations < 40
    ([6.0, -9.0, 0.0, 3.0], True)

    Raises:
        DisagreementOutside: if the savings do not sum to a positive amount: there is nothing to share.
        NotConverged: if the rounds do not settle within `iterations_max`.
        PricingError: if a saving is not a number, or a weight is negative.
    """
    given = vector("savings", savings, low=-errors.LARGEST, high=errors.LARGEST)
    number("tolerance", tolerance, low=1e-12, high=0.1)
    if isinstance(iterations_max, bool) or not isinstance(iterations_max, int) or iterations_max < 1:
        raise PricingError(f"iterations_max: found {iterations_max!r}, expected an integer of at least 1")
    total = math.fsum(given)
    if total <= 0:
        raise DisagreementOutside(f"savings: found a sum of {total:g}, expected a positive one to share")
    share = errors.weights("weights", weights, size=len(given))
    members = [Payer(saving, weight) for saving, weight in zip(given.tolist(), share.tolist(), strict=True)]
    size = math.sqrt(len(members))
    mean = dual = 0.0
    penalty = PENALTY_FIRST
    balanced = np.zeros(len(members))
    balance = rest = math.inf
    for iteration in range(1, iterations_max + 1):
        payments = np.array([member.answer(mean, dual, penalty) for member in members])
        mean = float(payments.mean())
        dual += mean
        before, balanced = balanced, payments - mean
        price = penalty * abs(dual)  # in the end 1/S, so that the scale is that of payments or of the saving
        scale = max(float(np.linalg.norm(payments)), 1 / max(price, PRICE_SMALLEST))
        balance = size * abs(mean) / scale
        rest = float(np.linalg.norm(balanced - before)) / max(size * abs(dual), PRICE_SMALLEST)
        if balance <= tolerance and rest <= tolerance:
            gains = given - balanced
            return PaymentRounds(
                payments=tuple(balanced.tolist()),
                payments_micros=_rational_micros(balanced.tolist(), given.tolist()),
                gains=tuple(gains.tolist()),
                iterations=iteration,
            )
        if iteration <= ADAPTED_UNTIL:
            ratio = max(balance, tolerance) / max(rest, tolerance)
            factor = min(FACTOR_MAX, max(1 / FACTOR_MAX, math.sqrt(ratio)))
            penalty *= factor
            dual /= factor  # the price ρ u stays where it is
    raise NotConverged(
        f"payments: found residuals {balance:.3g} (balance) and {rest:.3g} (rest) after {iterations_max} iterations, "
        f"expected at most {tolerance:g}"
    )


def _rational_micros(payments: list[float], savings: list[float]) -> tuple[int, ...]:
    """Round payments to micro-units, none above its saving; what that takes away is paid by whoever gains most."""
    most = [math.floor(saving * MICROS_PER_TOKEN) for saving in savings]
    paid = [min(pair) for pair in zip(round_payments(payments), most, strict=True)]
    missing = -sum(paid)
    for place in sorted(range(len(paid)), key=lambda place: most[place] - paid[place], reverse=True):
        more = min(missing, most[place] - paid[place])
        paid[place] += more
        missing -= more
    if missing:
        raise DisagreementOutside(
            f"savings: found {math.fsum(savings):g} in all, expected at least a micro-unit for each member"
        )
    return tuple(paid)
