"""Draw a bargaining set of two parties: what they can reach, where they start, and where each solution leads."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pricing.bargaining import Agreement, FiniteSet, Problem

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RAYS = 181
"""Directions in which the edge of the set is looked for."""
MARKERS = {
    "nash": ("o", "C0", 7),
    "kalai-smorodinsky": ("s", "C1", 11),
    "egalitarian": ("^", "C2", 16),
    "utilitarian": ("D", "C3", 17),
}
"""Where solutions coincide each larger, empty marker is still seen around the smaller one."""


def plot_set(
    problem: Problem,
    parties: Sequence[str],
    solved: Mapping[str, Agreement],
    points: Sequence[Sequence[float]] = (),
    weights: Sequence[float] = (0.5, 0.5),
) -> "Figure":
    """Draw the part of the set above disagreement, the points that it is made of, and the solutions.

    `weights` bend the curve of equal Nash products.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    start, ideal = np.array(problem.disagreement), np.array(problem.ideal())
    reached = np.array([start, *points])
    if not isinstance(problem, FiniteSet) or problem.lotteries:
        edge = _edge(problem, start, ideal, reached[1:])
        axes.fill(*np.vstack([start, edge]).T, color="C0", alpha=0.12, linewidth=0)
        axes.plot(*edge.T, color="0.3", linewidth=1.5, label="frontier")
        reached = np.vstack([reached, edge])
    if len(points):
        axes.plot(*np.array(points).T, ".", color="0.5", markersize=6, zorder=3, label="outcomes")
    low, high = np.minimum(reached.min(axis=0), start), np.maximum(reached.max(axis=0), ideal)
    room = np.where(high > low, high - low, 1.0) * 0.07
    axes.set_xlim(low[0] - room[0], high[0] + room[0])
    axes.set_ylim(low[1] - room[1], high[1] + room[1])
    _reasons(axes, start, ideal, solved, weights)
    axes.plot(*start, "X", color="black", markersize=8, zorder=5, linestyle="", label="disagreement")
    axes.plot(*ideal, "*", color="0.4", markersize=9, zorder=4, linestyle="", label="ideal of both")
    for name, agreed in solved.items():
        marker, colour, size = MARKERS[name]
        u1, u2 = agreed.payoffs
        axes.plot(
            u1, u2, marker, color=colour, markersize=size, markerfacecolor="none", markeredgewidth=1.8,
            zorder=6, label=f"{name}\n({u1:.5g}, {u2:.5g})",
        )  # fmt: skip
    axes.set_xlabel(f"payoff of {parties[0]}")
    axes.set_ylabel(f"payoff of {parties[1]}")
    axes.grid(alpha=0.2)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside right upper", frameon=False, labelspacing=1.0)
    return figure


def _edge(
    problem: Problem, start: NDArray[np.float64], ideal: NDArray[np.float64], corners: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return where rays from disagreement leave the set, from the best for party 1 to the best for party 2."""
    unit = np.where(ideal > start, ideal - start, 1.0)
    angles = np.linspace(0, np.pi / 2, RAYS)
    if len(corners):
        towards = (corners - start) / unit
        towards = towards[np.all(towards > 0, axis=1)]
        angles = np.union1d(angles, np.arctan2(towards[:, 1], towards[:, 0]))
    return np.array(
        [problem.farthest(unit * np.maximum((np.cos(angle), np.sin(angle)), 0.0)).payoffs for angle in angles]
    )


def _reasons(
    axes: "Axes",
    start: NDArray[np.float64],
    ideal: NDArray[np.float64],
    solved: Mapping[str, Agreement],
    weights: Sequence[float],
) -> None:
    """Draw what makes a solution: the ray to the ideal payoffs, the ray of equal gains, the curve of equal products."""
    rays = {"kalai-smorodinsky": ideal}
    if "egalitarian" in solved:
        rays["egalitarian"] = np.array(solved["egalitarian"].payoffs)
    for name, end in rays.items():
        if name in solved:
            axes.plot(*zip(start, end, strict=True), "--", color=MARKERS[name][1], linewidth=0.9, zorder=2)
    if "nash" in solved and min(solved["nash"].gains) > 0 and min(weights) > 0:
        w1, w2 = weights
        g1, g2 = solved["nash"].gains
        gains = np.geomspace(g1 / 50, g1 * 50, 400)
        product = g2 * (g1 / gains) ** (w1 / w2)
        axes.plot(
            start[0] + gains, start[1] + product, ":", color=MARKERS["nash"][1], linewidth=1.1, zorder=2
        )
