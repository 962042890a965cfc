"""The integers of the market and the few places where they turn into each other.

Prices are integers in *ticks*, quantities in *lots*, money in *micros* (millionths of the settlement token).
Decimal strings come in and go out at the door; a float never does.
"""

from decimal import Context, Decimal, InvalidOperation
from enum import IntEnum
from typing import NewType

Ticks = NewType("Ticks", int)
"""A price in steps of the instrument's tick."""
Lots = NewType("Lots", int)
"""A quantity in the smallest unit of the commodity: 1 mGPU·h, 1 Mbps·h or 1 Wh."""
Micros = NewType("Micros", int)
"""Money in millionths of the settlement token; as a price, micros per whole unit (GPU·h, Mbps·h, kWh)."""
Ppm = NewType("Ppm", int)
"""A share in parts per million."""

MICROS_PER_TOKEN = 1_000_000
PPM_ONE = Ppm(1_000_000)
BPS_ONE = 10_000
QUANTITY_MAX = (1 << 63) - 1
MONEY_MAX = Micros((1 << 63) - 1)
"""All the money that a market's books hold together, at most: no sum of parts of it passes what a database counts to."""


class InvariantBroken(Exception):
    """A promise of the machine does not hold. Stop taking orders; never catch this to carry on."""


class Malformed(ValueError):
    """Input that cannot be read. Says what was found and what was expected."""


class Commodity(IntEnum):
    """What is traded; the number is the field in the instrument id."""

    CMP = 1
    NET = 2
    ENE = 3

    @property
    def unit(self) -> str:
        """The unit that a price is per."""
        return _UNITS[self][0]

    @property
    def lot(self) -> str:
        """The smallest quantity, in words."""
        return _UNITS[self][1]

    @property
    def lots_per_unit(self) -> int:
        """How many lots make one unit of the price."""
        return _UNITS[self][2]

    @property
    def tick_micros(self) -> Micros:
        """The price step, in micros per unit."""
        return Micros(_UNITS[self][3])


_UNITS = {
    Commodity.CMP: ("GPU·h", "mGPU·h", 1000, 1000),
    Commodity.NET: ("Mbps·h", "Mbps·h", 1, 10),
    Commodity.ENE: ("kWh", "Wh", 1000, 100),
}


def floor_money(*, price_micros: Micros, quantity_lots: Lots, lots_per_unit: int) -> Micros:
    """Return the money of a fill in micros, rounded down: the one rounding of trade value.

    `Settlement.sol` computes the same (`Money.value`); a test compares the two.

    >>> floor_money(price_micros=Micros(45_300), quantity_lots=Lots(1_999), lots_per_unit=1000)
    90554
    """
    return Micros(price_micros * quantity_lots // lots_per_unit)


def ceil_money(*, price_micros: Micros, quantity_lots: Lots, lots_per_unit: int) -> Micros:
    """Return the money to set aside in micros, rounded up: a hold is never too small."""
    return Micros(-(-price_micros * quantity_lots // lots_per_unit))


def fee_micros(*, value_micros: Micros, fee_bps: int) -> Micros:
    """Return the venue's fee in micros on delivered value, rounded down."""
    return Micros(value_micros * fee_bps // BPS_ONE)


def parse_decimal(text: str, *, scale: int, what: str) -> int:
    """Turn a decimal string into an integer number of `1/scale` parts, exactly.

    >>> parse_decimal("0.0453", scale=1_000_000, what="price")
    45300

    Raises:
        Malformed: if the text is no plain decimal, or is finer than one part.
    """
    try:
        if not text.isascii() or "_" in text:
            raise InvalidOperation
        value = Decimal(text.strip())
        if not value.is_finite() or abs(value) > Decimal(10) ** 30:
            raise InvalidOperation
    except InvalidOperation:
        raise Malformed(f"{what}: found {text!r}, expected a decimal number such as 12.5") from None
    exact = Context(prec=len(text) + len(str(scale)))  # the usual 28 digits would round a longer text
    scaled = exact.multiply(value, Decimal(scale))
    if scaled != scaled.to_integral_value():
        raise Malformed(f"{what}: found {text}, finer than the smallest step of 1/{scale}")
    return int(scaled)


def format_decimal(amount: int, *, scale: int) -> str:
    """Turn an integer number of `1/scale` parts (scale a power of ten) into its shortest exact decimal string.

    >>> format_decimal(45300, scale=1_000_000), format_decimal(-5_000_000, scale=1_000_000)
    ('0.0453', '-5')
    """
    whole, part = divmod(abs(amount), scale)
    digits = f"{part:0{len(str(scale)) - 1}d}".rstrip("0") if scale > 1 else ""
    return ("-" if amount < 0 else "") + str(whole) + ("." + digits if digits else "")
