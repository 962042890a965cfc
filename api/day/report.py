"""The market day as one self-contained web page that a reader who never saw the project understands."""

from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from api.day import certificate_report, rescues, tallies
from api.day.figures import Plot
from api.day.result import DayResult, OrderRow
from api.day.summary import guarantees, settlement
from api.whole_file import whole_file
from market.orders import OrderType, Side
from market.quality import TIERS
from market.refusals import EXPLANATIONS
from market.trades import TradeState
from market.units import MICROS_PER_TOKEN, PPM_ONE, Commodity


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
        table_orders=_orders(result),
        table_products=_products(result),
        table_surplus=_surplus(result),
        table_green=_green(result),
        told_certificates=escape(certificate_report.told(result.certificates)),
        table_consumers=_consumers(result),
        table_certificates=_certificates(result),
        table_guarantees=_guarantees(result),
        told_emergencies=_told_emergencies(result),
        table_emergencies=_emergencies(result),
        table_settlement=_settlement(result),
        table_balances=_balances(result),
        table_checks=_checks(result),
        table_refusals=_refusals(result),
        table_notes=_table("Sources and scale of this day", ("what", "text"), result.notes, long_text=True),
        seed=result.seed,
        seconds=f"{result.seconds:.1f}",
        state_hash=escape(result.state_hash),
    )


def story(result: DayResult) -> list[str]:
    """Tell in plain sentences what happened, as paragraphs of text."""
    day = f"{result.delivery_day.day} {result.delivery_day:%B %Y}"
    refused = sum(order.refusal is not None for order in result.orders)
    opening = (
        f"On {day}, {len({order.participant for order in result.orders})} participants traded compute, network and "
        f"energy for each of the 24 hours (UTC) of the day. They sent {_count(len(result.orders), 'order')}, of which "
        f"{refused:,} {'was' if refused == 1 else 'were'} refused with a stated reason."
    )
    if not result.standing:
        return [f"{opening} Nothing was traded.", _told_carbon(result)]
    in_call = sum(trade.in_call for trade in result.trades)
    void = len(result.trades) - len(result.standing)
    volumes = [
        f"{_quantity(tallies.sold(trades), commodity)} of {tallies.NAMES[commodity]}"
        for commodity in Commodity
        if (trades := tallies.of_commodity(result.standing, commodity))
    ]
    value = sum(trade.value_micros for trade in result.standing)
    traded = (
        f" {_count(len(result.trades), 'trade')} came of it, {in_call:,} in the auction of the day before and "
        f"{len(result.trades) - in_call:,} in continuous trading: {_listed(volumes)}, worth {_money(value)} tokens."
    )
    if void:
        traded += f" {_count(void, 'trade')} could not be locked on the chain and became void."
    return [opening + traded, _told_delivery(result), _told_carbon(result)]


def _told_delivery(result: DayResult) -> str:
    told, chain = guarantees(result), settlement(result)
    text = (
        f"The chain locked payment and collateral of {_count(chain['trades_settled'], 'trade')} before delivery; then "
        "meters said what really came. "
    )
    if not told["opened"]:
        return text + "Every trade was delivered in full, so no guarantee had to pay."
    short = tallies.group(result.short_trades, lambda trade: trade.product)
    by_product = [
        f"{product.lower() if rows[0].commodity is Commodity.ENE else product} {len(rows)}"
        for product, rows in sorted(short.items(), key=lambda item: -len(item[1]))
    ]
    returned = sum(payout.returned_to_buyer for payout in result.guarantees)
    compensation = sum(payout.compensation for payout in result.guarantees)
    text += (
        f"In {_count(told['opened'], 'trade')} the supplier delivered less than was sold ({', '.join(by_product)}). A "
        f"buyer pays only for what came: {_money(returned)} tokens went back to buyers. In "
        f"{_count(told['compensated'], 'case')} compensation was paid as well, together {_money(compensation)} tokens "
        "out of the suppliers’ collateral."
    )
    if told["awaiting_payout"]:
        text += f" {_count(told['awaiting_payout'], 'guarantee')} had not paid out when the day ended."
    return text


def _told_carbon(result: DayResult) -> str:
    bought = tallies.carbon(result, result.data_centre_purchases)
    if not bought.total_lots:
        return "Data centres bought no energy in this market."
    green, hours = tallies.green_hours(result)
    return (
        f"Data centres received {_quantity(bought.total_lots, Commodity.ENE)} of energy, {bought.green_share:.1%} of it "
        f"green; {green} of {hours} hours reached 80% green. That energy stands for {bought.gco2 / 1000:,.0f} kg of "
        f"CO2 equivalent; the same amount at the grid’s average would have been "
        f"{bought.gco2_at_grid_average / 1000:,.0f} kg."
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
        f"{_money(sum(t.value_micros for t in result.standing))} tokens",
    )
    for commodity in Commodity:
        lots = tallies.sold(tallies.of_commodity(result.standing, commodity))
        yield tallies.NAMES[commodity], f"{lots / commodity.lots_per_unit:,.0f}", f"{commodity.unit} sold"
    yield "broken promises", f"{told['opened']:,}", f"{told['compensated']:,} compensated"
    yield "compensation", _money(sum(p.compensation for p in result.guarantees)), "tokens, to buyers"
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
        f"{_count(chain['batches'], 'batch', 'batches')}, chain: {chain['chain']}",
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
        f"Chain: {result.chain_name}, {result.chain_description}. {_count(chain['batches'], 'batch', 'batches')} locked "
        f"{_count(chain['trades_settled'], 'trade')} and skipped {chain['trades_skipped']:,}; "
        f"{_money(payments)} tokens of payments and fees and {_money(collateral)} tokens of collateral were "
        "locked. Locking cost "
        f"{chain['gas_per_trade_to_lock']:,} gas per trade, release on delivery {chain['gas_per_trade_to_release']:,}: "
        f"{chain['gas_per_trade']:,} together. Guarantees that had to be opened cost extra and are not in these figures."
    )


def _orders(result: DayResult) -> str:
    rows: list[tuple[str, ...]] = []
    for role, orders in tallies.group(result.orders, lambda order: order.role).items():
        rows.append((role, f"{len({order.participant for order in orders}):,}", *_order_counts(orders)))
    everybody = {order.participant for order in result.orders}
    total = ("together", f"{len(everybody):,}", *_order_counts(result.orders))
    headers = ("role", "participants", "bids", "offers", "of these, market orders", "refused")
    return _table("Orders by role", headers, rows, total=total)


def _order_counts(orders: Sequence[OrderRow]) -> tuple[str, ...]:
    return (
        f"{sum(order.side is Side.BUY for order in orders):,}",
        f"{sum(order.side is Side.SELL for order in orders):,}",
        f"{sum(order.order_type is OrderType.MARKET for order in orders):,}",
        f"{sum(order.refusal is not None for order in orders):,}",
    )


def _products(result: DayResult) -> str:
    rows: list[tuple[str, ...]] = []
    for commodity in Commodity:
        found = tallies.group(tallies.of_commodity(result.standing, commodity), lambda trade: trade.product)
        for product, trades in found.items():
            rows.append(
                (
                    product,
                    tallies.NAMES[commodity],
                    f"{len(trades):,}",
                    _quantity(tallies.sold(trades), commodity),
                    _quantity(tallies.delivered(trades), commodity),
                    _price(tallies.mean_price(trades)),
                    _price(min(trade.price_micros for trade in trades)),
                    _price(max(trade.price_micros for trade in trades)),
                    _money(sum(trade.value_micros for trade in trades)),
                )
            )
    headers = (
        "product",
        "commodity",
        "trades",
        "sold",
        "delivered",
        "mean price, tokens/unit",
        "lowest",
        "highest",
        "value, tokens",
    )
    return _table("Products of the day", headers, rows, text_columns=2)


def _surplus(result: DayResult) -> str:
    rows: list[tuple[str, ...]] = []
    for commodity in Commodity:
        shared = tallies.surplus(tallies.of_commodity(result.standing, commodity))
        weights = [row.weight_ppm / PPM_ONE for row in result.prices if row.commodity is commodity]
        rows.append(
            (
                tallies.NAMES[commodity],
                _money(shared.buyers),
                _money(shared.sellers),
                f"{shared.sellers_share:.1%}" if shared.buyers + shared.sellers else "–",
                f"{min(weights):.2f} to {max(weights):.2f}" if weights else "–",
            )
        )
    headers = (
        "commodity",
        "to buyers, tokens",
        "to sellers, tokens",
        "sellers’ share",
        "suppliers’ bargaining weight",
    )
    return _table("How the surplus was shared", headers, rows)


def _green(result: DayResult) -> str:
    found = tallies.group(result.data_centre_purchases, lambda trade: trade.product)
    rows = [
        (
            kind.lower(),
            "yes" if kind in result.green_types else "no",
            _quantity(tallies.delivered(trades), Commodity.ENE),
            f"{result.gco2_per_kwh[kind]:,.0f}",
            f"{tallies.carbon(result, trades).gco2 / 1000:,.1f}",
        )
        for kind, trades in found.items()
    ]
    bought = tallies.carbon(result, result.data_centre_purchases)
    total = ("together", "", _quantity(bought.total_lots, Commodity.ENE), "", f"{bought.gco2 / 1000:,.1f}")
    headers = ("energy type", "green", "delivered", "gCO2e per kWh", "kg CO2e")
    return _table("Energy delivered to data centres", headers, rows, text_columns=2, total=total)


def _consumers(result: DayResult) -> str:
    rows, total = certificate_report.consumer_rows(result.certificates)
    caption = "Carbon-free energy behind compute, matched hour by hour"
    return _table(caption, certificate_report.CONSUMER_COLUMNS, rows, text_columns=3, total=total)


def _certificates(result: DayResult) -> str:
    rows, total = certificate_report.source_rows(result.certificates)
    caption = "Certificates: retired at most what was issued, issued at most what was metered"
    return _table(caption, certificate_report.SOURCE_COLUMNS, rows, total=total)


def _guarantees(result: DayResult) -> str:
    payouts = {payout.trade_number: payout for payout in result.guarantees}
    rows: list[tuple[str, ...]] = []
    for trade in result.short_trades:
        payout = payouts.get(trade.trade_number)
        money = (
            (_money(payout.paid_to_seller), _money(payout.returned_to_buyer), _money(payout.compensation))
            if payout
            else ("not yet", "not yet", "not yet")
        )
        rows.append(
            (
                f"{trade.trade_number}",
                f"{trade.hour:02d}",
                trade.instrument,
                trade.seller,
                trade.buyer,
                _quantity(trade.quantity_lots, trade.commodity),
                _quantity(trade.delivered_lots, trade.commodity),
                f"{trade.delivered_lots / trade.quantity_lots:.1%}",
                *money,
            )
        )
    total = (
        "together",
        *("",) * 7,
        _money(sum(payout.paid_to_seller for payout in result.guarantees)),
        _money(sum(payout.returned_to_buyer for payout in result.guarantees)),
        _money(sum(payout.compensation for payout in result.guarantees)),
    )
    headers = (
        "trade",
        "hour",
        "instrument",
        "supplier",
        "buyer",
        "sold",
        "delivered",
        "share",
        "paid to supplier",
        "returned to buyer",
        "compensation",
    )
    return _table("Every trade that fell short; money in tokens", headers, rows, text_columns=5, total=total)


def _told_emergencies(result: DayResult) -> str:
    told = result.emergencies.told()
    return f"<p>{escape(told)}</p>" if told else ""


def _emergencies(result: DayResult) -> str:
    if not result.emergencies.rescues:
        return ""
    rows, total = rescues.rows_of(result.emergencies)
    return _table("Emergency plan; money in tokens", rescues.COLUMNS, rows, text_columns=6, total=total)


def _settlement(result: DayResult) -> str:
    rows = [
        (
            f"{row.batch_number}",
            f"{row.hour:02d}",
            f"{row.locked:,}",
            f"{row.skipped:,}",
            f"{row.settle_gas:,}",
            f"{row.deliver_gas:,}",
            f"{(row.settle_gas + row.deliver_gas) / row.locked:,.0f}" if row.locked else "–",
        )
        for row in result.settlement
    ]
    chain = settlement(result)
    total = (
        "together",
        "",
        f"{chain['trades_settled']:,}",
        f"{chain['trades_skipped']:,}",
        f"{sum(row.settle_gas for row in result.settlement):,}",
        f"{sum(row.deliver_gas for row in result.settlement):,}",
        f"{chain['gas_per_trade']:,}",
    )
    headers = ("batch", "hour", "locked", "skipped", "gas to lock", "gas to release", "gas per trade")
    return _table("Settlement batches", headers, rows, total=total)


def _balances(result: DayResult) -> str:
    rows = [
        (
            role,
            f"{len(members):,}",
            _money(sum(row.deposit_micros for row in members)),
            _money(sum(row.final_micros for row in members)),
            _change(sum(row.final_micros - row.deposit_micros for row in members)),
        )
        for role, members in tallies.group(result.balances, lambda row: row.role).items()
    ]
    total = (
        "together",
        f"{len(result.balances):,}",
        _money(sum(row.deposit_micros for row in result.balances)),
        _money(sum(row.final_micros for row in result.balances)),
        _change(sum(row.final_micros - row.deposit_micros for row in result.balances)),
    )
    headers = ("role", "accounts", "paid in, tokens", "in the end, tokens", "change, tokens")
    return _table("Money by role", headers, rows, total=total)


def _checks(result: DayResult) -> str:
    rows = (
        ("Sum of all entries of the double-entry books", result.trial_balance_difference, "0"),
        ("Difference between books and contract", result.chain_reconciliation_difference, "0"),
    )
    wh = f"{result.certificates.difference_wh:,} Wh"
    return _table(
        "Checks",
        ("check", "found", "must be"),
        [
            *((check, f"{found} tokens", f"{wanted} tokens") for check, found, wanted in rows),
            ("Difference between certificates, record and contract", wh, "0 Wh"),
        ],
    )


def _refusals(result: DayResult) -> str:
    rows = [
        (name.value, f"{count:,}", EXPLANATIONS[name])
        for name, count in sorted(result.refusals.items(), key=lambda item: (-item[1], item[0]))
    ]
    return _table("Refusals by name", ("refusal", "count", "because"), rows, long_text=True)


def _figure(plot: Plot) -> str:
    return (
        f'<figure id="{plot.name}">\n<h3>{escape(plot.title)}</h3>\n'
        f'<div class="plot" role="img" aria-label="{escape(plot.alt)}">{plot.svg}</div>\n'
        f"<figcaption>{escape(plot.caption)}</figcaption>\n</figure>"
    )


def _table(
    caption: str,
    headers: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    text_columns: int = 1,
    long_text: bool = False,
    total: Sequence[str] = (),
) -> str:
    """Write a table: the first column heads its row, columns after the text columns are numbers.

    With `long_text` the last column is a text that may run over several lines.
    """
    rows = list(rows)

    def style(column: int) -> str:
        if long_text and column == len(headers) - 1:
            return ' class="text"'
        return ' class="number"' if column >= text_columns else ""

    def cells(row: Sequence[str]) -> str:
        head = f'<th scope="row">{escape(row[0])}</th>'
        return head + "".join(
            f"<td{style(column)}>{escape(text)}</td>" for column, text in enumerate(row[1:], start=1)
        )

    top = "".join(
        f'<th scope="col"{style(column)}>{escape(text)}</th>' for column, text in enumerate(headers)
    )
    body = "\n".join(f"<tr>{cells(row)}</tr>" for row in rows)
    if not rows:
        body = f'<tr><td colspan="{len(headers)}">none</td></tr>'
    foot = f"<tfoot><tr>{cells(total)}</tr></tfoot>\n" if total and rows else ""
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(caption)}">\n<table>\n'
        f"<caption>{escape(caption)}</caption>\n<thead><tr>{top}</tr></thead>\n<tbody>\n{body}\n</tbody>\n{foot}</table>\n</div>"
    )


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _quantity(lots: int, commodity: Commodity) -> str:
    """Write a quantity with its unit: a decimal more where it is small, since a page is read and not added up."""
    value = lots / commodity.lots_per_unit
    return f"{value:,.{0 if value >= 1000 or commodity.lots_per_unit == 1 else 1 if value >= 10 else 3}f} {commodity.unit}"


def _money(micros: int) -> str:
    value = micros / MICROS_PER_TOKEN
    return f"{value:,.4f}" if 0 < abs(value) < 1 else f"{value:,.2f}"


def _change(micros: int) -> str:
    return "0" if micros == 0 else f"{'+' if micros > 0 else '−'}{_money(abs(micros))}"


def _price(micros: int) -> str:
    return f"{micros / MICROS_PER_TOKEN:#.4g}"
