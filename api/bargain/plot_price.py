"""Draw the zone of agreement of a price on a line, with what the order book offers instead."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_price(
    *,
    value: float,
    cost: float,
    low: float,
    high: float,
    price: float | None,
    asks: Sequence[tuple[float, float]] = (),
    bids: Sequence[tuple[float, float]] = (),
) -> "Figure":
    """Draw prices per unit from left to right: cost and value, what each can get elsewhere, and the price agreed on."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 2.6), layout="constrained")
    axes = figure.subplots()
    axes.axhline(0, color="0.75", linewidth=1, zorder=0)
    axes.plot([cost, value], [0, 0], color="0.75", linewidth=4, solid_capstyle="butt", zorder=1)
    if price is not None:
        axes.plot([low, high], [0, 0], color="C0", linewidth=12, alpha=0.35, solid_capstyle="butt", zorder=2)
        axes.plot([price], [0], marker="o", color="C0", markersize=9, zorder=4)
        axes.annotate(
            f"price {price:.6g}", (price, 0), xytext=(0, -24), textcoords="offset points", ha="center", color="C0", weight="bold",
        )  # fmt: skip
    for levels, colour, what in ((bids, "C2", "bid"), (asks, "C3", "ask")):
        for place, (level, _) in enumerate(levels):
            axes.plot([level], [0], marker="|", color=colour, markersize=16, markeredgewidth=1.5, zorder=3)
            if place == 0:
                axes.plot([], [], marker="|", linestyle="", color=colour, markersize=10, label=f"{what}s of the book")
    marks = (
        (cost, f"cost\n{cost:.6g}", 34),
        (value, f"value\n{value:.6g}", 34),
        (low, f"seller takes\n{low:.6g}", 12),
        (high, f"buyer pays up to\n{high:.6g}", 12),
    )
    return figure
