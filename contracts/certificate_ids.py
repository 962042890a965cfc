"""Certificate ids: what was produced, where, in which hour, by which device. Twin of `Certificates.sol`.

A certificate id is one 256-bit word, from the high bits down:

    version 8 | kind 8 | product 64 | place 64 | device 64 | start hour 24 | hours 16 | flags 8

Product, place, hour and hours stand where an instrument id has them. `kind` is no commodity's number, so neither passes for
the other. `device` is the end of the meter's address. The lowest flag says that the energy came out of a storage.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from market.instruments import SECONDS_PER_HOUR, Instrument
from market.orders import Address
from market.units import Commodity, Lots, Malformed

VERSION: Final = 1
KIND: Final = 0xCE
STORAGE: Final = "STORAGE"
"""The product of what comes out of a storage: certified with the source of what went in."""
CHARGE: Final = "CHARGE"
"""The product of what goes into a storage: measured, and never certified."""

_STORED = 1
_NAME = r"[A-Z0-9-]{1,8}"
_SYMBOL = re.compile(
    rf"GC\.(?P<product>{_NAME})@(?P<place>{_NAME})/(?P<start>\d{{4}}-\d\d-\d\dT\d\dZ)/1h#(?P<device>[0-9a-f]{{16}})"
    r"(?P<stored>\.STORED)?"
)
_EXPECTED_SYMBOL = "GC.SOLAR@CISO/2022-03-11T18Z/1h#1563915e194d8cfb"


@dataclass(frozen=True, slots=True, order=True)
class CertificateId:
    """What a certificate certifies. `start_hour` counts hours since 1970-01-01T00Z; `device` is 8 bytes as a number."""

    product: str
    place: str
    start_hour: int
    device: int
    stored: bool = False

    def __post_init__(self) -> None:
        for name, text in (("product", self.product), ("place", self.place)):
            if not re.fullmatch(_NAME, text):
                raise Malformed(f"{name}: found {text!r}, expected 1 to 8 characters of A-Z, 0-9 and -")
        for what, value, limit in (
            ("start_hour", self.start_hour, 1 << 24),
            ("device", self.device, 1 << 64),
        ):
            if not 0 <= value < limit:
                raise Malformed(f"{what}: found {value}, expected 0 to {limit - 1}")

    @classmethod
    def of(cls, instrument: Instrument, meter: Address) -> "CertificateId":
        """Return what certifies the energy of an instrument's hour that a meter measured.

        Raises:
            Malformed: if it is not one hour of energy.
        """
        if instrument.commodity is not Commodity.ENE or instrument.hours != 1:
            raise Malformed(f"certificate: found {instrument}, expected one hour of energy")
        device = int.from_bytes(meter[-8:], "big")
        return cls(instrument.product, instrument.place, instrument.start_hour, device)

    @property
    def id(self) -> int:
        """The 256-bit word."""
        word = VERSION << 248 | KIND << 240
        for text, shift in ((self.product, 176), (self.place, 112)):
            word |= int.from_bytes(text.encode("ascii").ljust(8, b"\0"), "big") << shift
        return word | self.device << 48 | self.start_hour << 24 | 1 << 8 | self.stored * _STORED

    @property
    def symbol(self) -> str:
        """The readable form, which `parse_certificate` reads back."""
        start = datetime.fromtimestamp(self.start_hour * SECONDS_PER_HOUR, UTC).strftime("%Y-%m-%dT%HZ")
        stored = ".STORED" if self.stored else ""
        return f"GC.{self.product}@{self.place}/{start}/1h#{self.device:016x}{stored}"

    def energytag(self, *, amount_wh: Lots) -> dict[str, str | int]:
        """Return the attributes that EnergyTag's Granular Certificate Scheme Standard names, as far as the id has them.

        The rest stands in events: `Issued` (issuance date, whole meter), `MeterRegistered` (owner of the device).

        >>> sun = parse_certificate("GC.SOLAR@CISO/2022-03-11T18Z/1h#1563915e194d8cfb")
        >>> sun.energytag(amount_wh=Lots(1500))["production_ending_interval"]
        '2022-03-11T19:00:00+00:00'
        """
        start, end = (
            datetime.fromtimestamp(hour * SECONDS_PER_HOUR, UTC).isoformat()
            for hour in (self.start_hour, self.start_hour + 1)
        )
        return {
            "certificate_id": hex(self.id),
            "energy_carrier": "electricity",
            "energy_source": self.product,
            "location": self.place,
            "production_device_id": f"{self.device:016x}",
            "production_starting_interval": start,
            "production_ending_interval": end,
            "issued_from": "storage" if self.stored else "production",
            "face_value_wh": amount_wh,
        }

    def __str__(self) -> str:
        return self.symbol


def from_id(word: int) -> CertificateId:
    """Read a certificate id back from its word.

    Raises:
        Malformed: if the word is not one that `CertificateId.id` writes.
    """
    try:
        product, place = (
            (word >> shift & (1 << 64) - 1).to_bytes(8, "big").rstrip(b"\0").decode("ascii")
            for shift in (176, 112)
        )
        certificate = CertificateId(
            product=product,
            place=place,
            start_hour=word >> 24 & 0xFFFFFF,
            device=word >> 48 & (1 << 64) - 1,
            stored=bool(word & _STORED),
        )
    except ValueError as error:
        raise Malformed(f"certificate id: found {word:#x}: {error}") from None
    if certificate.id != word:
        raise Malformed(f"certificate id: found {word:#x}, which does not read back")
    return certificate


def parse_certificate(symbol: str) -> CertificateId:
    """Read a certificate id from its symbol.

    >>> parse_certificate("GC.SOLAR@CISO/2022-03-11T18Z/1h#1563915e194d8cfb.STORED").stored
    True

    Raises:
        Malformed: if the text is no symbol.
    """
    match = _SYMBOL.fullmatch(symbol)
    if match is None:
        raise Malformed(f"certificate: found {symbol!r}, expected something like {_EXPECTED_SYMBOL}")
    try:
        start = datetime.strptime(match["start"], "%Y-%m-%dT%HZ").replace(tzinfo=UTC)
    except ValueError:
        raise Malformed(f"certificate: found {symbol!r}, but {match['start']} is no hour") from None
    return CertificateId(
        product=match["product"],
        place=match["place"],
        start_hour=int(start.timestamp()) // SECONDS_PER_HOUR,
        device=int(match["device"], 16),
        stored=match["stored"] is not None,
    )
