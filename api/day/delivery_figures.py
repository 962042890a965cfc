"""Plots of what was delivered: offered and generated, how green, and what was compensated."""

from collections import Counter
from collections.abc import Callable
from math import nan
from typing import TYPE_CHECKING

from api.day import tallies
from api.day.result import HOURS, DayResult, GenerationRow
from market.units import MICROS_PER_TOKEN, Commodity

if TYPE_CHECKING:
    pass

from api.day.canvas import (
    BREACH,
    BUYERS,
    GREEN,
    INK,
    NEUTRAL,
    SELLERS,
    Drawn,
    canvas,
    energy_colour,
    hour_axis,
    in_thousands,
    say_nothing,
)


def offered_and_delivered(result: DayResult) -> Drawn:
    """Draw what wind and sun offered, sold and delivered, hour by hour, in kWh."""
    variable = [
        kind for kind in ("SOLAR", "WIND") if any(row.energy_type == kind for row in result.generation)
    ]
    figure, panels = canvas(2.9, [variable or ["none"]])
    wh = Commodity.ENE.lots_per_unit
    told = []
    edges = [hour - 0.5 for hour in range(len(HOURS) + 1)]
    if not variable:
        hour_axis(panels["none"])
        say_nothing(panels["none"], "no wind or solar was offered")
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
        colour = energy_colour(kind)
        axes.bar(list(HOURS), sold, 0.78, color=BREACH, alpha=0.85, linewidth=0, label="sold, not delivered")
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
            offered, edges, color=INK, linewidth=1.1, linestyle=(0, (3, 2)), label="offered", baseline=None
        )
        metered = _generation_line(rows, lambda row: row.metered_lots / wh)
        axes.stairs(
            metered, edges, color=INK, linewidth=1.1, label="metered (really generated)", baseline=None
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
                color=BREACH,
                annotation_clip=False,
            )
        axes.set_title(kind.lower())
        axes.set_ylabel("kWh per hour")
        axes.set_ylim(0, top * 1.06)
        hour_axis(axes)
        axes.tick_params(axis="x", pad=12)
        in_thousands(axes.yaxis)
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


def green_by_hour(result: DayResult) -> Drawn:
    """Draw the green share of what data centres used and its carbon, hour by hour."""
    figure, panels = canvas(2.7, [["share", "intensity"]])
    share, intensity = panels["share"], panels["intensity"]
    by_hour = tallies.carbon_by_hour(result)
    bought = tallies.carbon(result, result.data_centre_purchases)
    supplied = {hour: one for hour, one in by_hour.items() if one.total_lots}
    share.set_title("green share of data centres’ energy")
    share.bar(
        list(HOURS),
        [100 if hour in supplied else 0 for hour in HOURS],
        0.78,
        color=NEUTRAL,
        alpha=0.25,
        linewidth=0,
    )
    share.bar(
        list(HOURS),
        [supplied[hour].green_share * 100 if hour in supplied else 0.0 for hour in HOURS],
        0.78,
        color=GREEN,
        linewidth=0,
    )
    share.axhline(tallies.GREEN_HOUR_SHARE * 100, color=INK, linewidth=0.9, linestyle=(0, (3, 2)))
    share.set_ylim(0, 104)
    share.set_ylabel("green energy, %")
    wh = Commodity.ENE.lots_per_unit
    intensity.set_title("carbon of their energy")
    intensity.plot(
        list(HOURS),
        [supplied[hour].gco2 * wh / supplied[hour].total_lots if hour in supplied else nan for hour in HOURS],
        color=GREEN,
        marker="o",
        markersize=2.5,
        label="as bought by data centres",
    )
    intensity.plot(
        list(HOURS), list(result.grid_gco2_per_kwh), color=NEUTRAL, label="average of the grid zone"
    )
    intensity.set_ylim(bottom=0)
    intensity.set_ylabel("gCO2e per kWh")
    intensity.legend(loc="upper left", ncols=2, bbox_to_anchor=(0, -0.2), handlelength=1.4)
    for axes in (share, intensity):
        hour_axis(axes)
    green, hours = tallies.green_hours(result)
    return (
        "Green share and carbon by hour",
        "Left: the part of the energy delivered to data centres that came from green types; the dashed line is 80%, "
        "what green class G2 asks of an hour. Right: life-cycle carbon of what they received, beside the grid’s average.",
        f"Green share by hour and carbon by hour. Over the day {bought.green_share:.1%} of the energy of data centres was "
        f"green; {green} of {hours} hours reached 80%.",
        figure,
    )


def compensation(result: DayResult) -> Drawn:
    """Draw how what short trades had locked was shared out, in tokens."""
    payouts = result.guarantees
    to_sellers = sum(payout.paid_to_seller for payout in payouts) / MICROS_PER_TOKEN
    fees = sum(payout.fee for payout in payouts) / MICROS_PER_TOKEN
    returned = sum(payout.returned_to_buyer for payout in payouts) / MICROS_PER_TOKEN
    compensation = sum(payout.compensation for payout in payouts) / MICROS_PER_TOKEN
    locked = to_sellers + fees + returned
    steps = (
        ("locked by\nthe buyers", 0.0, locked, BUYERS),
        ("to suppliers, for\nwhat came", locked - to_sellers, to_sellers, SELLERS),
        ("venue’s fee", returned, fees, NEUTRAL),
        ("returned\nto the buyers", 0.0, returned, BUYERS),
        ("compensation from\nsuppliers’ collateral", returned, compensation, BREACH),
        ("buyers got\nin the end", 0.0, returned + compensation, BUYERS),
    )
    figure, panels = canvas(2.8, [["waterfall"]])
    axes = panels["waterfall"]
    axes.grid(visible=False, axis="x")
    axes.set_ylabel("tokens")
    axes.set_xticks(range(len(steps)), [label for label, *_ in steps])
    if not payouts:
        say_nothing(axes, "no guarantee was paid out")
    else:
        for column, (_, bottom, height, colour) in enumerate(steps):
            axes.bar(column, height, 0.62, bottom=bottom, color=colour, linewidth=0)
            axes.annotate(
                f"{height:,.2f}", (column, bottom + height), (0, 3), textcoords="offset points", ha="center"
            )
        axes.set_ylim(0, locked * 1.1 or 1)
        axes.yaxis.set_major_formatter("{x:,.0f}")
    return (
        "What happened to the money of broken promises",
        "All trades that fell short, together. The buyer pays for what came, gets the rest back, and on top is "
        "compensated from the collateral that the supplier had locked.",
        f"Waterfall in tokens: buyers had locked {locked:,.2f}; {to_sellers:,.2f} went to suppliers, {fees:,.2f} was fee, "
        f"{returned:,.2f} went back; compensation added {compensation:,.2f}.",
        figure,
    )
