"""The plot of carbon-free energy: what compute used in each hour, and what certificates of that very hour matched."""

from api.day.canvas import GREEN, INK, NEUTRAL, Drawn, canvas, hour_axis, in_thousands, say_nothing
from api.day.certificate_report import share
from api.day.certificates import GREEN_HOUR_PPM
from api.day.result import HOURS, DayResult
from market.units import PPM_ONE, Commodity

_WH = Commodity.ENE.lots_per_unit


def carbon_free_by_hour(result: DayResult) -> Drawn:
    """Draw the energy behind compute by hour, matched and not, and each consumer's score over the day."""
    certificates = result.certificates
    figure, panels = canvas(3.4, [["hours", "consumers"]])
    hours, consumers = panels["hours"], panels["consumers"]
    by_hour = certificates.by_hour
    hours.set_title("energy behind compute, all consumers")
    hours.set_ylabel("kWh per hour")
    hour_axis(hours)
    consumers.set_title("carbon-free by the hour, over the day")
    if by_hour:
        matched = [by_hour[hour].matched_wh / _WH if hour in by_hour else 0.0 for hour in HOURS]
        rest = [
            (by_hour[hour].load_wh - by_hour[hour].matched_wh) / _WH if hour in by_hour else 0.0
            for hour in HOURS
        ]
        hours.bar(
            list(HOURS), matched, 0.78, color=GREEN, linewidth=0, label="matched by certificates of that hour"
        )
        hours.bar(
            list(HOURS),
            rest,
            0.78,
            bottom=matched,
            color=NEUTRAL,
            alpha=0.55,
            linewidth=0,
            label="not matched",
        )
        hours.legend(loc="upper left", ncols=2, bbox_to_anchor=(-0.02, -0.17), handlelength=1.4)
        in_thousands(hours.yaxis)
        ordered = sorted(certificates.consumers, key=lambda each: (each.whole_day.share, each.name))
        names = [each.name for each in ordered]
        places = range(len(names))
        shares = [share(each.whole_day) * 100 for each in ordered]
        consumers.barh(list(places), [100.0] * len(names), 0.72, color=NEUTRAL, alpha=0.25, linewidth=0)
        consumers.barh(list(places), shares, 0.72, color=GREEN, linewidth=0)
        consumers.axvline(GREEN_HOUR_PPM / PPM_ONE * 100, color=INK, linewidth=0.9, linestyle=(0, (3, 2)))
        consumers.set_yticks(list(places), names, fontsize=7.5)
        consumers.set_xlim(0, 100)
        consumers.set_xlabel("% of its energy")
        consumers.grid(visible=False, axis="y")
    else:
        say_nothing(hours, "no compute was delivered")
        say_nothing(consumers, "no consumer")
    together = certificates.together
    return (
        "Carbon-free energy behind compute",
        "Left: what the delivered compute of each hour used; green is what certificates of that very hour, from the same "
        "grid zone, were retired for. Right: the same for each consumer over the day; the dashed line is 80%.",
        f"Stacked bars by hour and a bar for each consumer. Over the day {share(together):.1%} of "
        f"{together.load_wh / _WH:,.0f} kWh was matched hour by hour.",
        figure,
    )
