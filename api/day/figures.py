"""The plots of a market day as SVG text that sits inside the report and takes its colours for ink from the page."""

from dataclasses import dataclass

from api.day.canvas import STYLE, svg_text
from api.day.carbon_figures import carbon_free_by_hour
from api.day.delivery_figures import compensation, green_by_hour, offered_and_delivered
from api.day.result import DayResult
from api.day.trading_figures import (
    price_and_load,
    price_by_energy_type,
    price_by_hour,
    price_by_tier,
    surplus,
    volume_by_hour,
)


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
    with rc_context(STYLE):
        for plot in (
            price_by_hour,
            volume_by_hour,
            offered_and_delivered,
            price_and_load,
            price_by_tier,
            price_by_energy_type,
            surplus,
            green_by_hour,
            carbon_free_by_hour,
            compensation,
        ):
            name = plot.__name__.replace("_", "-")
            title, caption, alt, figure = plot(result)
            plots.append(Plot(name=name, title=title, caption=caption, alt=alt, svg=svg_text(figure, name)))
    return tuple(plots)
