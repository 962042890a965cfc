"""Sums, means and shares over the rows of a market day, exact as long as they are money or quantities."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

from api.day.result import DayResult, PriceRow, TradeRow
from market.units import MICROS_PER_TOKEN, Commodity, Lots, Micros, floor_money, format_decimal

Row = TypeVar("Row")
Key = TypeVar("Key", int, str)

NAMES = {Commodity.CMP: "compute", Commodity.NET: "network", Commodity.ENE: "energy"}
"""Commodities in the words of the summary."""

GREEN_HOUR_SHARE = 0.8
"""An hour counts as green from this share of green energy: the threshold of green class G2 (hourly, 80 %)."""

LOAD_BANDS = ((0.0, 0.2), (0.2, 0.4), (0.4, 0.6), (0.6, 0.8), (0.8, 1.0))
"""Load intervals by which reference prices are averaged; the last includes full load."""


def group(rows: Iterable[Row], key: Callable[[Row], Key]) -> dict[Key, list[Row]]:
    """Gather rows by a key, keys in ascending order.

    >>> group(["ab", "c", "de"], len)
    {1: ['c'], 2: ['ab', 'de']}
    """
    found: dict[Key, list[Row]] = {}
    for row in rows:
        found.setdefault(key(row), []).append(row)
    return dict(sorted(found.items()))


def of_commodity(trades: Iterable[TradeRow], commodity: Commodity) -> list[TradeRow]:
    """Pick the trades of one commodity."""
    return [trade for trade in trades if trade.commodity is commodity]


def sold(trades: Iterable[TradeRow]) -> Lots:
    """Return the agreed quantity in lots; the trades must share a commodity."""
    return Lots(sum(trade.quantity_lots for trade in trades))


def delivered(trades: Iterable[TradeRow]) -> Lots:
    """Return the delivered quantity in lots; the trades must share a commodity."""
    return Lots(sum(trade.delivered_lots for trade in trades))


def mean_price(trades: Sequence[TradeRow]) -> Micros:
    """Return the mean price in micros per unit, weighted by quantity, rounded down; there must be a trade."""
    weighted = sum(trade.price_micros * trade.quantity_lots for trade in trades)
    return Micros(weighted // sold(trades))


def tokens(micros: int) -> str:
    """Write an amount or a price in tokens, exactly."""
    return format_decimal(micros, scale=MICROS_PER_TOKEN)


def units(lots: int, commodity: Commodity) -> str:
    """Write a quantity in units of the price (GPU·h, Mbps·h, kWh), exactly."""
    return format_decimal(lots, scale=commodity.lots_per_unit)


@dataclass(frozen=True, slots=True)
class Surplus:
    """What buyers paid below their limits and sellers got above theirs, in micros."""

    buyers: Micros
    sellers: Micros

    @property
    def sellers_share(self) -> float:
        """The suppliers' part of the surplus, 0 to 1; one half where there was none."""
        total = self.buyers + self.sellers
        return self.sellers / total if total else 0.5


def surplus(trades: Iterable[TradeRow]) -> Surplus:
    """Return how the surplus between bids and asks was shared, each trade rounded down to the micro.

    A market order counts with its protective limit, the worst price that its sender signed.
    """
    buyers = sellers = 0
    for trade in trades:
        per_unit, lots = trade.commodity.lots_per_unit, trade.quantity_lots
        buyers += floor_money(
            price_micros=Micros(trade.bid_micros - trade.price_micros),
            quantity_lots=lots,
            lots_per_unit=per_unit,
        )
        sellers += floor_money(
            price_micros=Micros(trade.price_micros - trade.ask_micros),
            quantity_lots=lots,
            lots_per_unit=per_unit,
        )
    return Surplus(buyers=Micros(buyers), sellers=Micros(sellers))


def relative_prices(prices: Iterable[PriceRow]) -> list[tuple[PriceRow, float]]:
    """Pair each reference price with its ratio to the median of its family, so that products can be compared."""
    pairs: list[tuple[PriceRow, float]] = []
    for rows in group(prices, lambda row: row.family).values():
        middle = median(row.reference_micros for row in rows)
        pairs.extend((row, row.reference_micros / middle) for row in rows if middle)
    return pairs


def by_load(prices: Iterable[PriceRow]) -> dict[str, float]:
    """Return the mean relative reference price of each load band that occurs; 1 is the product's median."""
    bands: dict[int, list[float]] = {}
    for row, ratio in relative_prices(prices):
        band = sum(row.load >= low for low, _ in LOAD_BANDS[1:])
        bands.setdefault(band, []).append(ratio)
    return {band_name(band): round(sum(ratios) / len(ratios), 4) for band, ratios in sorted(bands.items())}


def band_name(band: int) -> str:
    """Write a load band, by its place in `LOAD_BANDS`.

    >>> band_name(1)
    '20-40%'
    """
    low, high = LOAD_BANDS[band]
    return f"{low * 100:.0f}-{high:.0%}"


@dataclass(frozen=True, slots=True)
class Carbon:
    """Energy that data centres received: Wh in all, Wh of green types, gCO2e by type and at the grid's average."""

    total_lots: Lots
    green_lots: Lots
    gco2: float
    gco2_at_grid_average: float

    @property
    def green_share(self) -> float:
        """Green energy over all energy, 0 to 1; 0 where nothing was received."""
        return self.green_lots / self.total_lots if self.total_lots else 0.0


def carbon(result: DayResult, trades: Iterable[TradeRow]) -> Carbon:
    """Return energy and carbon of energy trades, from what was delivered."""
    wh = Commodity.ENE.lots_per_unit
    total = green = 0
    by_type = by_grid = 0.0
    for trade in trades:
        total += trade.delivered_lots
        green += trade.delivered_lots if trade.product in result.green_types else 0
        by_type += trade.delivered_lots * result.gco2_per_kwh[trade.product] / wh
        by_grid += trade.delivered_lots * result.grid_gco2_per_kwh[trade.hour] / wh
    return Carbon(total_lots=Lots(total), green_lots=Lots(green), gco2=by_type, gco2_at_grid_average=by_grid)


def carbon_by_hour(result: DayResult) -> dict[int, Carbon]:
    """Return energy and carbon of the data centres for each hour in which they bought any."""
    hours = group(result.data_centre_purchases, lambda trade: trade.hour)
    return {hour: carbon(result, trades) for hour, trades in hours.items()}


def green_hours(result: DayResult) -> tuple[int, int]:
    """Return the number of hours with at least 80 % green energy, and of hours with any energy, for data centres."""
    hours = [one for one in carbon_by_hour(result).values() if one.total_lots]
    return sum(one.green_share >= GREEN_HOUR_SHARE for one in hours), len(hours)
