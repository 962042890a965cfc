"""The tables of the report, each as HTML: who sent orders, what was traded, what fell short, what it cost."""

from collections.abc import Sequence

from api.day import certificate_report, rescues, tallies
from api.day.html_table import html_table
from api.day.readable import change, money, price, quantity
from api.day.result import DayResult, OrderRow
from api.day.summary import settlement
from market.orders import OrderType, Side
from market.refusals import EXPLANATIONS
from market.units import PPM_ONE, Commodity


def orders(result: DayResult) -> str:
    """Tabulate how many orders each role sent."""
    rows: list[tuple[str, ...]] = []
    for role, orders in tallies.group(result.orders, lambda order: order.role).items():
        rows.append((role, f"{len({order.participant for order in orders}):,}", *_order_counts(orders)))
    everybody = {order.participant for order in result.orders}
    total = ("together", f"{len(everybody):,}", *_order_counts(result.orders))
    headers = ("role", "participants", "bids", "offers", "of these, market orders", "refused")
    return html_table("Orders by role", headers, rows, total=total)


def _order_counts(orders: Sequence[OrderRow]) -> tuple[str, ...]:
    return (
        f"{sum(order.side is Side.BUY for order in orders):,}",
        f"{sum(order.side is Side.SELL for order in orders):,}",
        f"{sum(order.order_type is OrderType.MARKET for order in orders):,}",
        f"{sum(order.refusal is not None for order in orders):,}",
    )


def products(result: DayResult) -> str:
    """Tabulate each product's quantities and prices."""
    rows: list[tuple[str, ...]] = []
    for commodity in Commodity:
        found = tallies.group(tallies.of_commodity(result.standing, commodity), lambda trade: trade.product)
        for product, trades in found.items():
            rows.append(
                (
                    product,
                    tallies.NAMES[commodity],
                    f"{len(trades):,}",
                    quantity(tallies.sold(trades), commodity),
                    quantity(tallies.delivered(trades), commodity),
                    price(tallies.mean_price(trades)),
                    price(min(trade.price_micros for trade in trades)),
                    price(max(trade.price_micros for trade in trades)),
                    money(sum(trade.value_micros for trade in trades)),
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
    return html_table("Products of the day", headers, rows, text_columns=2)


def surplus(result: DayResult) -> str:
    """Tabulate how the surplus of each commodity was shared."""
    rows: list[tuple[str, ...]] = []
    for commodity in Commodity:
        shared = tallies.surplus(tallies.of_commodity(result.standing, commodity))
        weights = [row.weight_ppm / PPM_ONE for row in result.prices if row.commodity is commodity]
        rows.append(
            (
                tallies.NAMES[commodity],
                money(shared.buyers),
                money(shared.sellers),
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
    return html_table("How the surplus was shared", headers, rows)


def green(result: DayResult) -> str:
    """Tabulate which energy data centres received, and its carbon."""
    found = tallies.group(result.data_centre_purchases, lambda trade: trade.product)
    rows = [
        (
            kind.lower(),
            "yes" if kind in result.green_types else "no",
            quantity(tallies.delivered(trades), Commodity.ENE),
            f"{result.gco2_per_kwh[kind]:,.0f}",
            f"{tallies.carbon(result, trades).gco2 / 1000:,.1f}",
        )
        for kind, trades in found.items()
    ]
    bought = tallies.carbon(result, result.data_centre_purchases)
    total = ("together", "", quantity(bought.total_lots, Commodity.ENE), "", f"{bought.gco2 / 1000:,.1f}")
    headers = ("energy type", "green", "delivered", "gCO2e per kWh", "kg CO2e")
    return html_table("Energy delivered to data centres", headers, rows, text_columns=2, total=total)


def consumers(result: DayResult) -> str:
    """Tabulate how carbon-free each consumer's compute was."""
    rows, total = certificate_report.consumer_rows(result.certificates)
    caption = "Carbon-free energy behind compute, matched hour by hour"
    return html_table(caption, certificate_report.CONSUMER_COLUMNS, rows, text_columns=3, total=total)


def certificates(result: DayResult) -> str:
    """Tabulate the certificates of each energy type."""
    rows, total = certificate_report.source_rows(result.certificates)
    caption = "Certificates: retired at most what was issued, issued at most what was metered"
    return html_table(caption, certificate_report.SOURCE_COLUMNS, rows, total=total)


def guarantees(result: DayResult) -> str:
    """Tabulate every trade that fell short, and who was paid."""
    payouts = {payout.trade_number: payout for payout in result.guarantees}
    rows: list[tuple[str, ...]] = []
    for trade in result.short_trades:
        payout = payouts.get(trade.trade_number)
        paid = (
            (money(payout.paid_to_seller), money(payout.returned_to_buyer), money(payout.compensation))
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
                quantity(trade.quantity_lots, trade.commodity),
                quantity(trade.delivered_lots, trade.commodity),
                f"{trade.delivered_lots / trade.quantity_lots:.1%}",
                *paid,
            )
        )
    total = (
        "together",
        *("",) * 7,
        money(sum(payout.paid_to_seller for payout in result.guarantees)),
        money(sum(payout.returned_to_buyer for payout in result.guarantees)),
        money(sum(payout.compensation for payout in result.guarantees)),
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
    return html_table(
        "Every trade that fell short; money in tokens", headers, rows, text_columns=5, total=total
    )


def emergencies(result: DayResult) -> str:
    """Tabulate who stepped in for whom, or nothing if nobody was called."""
    if not result.emergencies.rescues:
        return ""
    rows, total = rescues.rows_of(result.emergencies)
    return html_table("Emergency plan; money in tokens", rescues.COLUMNS, rows, text_columns=6, total=total)


def batches(result: DayResult) -> str:
    """Tabulate what each settlement batch cost in gas."""
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
    return html_table("Settlement batches", headers, rows, total=total)


def balances(result: DayResult) -> str:
    """Tabulate what each role paid in and has in the end."""
    rows = [
        (
            role,
            f"{len(members):,}",
            money(sum(row.deposit_micros for row in members)),
            money(sum(row.final_micros for row in members)),
            change(sum(row.final_micros - row.deposit_micros for row in members)),
        )
        for role, members in tallies.group(result.balances, lambda row: row.role).items()
    ]
    total = (
        "together",
        f"{len(result.balances):,}",
        money(sum(row.deposit_micros for row in result.balances)),
        money(sum(row.final_micros for row in result.balances)),
        change(sum(row.final_micros - row.deposit_micros for row in result.balances)),
    )
    headers = ("role", "accounts", "paid in, tokens", "in the end, tokens", "change, tokens")
    return html_table("Money by role", headers, rows, total=total)


def checks(result: DayResult) -> str:
    """Tabulate the differences that must be 0."""
    rows = (
        ("Sum of all entries of the double-entry books", result.trial_balance_difference, "0"),
        ("Difference between books and contract", result.chain_reconciliation_difference, "0"),
    )
    wh = f"{result.certificates.difference_wh:,} Wh"
    return html_table(
        "Checks",
        ("check", "found", "must be"),
        [
            *((check, f"{found} tokens", f"{wanted} tokens") for check, found, wanted in rows),
            ("Difference between certificates, record and contract", wh, "0 Wh"),
        ],
    )


def refusals(result: DayResult) -> str:
    """Tabulate each refusal, how often it was given and why."""
    rows = [
        (name.value, f"{count:,}", EXPLANATIONS[name])
        for name, count in sorted(result.refusals.items(), key=lambda item: (-item[1], item[0]))
    ]
    return html_table("Refusals by name", ("refusal", "count", "because"), rows, long_text=True)


def notes(result: DayResult) -> str:
    """Tabulate where the day's figures come from, and their scale."""
    return html_table("Sources and scale of this day", ("what", "text"), result.notes, long_text=True)
