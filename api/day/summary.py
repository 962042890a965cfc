"""The market day in figures: `summary.json` for machines and compact tables for the terminal."""

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from api.day import certificate_report, tallies
from api.day.result import HOURS, DayResult, TradeRow
from api.whole_file import whole_file
from market.quality import TIERS
from market.trades import TradeState
from market.units import MICROS_PER_TOKEN, Commodity, Micros

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_BARS = "▁▂▃▄▅▆▇█"


def summary(result: DayResult) -> dict[str, Any]:
    """Return the day as plain JSON values.

    Money, prices and quantities are exact decimal strings (tokens, tokens per unit, units); shares lie between 0 and 1
    and carbon is grams of CO2 equivalent. A commodity without trades has volume "0" and prices null.
    """
    hours_green, hours_supplied = tallies.green_hours(result)
    bought = tallies.carbon(result, result.data_centre_purchases)
    return {
        "scenario": result.title,
        "delivery_day": result.delivery_day.isoformat(),
        "seed": result.seed,
        "seconds": round(result.seconds, 2),
        "state_hash": result.state_hash,
        "orders": len(result.orders),
        "orders_refused": sum(order.refusal is not None for order in result.orders),
        "refusals": {name.value: count for name, count in sorted(result.refusals.items())},
        "trades": len(result.trades),
        "trades_in_call": sum(trade.in_call for trade in result.trades),
        "trades_void": len(result.trades) - len(result.standing),
        "units": {tallies.NAMES[commodity]: commodity.unit for commodity in Commodity},
        "volume": {
            tallies.NAMES[commodity]: tallies.units(tallies.sold(trades), commodity)
            for commodity, trades in _by_commodity(result).items()
        },
        "volume_delivered": {
            tallies.NAMES[commodity]: tallies.units(tallies.delivered(trades), commodity)
            for commodity, trades in _by_commodity(result).items()
        },
        "value": {
            tallies.NAMES[commodity]: tallies.tokens(sum(trade.value_micros for trade in trades))
            for commodity, trades in _by_commodity(result).items()
        },
        "prices": {
            tallies.NAMES[commodity]: _prices(result, commodity, trades)
            for commodity, trades in _by_commodity(result).items()
        },
        "surplus": {
            tallies.NAMES[commodity]: _surplus(trades) for commodity, trades in _by_commodity(result).items()
        },
        "green_share": round(bought.green_share, 4),
        "green_hours": hours_green,
        "hours_with_energy_bought": hours_supplied,
        "gco2": round(bought.gco2),
        "gco2_at_grid_average": round(bought.gco2_at_grid_average),
        "certificates": certificate_report.as_dict(result.certificates),
        "guarantees": guarantees(result),
        "emergency_plan": result.emergencies.as_dict(),
        "settlement": settlement(result),
        "trial_balance_difference": result.trial_balance_difference,
        "chain_reconciliation_difference": result.chain_reconciliation_difference,
    }


def guarantees(result: DayResult) -> dict[str, Any]:
    """Return how many guarantees opened, were breached and compensated, and the money that moved, in tokens."""
    payouts = result.guarantees
    short = [trade for trade in result.short_trades if trade.delivered_lots < trade.quantity_lots]
    return {
        "opened": len(result.short_trades),
        "breached": len(short),
        "compensated": sum(payout.compensation > 0 for payout in payouts),
        "compensation_paid": tallies.tokens(sum(payout.compensation for payout in payouts)),
        "returned_to_buyers": tallies.tokens(sum(payout.returned_to_buyer for payout in payouts)),
        "paid_to_suppliers": tallies.tokens(sum(payout.paid_to_seller for payout in payouts)),
        "awaiting_payout": sum(trade.state is TradeState.OPENED for trade in result.trades),
    }


def settlement(result: DayResult) -> dict[str, Any]:
    """Return what happened on chain; gas per trade is locking plus release, in whole gas."""
    locked = sum(row.locked for row in result.settlement)
    settle_gas = sum(row.settle_gas for row in result.settlement)
    deliver_gas = sum(row.deliver_gas for row in result.settlement)
    return {
        "chain": result.chain_name,
        "chain_description": result.chain_description,
        "batches": len(result.settlement),
        "trades_settled": locked,
        "trades_skipped": sum(row.skipped for row in result.settlement),
        "gas_per_trade": round((settle_gas + deliver_gas) / locked) if locked else 0,
        "gas_per_trade_to_lock": round(settle_gas / locked) if locked else 0,
        "gas_per_trade_to_release": round(deliver_gas / locked) if locked else 0,
    }


def _by_commodity(result: DayResult) -> dict[Commodity, list[TradeRow]]:
    return {commodity: tallies.of_commodity(result.standing, commodity) for commodity in Commodity}


def _surplus(trades: list[TradeRow]) -> dict[str, Any]:
    shared = tallies.surplus(trades)
    return {
        "buyers": tallies.tokens(shared.buyers),
        "sellers": tallies.tokens(shared.sellers),
        "sellers_share": round(shared.sellers_share, 4),
    }


def _prices(result: DayResult, commodity: Commodity, trades: list[TradeRow]) -> dict[str, Any]:
    prices = [trade.price_micros for trade in trades]
    found: dict[str, Any] = {
        "unit": f"tokens per {commodity.unit}",
        "mean": _mean(trades),
        "low": tallies.tokens(min(prices)) if prices else None,
        "high": tallies.tokens(max(prices)) if prices else None,
        "by_hour": {
            str(hour): _mean(rows) for hour, rows in tallies.group(trades, lambda trade: trade.hour).items()
        },
        "by_tier": {
            f"Q{tier}": _mean(rows) for tier, rows in tallies.group(trades, lambda trade: trade.tier).items()
        },
        "by_product": {
            product: _mean(rows)
            for product, rows in tallies.group(trades, lambda trade: trade.product).items()
        },
        "reference_by_load": tallies.by_load(row for row in result.prices if row.commodity is commodity),
    }
    if commodity is Commodity.ENE:
        found["by_energy_type"] = found.pop("by_product")
    return found


def _mean(trades: list[TradeRow]) -> str | None:
    return tallies.tokens(tallies.mean_price(trades)) if trades else None


def write_summary(result: DayResult, path: Path) -> None:
    """Write `summary(result)` as indented JSON, whole or not at all.

    Raises:
        OSError: if the file cannot be written.
    """
    with whole_file(path) as out:
        out.write(json.dumps(summary(result), indent=2, ensure_ascii=False) + "\n")


def print_summary(result: DayResult, console: "Console") -> None:
    """Print the day as compact tables for a terminal of 100 columns, with units and in plain words."""
    from rich.text import Text

    figures = summary(result)
    console.print()
    console.print(
        Text.assemble((result.title, "bold"), f"  delivery on {result.delivery_day:%d %B %Y}, UTC hours")
    )
    console.print()
    for table in (
        _volume_table(result),
        _price_table(result),
        _tier_table(result),
        _load_table(result),
        _energy_table(result),
        _consumer_table(result),
        _outcome_table(result, figures),
    ):
        console.print(table)
    if not result.books_are_right:
        console.print(
            Text(
                "The books do NOT agree: this day must not be trusted until the difference is found.",
                "bold red",
            )
        )


def _table(title: str, *columns: str, text_columns: int = 1) -> "Table":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )
    for position, column in enumerate(columns):
        table.add_column(column, justify="left" if position < text_columns else "right", overflow="fold")
    return table


def _volume_table(result: DayResult) -> "Table":
    table = _table(
        "What was traded",
        "commodity",
        "orders",
        "trades",
        "volume",
        "unit",
        "value, tokens",
        "surplus to sellers",
    )
    for commodity, trades in _by_commodity(result).items():
        table.add_row(
            tallies.NAMES[commodity],
            f"{sum(order.commodity is commodity for order in result.orders):,}",
            f"{len(trades):,}",
            f"{tallies.sold(trades) / commodity.lots_per_unit:,.0f}",
            commodity.unit,
            f"{sum(trade.value_micros for trade in trades) / MICROS_PER_TOKEN:,.2f}",
            f"{tallies.surplus(trades).sellers_share:.0%}" if trades else "-",
        )
    return table


def _price_table(result: DayResult) -> "Table":
    table = _table(
        "Prices", "commodity", "tokens per", "mean", "low", "high", "hours 0 to 23", text_columns=2
    )
    for commodity, trades in _by_commodity(result).items():
        prices = [trade.price_micros for trade in trades]
        table.add_row(
            tallies.NAMES[commodity],
            commodity.unit,
            *(_three_digits(price) for price in (tallies.mean_price(trades), min(prices), max(prices)))
            if trades
            else ("-", "-", "-"),
            _sparkline(trades),
        )
    return table


def _three_digits(price_micros: int) -> str:
    """Write a price in tokens to three significant digits: enough to compare, short enough for a column."""
    return f"{price_micros / MICROS_PER_TOKEN:#.3g}"


def _sparkline(trades: list[TradeRow]) -> str:
    """Draw the mean price of each hour as a bar between the day's lowest and highest; a dot where none traded."""
    means: dict[int, Micros] = {
        hour: tallies.mean_price(rows)
        for hour, rows in tallies.group(trades, lambda trade: trade.hour).items()
    }
    low, high = min(means.values(), default=Micros(0)), max(means.values(), default=Micros(0))
    span = max(high - low, 1)
    return "".join(_BARS[(means[hour] - low) * 7 // span] if hour in means else "·" for hour in HOURS)


def _energy_table(result: DayResult) -> "Table":
    table = _table("Energy by type", "type", "trades", "sold, kWh", "delivered, kWh", "tokens/kWh")
    energy = tallies.of_commodity(result.standing, Commodity.ENE)
    for product, trades in tallies.group(energy, lambda trade: trade.product).items():
        table.add_row(
            product.lower() + (" (green)" if product in result.green_types else ""),
            f"{len(trades):,}",
            f"{tallies.sold(trades) / Commodity.ENE.lots_per_unit:,.1f}",
            f"{tallies.delivered(trades) / Commodity.ENE.lots_per_unit:,.1f}",
            _three_digits(tallies.mean_price(trades)),
        )
    return table


def _consumer_table(result: DayResult) -> "Table":
    table = _table(
        "Carbon-free energy behind compute, by the hour",
        "consumer",
        "class",
        "used, kWh",
        "matched",
        "carbon-free",
        "80% hours",
        text_columns=2,
    )
    rows, total = certificate_report.consumer_rows(result.certificates)
    for name, _, classes, energy, matched, carbon_free, hours in [*rows, total] if rows else []:
        table.add_row(
            name, classes, energy.removesuffix(" kWh"), matched.removesuffix(" kWh"), carbon_free, hours
        )
    return table


def _tier_table(result: DayResult) -> "Table":
    tiers = range(len(TIERS))
    table = _table(
        "Mean price by quality tier",
        "commodity",
        "tokens per",
        *(f"Q{tier}" for tier in tiers),
        text_columns=2,
    )
    for commodity, trades in _by_commodity(result).items():
        found = tallies.group(trades, lambda trade: trade.tier)
        table.add_row(
            tallies.NAMES[commodity],
            commodity.unit,
            *(_three_digits(tallies.mean_price(found[tier])) if tier in found else "-" for tier in tiers),
        )
    return table


def _load_table(result: DayResult) -> "Table":
    bands = [tallies.band_name(band) for band in range(len(tallies.LOAD_BANDS))]
    table = _table("Reference price by load (× the product's median)", "commodity", *bands)
    for commodity in Commodity:
        found = tallies.by_load(row for row in result.prices if row.commodity is commodity)
        table.add_row(
            tallies.NAMES[commodity], *(f"×{found[band]:.2f}" if band in found else "-" for band in bands)
        )
    return table


def _outcome_table(result: DayResult, figures: dict[str, Any]) -> "Table":
    told, chain = figures["guarantees"], figures["settlement"]
    certificates, rescued = figures["certificates"], figures["emergency_plan"]
    table = _table("How it ended", "what", "figure", text_columns=2)
    refused = Counter(result.refusals).most_common(3)
    for label, text in (
        ("orders refused", f"{figures['orders_refused']:,} of {figures['orders']:,}"),
        (
            "refusals, most frequent",
            ", ".join(f"{name} {count}" for name, count in refused) or "none",
        ),
        (
            "trades",
            f"{figures['trades']:,}, {figures['trades_in_call']:,} in the call, {figures['trades_void']:,} void",
        ),
        (
            "guarantees",
            f"{told['opened']} opened, {told['breached']} breached, {told['compensated']} compensated",
        ),
        (
            "paid to buyers of short trades",
            f"{_grouped(told['returned_to_buyers'])} tokens returned, {_grouped(told['compensation_paid'])} compensation",
        ),
        (
            "emergency plan",
            f"{rescued['called']} {'fallback' if rescued['called'] == 1 else 'fallbacks'} called, "
            f"{rescued['delivered']} delivered; "
            f"{_grouped(rescued['paid_to_fallbacks'])} tokens paid to them, "
            f"{_grouped(rescued['paid_by_failed_suppliers'])} of it by who failed",
        ),
        (
            "green energy of data centres",
            f"{figures['green_share']:.1%}; {figures['green_hours']} of "
            f"{figures['hours_with_energy_bought']} hours at 80% or more",
        ),
        (
            "carbon of that energy",
            f"{figures['gco2'] / 1000:,.1f} kg CO2e (grid average: {figures['gco2_at_grid_average'] / 1000:,.1f} kg)",
        ),
        (
            "certificates",
            f"{float(certificates['issued']):,.0f} kWh issued, {float(certificates['retired']):,.0f} retired for compute, "
            f"{float(certificates['held']):,.0f} held still",
        ),
        (
            "compute matched carbon-free",
            f"{certificates['carbon_free_share']:.1%} of its energy, by the hour",
        ),
        ("chain", result.chain_description),
        (
            "settlement",
            f"{chain['batches']} batches, {chain['trades_settled']:,} trades, {chain['trades_skipped']} skipped, "
            f"{chain['gas_per_trade']:,} gas per trade",
        ),
        ("books: sum of all entries", f"{result.trial_balance_difference} tokens (must be 0)"),
        (
            "books against the contract",
            f"{result.chain_reconciliation_difference} tokens difference (must be 0)",
        ),
        ("certificates against the record", f"{result.certificates.difference_wh} Wh difference (must be 0)"),
        ("state hash", result.state_hash),
        ("seed, run time", f"{result.seed}, {result.seconds:.1f} s"),
    ):
        table.add_row(label, text)
    return table


def _grouped(decimal: str) -> str:
    """Group the thousands of a decimal string.

    >>> _grouped("1555.548919")
    '1,555.548919'
    """
    whole, point, part = decimal.partition(".")
    return f"{int(whole):,}{point}{part}"
