"""The market day told in plain sentences."""

from collections.abc import Sequence

from api.day import tallies
from api.day.readable import count, money, quantity
from api.day.result import DayResult
from api.day.summary import guarantees, settlement
from market.units import Commodity


def story(result: DayResult) -> list[str]:
    """Tell in plain sentences what happened, as paragraphs of text."""
    day = f"{result.delivery_day.day} {result.delivery_day:%B %Y}"
    refused = sum(order.refusal is not None for order in result.orders)
    opening = (
        f"On {day}, {len({order.participant for order in result.orders})} participants traded compute, network and "
        f"energy for each of the 24 hours (UTC) of the day. They sent {count(len(result.orders), 'order')}, of which "
        f"{refused:,} {'was' if refused == 1 else 'were'} refused with a stated reason."
    )
    if not result.standing:
        return [f"{opening} Nothing was traded.", _told_carbon(result)]
    in_call = sum(trade.in_call for trade in result.trades)
    void = len(result.trades) - len(result.standing)
    volumes = [
        f"{quantity(tallies.sold(trades), commodity)} of {tallies.NAMES[commodity]}"
        for commodity in Commodity
        if (trades := tallies.of_commodity(result.standing, commodity))
    ]
    value = sum(trade.value_micros for trade in result.standing)
    traded = (
        f" {count(len(result.trades), 'trade')} came of it, {in_call:,} in the auction of the day before and "
        f"{len(result.trades) - in_call:,} in continuous trading: {_listed(volumes)}, worth {money(value)} tokens."
    )
    if void:
        traded += f" {count(void, 'trade')} could not be locked on the chain and became void."
    return [opening + traded, _told_delivery(result), _told_carbon(result)]


def _told_delivery(result: DayResult) -> str:
    told, chain = guarantees(result), settlement(result)
    text = (
        f"The chain locked payment and collateral of {count(chain['trades_settled'], 'trade')} before delivery; then "
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
        f"In {count(told['opened'], 'trade')} the supplier delivered less than was sold ({', '.join(by_product)}). A "
        f"buyer pays only for what came: {money(returned)} tokens went back to buyers. In "
        f"{count(told['compensated'], 'case')} compensation was paid as well, together {money(compensation)} tokens "
        "out of the suppliers’ collateral."
    )
    if told["awaiting_payout"]:
        text += f" {count(told['awaiting_payout'], 'guarantee')} had not paid out when the day ended."
    return text


def _told_carbon(result: DayResult) -> str:
    bought = tallies.carbon(result, result.data_centre_purchases)
    if not bought.total_lots:
        return "Data centres bought no energy in this market."
    green, hours = tallies.green_hours(result)
    return (
        f"Data centres received {quantity(bought.total_lots, Commodity.ENE)} of energy, {bought.green_share:.1%} of it "
        f"green; {green} of {hours} hours reached 80% green. That energy stands for {bought.gco2 / 1000:,.0f} kg of "
        f"CO2 equivalent; the same amount at the grid’s average would have been "
        f"{bought.gco2_at_grid_average / 1000:,.0f} kg."
    )


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
