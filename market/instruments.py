"""Instruments: a product, at a place, in a delivery window, of a quality tier and a green class or energy type.

An instrument id is one 256-bit word, from the high bits down:

    version 8 | commodity 8 | product 64 | place 64 | place_to 64 | start hour 24 | hours 16 | tier 4 | green 4

Text fields are ASCII, left-aligned and zero-padded, so anybody can read them back, in a contract too. `id >> 48` is the
*resource*: what a meter measures, whatever the window, tier and green class that its capacity is sold under.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from market.units import Commodity, Malformed

VERSION = 1
SECONDS_PER_HOUR = 3600
RESOURCE_SHIFT = 48
HOURS_END = 1 << 24
"""The first hour, since 1970, that no id can name."""
_NAME = r"[A-Z0-9-]{1,8}"
_SYMBOL = re.compile(
    rf"(?P<commodity>CMP|NET|ENE)\.(?P<product>{_NAME})@(?P<place>{_NAME})(?:>(?P<place_to>{_NAME}))?"
    r"/(?P<start>\d{4}-\d\d-\d\dT\d\dZ)/(?P<hours>[1-9]\d{0,3})h#Q(?P<tier>[0-4])(?:\.G(?P<green>[0-4]))?"
)
EXPECTED_SYMBOL = (
    "CMP.H100@CISO/2022-03-11T18Z/1h#Q3.G2, NET.GOLD@SFO>NYC/2022-03-11T18Z/1h#Q2 "
    "or ENE.SOLAR@CISO/2022-03-11T18Z/1h#Q1"
)


@dataclass(frozen=True, slots=True, order=True)
class Instrument:
    """What is traded. `start_hour` counts hours since 1970-01-01T00Z; `tier` is Q0 to Q4, `green` G0 to G4.

    Compute has a green class; for energy the product is the energy type (SOLAR, GAS, …) and `green` is 0;
    network runs from `place` to `place_to`.
    """

    commodity: Commodity
    product: str
    place: str
    start_hour: int
    hours: int = 1
    tier: int = 0
    green: int = 0
    place_to: str = ""

    def __post_init__(self) -> None:
        for name, text in (
            ("product", self.product),
            ("place", self.place),
            ("place_to", self.place_to or "-"),
        ):
            if not re.fullmatch(_NAME, text):
                raise Malformed(f"{name}: found {text!r}, expected 1 to 8 characters of A-Z, 0-9 and -")
        if (self.commodity is Commodity.NET) != bool(self.place_to):
            raise Malformed("place_to: a network path needs both ends, and nothing else has one")
        if self.green and self.commodity is not Commodity.CMP:
            raise Malformed(f"green: found G{self.green}, but only compute carries a green class")
        for what, value, limit in (
            ("start_hour", self.start_hour, HOURS_END),
            ("hours", self.hours, 1 << 16),
            ("tier", self.tier, 5),
            ("green", self.green, 5),
        ):
            if not 0 <= value < limit:
                raise Malformed(f"{what}: found {value}, expected 0 to {limit - 1}")
        if self.hours == 0:
            raise Malformed("hours: found 0, expected a window of at least one hour")

    @property
    def id(self) -> int:
        """The 256-bit word."""
        word = VERSION << 248 | int(self.commodity) << 240
        for text, shift in ((self.product, 176), (self.place, 112), (self.place_to, 48)):
            word |= int.from_bytes(text.encode("ascii").ljust(8, b"\0"), "big") << shift
        return word | self.start_hour << 24 | self.hours << 8 | self.tier << 4 | self.green

    @property
    def resource(self) -> int:
        """What a meter measures: the id without window, tier and green class."""
        return self.id >> RESOURCE_SHIFT

    @property
    def start_s(self) -> int:
        """Start of delivery, seconds since 1970."""
        return self.start_hour * SECONDS_PER_HOUR

    @property
    def end_s(self) -> int:
        """End of delivery, seconds since 1970."""
        return (self.start_hour + self.hours) * SECONDS_PER_HOUR

    @property
    def symbol(self) -> str:
        """The readable form, which `parse_symbol` reads back."""
        path = f"{self.place}>{self.place_to}" if self.place_to else self.place
        start = datetime.fromtimestamp(self.start_s, UTC).strftime("%Y-%m-%dT%HZ")
        green = f".G{self.green}" if self.commodity is Commodity.CMP else ""
        return f"{self.commodity.name}.{self.product}@{path}/{start}/{self.hours}h#Q{self.tier}{green}"

    def __str__(self) -> str:
        return self.symbol


@lru_cache(maxsize=4096)
def from_id(word: int) -> Instrument:
    """Read an instrument back from its id: an equal value each time, and for ids in use the same one.

    Raises:
        Malformed: if the word is not one that `Instrument.id` writes.
    """
    try:
        texts = []
        for shift in (176, 112, 48):
            raw = (word >> shift & (1 << 64) - 1).to_bytes(8, "big")
            texts.append(raw.rstrip(b"\0").decode("ascii"))
        instrument = Instrument(
            commodity=Commodity(word >> 240 & 0xFF),
            product=texts[0],
            place=texts[1],
            place_to=texts[2],
            start_hour=word >> 24 & 0xFFFFFF,
            hours=word >> 8 & 0xFFFF,
            tier=word >> 4 & 0xF,
            green=word & 0xF,
        )
    except (ValueError, OverflowError) as error:
        raise Malformed(f"instrument id: found {word:#x}: {error}") from None
    if instrument.id != word:
        raise Malformed(f"instrument id: found {word:#x}, which does not read back (version {word >> 248})")
    return instrument


def parse_symbol(symbol: str) -> Instrument:
    """Read an instrument from its symbol.

    >>> parse_symbol("CMP.H100@CISO/2022-03-11T18Z/1h#Q3.G2").tier
    3

    Raises:
        Malformed: if the text is no symbol.
    """
    match = _SYMBOL.fullmatch(symbol)
    if match is None:
        raise Malformed(f"instrument: found {symbol!r}, expected something like {EXPECTED_SYMBOL}")
    try:
        start = datetime.strptime(match["start"], "%Y-%m-%dT%HZ").replace(tzinfo=UTC)
    except ValueError:
        raise Malformed(
            f"instrument: found {symbol!r}, but {match['start']} is no hour of the calendar"
        ) from None
    instrument = Instrument(
        commodity=Commodity[match["commodity"]],
        product=match["product"],
        place=match["place"],
        place_to=match["place_to"] or "",
        start_hour=int(start.timestamp()) // SECONDS_PER_HOUR,
        hours=int(match["hours"]),
        tier=int(match["tier"]),
        green=int(match["green"] or 0),
    )
    if instrument.symbol != symbol:
        raise Malformed(f"instrument: found {symbol!r}, which reads back as {instrument.symbol!r}")
    return instrument
