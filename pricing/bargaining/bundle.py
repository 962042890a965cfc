"""One buyer, several sellers of complements: compute, network and energy are worth something together only."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from pricing.bargaining.outside import OutsideMode, split
from pricing.errors import EmptySide, number


@dataclass(frozen=True, slots=True)
class Seller:
    """A seller of one part of the bundle: what the part costs, and what the seller has without this deal, in money.

    Raises:
        PricingError: if a figure is not finite, or the weight is negative.
    """

    cost: float
    outside: float = 0.0
    weight: float = 1.0

    def __post_init__(self) -> None:
        number("cost", self.cost)
        number("outside", self.outside)
        number("weight", self.weight, low=0)


@dataclass(frozen=True, slots=True)
class BundleAgreement:
    """What each seller is paid, in money. Without agreement nobody is paid, and all have what they have outside.

    Attributes:
        agreed: whether the bundle is worth its costs and everybody's outside option.
        surplus: value less costs and outside options; negative where there is no agreement.
        payments: to each seller, by name.
        price: what the buyer pays for all; None where there is no agreement.
        buyer_utility: value less price, or the outside option.
        seller_utilities: payment less cost, or the outside option, by name.
    """

    agreed: bool
    surplus: float
    price: float | None
    buyer_utility: float
    payments: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    seller_utilities: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))


def bargain_bundle(
    value: float,
    sellers: Mapping[str, Seller],
    *,
    outside_buyer: float = 0.0,
    weight_buyer: float = 1.0,
    mode: OutsideMode = OutsideMode.DISAGREEMENT,
) -> BundleAgreement:
    """Return the Nash bargain of a buyer and all sellers at once: seller j is paid cost_j + d_j + w_j·surplus.

    surplus = V − Σ cost − Σ d, weights over their sum. As a constraint (`mode`) V − Σ cost is shared and d only limits.

    Source: Nash (1950) for n parties; closed form of pricing.bargaining.Transferable.

    >>> sellers = {"compute": Seller(420, 40, 0.3), "network": Seller(90, 10, 0.1), "energy": Seller(180, 30, 0.2)}
    >>> bundle = bargain_bundle(1000, sellers, outside_buyer=60, weight_buyer=0.4)
    >>> dict(bundle.payments), bundle.price
    ({'compute': 511.0, 'network': 117.0, 'energy': 244.0}, 872.0)

    Raises:
        EmptySide: if there is no seller.
        PricingError: if a figure is not finite, or all weights are zero.
    """
    if not sellers:
        raise EmptySide("sellers: found none, expected at least one")
    worth = number("value", value)
    costs = math.fsum(seller.cost for seller in sellers.values())
    outside = [number("outside_buyer", outside_buyer), *(seller.outside for seller in sellers.values())]
    shares = [number("weight_buyer", weight_buyer, low=0), *(seller.weight for seller in sellers.values())]
    agreed = split(worth - costs, outside, shares, mode=mode)
    buyer, *others = agreed.payoffs
    utilities = dict(zip(sellers, others, strict=True))
    payments = (
        {name: seller.cost + utilities[name] for name, seller in sellers.items()} if agreed.agreed else {}
    )
    return BundleAgreement(
        agreed=agreed.agreed,
        surplus=math.fsum([worth, -costs, *(-each for each in outside)]),
        price=math.fsum(payments.values()) if agreed.agreed else None,
        buyer_utility=buyer,
        payments=MappingProxyType(payments),
        seller_utilities=MappingProxyType(utilities),
    )
