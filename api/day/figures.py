"""The plots of a market day as SVG text that sits inside the report and takes its colours for ink from the page."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import nan
from typing import TYPE_CHECKING, Any

from api.day import tallies
from api.day.result import HOURS, DayResult, GenerationRow, TradeRow
from market.units import MICROS_PER_TOKEN, Commodity

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Two colours that no palette holds: in the finished SVG they become variables of the page's style sheet, so that
# letters and rules follow light and dark themes.
_INK = "#010203"
_RULE = "#040506"
_VARIABLES = {_INK: "var(--ink)", _RULE: "var(--rule)"}

_ENERGY = {
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
_PRODUCTS = ("#5269d4", "#23a08c", "#d98a2b", "#b8558f", "#6fa33c", "#8d8f94")
_COMMODITIES = {Commodity.CMP: "#5269d4", Commodity.NET: "#23a08c", Commodity.ENE: "#d98a2b"}
_BUYERS, _SELLERS = "#5269d4", "#d98a2b"
_GREEN, _BREACH, _NEUTRAL = "#3f9d56", "#d4453f", "#8e9aa6"
_WIDTH_INCHES = 9.0
_HOUR_LABEL = "delivery hour (UTC)"

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "ccei",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": _RULE,
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": _RULE,
    "grid.linewidth": 0.6,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.titlecolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}


@dataclass(frozen=True, slots=True)
class Plot:
    """A finished plot: `name` is its anchor in the page, `alt` says in words what can be seen."""

    name: str
    title: str
    caption: str
    alt: str
    svg: str


def draw(result: DayResult) -> tuple[Plot, ...]:
    """Draw every plot of the day; the same day gives the same bytes."""
    from matplotlib import rc_context

    plots = []
    with rc_context(_STYLE):
        for plot in (
            _price_by_hour,
            _volume_by_hour,
            _offered_and_delivered,
            _price_and_load,
            _price_by_tier,
            _price_by_energy_type,
            _surplus,
            _green_by_hour,
            _compensation,
        ):
            name = plot.__name__.strip("_").replace("_", "-")
            title, caption, alt, figure = plot(result)
            plots.append(Plot(name=name, title=title, caption=caption, alt=alt, svg=_svg(figure, name)))
    return tuple(plots)


_Drawn = tuple[str, str, str, "Figure"]


def _canvas(
    height_inches: float, mosaic: Sequence[Sequence[str]], *, sharey: bool = False
) -> tuple["Figure", dict[str, "Axes"]]:
    """Make a figure with named panels, without pyplot, which would keep it and look for a screen."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(_WIDTH_INCHES, height_inches), layout="constrained")
    panels = figure.subplot_mosaic([list(row) for row in mosaic], sharey=sharey)
    for axes in panels.values():
        # The default number of ticks follows the height, which the layout changes after it has measured their labels.
        axes.yaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10]))
    return figure, panels


def _panel_of_each_commodity() -> list[list[str]]:
    return [[tallies.NAMES[commodity] for commodity in Commodity]]


def _svg(figure: "Figure", name: str) -> str:
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
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, variable)
    return text.strip()


def _hours(axes: "Axes", *, labelled: bool = True) -> None:
    axes.set_xlim(-0.6, 23.6)
    axes.set_xticks(range(0, 24, 3))
    axes.grid(visible=False, axis="x")
    if labelled:
        axes.set_xlabel(_HOUR_LABEL)


def _nothing(axes: "Axes", text: str = "nothing was traded") -> None:
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", style="italic")
    axes.set_yticks([])


def _energy_colour(energy_type: str) -> str:
    return _ENERGY.get(energy_type, _NEUTRAL)


def _range_text(trades: Sequence[TradeRow], commodity: Commodity) -> str:
    """Say between which hourly means a commodity moved, for the words beside a picture."""
    found = tallies.group(trades, lambda trade: trade.hour)
    if not found:
        return f"{tallies.NAMES[commodity]} was not traded"
    means = {hour: tallies.mean_price(rows) for hour, rows in found.items()}
    low, high = min(means, key=lambda hour: means[hour]), max(means, key=lambda hour: means[hour])
    return (
        f"{tallies.NAMES[commodity]} from {means[low] / MICROS_PER_TOKEN:.3g} at {low:02d} h "
        f"to {means[high] / MICROS_PER_TOKEN:.3g} at {high:02d} h"
    )


def _price_by_hour(result: DayResult) -> _Drawn:
    figure, panels = _canvas(2.9, _panel_of_each_commodity())
    told = []
    for commodity in Commodity:
        axes = panels[tallies.NAMES[commodity]]
        trades = tallies.of_commodity(result.standing, commodity)
        told.append(_range_text(trades, commodity))
        axes.set_title(tallies.NAMES[commodity])
        _hours(axes)
        axes.set_ylabel(f"tokens per {commodity.unit}")
        if not trades:
            _nothing(axes)
            continue
        products = tallies.group(trades, lambda trade: trade.product)
        series = dict(zip(products, _PRODUCTS, strict=False))
        if not 1 < len(products) <= len(_PRODUCTS) - 2:
            products, series = {"mean of all": trades}, {"mean of all": _COMMODITIES[commodity]}
        for label, colour in series.items():
            _mean_and_range(axes, products[label], colour, label)
        axes.legend(loc="upper left", ncols=2, bbox_to_anchor=(0, -0.22), handlelength=1.2, columnspacing=1)
        axes.set_ylim(bottom=0)
    return (
        "Price by hour",
        "Mean price of the trades for each delivery hour, weighted by quantity; the shade reaches from the cheapest to "
        "the dearest trade.",
        f"Three line charts of the mean price by delivery hour, in tokens per unit: {'; '.join(told)}.",
        figure,
    )


def _mean_and_range(axes: "Axes", trades: Sequence[TradeRow], colour: str, label: str) -> None:
    """Draw the hourly mean price as a line and the span from the cheapest to the dearest trade as a shade."""
    hours = tallies.group(trades, lambda trade: trade.hour)
    prices = [[trade.price_micros / MICROS_PER_TOKEN for trade in hours.get(hour, ())] for hour in HOURS]
    axes.fill_between(
        list(HOURS),
        [min(at_hour, default=nan) for at_hour in prices],
        [max(at_hour, default=nan) for at_hour in prices],
        color=colour,
        alpha=0.16,
        linewidth=0,
    )
    means = [tallies.mean_price(hours[hour]) / MICROS_PER_TOKEN if hour in hours else nan for hour in HOURS]
    axes.plot(list(HOURS), means, color=colour, label=label, marker="o", markersize=2.2)


def _volume_by_hour(result: DayResult) -> _Drawn:
    figure, panels = _canvas(5.0, [["energy", "energy"], ["compute", "network"]])
    told = []
    for commodity in Commodity:
        trades = tallies.of_commodity(result.standing, commodity)
        _stack_by_product(panels[tallies.NAMES[commodity]], trades, commodity)
        told.append(
            f"{tallies.NAMES[commodity]} {tallies.sold(trades) / commodity.lots_per_unit:,.0f} {commodity.unit} in all"
        )
    return (
        "Volume by hour",
        "Quantity sold for each delivery hour: energy by type, compute by accelerator, network by class of service.",
        f"Stacked bars of the quantity sold by delivery hour: {', '.join(told)}.",
        figure,
    )


def _stack_by_product(axes: "Axes", trades: Sequence[TradeRow], commodity: Commodity) -> None:
    axes.set_title(tallies.NAMES[commodity] + (" by type" if commodity is Commodity.ENE else ""))
    axes.set_ylabel(f"sold, {commodity.unit}")
    _hours(axes)
    if not trades:
        _nothing(axes)
        return
    found = tallies.group(trades, lambda trade: trade.product)
    order = sorted(found, key=lambda product: (_stacking_place(product), product))
    bottom = [0.0] * len(HOURS)
    for index, product in enumerate(order):
        by_hour = tallies.group(found[product], lambda trade: trade.hour)
        heights = [tallies.sold(by_hour.get(hour, ())) / commodity.lots_per_unit for hour in HOURS]
        colour = _energy_colour(product) if commodity is Commodity.ENE else _PRODUCTS[index % len(_PRODUCTS)]
        axes.bar(list(HOURS), heights, 0.78, bottom=bottom, color=colour, label=product, linewidth=0)
        bottom = [low + height for low, height in zip(bottom, heights, strict=True)]
    _thousands(axes.yaxis)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.02), reverse=True, handlelength=0.9)


def _stacking_place(product: str) -> int:
    """Say how high a product is stacked: energy types against the order of the palette, so that green is on top."""
    return -list(_ENERGY).index(product) if product in _ENERGY else 0


def _thousands(axis: Any) -> None:
    axis.set_major_formatter(
        lambda value, _position: f"{value:,.0f}" if value == int(value) else f"{value:g}"
    )


def _offered_and_delivered(result: DayResult) -> _Drawn:
    variable = [
        kind for kind in ("SOLAR", "WIND") if any(row.energy_type == kind for row in result.generation)
    ]
    figure, panels = _canvas(2.9, [variable or ["none"]])
    wh = Commodity.ENE.lots_per_unit
    told = []
    edges = [hour - 0.5 for hour in range(len(HOURS) + 1)]
    if not variable:
        _hours(panels["none"])
        _nothing(panels["none"], "no wind or solar was offered")
    for kind in variable:
        axes = panels[kind]
        rows = {row.hour: row for row in result.generation if row.energy_type == kind}
        trades = [
            trade for trade in result.standing if trade.commodity is Commodity.ENE and trade.product == kind
        ]
        by_hour = tallies.group(trades, lambda trade: trade.hour)
        sold = [tallies.sold(by_hour.get(hour, ())) / wh for hour in HOURS]
        short = Counter(
            trade.hour
            for trade in result.short_trades
            if trade.commodity is Commodity.ENE and trade.product == kind
        )
        delivered = [tallies.delivered(by_hour.get(hour, ())) / wh for hour in HOURS]
        colour = _energy_colour(kind)
        axes.bar(list(HOURS), sold, 0.78, color=_BREACH, alpha=0.85, linewidth=0, label="sold, not delivered")
        axes.bar(
            list(HOURS),
            delivered,
            0.78,
            color=colour,
            linewidth=0,
            label="delivered (in the colour of the type)",
        )
        offered = _generation_line(rows, lambda row: row.offered_lots / wh)
        axes.stairs(
            offered, edges, color=_INK, linewidth=1.1, linestyle=(0, (3, 2)), label="offered", baseline=None
        )
        metered = _generation_line(rows, lambda row: row.metered_lots / wh)
        axes.stairs(
            metered, edges, color=_INK, linewidth=1.1, label="metered (really generated)", baseline=None
        )
        top = max(*sold, *(max(row.offered_lots, row.metered_lots) / wh for row in rows.values()), 1.0)
        for hour, count in short.items():
            axes.annotate(
                str(count),
                (hour, -0.02 * top),
                (0, -2),
                textcoords="offset points",
                ha="center",
                va="top",
                fontsize=7.5,
                color=_BREACH,
                annotation_clip=False,
            )
        axes.set_title(kind.lower())
        axes.set_ylabel("kWh per hour")
        axes.set_ylim(0, top * 1.06)
        _hours(axes)
        axes.tick_params(axis="x", pad=12)
        _thousands(axes.yaxis)
        told.append(
            f"{kind.lower()} sold {sum(sold):,.0f} kWh and delivered {sum(delivered):,.0f} kWh; "
            f"{sum(short.values())} trades fell short, in {len(short)} hours"
        )
    handles, labels = next(iter(panels.values())).get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4)
    return (
        "Wind and solar: offered, sold, delivered",
        "What was offered came from the day before; what was metered is what the day brought. Red is energy that was "
        "sold but did not come; the red number under an hour counts the trades that fell short in it.",
        f"Bars and steps by delivery hour. {'; '.join(told) or 'No wind or solar was offered'}.",
        figure,
    )


def _generation_line(rows: dict[int, GenerationRow], value: Callable[[GenerationRow], float]) -> list[float]:
    return [value(rows[hour]) if hour in rows else nan for hour in HOURS]


def _price_and_load(result: DayResult) -> _Drawn:
    figure, panels = _canvas(2.7, _panel_of_each_commodity(), sharey=True)
    told = []
    for commodity in Commodity:
        axes = panels[tallies.NAMES[commodity]]
        pairs = tallies.relative_prices(row for row in result.prices if row.commodity is commodity)
        axes.set_title(tallies.NAMES[commodity])
        axes.set_xlabel("load: sold / registered capacity, %")
        axes.set_xlim(-4, 104)
        if not pairs:
            axes.text(
                0.5, 0.5, "no prices", transform=axes.transAxes, ha="center", va="center", style="italic"
            )
            continue
        axes.scatter(
            [row.load * 100 for row, _ in pairs],
            [ratio for _, ratio in pairs],
            s=11,
            color=_COMMODITIES[commodity],
            alpha=0.55,
            linewidths=0,
        )
        bands = tallies.by_load(row for row in result.prices if row.commodity is commodity)
        told.append(
            f"{tallies.NAMES[commodity]} "
            + ", ".join(f"{ratio:.2f} at {band}" for band, ratio in bands.items())
        )
    panels["compute"].set_ylabel("reference price,\n× the product’s median of the day")
    return (
        "Price and load",
        "Each point is a reference price that the pricing rules set for a product and an hour, against the load at that "
        "moment. 1 is the product’s own median of the day, so that cheap and dear products can be compared.",
        f"Three scatter plots. Mean relative price by load: {'; '.join(told) or 'no prices'}.",
        figure,
    )


def _price_by_tier(result: DayResult) -> _Drawn:
    figure, panels = _canvas(2.7, _panel_of_each_commodity())
    told = []
    for commodity in Commodity:
        axes = panels[tallies.NAMES[commodity]]
        trades = tallies.of_commodity(result.standing, commodity)
        axes.set_title(tallies.NAMES[commodity])
        axes.set_ylabel(f"tokens per {commodity.unit}")
        axes.set_xlabel("quality tier")
        axes.set_xticks(range(5), [f"Q{tier}" for tier in range(5)])
        axes.set_xlim(-0.5, 4.5)
        if not trades:
            _nothing(axes)
            continue
        products = tallies.group(trades, lambda trade: trade.product)
        for index, (product, rows) in enumerate(products.items()):
            tiers = tallies.group(rows, lambda trade: trade.tier)
            axes.plot(
                list(tiers),
                [tallies.mean_price(at_tier) / MICROS_PER_TOKEN for at_tier in tiers.values()],
                marker="o",
                markersize=5,
                linewidth=1,
                color=_energy_colour(product)
                if commodity is Commodity.ENE
                else _PRODUCTS[index % len(_PRODUCTS)],
                label=product,
            )
        axes.set_ylim(bottom=0)
        axes.legend(
            loc="upper left",
            ncols=3,
            bbox_to_anchor=(-0.04, -0.26),
            handlelength=0.8,
            columnspacing=0.6,
            fontsize=7.5,
        )
        means = tallies.group(trades, lambda trade: trade.tier)
        told.append(
            f"{tallies.NAMES[commodity]} "
            + ", ".join(
                f"Q{tier} {tallies.mean_price(rows) / MICROS_PER_TOKEN:.3g}" for tier, rows in means.items()
            )
        )
    return (
        "Price by quality tier",
        "Mean price of the trades of each product, from Q0 (best effort) to Q4 (99.99% available).",
        f"Mean price by quality tier in tokens per unit: {'; '.join(told) or 'nothing was traded'}.",
        figure,
    )


def _price_by_energy_type(result: DayResult) -> _Drawn:
    energy = tallies.of_commodity(result.standing, Commodity.ENE)
    found = tallies.group(energy, lambda trade: trade.product)
    kinds = sorted(found, key=lambda kind: -tallies.mean_price(found[kind]))
    figure, panels = _canvas(1.1 + 0.3 * max(len(kinds), 2), [["types"]])
    axes = panels["types"]
    axes.set_xlabel("tokens per kWh")
    axes.grid(visible=False, axis="y")
    if not kinds:
        _nothing(axes)
    for row, kind in enumerate(kinds):
        prices = [trade.price_micros / MICROS_PER_TOKEN for trade in found[kind]]
        mean = tallies.mean_price(found[kind]) / MICROS_PER_TOKEN
        axes.plot([min(prices), max(prices)], [row, row], color=_energy_colour(kind), linewidth=5, alpha=0.35)
        axes.plot([mean], [row], "o", color=_energy_colour(kind), markersize=8)
        axes.annotate(
            f"{mean:.4f}", (max(prices), row), (7, 0), textcoords="offset points", va="center", fontsize=8.5
        )
    axes.set_yticks(
        range(len(kinds)),
        [kind.lower() + (" (green)" if kind in result.green_types else "") for kind in kinds],
    )
    axes.set_ylim(-0.6, max(len(kinds), 1) - 0.4)
    axes.set_xlim(left=0)
    told = [f"{kind.lower()} {tallies.mean_price(found[kind]) / MICROS_PER_TOKEN:.4f}" for kind in kinds]
    return (
        "Price by energy type",
        "The dot and the number are the mean price, weighted by quantity; the bar reaches from the cheapest to the "
        "dearest trade.",
        f"Mean price in tokens per kWh: {', '.join(told) or 'no energy was traded'}.",
        figure,
    )


def _surplus(result: DayResult) -> _Drawn:
    figure, panels = _canvas(1.9, [["surplus"]])
    axes = panels["surplus"]
    told = []
    names = []
    for row, commodity in enumerate(reversed(Commodity)):
        shared = tallies.surplus(tallies.of_commodity(result.standing, commodity))
        total = shared.buyers + shared.sellers
        names.append(f"{tallies.NAMES[commodity]}\n{total / MICROS_PER_TOKEN:,.2f} tokens")
        if not total:
            axes.text(50, row, "no surplus", ha="center", va="center", style="italic")
            continue
        sellers = shared.sellers_share * 100
        for left, width, colour, amount in (
            (0.0, 100 - sellers, _BUYERS, shared.buyers),
            (100 - sellers, sellers, _SELLERS, shared.sellers),
        ):
            axes.barh(row, width, 0.62, left=left, color=colour, linewidth=0)
            if width > 12:
                axes.text(
                    left + width / 2,
                    row,
                    f"{width:.0f}%  ({amount / MICROS_PER_TOKEN:,.2f})",
                    ha="center",
                    va="center",
                    color="#ffffff",
                    fontweight="bold",
                    fontsize=8.5,
                )
        told.append(f"{tallies.NAMES[commodity]}: buyers {100 - sellers:.0f}%, sellers {sellers:.0f}%")
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(-0.5, len(names) - 0.5)
    axes.set_xlim(0, 100)
    axes.set_xlabel("share of the surplus, %   (amounts in tokens)")
    axes.grid(visible=False)
    for colour, label in (
        (_BUYERS, "buyers: paid less than their limit"),
        (_SELLERS, "sellers: got more than theirs"),
    ):
        axes.barh([0], [0], color=colour, label=label)
    figure.legend(loc="outside upper center", ncols=2)
    return (
        "Surplus of buyers and sellers",
        "A buyer who would have paid 10 and a seller who would have taken 6 share a surplus of 4: the price says how. "
        "A market order counts with the worst price that its sender signed.",
        f"Stacked bars of the surplus. {'; '.join(told) or 'There was no surplus'}.",
        figure,
    )


def _green_by_hour(result: DayResult) -> _Drawn:
    figure, panels = _canvas(2.7, [["share", "intensity"]])
    share, intensity = panels["share"], panels["intensity"]
    by_hour = tallies.carbon_by_hour(result)
    bought = tallies.carbon(result, result.data_centre_purchases)
    supplied = {hour: one for hour, one in by_hour.items() if one.total_lots}
    share.set_title("green share of data centres’ energy")
    share.bar(
        list(HOURS),
        [100 if hour in supplied else 0 for hour in HOURS],
        0.78,
        color=_NEUTRAL,
        alpha=0.25,
        linewidth=0,
    )
    share.bar(
        list(HOURS),
        [supplied[hour].green_share * 100 if hour in supplied else 0.0 for hour in HOURS],
        0.78,
        color=_GREEN,
        linewidth=0,
    )
    share.axhline(tallies.GREEN_HOUR_SHARE * 100, color=_INK, linewidth=0.9, linestyle=(0, (3, 2)))
    share.set_ylim(0, 104)
    share.set_ylabel("green energy, %")
    wh = Commodity.ENE.lots_per_unit
    intensity.set_title("carbon of their energy")
    intensity.plot(
        list(HOURS),
        [supplied[hour].gco2 * wh / supplied[hour].total_lots if hour in supplied else nan for hour in HOURS],
        color=_GREEN,
        marker="o",
        markersize=2.5,
        label="as bought by data centres",
    )
    intensity.plot(
        list(HOURS), list(result.grid_gco2_per_kwh), color=_NEUTRAL, label="average of the grid zone"
    )
    intensity.set_ylim(bottom=0)
    intensity.set_ylabel("gCO2e per kWh")
    intensity.legend(loc="upper left", ncols=2, bbox_to_anchor=(0, -0.2), handlelength=1.4)
    for axes in (share, intensity):
        _hours(axes)
    green, hours = tallies.green_hours(result)
    return (
        "Green share and carbon by hour",
        "Left: the part of the energy delivered to data centres that came from green types; the dashed line is 80%, "
        "what green class G2 asks of an hour. Right: life-cycle carbon of what they received, beside the grid’s average.",
        f"Green share by hour and carbon by hour. Over the day {bought.green_share:.1%} of the energy of data centres was "
        f"green; {green} of {hours} hours reached 80%.",
        figure,
    )


def _compensation(result: DayResult) -> _Drawn:
    payouts = result.guarantees
    to_sellers = sum(payout.paid_to_seller for payout in payouts) / MICROS_PER_TOKEN
    fees = sum(payout.fee for payout in payouts) / MICROS_PER_TOKEN
    returned = sum(payout.returned_to_buyer for payout in payouts) / MICROS_PER_TOKEN
    compensation = sum(payout.compensation for payout in payouts) / MICROS_PER_TOKEN
    locked = to_sellers + fees + returned
    steps = (
        ("locked by\nthe buyers", 0.0, locked, _BUYERS),
        ("to suppliers, for\nwhat came", locked - to_sellers, to_sellers, _SELLERS),
        ("venue’s fee", returned, fees, _NEUTRAL),
        ("returned\nto the buyers", 0.0, returned, _BUYERS),
        ("compensation from\nsuppliers’ collateral", returned, compensation, _BREACH),
        ("buyers got\nin the end", 0.0, returned + compensation, _BUYERS),
    )
    figure, panels = _canvas(2.8, [["waterfall"]])
    axes = panels["waterfall"]
    axes.grid(visible=False, axis="x")
    axes.set_ylabel("tokens")
    axes.set_xticks(range(len(steps)), [label for label, *_ in steps])
    if not payouts:
        _nothing(axes, "no guarantee was paid out")
    else:
        for column, (_, bottom, height, colour) in enumerate(steps):
            axes.bar(column, height, 0.62, bottom=bottom, color=colour, linewidth=0)
            axes.annotate(
                f"{height:,.2f}", (column, bottom + height), (0, 3), textcoords="offset points", ha="center"
            )
        axes.set_ylim(0, locked * 1.1 or 1)
    return (
        "What happened to the money of broken promises",
        "All trades that fell short, together. The buyer pays for what came, gets the rest back, and on top is "
        "compensated from the collateral that the supplier had locked.",
        f"Waterfall in tokens: buyers had locked {locked:,.2f}; {to_sellers:,.2f} went to suppliers, {fees:,.2f} was fee, "
        f"{returned:,.2f} went back; compensation added {compensation:,.2f}.",
        figure,
    )
