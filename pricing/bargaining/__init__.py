"""Bargaining: what two or more parties agree on, given what each has without the others.

A problem comes in the form that fits: `Transferable` (a total in money), `Polygon`, `Frontier` and `parse_frontier` (two
parties), `FiniteSet` and `Barter` (indivisible outcomes, with and without lotteries), `ConvexSet` (any number of parties).
Each of `nash`, `kalai_smorodinsky`, `egalitarian` and `utilitarian` solves every form, and returns an `Agreement`.

For a trade: `bargain_price` and `inside_spread_price`, with outside options from the order book (`buyer_outside`,
`seller_outside`) that count as an `OutsideMode` says; `bilateral_contract`, `contract_beside_book` and `wholesale_price`;
`bargain_bundle` for one buyer and several sellers. `rubinstein` and `patience_weights` say where weights come from.
"""

from pricing.bargaining.barter import Barter, Good
from pricing.bargaining.bundle import BundleAgreement, Seller, bargain_bundle
from pricing.bargaining.contract import (
    Contract,
    WholesalePrice,
    bilateral_contract,
    contract_beside_book,
    wholesale_price,
)
from pricing.bargaining.convex_set import ConvexSet, Limits, Utility
from pricing.bargaining.divide import Division, divide
from pricing.bargaining.egalitarian import egalitarian
from pricing.bargaining.expression import parse_frontier
from pricing.bargaining.finite_set import FiniteSet
from pricing.bargaining.frontier import Frontier
from pricing.bargaining.kalai_smorodinsky import kalai_smorodinsky
from pricing.bargaining.nash import nash
from pricing.bargaining.order_book import buyer_outside, levels_of, seller_outside, walk, without_orders
from pricing.bargaining.outside import (
    OutsideMode,
    PriceAgreement,
    bargain_price,
    inside_spread_price,
    split,
)
from pricing.bargaining.polygon import Polygon
from pricing.bargaining.problem import Agreement, Problem
from pricing.bargaining.rubinstein import discounts_of, patience_weights, rubinstein
from pricing.bargaining.transferable import Transferable
from pricing.bargaining.utilitarian import utilitarian
from pricing.bargaining.valuations import Cost, Value

__all__ = [
    "Agreement",
    "Barter",
    "BundleAgreement",
    "Contract",
    "ConvexSet",
    "Cost",
    "Division",
    "FiniteSet",
    "Frontier",
    "Good",
    "Limits",
    "OutsideMode",
    "Polygon",
    "PriceAgreement",
    "Problem",
    "Seller",
    "Transferable",
    "Utility",
    "Value",
    "WholesalePrice",
    "bargain_bundle",
    "bargain_price",
    "bilateral_contract",
    "buyer_outside",
    "contract_beside_book",
    "discounts_of",
    "divide",
    "egalitarian",
    "inside_spread_price",
    "kalai_smorodinsky",
    "levels_of",
    "nash",
    "parse_frontier",
    "patience_weights",
    "rubinstein",
    "seller_outside",
    "split",
    "utilitarian",
    "walk",
    "wholesale_price",
    "without_orders",
]
