"""Auctions: who trades at what price, and whether anybody can gain by an untruth.

Double auctions take a `Book` and give an `Outcome`; `clear(name, orders)` reaches them all by name. Beside them: bids for
packages, places and single units, and what theory says of one buyer and one seller.
"""

from pricing.auctions.bilateral import LinearEquilibrium, myerson_satterthwaite
from pricing.auctions.combinatorial import combinatorial_core, combinatorial_vcg
from pricing.auctions.divisible import pay_as_bid, uniform
from pricing.auctions.double import k_double
from pricing.auctions.huang import huang
from pricing.auctions.mcafee import mcafee
from pricing.auctions.mechanism import MECHANISMS, Mechanism, clear
from pricing.auctions.misreport import best_misreport
from pricing.auctions.muda import muda, posted_price
from pricing.auctions.orders import Book, Order, step_book, unit_book
from pricing.auctions.outcome import Outcome
from pricing.auctions.packages import Language, PackageBid
from pricing.auctions.peer_to_peer import peer_to_peer
from pricing.auctions.position import generalized_second_price, vickrey_positions
from pricing.auctions.single_sided import UniformBidders, first_price, second_price
from pricing.auctions.statistics import (
    largest_volume,
    market_profit,
    percentage_traded,
    percentage_welfare,
    profits,
)
from pricing.auctions.trade_reduction import sbb_trade_reduction, trade_reduction
from pricing.auctions.vcg import vcg

__all__ = [
    "MECHANISMS",
    "Book",
    "Language",
    "LinearEquilibrium",
    "Mechanism",
    "Order",
    "Outcome",
    "PackageBid",
    "UniformBidders",
    "best_misreport",
    "clear",
    "combinatorial_core",
    "combinatorial_vcg",
    "first_price",
    "generalized_second_price",
    "huang",
    "k_double",
    "largest_volume",
    "market_profit",
    "mcafee",
    "muda",
    "myerson_satterthwaite",
    "pay_as_bid",
    "peer_to_peer",
    "percentage_traded",
    "percentage_welfare",
    "posted_price",
    "profits",
    "sbb_trade_reduction",
    "second_price",
    "step_book",
    "trade_reduction",
    "uniform",
    "unit_book",
    "vcg",
    "vickrey_positions",
]
