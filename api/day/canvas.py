"""What the plots of a day are drawn on: panels, colours, hours, and the SVG text that comes of them."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from api.day import tallies
from market.units import Commodity

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Two colours that no palette holds: in the finished SVG they become variables of the page's style sheet, so that
# letters and rules follow light and dark themes.
INK = "#010203"
RULE = "#040506"
VARIABLES = {INK: "var(--ink)", RULE: "var(--rule)"}

ENERGY = {
    "SOLAR": "#e0a315",
    "WIND": "#4ba3dc",
    "HYDRO": "#2f6db5",
    "STORAGE": "#45a597",
    "NUCLEAR": "#9270c2",
    "GAS": "#b98a63",
    "OIL": "#95584a",
    "COAL": "#74777c",
    "MIX": "#8e9aa6",
    "OTHER": "#b4b8bd",
}
PRODUCTS = ("#5269d4", "#23a08c", "#d98a2b", "#b8558f", "#6fa33c", "#8d8f94")
COMMODITIES = {Commodity.CMP: "#5269d4", Commodity.NET: "#23a08c", Commodity.ENE: "#d98a2b"}
BUYERS, SELLERS = "#5269d4", "#d98a2b"
GREEN, BREACH, NEUTRAL = "#3f9d56", "#d4453f", "#8e9aa6"
WIDTH_INCHES = 9.0
HOUR_LABEL = "delivery hour (UTC)"

STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "ccei",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": RULE,
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}


Drawn = tuple[str, str, str, "Figure"]
"""Title, caption, what can be seen in words, and the figure."""


def canvas(
    height_inches: float, mosaic: Sequence[Sequence[str]], *, sharey: bool = False
) -> tuple["Figure", dict[str, "Axes"]]:
    """Make a figure with named panels, without pyplot, which would keep it and look for a screen."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(WIDTH_INCHES, height_inches), layout="constrained")
    panels = figure.subplot_mosaic([list(row) for row in mosaic], sharey=sharey)
    for axes in panels.values():
        # The default number of ticks follows the height, which the layout changes after it has measured their labels.
        axes.yaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10]))
    return figure, panels


def panel_of_each_commodity() -> list[list[str]]:
    """Return a row of panels, one for each commodity."""
    return [[tallies.NAMES[commodity] for commodity in Commodity]]


def svg_text(figure: "Figure", name: str) -> str:
    """Return the figure as an SVG element for a page: no prologue, no metadata, ids its own, width up to the page."""
    from io import StringIO

    from matplotlib.backends.backend_svg import FigureCanvasSVG

    buffer = StringIO()
    # Straight to the SVG canvas: `savefig` draws everything once more beforehand.
    FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None})  # type: ignore[no-untyped-call]  # matplotlib has no types here
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'href="#', f'href="#{name}-', text)
    text = re.sub(r"url\(#", f"url(#{name}-", text)
    for colour, variable in VARIABLES.items():
        text = text.replace(colour, variable)
    return text.strip()


def hour_axis(axes: "Axes", *, labelled: bool = True) -> None:
    """Set an axis of delivery hours."""
    axes.set_xlim(-0.6, 23.6)
    axes.set_xticks(range(0, 24, 3))
    axes.grid(visible=False, axis="x")
    if labelled:
        axes.set_xlabel(HOUR_LABEL)


def say_nothing(axes: "Axes", text: str = "nothing was traded") -> None:
    """Say in an empty panel why it is empty."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", style="italic")
    axes.set_yticks([])


def energy_colour(energy_type: str) -> str:
    """Return the colour of an energy type."""
    return ENERGY.get(energy_type, NEUTRAL)


def in_thousands(axis: Any) -> None:
    """Label an axis with whole numbers in groups of three digits."""
    axis.set_major_formatter(
        lambda value, _position: f"{value:,.0f}" if value == int(value) else f"{value:g}"
    )
