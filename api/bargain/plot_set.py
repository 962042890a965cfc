"""Draw a bargaining set of two parties: what they can reach, where they start, and where each solution leads."""

import math
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
MARGIN = 0.12
MARKERS = {
    "nash": ("o", "C0"),
    "kalai-smorodinsky": ("s", "C1"),
    "egalitarian": ("^", "C2"),
    "utilitarian": ("D", "C3"),
}
SIZES = {"nash": 7, "kalai-smorodinsky": 11, "egalitarian": 15, "utilitarian": 19}
"""Where solutions coincide each larger, empty marker is still seen around the smaller one."""


def plot_set(
    problem: Problem,
    parties: Sequence[str],
    solved: Mapping[str, Agreement],
    points: Sequence[Sequence[float]] = (),
) -> "Figure":
    """Draw the part of the set above disagreement, the points that it is made of, and the solutions."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 5.5), layout="constrained")
    axes = figure.subplots()
    start = np.array(problem.disagreement)
    ideal = np.array(problem.ideal())
    if not isinstance(problem, FiniteSet) or problem.lotteries:
        edge = _edge(problem, start, ideal)
        inside = np.vstack([start, edge])
        axes.fill(*inside.T, color="C0", alpha=0.12, linewidth=0, label="both gain")
        axes.plot(*edge.T, color="0.35", linewidth=1.5, label="frontier")
    if len(points):
        axes.plot(*np.array(points).T, ".", color="0.45", markersize=6, zorder=3, label="outcomes")
    _from_disagreement(axes, start, ideal, solved)
    for name, agreed in solved.items():
        marker, colour = MARKERS[name]
        axes.plot(
            *agreed.payoffs, marker, color=colour, markersize=SIZES[name], markerfacecolor="none",
            markeredgewidth=1.8, zorder=5, label=f"{name} ({agreed.payoffs[0]:.4g}, {agreed.payoffs[1]:.4g})",
        )  # fmt: skip
    axes.plot(*start, "x", color="black", markersize=9, markeredgewidth=2, zorder=5, label="disagreement")
    _frame(axes, start, ideal)
    axes.set_xlabel(f"payoff of {parties[0]}")
    axes.set_ylabel(f"payoff of {parties[1]}")
    axes.grid(alpha=0.2)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside right upper", frameon=False, labelspacing=1.1)
    return figure
