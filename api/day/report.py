"""The market day as one self-contained web page that a reader who never saw the project understands."""

from collections.abc import Iterable
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from api.day import certificate_report, report_tables, tallies
from api.day.figures import Plot
from api.day.readable import count, money
from api.day.result import DayResult
from api.day.story import story
from api.day.summary import guarantees, settlement
from api.whole_file import whole_file
from market.quality import TIERS
from market.trades import TradeState
from market.units import PPM_ONE, Commodity


def write_report(result: DayResult, plots: Iterable[Plot], path: Path) -> None:
    """Write the day as an HTML page with the plots drawn of it inside, whole or not at all.

    Raises:
        OSError: if the file cannot be written.
    """
    with whole_file(path) as out:
        out.write(page(result, plots))


def page(result: DayResult, plots: Iterable[Plot]) -> str:
    """Return the page as text; the same day with the same plots gives the same bytes."""
    template = Template(files("api.day").joinpath("report.html").read_text(encoding="utf-8"))
    drawn = {f"plot_{plot.name.replace('-', '_')}": _figure(plot) for plot in plots}
    return template.substitute(
        drawn,
        title=escape(result.title),
        description=escape(result.description),
        story="\n".join(f"<p>{escape(paragraph)}</p>" for paragraph in story(result)),
        verdict=_verdict(result),
        numbers="\n".join(
            f"<div><dt>{escape(label)}</dt><dd>{escape(figure)}<small>{escape(unit)}</small></dd></div>"
            for label, figure, unit in _numbers(result)
        ),
        chain=escape(_chain(result)),
        tiers=escape(", ".join(_tier_words())),
        table_orders=report_tables.orders(result),
        table_products=report_tables.products(result),
        table_surplus=report_tables.surplus(result),
        table_green=report_tables.green(result),
        told_certificates=escape(certificate_report.told(result.certificates)),
        table_consumers=report_tables.consumers(result),
        table_certificates=report_tables.certificates(result),
        table_guarantees=report_tables.guarantees(result),
        told_emergencies=_told_emergencies(result),
        table_emergencies=report_tables.emergencies(result),
        table_settlement=report_tables.batches(result),
        table_balances=report_tables.balances(result),
        table_checks=report_tables.checks(result),
        table_refusals=report_tables.refusals(result),
        table_notes=report_tables.notes(result),
        seed=result.seed,
        seconds=f"{result.seconds:.1f}",
        state_hash=escape(result.state_hash),
    )


def _verdict(result: DayResult) -> str:
    if result.books_are_right:
        return (
            '<p class="verdict">The books are right: all entries add up to zero, and every balance equals the '
            "contract’s on the chain.</p>"
        )
    return (
        '<p class="verdict wrong">The books do not agree: the entries add up to '
        f"{escape(result.trial_balance_difference)} tokens, and {escape(result.chain_reconciliation_difference)} tokens "
        "differ from the contract. Both must be 0. Do not trust this day until the difference is found.</p>"
    )


def _numbers(result: DayResult) -> Iterable[tuple[str, str, str]]:
    """Yield label, figure and unit of each key number."""
    told, chain = guarantees(result), settlement(result)
    bought = tallies.carbon(result, result.data_centre_purchases)
    yield (
        "orders",
        f"{len(result.orders):,}",
        f"from {len({o.participant for o in result.orders})} participants",
    )
    yield (
        "trades",
        f"{len(result.trades):,}",
        f"{money(sum(t.value_micros for t in result.standing))} tokens",
    )
    for commodity in Commodity:
        lots = tallies.sold(tallies.of_commodity(result.standing, commodity))
        yield tallies.NAMES[commodity], f"{lots / commodity.lots_per_unit:,.0f}", f"{commodity.unit} sold"
    yield "broken promises", f"{told['opened']:,}", f"{told['compensated']:,} compensated"
    yield "compensation", money(sum(p.compensation for p in result.guarantees)), "tokens, to buyers"
    rescued = result.emergencies.rescues
    delivered = sum(rescue.rescued_lots > 0 for rescue in rescued)
    yield "fallbacks called", f"{len(rescued):,}", f"{delivered:,} delivered"
    yield "green share", f"{bought.green_share:.0%}", "of the energy of data centres"
    matched = certificate_report.share(result.certificates.together)
    yield "carbon-free", f"{matched:.0%}", "of the energy of compute, by the hour"
    yield "carbon", f"{bought.gco2 / 1000:,.0f}", "kg CO2e of the energy bought"
    yield (
        "gas per trade",
        f"{chain['gas_per_trade']:,}",
        f"{count(chain['batches'], 'batch', 'batches')}, chain: {chain['chain']}",
    )


def _tier_words() -> Iterable[str]:
    for number, tier in enumerate(TIERS):
        promise = f", {tier.availability / PPM_ONE * 100:.6g}% available" if tier.availability else ""
        yield f"Q{number} {tier.name} ({tier.collateral / PPM_ONE:.0%} collateral{promise})"


def _chain(result: DayResult) -> str:
    chain = settlement(result)
    locked = [trade for trade in result.standing if trade.state is not TradeState.AGREED]
    payments = sum(trade.value_micros + trade.fee_micros for trade in locked)
    collateral = sum(trade.collateral_micros for trade in locked)
    return (
        f"Chain: {result.chain_name}, {result.chain_description}. {count(chain['batches'], 'batch', 'batches')} locked "
        f"{count(chain['trades_settled'], 'trade')} and skipped {chain['trades_skipped']:,}; "
        f"{money(payments)} tokens of payments and fees and {money(collateral)} tokens of collateral were "
        "locked. Locking cost "
        f"{chain['gas_per_trade_to_lock']:,} gas per trade, release on delivery {chain['gas_per_trade_to_release']:,}: "
        f"{chain['gas_per_trade']:,} together. Guarantees that had to be opened cost extra and are not in these figures."
    )


def _told_emergencies(result: DayResult) -> str:
    told = result.emergencies.told()
    return f"<p>{escape(told)}</p>" if told else ""


def _figure(plot: Plot) -> str:
    return (
        f'<figure id="{plot.name}">\n<h3>{escape(plot.title)}</h3>\n'
        f'<div class="plot" role="img" aria-label="{escape(plot.alt)}">{plot.svg}</div>\n'
        f"<figcaption>{escape(plot.caption)}</figcaption>\n</figure>"
    )
