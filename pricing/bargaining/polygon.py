"""Two parties and finitely many payoff pairs that they may mix: a polygon, solved exactly, edge by edge."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from pricing.bargaining.problem import ROUNDING, Agreement, Vector, agreement
from pricing.errors import LARGEST, DisagreementOutside, EmptySide, vector


@dataclass(frozen=True, slots=True)
class Polygon:
    """S = all that is at most some point of the convex hull of the vertices, for two parties.

    Attributes:
        vertices: payoff pairs (u1, u2), in any order; those inside the hull do no harm.
        disagreement: d, a point of S.

    Raises:
        EmptySide: if there is no vertex.
        DisagreementOutside: if d is not in S.
        PricingError: if a figure is not finite, or a vertex is no pair.
    """

    vertices: Sequence[tuple[float, float]]
    disagreement: tuple[float, float]

    def __post_init__(self) -> None:
        d1, d2 = vector("disagreement", self.disagreement, size=2, low=-LARGEST, high=LARGEST).tolist()
        points = [
            vector(f"vertices[{j}]", each, size=2, low=-LARGEST, high=LARGEST).tolist()
            for j, each in enumerate(self.vertices)
        ]
        if not points:
            raise EmptySide("vertices: found none, expected at least one")
        object.__setattr__(self, "disagreement", (d1, d2))
        object.__setattr__(self, "vertices", tuple((u1, u2) for u1, u2 in points))
        corners = self._corners()
        missed = max(d1 - corners[-1, 0], d2 - np.interp(d1, corners[:, 0], corners[:, 1]))
        if missed > ROUNDING * (1 + max(abs(d1), abs(d2))):
            raise DisagreementOutside(
                f"disagreement: found ({d1:g}, {d2:g}), expected a point that some mixture of vertices reaches"
            )

    def ideal(self) -> tuple[float, ...]:
        """Return the ends of the frontier: the most for party 1, and the most for party 2.

        >>> Polygon([(0, 2), (2, 1.5), (3, 0)], disagreement=(0, 0)).ideal()
        (3.0, 2.0)
        """
        frontier = self._frontier()
        return float(frontier[-1, 0]), float(frontier[0, 1])

    def farthest(self, direction: Vector) -> Agreement:
        """Return where the ray leaves S: the nearest of the edges, each taken as a half-plane."""
        direction = vector("direction", direction, size=2, low=0, high=LARGEST)
        corners, floor = self._corners(), np.array(self.disagreement)
        along = np.diff(corners, axis=0)
        normals = np.vstack([np.column_stack([-along[:, 1], along[:, 0]]), np.eye(2)])
        anchors = np.vstack([corners[:-1], corners[-1:], corners[:1]])
        room = np.einsum("ij,ij->i", normals, anchors - floor)
        speed = normals @ direction
        facing = speed > 0
        with np.errstate(over="ignore"):  # an infinite step is one that another edge ends first
            step = float(np.min(room[facing] / speed[facing])) if facing.any() else 0.0
        return agreement(floor + max(step, 0.0) * direction, floor)

    def best_product(self, weights: Vector) -> Agreement:
        """Return the point of the frontier where w1/g1 to w2/g2 is as steep as the edge.

        The log of the product is concave, so the first edge whose best point is not its far end has the solution.
        """
        weights = vector("weights", weights, size=2, low=0, high=LARGEST)
        frontier, floor = self._frontier(), np.array(self.disagreement)
        for here, there in pairwise(frontier):
            (g1, g2), (up, down) = here - floor, there - here
            share = (weights[0] * up * g2 + weights[1] * down * g1) / (-up * down)
            if share < 1:
                return agreement(here + max(share, 0.0) * (there - here), floor)
        return agreement(frontier[-1], floor)

    def best_sum(self, weights: Vector) -> Agreement:
        """Return the corner of the largest sum, or the middle of the edge of the largest sum."""
        frontier = self._frontier()
        sums = frontier @ vector("weights", weights, size=2, low=0, high=LARGEST)
        tied = frontier[sums >= sums.max() - ROUNDING * np.abs(sums).max()]
        return agreement((tied[0] + tied[-1]) / 2, self.disagreement)

    def _corners(self) -> Vector:
        points = np.array(self.vertices)
        return points[pareto_chain(points)]

    def _frontier(self) -> Vector:
        """Return the corners from the best for party 2 to the best for party 1, where both have at least d."""
        corners, (d1, d2) = self._corners(), self.disagreement
        u1, u2 = corners.T
        first = (max(d1, u1[0]), np.interp(d1, u1, u2))
        last = (np.interp(d2, u2[::-1], u1[::-1]), max(d2, u2[-1]))
        between = corners[(u1 > first[0]) & (u1 < last[0]) & (u2 > last[1])]
        if last[0] <= first[0] or last[1] >= first[1]:  # one point, but for rounding
            return np.array([first])
        return np.vstack([first, between, last])


def pareto_chain(points: Vector) -> list[int]:
    """Return the places of the corners of the Pareto frontier of a hull, party 1's payoff rising and party 2's falling.

    Source: Andrew, Another efficient algorithm for convex hulls in two dimensions, Inf. Process. Lett. 9 (1979), the part
    that faces up and right.

    >>> import numpy as np
    >>> pareto_chain(np.array([(1.0, 0.0), (0.0, 2.0), (0.4, 0.4), (2.0, 1.0), (2.0, 0.5)]))
    [1, 3]
    """
    chain: list[int] = []
    for place in np.lexsort((-points[:, 1], -points[:, 0])).tolist():
        if chain and points[place, 1] <= points[chain[-1], 1]:
            continue
        while len(chain) > 1 and _turn(*points[[chain[-2], chain[-1], place]]) <= 0:
            chain.pop()
        chain.append(place)
    return chain[::-1]


def _turn(before: Vector, corner: Vector, after: Vector) -> float:
    """Return twice the signed area of the triangle: positive if the path turns left."""
    (x, y), (u, v) = corner - before, after - before
    return float(x * v - y * u)
