"""What a market day tells of its emergency plans: who failed, who stepped in, and who paid the difference."""

from dataclasses import dataclass
from typing import Any

from market.units import MICROS_PER_TOKEN, Commodity, Lots, Micros, format_decimal


@dataclass(frozen=True, slots=True)
class Rescue:
    """A short trade for which the buyer called the seller's fallback. Hours are UTC; prices per unit, in micros.

    The buyer paid `paid_to_fallback_micros` less `gap_micros`, which came out of the failed seller's collateral.
    """

    trade_number: int
    instrument: str
    commodity: Commodity
    failed: str
    stepped_in: str
    buyer: str
    failed_hour: int
    delivered_hour: int
    called_lots: Lots
    rescued_lots: Lots
    price_micros: Micros
    strike_micros: Micros
    paid_to_fallback_micros: Micros
    gap_micros: Micros


@dataclass(frozen=True, slots=True)
class Premium:
    """The premium of a standby option, and who has it in the end: its supplier unless it failed a call."""

    holder: str
    supplier: str
    premium_micros: Micros
    paid_to: str


@dataclass(frozen=True)
class Emergencies:
    """The emergency plans of a day. `note` says why there are none, where a scenario has some."""

    rescues: tuple[Rescue, ...] = ()
    premiums: tuple[Premium, ...] = ()
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return them as plain JSON values: money in tokens, quantities in units, as exact decimal strings."""
        return {
            "called": len(self.rescues),
            "delivered": sum(rescue.rescued_lots > 0 for rescue in self.rescues),
            "paid_to_fallbacks": _tokens(sum(rescue.paid_to_fallback_micros for rescue in self.rescues)),
            "paid_by_failed_suppliers": _tokens(sum(rescue.gap_micros for rescue in self.rescues)),
            "premiums": _tokens(sum(each.premium_micros for each in self.premiums)),
            "rescues": [
                {
                    "trade": rescue.trade_number,
                    "instrument": rescue.instrument,
                    "failed": rescue.failed,
                    "stepped_in": rescue.stepped_in,
                    "buyer": rescue.buyer,
                    "failed_hour": rescue.failed_hour,
                    "delivered_hour": rescue.delivered_hour,
                    "called": _units(rescue.called_lots, rescue.commodity),
                    "delivered": _units(rescue.rescued_lots, rescue.commodity),
                    "price": _tokens(rescue.price_micros),
                    "strike": _tokens(rescue.strike_micros),
                    "paid_to_fallback": _tokens(rescue.paid_to_fallback_micros),
                    "gap_paid_by_failed": _tokens(rescue.gap_micros),
                }
                for rescue in self.rescues
            ],
            "note": self.note,
        }

    def told(self) -> str:
        """Tell in a paragraph what became of them; empty if there were none."""
        if not self.rescues:
            return self.note
        lots = sum(rescue.rescued_lots for rescue in self.rescues)
        commodity = self.rescues[0].commodity
        failed = sorted({rescue.failed for rescue in self.rescues})
        helped = sorted({rescue.stepped_in for rescue in self.rescues if rescue.rescued_lots})
        gap = sum(rescue.gap_micros for rescue in self.rescues)
        return (
            f"{', '.join(failed)} failed and had an emergency plan. In {len(self.rescues)} trades the buyers called it: "
            f"{', '.join(helped) or 'nobody'} delivered {lots / commodity.lots_per_unit:,.1f} {commodity.unit} within "
            f"hours, at a price agreed beforehand. The buyers paid what they had agreed with the one that failed; the "
            f"difference, {_tokens(gap)} tokens, came out of its collateral."
        )


COLUMNS = (
    "trade",
    "instrument",
    "failed",
    "stepped in",
    "buyer",
    "hours",
    "delivered by fallback",
    "price, tokens",
    "strike, tokens",
    "paid to fallback",
    "of it by who failed",
)


def rows_of(emergencies: Emergencies) -> tuple[list[tuple[str, ...]], tuple[str, ...]]:
    """Return a row for each rescue, and the sums."""
    rows: list[tuple[str, ...]] = [
        (
            f"{each.trade_number}",
            each.instrument,
            each.failed,
            each.stepped_in,
            each.buyer,
            f"{each.failed_hour:02d}\N{NO-BREAK SPACE}→\N{NO-BREAK SPACE}{each.delivered_hour:02d}",
            f"{each.rescued_lots / each.commodity.lots_per_unit:,.3f} of "
            f"{each.called_lots / each.commodity.lots_per_unit:,.3f} {each.commodity.unit}",
            _tokens(each.price_micros),
            _tokens(each.strike_micros),
            _tokens(each.paid_to_fallback_micros),
            _tokens(each.gap_micros),
        )
        for each in emergencies.rescues
    ]
    total = (
        "together",
        *("",) * 8,
        _tokens(sum(each.paid_to_fallback_micros for each in emergencies.rescues)),
        _tokens(sum(each.gap_micros for each in emergencies.rescues)),
    )
    return rows, total


def _tokens(micros: int) -> str:
    return format_decimal(micros, scale=MICROS_PER_TOKEN)


def _units(lots: int, commodity: Commodity) -> str:
    return format_decimal(lots, scale=commodity.lots_per_unit)
