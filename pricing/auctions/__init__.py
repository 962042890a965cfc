"""Auctions: who trades at what price, and whether anybody can gain by an untruth.

Double auctions take a `Book` and give an `Outcome`; `clear(name, orders)` reaches them all by name.
"""

from pricing.auctions.divisible import pay_as_bid, uniform
from pricing.auctions.double import k_double
from pricing.auctions.huang import huang
from pricing.auctions.mcafee import mcafee
from pricing.auctions.mechanism import MECHANISMS, Mechanism, clear
from pricing.auctions.muda import muda, posted_price
from pricing.auctions.orders import Book, Order, step_book, unit_book
from pricing.auctions.outcome import Outcome
from pricing.auctions.peer_to_peer import peer_to_peer
from pricing.auctions.trade_reduction import sbb_trade_reduction, trade_reduction
from pricing.auctions.vcg import vcg

__all__ = [
    "MECHANISMS",
    "Book",
    "Mechanism",
    "Order",
    "Outcome",
    "clear",
    "huang",
    "k_double",
    "mcafee",
    "muda",
    "pay_as_bid",
    "peer_to_peer",
    "posted_price",
    "sbb_trade_reduction",
    "step_book",
    "trade_reduction",
    "uniform",
    "unit_book",
    "vcg",
]
