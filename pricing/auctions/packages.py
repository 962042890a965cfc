"""Bids for packages: a bundle of items, such as compute, network and energy together, is worth what its parts are not."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array

from market.units import InvariantBroken
from pricing.auctions.orders import DOLLARS_MAX
from pricing.errors import EmptySide, NotConverged, PricingError, number

_NOTHING = 1e-12
"""A value of a millionth of a micro-dollar is as good as none."""
_LARGEST = 1e4
"""What the largest value is scaled to, so that the solver's absolute gap of 1e-6 is 1e-10 of it."""


class Language(StrEnum):
    """How the bids of one bidder combine: at most one of them wins, or any of them that fit."""

    XOR = "xor"
    OR = "or"


@dataclass(frozen=True, slots=True)
class PackageBid:
    """A bid of `value` dollars for all of `items` together."""

    bidder: str
    items: tuple[str, ...]
    value: float


@dataclass(frozen=True, slots=True)
class Packages:
    """A combinatorial auction: checked bids, in one language; every item is there once.

    Raises:
        PricingError: if a value is negative, a bid names no item or one twice, or the language is unknown.
        EmptySide: if there is no bid.
    """

    bids: tuple[PackageBid, ...]
    language: Language = Language.XOR

    def __post_init__(self) -> None:
        object.__setattr__(self, "bids", tuple(self.bids))
        if self.language not in set(Language):
            raise PricingError(f"language: found {self.language!r}, expected xor or or")
        if not self.bids:
            raise EmptySide("bids: found none, expected at least one")
        for at, bid in enumerate(self.bids):
            number(f"bids[{at}].value", bid.value, low=0, high=DOLLARS_MAX)
            if not bid.items or len(set(bid.items)) < len(bid.items):
                raise PricingError(f"bids[{at}].items: found {bid.items!r}, expected items, each once")

    @property
    def bidders(self) -> tuple[str, ...]:
        """All bidders, in the order of their first bids."""
        return tuple(dict.fromkeys(bid.bidder for bid in self.bids))

    @property
    def items(self) -> tuple[str, ...]:
        """All items that somebody bids for."""
        return tuple(dict.fromkeys(item for bid in self.bids for item in bid.items))


@dataclass(frozen=True, slots=True)
class Award:
    """The winning bids, by index, and what they are worth together, in dollars."""

    winning: tuple[int, ...]
    welfare: float


def determine_winners(
    auction: Packages, *, without: Iterable[str] = (), discounts: dict[str, float] | None = None
) -> Award:
    """Find the bids of the greatest total value in which no item is sold twice: an integer program, solved by HiGHS.

    max Σ v_b x_b − Σ d_i y_i, x_b <= y_i, Σ_{b ∋ item} x_b <= 1, and Σ_{b of i} x_b <= y_i where the bids of a bidder
    exclude each other; x, y in {0, 1}. `without` leaves bidders out; `discounts` d_i are taken off what a bidder adds once
    he wins anything. Bids of value 0 never win. Source: P. Cramton, Y. Shoham and R. Steinberg (eds.), "Combinatorial
    Auctions", MIT Press 2006, chapter 12. Of awards of equal value the solver's choice is taken; it is the same every time.

    >>> bids = (PackageBid("a", ("cpu",), 4), PackageBid("b", ("net",), 5), PackageBid("c", ("cpu", "net"), 10))
    >>> determine_winners(Packages(bids))
    Award(winning=(2,), welfare=10.0)
    >>> determine_winners(Packages(bids), without=["c"])
    Award(winning=(0, 1), welfare=9.0)

    Raises:
        NotConverged: if the solver gives up.
    """
    left_out = set(without)
    running = [at for at, bid in enumerate(auction.bids) if bid.bidder not in left_out and bid.value > 0]
    if not running:
        return Award((), 0.0)
    bids = [auction.bids[at] for at in running]
    rows, bounds = _limits(auction, bids)
    bidders = list(dict.fromkeys(bid.bidder for bid in bids))
    costs = [-bid.value for bid in bids] + [(discounts or {}).get(bidder, 0.0) for bidder in bidders]
    scale = _LARGEST / max(_NOTHING, *(bid.value for bid in bids))
    found = milp(
        np.array(costs) * scale,
        integrality=np.ones(len(costs), np.int64),
        bounds=Bounds(0, 1),
        constraints=LinearConstraint(rows, -np.inf, bounds),
        options={"mip_rel_gap": 0.0},
    )
    if not found.success:
        raise NotConverged(f"winner determination: {found.message}")
    chosen = found.x[: len(bids)] > 0.5
    winning = tuple(at for at, wins in zip(running, chosen, strict=True) if wins)
    sold = [item for at in winning for item in auction.bids[at].items]
    if len(set(sold)) < len(sold):
        raise InvariantBroken(f"winner determination: found {sold} sold, expected each item once")
    winners = {auction.bids[at].bidder for at in winning}
    discount = sum((discounts or {}).get(bidder, 0.0) for bidder in winners)
    return Award(winning, float(sum(auction.bids[at].value for at in winning) - discount))


def _limits(auction: Packages, bids: list[PackageBid]) -> tuple[coo_array, NDArray[np.float64]]:
    """Return the rows of the program, one for each item, then those that tie bids to their bidder's y."""
    items = {item: row for row, item in enumerate(auction.items)}
    bidders = {name: len(bids) + at for at, name in enumerate(dict.fromkeys(bid.bidder for bid in bids))}
    entries = [(items[item], column, 1.0) for column, bid in enumerate(bids) for item in bid.items]
    last = len(items)
    if auction.language is Language.XOR:
        entries += [(last + bidders[bid.bidder] - len(bids), column, 1.0) for column, bid in enumerate(bids)]
        entries += [(last + at - len(bids), at, -1.0) for at in bidders.values()]
        last += len(bidders)
    else:
        for column, bid in enumerate(bids):
            entries += [(last, column, 1.0), (last, bidders[bid.bidder], -1.0)]
            last += 1
    rows, columns, values = zip(*entries, strict=True)
    bounds = np.concatenate((np.ones(len(items)), np.zeros(last - len(items))))
    return coo_array((values, (rows, columns)), shape=(last, len(bids) + len(bidders))), bounds
