"""Alternating offers: what patience is worth."""

from typing import ClassVar

from api.bargain.answer import Answer, Cell
from api.bargain.kind import Asked, Kind, names_of
from pricing.bargaining import discounts_of, patience_weights, rubinstein
from pricing.errors import PricingError


class AlternatingOffers(Kind, frozen=True, kw_only=True):
    """Two who take turns to propose: discount factors per round, or rates per time and the time between two offers."""

    kind: ClassVar[str] = "alternating-offers"

    discounts: tuple[float, float] | None = None
    rates: tuple[float, float] | None = None
    period: float | None = None
    pie: float = 1.0
    first: str | None = None
    periods: int | None = None
    parties: tuple[str, str] | None = None

    def solutions(self) -> tuple[str, ...]:
        """Return none: it is an equilibrium that is looked for."""
        return ()

    def solve(self, asked: Asked) -> Answer:  # noqa: ARG002  (nothing can be asked for)
        """Return the shares of the equilibrium for either first proposer, and the weights that they tend to."""
        parties = names_of(self.parties, 2)
        if self.first is not None and self.first not in parties:
            raise PricingError(f"first: found {self.first!r}, expected one of {', '.join(parties)}")
        discounts = self._discounts()
        first = 0 if self.first is None else parties.index(self.first)
        facts: dict[str, Cell] = {
            "discount_factor": dict(zip(parties, discounts, strict=True)),
            "rounds": "without end" if self.periods is None else self.periods,
            "proposes_first": parties[first],
            "share": dict(
                zip(
                    parties,
                    rubinstein(discounts, pie=self.pie, first=first, periods=self.periods),
                    strict=True,
                )
            ),
        }
        if self.rates is not None and min(self.rates) > 0:
            facts["nash_weight_of_patience"] = dict(zip(parties, patience_weights(self.rates), strict=True))
        return Answer(self.kind, facts)

    def _discounts(self) -> tuple[float, ...]:
        if (self.discounts is None) == (self.rates is None):
            raise PricingError(
                "discounts: found both or neither of discounts and rates, expected one of them"
            )
        if self.discounts is not None:
            if self.period is not None:
                raise PricingError(
                    f"period: found {self.period:g} beside discounts, expected it with rates only"
                )
            return self.discounts
        return discounts_of(self.rates or (), period=1.0 if self.period is None else self.period)
