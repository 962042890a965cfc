"""Which certificates are retired for whose consumption. Pure: what a data centre holds and used in, claims out.

Energy behind compute of a green class (G1 and up) is claimed for the buyer of the compute, who paid for the class;
behind compute without one (G0) it is the data centre's own claim. One Wh is claimed once, so never for both.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from eth_hash.auto import keccak

from contracts.carbon_free import CARBON_FREE
from contracts.certificate import Claim
from contracts.certificate_ids import from_id
from market.instruments import Instrument
from market.orders import Address
from market.units import Lots

PROMISED_FROM_GREEN: Final = 1
"""The lowest green class that promises the buyer of compute something about its energy."""


@dataclass(frozen=True, slots=True)
class Use:
    """Energy that a data centre used to deliver an hour of compute, for one consumer."""

    instrument: Instrument
    consumer: Address
    energy_wh: Lots

    @property
    def statement(self) -> bytes:
        """The hash of what the energy was used for: the symbol of the compute, such as CMP.H100@SFO/…#Q3.G2."""
        return bytes(keccak(self.instrument.symbol.encode("ascii")))


def consumer_of(instrument: Instrument, *, buyer: Address, data_centre: Address) -> Address:
    """Return who claims the energy behind compute: its buyer where a green class was promised, else the data centre."""
    return buyer if instrument.green >= PROMISED_FROM_GREEN else data_centre


def claims_of_hour(
    held_wh: Mapping[int, Lots],
    uses: Iterable[Use],
    *,
    place: str,
    carbon_free: Collection[str] = CARBON_FREE,
) -> list[Claim]:
    """Share the certificates that a data centre holds of one hour among the uses of that hour.

    `held_wh` are Wh by certificate id. The highest green class is served first; within a class, certificates that do not
    suffice are shared in proportion, by cumulative rounding. No use is given more than its energy: the rest stays held.
    """
    stock = [
        [certificate_id, wh]
        for certificate_id, wh in sorted(held_wh.items())
        if wh and from_id(certificate_id).product in carbon_free
    ]
    claims: list[Claim] = []
    ordered = sorted(uses, key=lambda use: (-use.instrument.green, use.instrument.id, use.consumer))
    for _, group in groupby(ordered, key=lambda use: use.instrument.green):
        alike = list(group)
        needed = sum(use.energy_wh for use in alike)
        shared = min(needed, sum(wh for _, wh in stock))
        before = 0
        for use in alike:
            after = before + use.energy_wh
            share = shared * after // needed - shared * before // needed if needed else 0
            claims += _taken(stock, use, share, place)
            before = after
    return claims


def _taken(stock: list[list[int]], use: Use, wanted_wh: int, place: str) -> Iterable[Claim]:
    """Take so much out of the stock, first certificate first, and return a claim for each certificate touched."""
    while wanted_wh:
        certificate_id, left = stock[0]
        taken = min(wanted_wh, left)
        yield Claim(
            certificate_id, Lots(taken), use.consumer, use.instrument.start_hour, 1, place, use.statement
        )
        wanted_wh -= taken
        if taken == left:
            del stock[0]
        else:
            stock[0][1] = left - taken
