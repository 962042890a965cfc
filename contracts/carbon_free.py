"""How much of what somebody consumed was carbon-free, from what was retired for it. Pure: events in, shares out.

Hourly matching: in each hour, certificates of that very hour and of the same place count, up to the hour's load. Annual
matching: everything that was retired within the period counts, up to the sum of the loads; it says less, and never
serves an hourly claim.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from contracts.certificate import Claim
from contracts.certificate_ids import CertificateId, from_id
from market.orders import Address
from market.units import PPM_ONE, Lots, Malformed, Ppm

CARBON_FREE: Final = frozenset({"SOLAR", "WIND", "HYDRO", "NUCLEAR"})
"""The energy types that emit nothing while they produce; a certificate out of a storage has the type of what went in."""


@dataclass(frozen=True, slots=True)
class Score:
    """What was consumed, and how much of it was carbon-free, in Wh."""

    load_wh: Lots
    matched_wh: Lots

    @property
    def share(self) -> Ppm:
        """The carbon-free share in parts per million, rounded down; all of nothing is carbon-free."""
        return Ppm(self.matched_wh * PPM_ONE // self.load_wh) if self.load_wh else PPM_ONE


def hourly_scores(
    loads_wh: Mapping[int, Lots],
    claims: Iterable[Claim],
    *,
    beneficiary: Address,
    place: str,
    carbon_free: Collection[str] = CARBON_FREE,
) -> dict[int, Score]:
    """Return the score of each hour: min(load, carbon-free certificates of the hour and place retired for it) of load.

    `loads_wh` is what the beneficiary consumed at the place, by hour since 1970. The score of a day or a year is the `total`
    of its hours.

    >>> def retired(product, hour, wh):
    ...     word = CertificateId(product, "CISO", hour, device=7).id
    ...     return Claim(word, Lots(wh), b"lab", hour, 1, "CISO")
    >>> events = [retired("SOLAR", 12, 900), retired("SOLAR", 13, 100), retired("GAS", 13, 500)]
    >>> scores = hourly_scores({12: Lots(500), 13: Lots(500)}, events, beneficiary=b"lab", place="CISO")
    >>> [score.share for score in scores.values()], total(scores.values()).share
    ([1000000, 200000], 600000)
    >>> annual_score({12: Lots(500), 13: Lots(500)}, events, beneficiary=b"lab").share
    1000000
    """
    retired = dict.fromkeys(loads_wh, 0)
    for claim, certificate in _carbon_free(claims, beneficiary, carbon_free):
        of_the_hour = (claim.start_hour, claim.hours) == (certificate.start_hour, 1)
        if of_the_hour and claim.place == certificate.place == place and claim.start_hour in retired:
            retired[claim.start_hour] += claim.amount_wh
    return {hour: Score(load, Lots(min(load, retired[hour]))) for hour, load in loads_wh.items()}


def annual_score(
    loads_wh: Mapping[int, Lots],
    claims: Iterable[Claim],
    *,
    beneficiary: Address,
    carbon_free: Collection[str] = CARBON_FREE,
) -> Score:
    """Return min(load, carbon-free certificates retired for it) of the load, over all hours of the period together.

    The certificates are of hours between the first and the last of the load, and of any place.
    """
    if not loads_wh:
        return Score(Lots(0), Lots(0))
    first, last = min(loads_wh), max(loads_wh)
    retired = sum(
        claim.amount_wh
        for claim, certificate in _carbon_free(claims, beneficiary, carbon_free)
        if first <= certificate.start_hour <= last
    )
    load = sum(loads_wh.values())
    return Score(Lots(load), Lots(min(load, retired)))


def total(scores: Iterable[Score]) -> Score:
    """Return the score of several hours together: what was matched in each, of all that was consumed."""
    found = tuple(scores)
    return Score(Lots(sum(score.load_wh for score in found)), Lots(sum(score.matched_wh for score in found)))


def _carbon_free(
    claims: Iterable[Claim], beneficiary: Address, carbon_free: Collection[str]
) -> Iterator[tuple[Claim, CertificateId]]:
    """Return what was retired for one beneficiary and emits nothing. An id that cannot be read counts for nothing.

    Anybody may retire anything for anybody: that must not be a way to break the other's score.
    """
    for claim in claims:
        if claim.beneficiary != beneficiary:
            continue
        try:
            certificate = from_id(claim.certificate_id)
        except Malformed:
            continue
        if certificate.product in carbon_free:
            yield claim, certificate
