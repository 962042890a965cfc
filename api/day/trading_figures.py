"""Plots of what was traded: prices, volumes, load, tiers, energy types, and who gained."""

from collections.abc import Sequence
from math import nan
from typing import TYPE_CHECKING

from api.day import tallies
from api.day.result import HOURS, DayResult, TradeRow
from market.units import MICROS_PER_TOKEN, Commodity

if TYPE_CHECKING:
    from matplotlib.axes import Axes

from api.day.canvas import (
    BUYERS,
    COMMODITIES,
    ENERGY,
    PRODUCTS,
    SELLERS,
    Drawn,
    canvas,
    energy_colour,
    hour_axis,
    in_thousands,
    panel_of_each_commodity,
    say_nothing,
)


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


def price_by_hour(result: DayResult) -> Drawn:
    """Draw the mean price of each commodity and its range, by delivery hour, in tokens per unit."""
    figure, panels = canvas(2.9, panel_of_each_commodity())
    told = []
    for commodity in Commodity:
        axes = panels[tallies.NAMES[commodity]]
        trades = tallies.of_commodity(result.standing, commodity)
        told.append(_range_text(trades, commodity))
        axes.set_title(tallies.NAMES[commodity])
        hour_axis(axes)
        axes.set_ylabel(f"tokens per {commodity.unit}")
        if not trades:
            say_nothing(axes)
            continue
        products = tallies.group(trades, lambda trade: trade.product)
        series = dict(zip(products, PRODUCTS, strict=False))
        if not 1 < len(products) <= len(PRODUCTS) - 2:
            products, series = {"mean of all": trades}, {"mean of all": COMMODITIES[commodity]}
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


def volume_by_hour(result: DayResult) -> Drawn:
    """Draw what was traded for each delivery hour, by product."""
    figure, panels = canvas(5.0, [["energy", "energy"], ["compute", "network"]])
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
    hour_axis(axes)
    if not trades:
        say_nothing(axes)
        return
    found = tallies.group(trades, lambda trade: trade.product)
    order = sorted(found, key=lambda product: (_stacking_place(product), product))
    bottom = [0.0] * len(HOURS)
    for index, product in enumerate(order):
        by_hour = tallies.group(found[product], lambda trade: trade.hour)
        heights = [tallies.sold(by_hour.get(hour, ())) / commodity.lots_per_unit for hour in HOURS]
        colour = energy_colour(product) if commodity is Commodity.ENE else PRODUCTS[index % len(PRODUCTS)]
        axes.bar(list(HOURS), heights, 0.78, bottom=bottom, color=colour, label=product, linewidth=0)
        bottom = [low + height for low, height in zip(bottom, heights, strict=True)]
    in_thousands(axes.yaxis)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.02), reverse=True, handlelength=0.9)


def _stacking_place(product: str) -> int:
    """Say how high a product is stacked: energy types against the order of the palette, so that green is on top."""
    return -list(ENERGY).index(product) if product in ENERGY else 0


def price_and_load(result: DayResult) -> Drawn:
    """Draw reference prices against the load, each as a multiple of its product’s median of the day."""
    figure, panels = canvas(2.7, panel_of_each_commodity(), sharey=True)
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
            color=COMMODITIES[commodity],
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


def price_by_tier(result: DayResult) -> Drawn:
    """Draw what was paid for each quality tier."""
    figure, panels = canvas(2.7, panel_of_each_commodity())
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
            say_nothing(axes)
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
                color=energy_colour(product)
                if commodity is Commodity.ENE
                else PRODUCTS[index % len(PRODUCTS)],
                label=product,
            )
        axes.margins(y=0.12)  # or the highest point would be cut in two by the edge
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


def price_by_energy_type(result: DayResult) -> Drawn:
    """Draw what was paid for each energy type, in tokens per kWh."""
    energy = tallies.of_commodity(result.standing, Commodity.ENE)
    found = tallies.group(energy, lambda trade: trade.product)
    kinds = sorted(found, key=lambda kind: -tallies.mean_price(found[kind]))
    figure, panels = canvas(1.1 + 0.3 * max(len(kinds), 2), [["types"]])
    axes = panels["types"]
    axes.set_xlabel("tokens per kWh")
    axes.grid(visible=False, axis="y")
    if not kinds:
        say_nothing(axes)
    for row, kind in enumerate(kinds):
        prices = [trade.price_micros / MICROS_PER_TOKEN for trade in found[kind]]
        mean = tallies.mean_price(found[kind]) / MICROS_PER_TOKEN
        axes.plot([min(prices), max(prices)], [row, row], color=energy_colour(kind), linewidth=5, alpha=0.35)
        axes.plot([mean], [row], "o", color=energy_colour(kind), markersize=8)
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


def surplus(result: DayResult) -> Drawn:
    """Draw how buyers and sellers shared what both gained."""
    figure, panels = canvas(1.9, [["surplus"]])
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
            (0.0, 100 - sellers, BUYERS, shared.buyers),
            (100 - sellers, sellers, SELLERS, shared.sellers),
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
        (BUYERS, "buyers: paid less than their limit"),
        (SELLERS, "sellers: got more than theirs"),
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
