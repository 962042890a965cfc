"""Figures as the report's readers want them: short, grouped and with their units, to be read and not added up."""

from market.units import MICROS_PER_TOKEN, Commodity


def count(number: int, one: str, many: str = "") -> str:
    """Write how many there are of what: 1 trade, 2 trades, 3 batches."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def quantity(lots: int, commodity: Commodity) -> str:
    """Write a quantity with its unit: a decimal more where it is small, since a page is read and not added up."""
    value = lots / commodity.lots_per_unit
    return f"{value:,.{0 if value >= 1000 or commodity.lots_per_unit == 1 else 1 if value >= 10 else 3}f} {commodity.unit}"


def money(micros: int) -> str:
    """Write an amount in tokens, with more decimals below one token."""
    value = micros / MICROS_PER_TOKEN
    return f"{value:,.4f}" if 0 < abs(value) < 1 else f"{value:,.2f}"


def change(micros: int) -> str:
    """Write by how many tokens an amount grew or shrank, with its sign."""
    return "0" if micros == 0 else f"{'+' if micros > 0 else '−'}{money(abs(micros))}"


def price(micros: int) -> str:
    """Write a price in tokens per unit, to four significant digits."""
    return f"{micros / MICROS_PER_TOKEN:#.4g}"
