"""Load price: how the price of a unit follows used over registered capacity, and how fast it may.

The multiplier m scales the base price, p = p0 · m; the controller works on x = ln m. Loads are used over registered
capacity, in [0, 1]; gains, elasticities and multipliers have no unit. Elasticity ε = −d ln demand / d ln price is positive.
"""

import math
from dataclasses import dataclass
from typing import Self

from pricing.errors import LOG_MAX, PricingError, number

ELASTICITY_FALLBACK = 2.0


def kinked_multiplier(
    load: float, *, at_zero: float, rise_to_knee: float, rise_above: float, knee: float
) -> float:
    """Return m(u) = m0 + s1·u/u* up to the knee u*, and m0 + s1 + s2·(u − u*)/(1 − u*) above: gentle, then steep.

    Posted from the load of the slot before, the steep branch oscillates: for that, use `LoadController`.

    >>> kinked_multiplier(0.9, at_zero=0.5, rise_to_knee=0.5, rise_above=3.0, knee=0.8)
    2.5

    Raises:
        PricingError: if the load is outside [0, 1], the knee outside (0, 1), or a rise is negative.
    """
    u = number("load", load, low=0, high=1)
    m0 = number("at_zero", at_zero, low=0)
    s1 = number("rise_to_knee", rise_to_knee, low=0)
    s2 = number("rise_above", rise_above, low=0)
    u_star = number("knee", knee, low=0, high=math.nextafter(1, 0), open_low=True)
    if u <= u_star:
        return number("multiplier", m0 + s1 * (u / u_star))
    return number("multiplier", m0 + s1 + s2 * ((u - u_star) / (1 - u_star)))


def smooth_multiplier(
    load: float, *, low: float, high: float, steepness: float = 2.0, balance: float = 1.0
) -> float:
    """Return m(u) with ln m = ln m_min + (ln m_max − ln m_min)·H(u), H = u^a / (u^a + κ(1 − u)^a).

    m rises from `low` at no load to `high` at full load; `steepness` is a, and `balance` κ moves the middle: above 1,
    the price stays low for longer.

    >>> smooth_multiplier(0.5, low=0.5, high=2.0)
    1.0

    Raises:
        PricingError: if the load is outside [0, 1], a figure is not positive, or `high` is below `low`.
    """
    u = number("load", load, low=0, high=1)
    m_min = number("low", low, low=0, open_low=True)
    m_max = number("high", high, low=m_min)
    a = number("steepness", steepness, low=0, open_low=True)
    kappa = number("balance", balance, low=0, open_low=True)
    if u in (0, 1):
        return m_max if u else m_min
    # u^a over (1-u)^a as one logistic, so that no steepness underflows both to 0/0
    share = _logistic(a * (math.log(u) - math.log1p(-u)) - math.log(kappa))
    return min(m_max, max(m_min, m_min * math.exp(share * math.log(m_max / m_min))))


def _logistic(score: float) -> float:
    return 1 / (1 + math.exp(-score)) if score >= -LOG_MAX else 0.0


def next_base_fee(*, base_fee: int, used: int, limit: int, elasticity: int = 2, denominator: int = 8) -> int:
    """Return the next base fee by the integer rule of EIP-1559, in the unit of `base_fee`.

    The target is `limit // elasticity`. Above it the fee rises by base·excess // target // denominator, at least 1;
    below it the fee falls by as much, rounded down.

    >>> next_base_fee(base_fee=1_000_000_000, used=9_000_000, limit=20_000_000)
    987500000

    Raises:
        PricingError: if a figure is no integer or out of range.
    """
    for what, value, low in (
        ("base_fee", base_fee, 0),
        ("used", used, 0),
        ("limit", limit, 1),
        ("elasticity", elasticity, 1),
        ("denominator", denominator, 1),
    ):
        if type(value) is not int or value < low:
            raise PricingError(f"{what}: found {value!r}, expected an integer of at least {low}")
    target = limit // elasticity
    if target == 0:
        raise PricingError(f"limit: found {limit}, expected at least the elasticity {elasticity}")
    if used > limit:
        raise PricingError(f"used: found {used}, expected at most the limit {limit}")
    if used > target:
        return base_fee + max(1, base_fee * (used - target) // target // denominator)
    return base_fee - base_fee * (target - used) // target // denominator


@dataclass(frozen=True, slots=True)
class GainLimits:
    """Limits of the loop gain k = η·ε near the fixed point: stable below one, no overshoot up to the other."""

    stable_below: float
    no_overshoot_up_to: float


def delay_limits(delay_slots: int) -> GainLimits:
    """Return the limits where the load is known `delay_slots` late: x' = x − k·x_{t−τ}.

    Stable iff k < 2 cos(τπ/(2τ+1)); no overshoot iff k <= τ^τ/(τ+1)^(τ+1). From the delay-difference equation.

    >>> delay_limits(1).no_overshoot_up_to
    0.25

    Raises:
        PricingError: if the delay is no integer from 0 to 1000.
    """
    if type(delay_slots) is not int or not 0 <= delay_slots <= 1000:
        raise PricingError(f"delay_slots: found {delay_slots!r}, expected an integer from 0 to 1000")
    tau = delay_slots
    # (τ/(τ+1))^τ / (τ+1): the powers themselves would overflow
    return GainLimits(2 * math.cos(tau * math.pi / (2 * tau + 1)), math.pow(tau / (tau + 1), tau) / (tau + 1))


def smoothing_limits(weight: float) -> GainLimits:
    """Return the limits where the controller sees L̂ = (1 − a)·L̂₋ + a·L, `weight` being a in (0, 1].

    Stable iff k < 4/a − 2; no overshoot iff k <= (2 − a − 2√(1 − a))/a. By the Jury test. Smoothing lets more gains be
    stable and fewer be free of overshoot.

    >>> smoothing_limits(0.5).stable_below
    6.0

    Raises:
        PricingError: if the weight is outside (0, 1].
    """
    a = number("weight", weight, low=0, high=1, open_low=True)
    # (2 − a − 2√(1−a))/a equals (1 − √(1−a))²/a, and with r = √(1−a) this is (1 − r)/(1 + r): nothing cancels
    root_less = -math.expm1(0.5 * math.log1p(-a)) if a < 1 else 1.0
    return GainLimits(number("stable_below", 4 / a - 2), root_less / (2 - root_less))


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What is proven of a controller. `warnings` say in words which limit is passed; empty is good.

    `predicted_multiplier` is 1 − η·ε̂: by how much a small deviation of the log price is multiplied each slot, without
    delay or smoothing.
    """

    predicted_multiplier: float
    monotone: bool
    converges: bool
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LoadController:
    """Integral controller of the log price: x' = clip(x + clip(η·z, ±dmax), [xmin, xmax]), z = load/u* − 1.

    It raises the price while the load is over the target u* and lowers it while under. By construction (theorem A) the
    multiplier stays in [e^xmin, e^xmax] and moves by at most a factor e^dmax a slot. For any demand that falls with
    price with elasticity in (0, ε_max]: if η <= u*/ε_max the price goes monotonically to the fixed point or its bound,
    without overshoot (theorem B); if η < 2u*/ε_max it converges, possibly in oscillations (theorem C).
    Source: docs/reference/pricing/load.md; its first-order form with u* = 1/2 and η = 1/8 is EIP-1559.
    """

    gain: float
    target_load: float = 0.8
    elasticity_max: float = ELASTICITY_FALLBACK
    step_max: float = math.log(1.125)
    log_low: float = math.log(0.5)
    log_high: float = math.log(4.0)

    def __post_init__(self) -> None:
        number("gain", self.gain, low=0, open_low=True)
        number("target_load", self.target_load, low=0, high=1, open_low=True)
        number("elasticity_max", self.elasticity_max, low=0, open_low=True)
        number("step_max", self.step_max, low=0, open_low=True)
        number("log_low", self.log_low, low=-LOG_MAX, high=0)
        number("log_high", self.log_high, low=0, high=LOG_MAX)

    @classmethod
    def for_elasticity(cls, elasticity_max: float = ELASTICITY_FALLBACK, *, target_load: float = 0.8) -> Self:
        """Return a controller with half the gain at which theorem B still holds: η = u*/(2·ε_max).

        >>> LoadController.for_elasticity(2.0).gain
        0.2
        """
        limit = number("target_load", target_load, low=0, high=1, open_low=True) / number(
            "elasticity_max", elasticity_max, low=0, open_low=True
        )
        return cls(gain=0.5 * limit, target_load=target_load, elasticity_max=elasticity_max)

    def step(self, log_multiplier: float, load: float) -> float:
        """Return x of the next slot from x of this one and the load that it met.

        >>> controller = LoadController.for_elasticity(2.0)
        >>> round(math.exp(controller.step(0.0, 0.9)), 6)  # e^(0.2 · 0.125): an eighth over the target
        1.025315

        Raises:
            PricingError: if x is outside the bounds or the load outside [0, 1].
        """
        x = number("log_multiplier", log_multiplier, low=self.log_low, high=self.log_high)
        excess = number("load", load, low=0, high=1) / self.target_load - 1
        move = min(self.step_max, max(-self.step_max, self.gain * excess))
        return min(self.log_high, max(self.log_low, x + move))

    def multiplier(self, log_multiplier: float) -> float:
        """Return m = e^x, what the base price is multiplied with.

        >>> LoadController(gain=0.2).multiplier(0.0)
        1.0

        Raises:
            PricingError: if x is outside the bounds.
        """
        return math.exp(number("log_multiplier", log_multiplier, low=self.log_low, high=self.log_high))

    def diagnose(
        self, *, elasticity: float | None = None, delay_slots: int = 0, smoothing_weight: float = 1.0
    ) -> Diagnosis:
        """Tell what is proven with this gain, and warn of each limit that it passes.

        `elasticity` is the estimate at the working point (ε_max if none). Without delay and smoothing the verdict is
        global; with either it is that of the linearised loop. Nothing is proven for both together.

        >>> LoadController(gain=0.2).diagnose(elasticity=1.5).predicted_multiplier
        0.7
        >>> LoadController(gain=0.7).diagnose(elasticity=1.0).warnings
        ('gain 0.7 is over 0.4 = u*/ε_max: the price may overshoot',)

        Raises:
            PricingError: if a figure is out of range, the elasticity exceeds `elasticity_max`, or delay and smoothing
                are both given.
        """
        epsilon = number(
            "elasticity",
            self.elasticity_max if elasticity is None else elasticity,
            low=0,
            high=self.elasticity_max,
            open_low=True,
        )
        delay, smoothing = delay_limits(delay_slots), smoothing_limits(smoothing_weight)
        if delay_slots and smoothing_weight < 1:
            raise PricingError(
                f"smoothing_weight: found {smoothing_weight} with a delay of {delay_slots} slots, expected 1: "
                "no limit is proven for both together"
            )
        predicted = 1 - self.gain * epsilon
        if not delay_slots and smoothing_weight == 1:
            limit = self.target_load / self.elasticity_max
            return self._verdict(
                predicted, "gain", self.gain, GainLimits(2 * limit, limit), ("2u*/ε_max", "u*/ε_max")
            )
        limits = delay if delay_slots else smoothing
        where = f"a delay of {delay_slots} slots" if delay_slots else f"smoothing of {smoothing_weight:g}"
        names = (f"the stable limit at {where}", f"the limit of no overshoot at {where}")
        return self._verdict(predicted, "loop gain η·ε", self.gain * epsilon, limits, names)

    def _verdict(
        self, predicted: float, what: str, value: float, limits: GainLimits, names: tuple[str, str]
    ) -> Diagnosis:
        converges = value < limits.stable_below
        monotone = value <= limits.no_overshoot_up_to
        warnings: tuple[str, ...] = ()
        if not converges:
            warnings = (
                f"{what} {value:g} is not below {limits.stable_below:g} = {names[0]}: "
                "the price may never settle",
            )
        elif not monotone:
            warnings = (
                f"{what} {value:g} is over {limits.no_overshoot_up_to:g} = {names[1]}: "
                "the price may overshoot",
            )
        return Diagnosis(predicted, monotone, converges, warnings)
