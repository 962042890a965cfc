"""Prices of links that several flows share: a price per unit of capacity that makes just what fits be asked for.

Flow i uses A_li units of link l for each unit of its own rate and has the utility U_i(x) = w_i x^{1−α}/(1−α), or
w_i ln x for α = 1. Rates and capacities are in one unit (Mbps); a price is money per unit of rate.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from pricing.errors import LARGEST, EmptySide, NotConverged, PricingError, number, vector

Floats = NDArray[np.float64]

TOLERANCE = 1e-12
ITERATIONS = 300
CENTRING = 0.1
RIDGE = 1e-15
TO_BOUNDARY = 0.99


@dataclass(frozen=True, slots=True)
class LinkShares:
    """Rates of the flows, and prices of the links, zero where a link is not full."""

    rates: tuple[float, ...]
    prices: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class SharedLinks:
    """Links and the flows that share them. `usage` has a row for each link and a column for each flow.

    `fairness` α = 1 is proportional fairness; α → ∞ nears max-min fairness, and α → 0 the largest total.
    `weights` are what each flow pays per unit of time (α = 1), equal to 1 unless given.
    Source: Kelly, Maulloo & Tan, JORS 49 (1998); Mo & Walrand, IEEE/ACM ToN 8 (2000); cases K01 to K06.
    """

    usage: Sequence[Sequence[float]]
    capacities: Sequence[float]
    weights: Sequence[float] | None = None
    fairness: float = 1.0
    _A: Floats = field(init=False, repr=False, compare=False)
    _C: Floats = field(init=False, repr=False, compare=False)
    _w: Floats = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        C = vector("capacities", self.capacities, low=0, open_low=True)
        if not len(C) or len(self.usage) != len(C) or not len(self.usage[0]):
            raise EmptySide(
                f"usage: found {len(self.usage)} links for {len(C)} capacities, "
                "expected a row of at least one flow for each"
            )
        flows = len(self.usage[0])
        A = np.array([vector(f"usage[{j}]", row, size=flows, low=0) for j, row in enumerate(self.usage)])
        for flow in np.flatnonzero(~A.any(axis=0)):
            raise PricingError(f"usage of flow {flow}: found no link, expected at least 1")
        w = np.ones(flows)
        if self.weights is not None:
            w = vector("weights", self.weights, size=flows, low=0, open_low=True)
        number("fairness", self.fairness, low=0, open_low=True)
        for name, array in (("_A", A), ("_C", C), ("_w", w)):
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        object.__setattr__(self, "usage", tuple(tuple(row) for row in A.tolist()))
        object.__setattr__(self, "capacities", tuple(C.tolist()))
        object.__setattr__(self, "weights", tuple(w.tolist()))

    @classmethod
    def from_routes(
        cls,
        routes: Sequence[Sequence[int]],
        capacities: Sequence[float],
        *,
        weights: Sequence[float] | None = None,
        fairness: float = 1.0,
    ) -> Self:
        """Return the links for flows that each name the links they cross, counted from 0.

        >>> SharedLinks.from_routes([[0, 1], [0], [1]], [1, 2]).usage
        ((1.0, 1.0, 0.0), (1.0, 0.0, 1.0))

        Raises:
            PricingError: if a route names no link, a link twice, or one that is not there.
        """
        links = range(len(capacities))
        for flow, route in enumerate(routes):
            if not route or len(set(route)) != len(route) or not all(link in links for link in route):
                raise PricingError(
                    f"routes[{flow}]: found {list(route)!r}, expected distinct links from 0 to {len(links) - 1}"
                )
        usage = tuple(tuple(float(link in route) for route in routes) for link in links)
        return cls(usage, capacities, weights, fairness)

    def rates(self, prices: Sequence[float]) -> tuple[float, ...]:
        """Return what each flow asks for at these prices: x_i = (w_i/(Aᵀλ)_i)^{1/α}, at most its narrowest link.

        >>> SharedLinks.from_routes([[0, 1], [0]], [3, 6]).rates([0.5, 0.5])
        (1.0, 2.0)

        Raises:
            PricingError: if a price is negative, or there is not one for each link.
        """
        return tuple(float(x) for x in self._capped(self._prices(prices)))

    def step(self, prices: Sequence[float], gain: float) -> tuple[float, ...]:
        """Return the prices of the next slot, λ' = max(0, λ + γ(A x(λ) − C)): each link needs its own load only.

        Converges to `equilibrium` from any prices if γ is below `gain_limit`.
        Source: Low & Lapsley, IEEE/ACM ToN 7 (1999), algorithm A1.

        >>> SharedLinks.from_routes([[0], [0]], [3]).step([0.5], gain=0.1)
        (0.6,)

        Raises:
            PricingError: if a price is negative, their number differs, or the gain is not positive.
        """
        before = self._prices(prices)
        gamma = number("gain", gain, low=0, open_low=True)
        after = np.maximum(0.0, before + gamma * (self._A @ self._capped(before) - self._C))
        return tuple(number("price", float(price)) for price in after)

    def gain_limit(self) -> float:
        """Return 2/(ᾱ L̄ S̄), the γ below which `step` converges.

        ᾱ = max 1/|U''| over the rates a flow may ask for, L̄ = the longest route (largest column sum of A) and
        S̄ = the busiest link (largest row sum).

        >>> SharedLinks.from_routes([[0], [0]], [3]).gain_limit()  # 2/(9 · 1 · 2)
        0.1111111111111111
        """
        curvature = float(np.max(self._narrowest() ** (self.fairness + 1) / (self.fairness * self._w)))
        longest, busiest = float(self._A.sum(axis=0).max()), float(self._A.sum(axis=1).max())
        return number(
            "gain limit", 2 / number("curvature", curvature * longest * busiest, low=0, open_low=True)
        )

    def equilibrium(self) -> LinkShares:
        """Return the rates that maximise Σ U_i(x_i) over Ax <= C, and the dual prices of the links.

        Newton's method on the dual, x(λ) put into its optimality conditions Ax + s = C and λ_l s_l = μ_l with μ → 0: the
        primal–dual method of Boyd & Vandenberghe, Convex Optimization (2004), section 11.7, with each μ_l a tenth of
        the λ_l s_l at hand and steps relative to λ and s, so that links may differ by many orders of magnitude.
        Ends where Ax exceeds C by no more than 1e-12 of it, and each link is full, or without part in any route's
        price, to 1e-12.

        >>> shares = SharedLinks.from_routes([[0, 1], [0], [1]], [1, 2]).equilibrium()
        >>> [round(x, 6) for x in shares.rates], [round(price, 6) for price in shares.prices]
        ([0.42265, 0.57735, 1.57735], [1.732051, 0.633975])

        Raises:
            NotConverged: if 300 iterations do not reach it, which takes figures many orders of magnitude apart.
        """
        with np.errstate(all="ignore"):  # figures beyond all floats end as NotConverged, and not as warnings
            return self._follow_path()

    def max_min_rates(self) -> tuple[float, ...]:
        """Return the max-min fair rates, the limit α → ∞: no rate can grow unless one as small, per weight, shrinks.

        Progressive filling: all rates grow in proportion to their weights, and a flow stops with the first full link
        that it uses. Source: Bertsekas & Gallager, Data Networks (1992), section 6.5.2.

        >>> SharedLinks.from_routes([[0, 1], [0], [1]], [1, 2]).max_min_rates()
        (0.5, 0.5, 1.5)
        """
        A, C, w = self._A, self._C, self._w
        level = np.zeros(len(w))
        growing = np.ones(len(w), bool)
        while growing.any():
            pull = A @ (w * growing)
            room = C - A @ (w * level * ~growing)
            reach = np.divide(room, pull, out=np.full(len(C), np.inf), where=pull > 0)
            level[growing] = reach.min()
            growing &= ~(A[reach <= reach.min() * (1 + TOLERANCE)] > 0).any(axis=0)
        return tuple(number("rate", float(x)) for x in w * level)

    def _follow_path(self) -> LinkShares:
        A, C = self._A, self._C
        # every link at the one price at which the fullest is just full: the right magnitudes whatever the units
        prices = np.full(len(C), np.max(A @ self._asked(np.ones(len(C))) / C) ** self.fairness)
        spare = np.maximum(C - A @ self._asked(prices), CENTRING * C)
        for _ in range(ITERATIONS):
            asked = self._asked(prices)
            weight = np.max(A * prices[:, None] / (A.T @ prices), axis=1)  # largest part in a route's price
            residual = np.max([np.abs(A @ asked + spare - C) / C, np.minimum(weight, spare / C)])
            if residual <= TOLERANCE:
                return LinkShares(
                    tuple(number("rate", float(x)) for x in asked),
                    tuple(number("price", float(p)) for p in np.where(weight > spare / C, prices, 0)),
                )
            if not np.isfinite(residual):
                break
            prices, spare = self._newton_step(prices, spare)
        raise NotConverged(
            f"links: found a residual of {residual:g}, expected {TOLERANCE:g} within {ITERATIONS} iterations; "
            "are weights or capacities too many orders of magnitude apart?"
        )

    def _newton_step(self, prices: Floats, spare: Floats) -> tuple[Floats, Floats]:
        A, C = self._A, self._C
        asked = self._asked(prices)
        products = prices * spare
        response = asked / (self.fairness * (A.T @ prices))  # −dx/d(route price)
        matrix = np.outer(prices, prices) * ((A * response) @ A.T) + np.diag(products)
        scale = np.sqrt(np.diag(matrix))
        # a unit diagonal, and a little more where two links carry the same flows
        unit = matrix / np.outer(scale, scale) + RIDGE * np.eye(len(C))
        d_prices = np.linalg.solve(unit, (prices * (A @ asked - C) + CENTRING * products) / scale) / scale
        d_spare = CENTRING - 1 - d_prices

        def moved(size: float) -> tuple[Floats, Floats]:
            return prices * (1 + size * d_prices), spare * (1 + size * d_spare)

        def residual(at: Floats, room: Floats) -> float:
            over = (A @ self._asked(at) + room - C) / C
            return float(np.hypot(np.linalg.norm(over), np.linalg.norm(at * room / products - CENTRING)))

        start = residual(prices, spare)
        falling = -min(0.0, float(d_prices.min()), float(d_spare.min()))
        size = min(1.0, TO_BOUNDARY / falling) if falling else 1.0
        while size > TOLERANCE and residual(*moved(size)) > (1 - 0.01 * size) * start:
            size /= 2
        return moved(size)

    def _asked(self, prices: Floats) -> Floats:
        return np.asarray((self._w / (self._A.T @ prices)) ** (1 / self.fairness))

    def _prices(self, prices: Sequence[float]) -> Floats:
        return vector("prices", prices, size=len(self._C), low=0, high=LARGEST)

    def _capped(self, prices: Floats) -> Floats:
        route = self._A.T @ prices
        narrowest = self._narrowest()
        # at the route price w·M^−α a flow asks for just its narrowest link M; below it, for no more
        free = route <= self._w * narrowest**-self.fairness
        return np.where(free, narrowest, (self._w / np.where(free, 1.0, route)) ** (1 / self.fairness))

    def _narrowest(self) -> Floats:
        with np.errstate(divide="ignore"):
            return np.asarray(np.min(self._C[:, None] / self._A, axis=0))
