"""Draw what a coalition agrees on: who imports what in each slot, its prices, and what each member is better off."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAMED = 9
"""So many members have a colour of their own; the rest are one."""
LABELLED = 16
NEGLIGIBLE = 1e-9
PANEL_INCHES = 2.8


def plot_coalition(
    names: Sequence[str],
    commodities: Sequence[str],
    exchanges: NDArray[np.float64],
    prices: NDArray[np.float64],
    *,
    slot_hours: float,
    money: Mapping[str, Sequence[float]],
) -> "Figure":
    """Draw net imports by commodity and slot, with the price, and below them each member's money before and after.

    `exchanges[i, c, t]` are unit·hours, `prices[c, t]` dollars per unit·hour, `money` dollars per member.
    """
    from matplotlib.figure import Figure

    traded = [at for at in range(len(commodities)) if np.abs(exchanges[:, at]).max() > NEGLIGIBLE] or [0]
    figure = Figure(figsize=(9, PANEL_INCHES * (len(traded) + 1)), layout="constrained")
    *panels, last = figure.subplots(len(traded) + 1, 1)
    shown, members = _grouped(names, exchanges)
    for axes, at in zip(panels, traded, strict=True):
        _exchange(axes, shown, members[:, at], prices[at], slot_hours)
        axes.set_title(f"{commodities[at]}: imported (up) and exported (down)", loc="left")
    panels[0].legend(frameon=False, loc="upper left", bbox_to_anchor=(1.09, 1))
    _money(last, names, money)
    return figure


def _grouped(names: Sequence[str], exchanges: NDArray[np.float64]) -> tuple[list[str], NDArray[np.float64]]:
    """Keep the members that exchange most, and add the others up."""
    if len(names) <= NAMED + 1:
        return list(names), exchanges
    order = np.argsort(-np.abs(exchanges).sum(axis=(1, 2)), kind="stable")
    most, rest = np.sort(order[:NAMED]), order[NAMED:]
    grouped = np.concatenate([exchanges[most], exchanges[rest].sum(axis=0, keepdims=True)])
    return [*(names[place] for place in most), f"{len(rest)} others"], grouped


def _exchange(
    axes: "Axes", names: Sequence[str], imports: NDArray[np.float64], price: NDArray[np.float64], hours: float
) -> None:
    starts = np.arange(imports.shape[1]) * hours
    above, below = np.zeros_like(starts), np.zeros_like(starts)
    for place, name in enumerate(names):
        each = imports[place]
        axes.bar(
            starts, each, hours * 0.9, bottom=np.where(each > 0, above, below), align="edge",
            color=f"C{place}", label=name,
        )  # fmt: skip
        above, below = above + np.maximum(each, 0), below + np.minimum(each, 0)
    axes.axhline(0, color="0.3", linewidth=0.8)
    axes.set_ylabel("unit·hours per slot")
    axes.set_xlabel("hour")
    axes.set_xlim(0, starts[-1] + hours)
    axes.spines["top"].set_visible(False)
    beside = axes.twinx()
    beside.stairs(price, np.append(starts, starts[-1] + hours), color="black", linewidth=1.3, baseline=None)
    beside.set_ylabel("price, the line ($ per unit·hour)")
    beside.set_ylim(min(0.0, float(price.min())) * 1.1, max(float(price.max()), NEGLIGIBLE) * 1.15)
    beside.spines["top"].set_visible(False)


def _money(axes: "Axes", names: Sequence[str], money: Mapping[str, Sequence[float]]) -> None:
    places, width = np.arange(len(names)), 0.8 / len(money)
    for turn, (what, figures) in enumerate(money.items()):
        axes.bar(
            places + (turn - (len(money) - 1) / 2) * width,
            figures,
            width,
            label=what,
            color=("0.65", "C0")[turn % 2],
        )
    axes.axhline(0, color="0.3", linewidth=0.8)
    axes.set_ylabel("dollars")
    axes.set_title(" and ".join(money), loc="left")
    if len(names) <= LABELLED:
        axes.set_xticks(places, names)
    else:
        axes.set_xlabel("member")
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.09, 1))
    axes.spines[["top", "right"]].set_visible(False)
