"""Pair the fills of an auction into trades: in priority order, and nobody with himself where that can be helped.

What an auction traded says who buys and who sells, and not who trades with whom: every bid that trades may meet every
offer that trades. Laid in priority order along one line of lots, the best bid meets the best offer and so on down.

Owners restrict that. A pairing without self-trades exists exactly if nobody's fills, bought and sold together, exceed the
volume (P. Hall, "On representatives of subsets", J. London Math. Soc. 10, 1935: the only crowded set of bids is one
owner's, since any two owners together may meet every offer). Whoever exceeds it meets himself with the excess.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from market.units import InvariantBroken, Malformed

Integers = NDArray[np.int64]
Meeting = tuple[int, int, int]
"""Index of the bid, index of the offer, lots."""

NOBODY = 0
"""The owner of fills that may meet any other."""


@dataclass(frozen=True, slots=True)
class Pairing:
    """Who trades with whom; iterate over it for the trades.

    `self_matches` joins bids and offers of one owner: what no pairing could keep apart.
    """

    trades: list[Meeting]
    self_matches: list[Meeting]

    def __iter__(self) -> Iterator[Meeting]:
        return iter(self.trades)


def pair(
    buy_fills: Integers,
    sell_fills: Integers,
    *,
    buyers: Integers | None = None,
    sellers: Integers | None = None,
) -> Pairing:
    """Pair fills (lots), both in priority order.

    With `buyers` and `sellers`, the owners (`NOBODY` for none), each bid in turn meets the earliest offers that are not
    its own, as far as the rest can still be paired. Where no bid would meet its own offer anyway, this is the pairing
    without owners. Self matches fall on the owner's last fills.

    >>> pair(np.array([3, 0, 2]), np.array([4, 1])).trades
    [(0, 0, 3), (2, 0, 1), (2, 1, 1)]
    >>> pair(np.array([2, 2]), np.array([3, 1]), buyers=np.array([7, 8]), sellers=np.array([7, 9]))
    Pairing(trades=[(0, 1, 1), (1, 0, 2)], self_matches=[(0, 0, 1)])

    Raises:
        InvariantBroken: if the two sides do not add up to the same quantity.
        Malformed: if owners are given for one side only, or not one for each fill.
    """
    buy, sell, quantity = meetings(buy_fills, sell_fills)
    trades = list(zip(buy.tolist(), sell.tolist(), quantity.tolist(), strict=True))
    if buyers is None and sellers is None:
        return Pairing(trades, [])
    if buyers is None or sellers is None:
        raise Malformed(
            f"owners: found those of {'offers' if buyers is None else 'bids'} only, expected both"
        )
    for what, fills, owners in (("bids", buy_fills, buyers), ("offers", sell_fills, sellers)):
        if len(fills) != len(owners):
            raise Malformed(f"owners: found {len(owners)} for {len(fills)} {what}, expected as many")
    met = np.asarray(buyers)[buy]
    if not ((met == np.asarray(sellers)[sell]) & (met != NOBODY)).any():
        return Pairing(trades, [])
    bids = _Fills(np.asarray(buy_fills).tolist(), np.asarray(buyers).tolist())
    offers = _Fills(np.asarray(sell_fills).tolist(), np.asarray(sellers).tolist())
    self_matches = _take_off_excess(bids, offers)
    return Pairing(_keep_apart(bids, offers), self_matches)


def meetings(buy_fills: Integers, sell_fills: Integers) -> tuple[Integers, Integers, Integers]:
    """Lay both queues of fills along one line of lots; each stretch between two ends is a meeting of two orders.

    Return the bids' indexes, the offers' indexes and the lots of all meetings.

    Raises:
        InvariantBroken: if the two sides do not add up to the same quantity.
    """
    bought, sold = np.cumsum(buy_fills, dtype=np.int64), np.cumsum(sell_fills, dtype=np.int64)
    total_bought, total_sold = (int(each[-1]) if len(each) else 0 for each in (bought, sold))
    if total_bought != total_sold:
        raise InvariantBroken(
            f"fills: found {total_bought} lots bought and {total_sold} sold, expected as many"
        )
    ends = np.sort(np.concatenate((bought, sold)))
    lengths = np.diff(ends, prepend=0)
    ends, lengths = ends[lengths > 0], lengths[lengths > 0]
    return np.searchsorted(bought, ends), np.searchsorted(sold, ends), lengths


class _Fills(NamedTuple):
    """What one side still has to pair, and whose it is."""

    lots: list[int]
    owners: list[int]

    def take_off_last(self, owner: int, wanted: int) -> list[tuple[int, int]]:
        """Take lots off an owner's last fills; return (index, lots) in priority order."""
        taken = []
        for at in range(len(self.lots) - 1, -1, -1):
            if wanted and self.owners[at] == owner and self.lots[at]:
                lots = min(wanted, self.lots[at])
                self.lots[at] -= lots
                wanted -= lots
                taken.append((at, lots))
        return taken[::-1]


def _loads(bids: _Fills, offers: _Fills) -> Counter[int]:
    """Return what the bids and offers of each owner have left together."""
    loads: Counter[int] = Counter()
    for side in (bids, offers):
        for lots, owner in zip(side.lots, side.owners, strict=True):
            if owner != NOBODY:
                loads[owner] += lots
    return loads


def _take_off_excess(bids: _Fills, offers: _Fills) -> list[Meeting]:
    """Take what must meet itself off its owner's fills, and return it."""
    volume = sum(bids.lots)
    for owner, load in _loads(bids, offers).items():
        if load > volume:  # so is no other: two such loads would be more than all that is bought and sold
            bought, sold = (side.take_off_last(owner, load - volume) for side in (bids, offers))
            lots = (np.array([each for _, each in taken], np.int64) for taken in (bought, sold))
            met = (each.tolist() for each in meetings(*lots))
            return [(bought[buy][0], sold[sell][0], each) for buy, sell, each in zip(*met, strict=True)]
    return []


def _keep_apart(bids: _Fills, offers: _Fills) -> list[Meeting]:
    """Pair bids in turn with the earliest offers that are not their owner's and leave the rest pairable.

    The rest can be paired while no load exceeds its volume. A meeting lowers the volume and the loads of the two who
    meet: so it is limited by the heaviest load of all others, and once that load equals the volume, its owner is
    *critical* and takes part in every meeting to come.
    """
    volume = sum(bids.lots)
    loads = _loads(bids, offers)
    waiting: dict[int, list[int]] = {}  # the offers of each owner, the earliest last
    for offer in range(len(offers.lots) - 1, -1, -1):
        if offers.lots[offer]:
            waiting.setdefault(offers.owners[offer], []).append(offer)
    earliest = [(queue[-1], owner) for owner, queue in waiting.items()]
    heaviest = [(-load, owner) for owner, load in loads.items()]
    heapq.heapify(earliest)
    heapq.heapify(heaviest)

    def first_waiting(owner: int) -> int | None:
        return waiting[owner][-1] if waiting[owner] else None

    def negative_load(owner: int) -> int:
        return -loads[owner]

    trades: list[Meeting] = []
    for bid, buyer in enumerate(bids.owners):
        himself = {buyer} - {NOBODY}
        while bids.lots[bid]:
            heavy = _first_other(heaviest, negative_load, himself)
            critical = heavy is not None and -heavy[0] == volume
            found = heavy if critical else _first_other(earliest, first_waiting, himself)
            if found is None or not waiting.get(found[1]):
                raise InvariantBroken(
                    f"pairing: found no offer for bid {bid}, expected a rest that can be paired"
                )
            seller = found[1]
            offer = waiting[seller][-1]
            others = _first_other(heaviest, negative_load, himself | {seller})
            spare = volume if others is None else volume + others[0]
            lots = min(bids.lots[bid], offers.lots[offer], spare)
            if lots < 1:
                raise InvariantBroken(
                    f"pairing: found {lots} lots for bid {bid} and offer {offer}, expected some"
                )
            trades.append((bid, offer, lots))
            volume -= lots
            for side, at, owner in ((bids, bid, buyer), (offers, offer, seller)):
                side.lots[at] -= lots
                if owner != NOBODY:
                    loads[owner] -= lots
            if not offers.lots[offer]:
                waiting[seller].pop()
    return trades


def _first_other(
    heap: list[tuple[int, int]], key_of: Callable[[int], int | None], excluded: Set[int]
) -> tuple[int, int] | None:
    """Return the least (key, owner) of those not excluded. Keys only grow, and are brought up to date as they surface."""
    set_aside = []
    found = None
    while heap and found is None:
        key, owner = heap[0]
        now = key_of(owner)
        if now is None:
            heapq.heappop(heap)
        elif now != key:
            heapq.heapreplace(heap, (now, owner))
        elif owner in excluded:
            set_aside.append(heapq.heappop(heap))
        else:
            found = key, owner
    for each in set_aside:
        heapq.heappush(heap, each)
    return found
