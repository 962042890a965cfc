"""One trade: its price, a contract over quantity and money, a bundle of several sellers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import msgspec

from api.bargain.answer import Answer
from api.bargain.kind import Asked, Kind, names_of
from market.units import MICROS_PER_TOKEN, format_decimal
from pricing.bargaining import (
    Cost,
    OutsideMode,
    Seller,
    Value,
    bargain_bundle,
    bargain_price,
    bilateral_contract,
    buyer_outside,
    seller_outside,
)
from pricing.errors import PricingError, number
from pricing.payments import round_payments

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Levels(_Table, frozen=True, kw_only=True):
    """An order book where both could trade instead: [price, quantity] of each level, and the fee per unit."""

    asks: tuple[tuple[float, float], ...] = ()
    bids: tuple[tuple[float, float], ...] = ()
    fee_per_unit: float = 0.0


class Curve(_Table, frozen=True, kw_only=True):
    """A value or a cost of q units: slope·q less, or plus, curvature·q²/2, in money."""

    slope: float
    curvature: float = 0.0


class _Trade(Kind, frozen=True, kw_only=True):
    """What both forms of a trade have: weight, mode, and outside options as figures or read from an order book."""

    weight_seller: float = 0.5
    mode: str = OutsideMode.DISAGREEMENT.value
    outside_buyer: float | None = None
    outside_seller: float | None = None
    book: Levels | None = None

    def outside(self, value: Value, cost: Cost, quantity: float) -> tuple[float, float]:
        """Return what buyer and seller have elsewhere, in money."""
        if self.book is None:
            return self.outside_buyer or 0.0, self.outside_seller or 0.0
        for key, given in (("outside_buyer", self.outside_buyer), ("outside_seller", self.outside_seller)):
            if given is not None:
                raise PricingError(f"{key}: found {given:g} beside a book, expected one of them")
        book = self.book
        try:
            return (
                buyer_outside(value, book.asks, quantity, book.fee_per_unit),
                seller_outside(cost, book.bids, quantity, book.fee_per_unit),
            )
        except PricingError as error:
            raise type(error)(f"book.{error}") from None


class PriceTrade(_Trade, frozen=True, kw_only=True):
    """A fixed quantity that is worth `value` per unit to the buyer and costs the seller `cost`."""

    kind: ClassVar[str] = "price"

    value: float
    cost: float
    quantity: float = 1.0

    def solve(self, asked: Asked) -> Answer:  # noqa: ARG002  (it has the one solution)
        """Return the Nash price per unit, and the zone of agreement that it lies in."""
        units = number("quantity", self.quantity, low=0, open_low=True)
        value, cost = number("value", self.value), number("cost", self.cost)
        outside_buyer, outside_seller = self.outside(Value(value), Cost(cost), units)
        deal = bargain_price(
            value=number("value times quantity", value * units),
            cost=number("cost times quantity", cost * units),
            outside_buyer=outside_buyer,
            outside_seller=outside_seller,
            weight_seller=self.weight_seller,
            mode=OutsideMode(self.mode),
        )
        low, high = deal.low / units, deal.high / units
        price = None if deal.price is None else deal.price / units

        def draw() -> "Figure":
            from api.bargain.plot_price import plot_price

            book = self.book or Levels()
            return plot_price(
                value=value, cost=cost, low=low, high=high, price=price, asks=book.asks, bids=book.bids
            )

        return Answer(
            self.kind,
            {
                "agreed": deal.agreed,
                "price": price,
                "lowest_price": low,
                "highest_price": high,
                "quantity": units,
                "payment": None if deal.price is None else _money(deal.price),
                "outside": {"buyer": outside_buyer, "seller": outside_seller},
                "gain": {"buyer": deal.gain_buyer, "seller": deal.gain_seller},
                "mode": self.mode,
            },
            draw=draw,
        )


class ContractTrade(_Trade, frozen=True, kw_only=True):
    """A quantity and a lump sum: value and cost are curves of the quantity."""

    kind: ClassVar[str] = "contract"

    value: Curve
    cost: Curve
    quantity_max: float | None = None

    def solve(self, asked: Asked) -> Answer:  # noqa: ARG002  (it has the one solution)
        """Return the efficient quantity and the Nash transfer."""
        value, cost = Value(*_figures("value", self.value)), Cost(*_figures("cost", self.cost))
        if self.book is not None and self.quantity_max is None:
            raise PricingError(
                "quantity_max: found nothing, expected the most that either would trade in the book"
            )
        outside_buyer, outside_seller = self.outside(value, cost, self.quantity_max or 0.0)
        contract = bilateral_contract(
            value,
            cost,
            outside_buyer=outside_buyer,
            outside_seller=outside_seller,
            weight_seller=self.weight_seller,
            mode=OutsideMode(self.mode),
            quantity_max=self.quantity_max,
        )
        return Answer(
            self.kind,
            {
                "agreed": contract.agreed,
                "quantity": contract.quantity,
                "payment": _money(contract.transfer),
                "unit_price": contract.unit_price,
                "surplus": contract.surplus,
                "outside": {"buyer": outside_buyer, "seller": outside_seller},
                "gain": {"buyer": contract.gain_buyer, "seller": contract.gain_seller},
                "mode": self.mode,
            },
        )


class Part(_Table, frozen=True, kw_only=True):
    """One seller's part of a bundle: what it costs, and what the seller has without this deal, in money."""

    name: str
    cost: float
    outside: float = 0.0
    weight: float = 1.0


class BundleTrade(Kind, frozen=True, kw_only=True):
    """One buyer and sellers of complements, such as compute, network and energy."""

    kind: ClassVar[str] = "bundle"

    value: float
    sellers: tuple[Part, ...]
    outside_buyer: float = 0.0
    weight_buyer: float = 1.0
    mode: str = OutsideMode.DISAGREEMENT.value

    def solve(self, asked: Asked) -> Answer:  # noqa: ARG002  (it has the one solution)
        """Return what each seller is paid, in whole micro-units, and what all gain."""
        names = _names(self.sellers)
        agreed = bargain_bundle(
            self.value,
            {
                name: _seller(place, part)
                for place, (name, part) in enumerate(zip(names, self.sellers, strict=True))
            },
            outside_buyer=self.outside_buyer,
            weight_buyer=self.weight_buyer,
            mode=OutsideMode(self.mode),
        )
        price, payments = 0, (0,) * len(names)
        if agreed.price is not None:
            price, *sold = round_payments([agreed.price, *(-agreed.payments[name] for name in names)])
            payments = tuple(-each for each in sold)
        return Answer(
            self.kind,
            {
                "agreed": agreed.agreed,
                "price": _decimal(price) if agreed.agreed else None,
                "surplus": agreed.surplus,
                "gain_of_buyer": agreed.buyer_utility - self.outside_buyer,
                "mode": self.mode,
            },
            {
                "sellers": tuple(
                    {
                        "seller": name,
                        "cost": part.cost,
                        "outside": part.outside,
                        "receives": _decimal(paid),
                        "gain": agreed.seller_utilities[name] - part.outside,
                    }
                    for name, part, paid in zip(names, self.sellers, payments, strict=True)
                )
            },
        )


def _seller(place: int, part: Part) -> Seller:
    try:
        return Seller(part.cost, part.outside, part.weight)
    except PricingError as error:
        raise type(error)(f"sellers[{place}].{error}") from None


def _names(sellers: Sequence[Part]) -> list[str]:
    return names_of([part.name for part in sellers], len(sellers), key="sellers")


def _figures(key: str, curve: Curve) -> tuple[float, float]:
    return number(f"{key}.slope", curve.slope), number(f"{key}.curvature", curve.curvature, low=0)


def _money(amount: float) -> str:
    """Return money to the micro-unit, the nearest."""
    return _decimal(round(amount * MICROS_PER_TOKEN))


def _decimal(micros: int) -> str:
    return format_decimal(micros, scale=MICROS_PER_TOKEN)
