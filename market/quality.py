"""Quality tiers Q0 to Q4: what is promised, what a breach pays, what is set aside for it.

Anchors of the availabilities and credit ladders (read 2026-09): AWS EC2 single instance 99.5 % and multi-zone 99.99 %
with credits 10/30/100 at 99.99/99.0/95.0; Azure VM 95 % to 99.99 %; Equinix Fabric 99.9 %. The collateral rate of Q3
follows iExec's pool stake of 30 %; the other rates and the ladder of Q1 are this market's own proposal.
"""

from dataclasses import dataclass

from market.units import PPM_ONE, Lots, Ppm


@dataclass(frozen=True, slots=True)
class Tier:
    """A quality tier. `ladder` pairs (delivered share below this, credit as a share of the contract's charges), both ppm."""

    name: str
    availability: Ppm
    collateral: Ppm
    ladder: tuple[tuple[Ppm, Ppm], ...]

    def credit(self, *, delivered_lots: Lots, contracted_lots: Lots) -> Ppm:
        """Return the ladder credit for a delivery, as a share of the contract's charges in ppm.

        `Guarantee.sol` holds the same ladder (`Tiers.credit`); a test compares the two.

        >>> TIERS[2].credit(delivered_lots=Lots(985), contracted_lots=Lots(1000))
        300000
        """
        credit = Ppm(0)
        for below, share in self.ladder:
            if delivered_lots * PPM_ONE < below * contracted_lots:
                credit = share
        return credit


def _ladder(*steps: tuple[float, int]) -> tuple[tuple[Ppm, Ppm], ...]:
    return tuple((Ppm(round(below * 10_000)), Ppm(credit * 10_000)) for below, credit in steps)


TIERS = (
    Tier("best effort", Ppm(0), Ppm(50_000), ()),
    Tier("bronze", Ppm(950_000), Ppm(100_000), _ladder((95, 10), (80, 100))),
    Tier("silver", Ppm(995_000), Ppm(200_000), _ladder((99.5, 10), (99, 30), (95, 100))),
    Tier("gold", Ppm(999_000), Ppm(300_000), _ladder((99.9, 10), (99, 25), (95, 100))),
    Tier("platinum", Ppm(999_900), Ppm(500_000), _ladder((99.99, 10), (99, 30), (95, 100))),
)
