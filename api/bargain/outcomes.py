"""Finitely many outcomes: those that are listed, or every way to hand goods out."""

from collections.abc import Callable, Sequence
from typing import ClassVar

import msgspec

from api.bargain.answer import shown
from api.bargain.kind import names_of
from api.bargain.sets import PayoffSet
from pricing.bargaining import Agreement, Barter, FiniteSet, Good, Problem, Transferable
from pricing.errors import PricingError

NEGLIGIBLE_CHANCE = 1e-6
"""A chance that a solver left over where there is none."""


class FiniteOutcomes(PayoffSet, frozen=True, kw_only=True):
    """Payoff vectors of which one is agreed on, or, with `lotteries`, a chance of each."""

    kind: ClassVar[str] = "finite"

    outcomes: tuple[tuple[float, ...], ...]
    disagreement: tuple[float, ...]
    lotteries: bool = False
    names: tuple[str, ...] | None = None

    def problem(self) -> Problem:
        """Return the outcomes, or the lotteries over them."""
        self._names()
        return FiniteSet(self.outcomes, self.disagreement, lotteries=self.lotteries)

    def points(self) -> Sequence[Sequence[float]]:
        """Return the outcomes."""
        return self.outcomes

    def outcome(self, agreed: Agreement) -> str | None:
        """Return the outcome's name, or those of a lottery with their chances."""
        names = self._names()
        return _lottery(agreed, lambda place: names[place])

    def _names(self) -> list[str]:
        return names_of(self.names, len(self.outcomes), key="names", word="outcome")


class GoodToAllocate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A good: what it is worth to each party, in the order of `parties`, and the name of the party that owns it."""

    name: str
    values: tuple[float, ...]
    owner: str


class GoodsToAllocate(PayoffSet, frozen=True, kw_only=True):
    """Indivisible goods; with `money` it changes hands too, and the goods go to whoever values them most."""

    kind: ClassVar[str] = "allocation"

    goods: tuple[GoodToAllocate, ...]
    lotteries: bool = False
    money: bool = False

    def problem(self) -> Problem:
        """Return the payoffs of all allocations, disagreement being that everybody keeps what they own."""
        goods = self._goods()
        if self.money:
            if self.lotteries:
                raise PricingError("lotteries: found true beside money, expected one of them")
            return Transferable(goods.transferable_total(), goods.endowment)
        return goods.problem(lotteries=self.lotteries)

    def points(self) -> Sequence[Sequence[float]]:
        """Return the payoffs of all allocations."""
        return self._goods().problem().outcomes

    def outcome(self, agreed: Agreement) -> str | None:
        """Return who has what."""
        goods = self._goods()
        if self.money:
            best = [max(range(goods.parties), key=good.values.__getitem__) for good in goods.goods]
            return self._hands(best)
        return _lottery(agreed, lambda place: self._hands(goods.allocation(place)))

    def _goods(self) -> Barter:
        if self.parties is None:
            raise PricingError("parties: found nothing, expected the names of those who own the goods")
        names = names_of(self.parties, len(self.parties))
        for place, good in enumerate(self.goods):
            if good.owner not in names:
                raise PricingError(
                    f"goods[{place}].owner: found {good.owner!r}, expected one of {', '.join(names)}"
                )
            if len(good.values) != len(names):
                raise PricingError(
                    f"goods[{place}].values: found {len(good.values)} values, expected {len(names)}"
                )
        return Barter([Good(good.name, good.values, names.index(good.owner)) for good in self.goods])

    def _hands(self, receivers: Sequence[int]) -> str:
        """Return "Bill: pen, toy; Jack: book" of the places of the receivers of all goods."""
        parts = []
        for party, name in enumerate(self.parties or ()):
            has = [good.name for good, to in zip(self.goods, receivers, strict=True) if to == party]
            parts.append(f"{name}: {', '.join(has) or 'nothing'}")
        return "; ".join(parts)


def _lottery(agreed: Agreement, name: Callable[[int], str]) -> str:
    """Return the name of the outcome that is sure, or the chance of each that is possible."""
    chances = [(chance, place) for place, chance in enumerate(agreed.decision) if chance > NEGLIGIBLE_CHANCE]
    if len(chances) == 1:
        return name(chances[0][1])
    return " or ".join(f"{name(place)} (chance {shown(chance)})" for chance, place in chances)
