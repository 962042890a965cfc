"""Draw the zone of agreement of a price on a line, with what an order book offers instead."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Levels = Sequence[tuple[float, float]]


def plot_price(
    *,
    value: float,
    cost: float,
    low: float,
    high: float,
    price: float | None,
    asks: Levels = (),
    bids: Levels = (),
) -> "Figure":
    """Draw prices per unit from left to right: cost and value, what each takes given the book, and the price agreed on."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 2.8), layout="constrained")
    axes = figure.subplots()
    axes.axhline(0, color="0.8", linewidth=1, zorder=0)
    # a thin line where the value is below the cost: it still says what the axis has to show
    wide = 16 if value > cost else 1
    axes.plot([cost, value], [0, 0], color="0.8", linewidth=wide, solid_capstyle="butt", zorder=1)
    for levels, colour, what in ((bids, "C2", "bids of the book"), (asks, "C3", "asks of the book")):
        if levels:
            prices = [level for level, _ in levels]
            axes.plot(
                prices, [0] * len(prices), "|", color=colour, markersize=22, markeredgewidth=2, label=what
            )
    # Zone above the line, cost and value below it: a party without an outside option has both in one place.
    marks = [(cost, "cost", "center", -32), (value, "value", "center", -32)]
    if price is None:
        axes.set_title("no agreement: the seller wants more than the buyer pays", loc="left")
        marks += [(low, "seller takes at least", "center", 20), (high, "buyer pays at most", "center", 44)]
    else:
        axes.plot([low, high], [0, 0], color="C0", linewidth=16, alpha=0.45, solid_capstyle="butt", zorder=2)
        axes.plot([price], [0], "o", color="C0", markersize=9, zorder=4)
        marks += [
            (low, "seller takes at least", "right", 14),
            (high, "buyer pays at most", "left", 14),
            (price, "price", "center", 44),
        ]
    for place, what, side, above in marks:
        axes.annotate(
            f"{what}\n{place:.6g}", (place, 0), xytext=(0, above), textcoords="offset points",
            ha=side, va="bottom" if above > 0 else "top", fontsize=9, linespacing=1.2,
            color="C0" if what == "price" else "0.2", weight="bold" if what == "price" else "normal",
            arrowprops={"arrowstyle": "-", "color": "0.6", "linewidth": 0.8, "shrinkB": 0},
        )  # fmt: skip
    axes.set_ylim(-1, 1)
    axes.margins(x=0.16)
    axes.set_xlabel("money per unit")
    axes.yaxis.set_visible(False)
    axes.spines[["top", "right", "left"]].set_visible(False)
    if bids or asks:
        axes.legend(frameon=False, loc="lower right", ncols=2, bbox_to_anchor=(1, 1), markerscale=0.5)
    return figure
