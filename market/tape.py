"""The tape: what traded, at what price, when. Last price, volume, volume-weighted average price, and candles.

Everything is a sum of integers, so that it is exact and the same whether the trades came one by one or in arrays. A trade
counts as it was agreed: one that turned void later stays in price and volume, as it does in `Listed`.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from operator import mul
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from market.events import Event, TradeAgreed
from market.keeping import Kept
from market.sessions import MICROS_PER_SECOND
from market.units import QUANTITY_MAX, InvariantBroken, Lots, Malformed, Ticks

MINUTE_S = 60

Integers = NDArray[np.int64]


class Candle(NamedTuple):
    """All trades of one period, which begins at a multiple of its width since 1970, Unix seconds.

    `notional_tick_lots` is the sum of price times quantity, in ticks times lots. A period without a trade has no candle.
    """

    start_s: int
    open_ticks: Ticks
    high_ticks: Ticks
    low_ticks: Ticks
    close_ticks: Ticks
    volume_lots: Lots
    notional_tick_lots: int
    trades: int

    @property
    def vwap_ticks(self) -> Fraction:
        """The volume-weighted average price, exactly."""
        return Fraction(self.notional_tick_lots, self.volume_lots)


class Tape:
    """The trades of one instrument, in the order in which they were agreed.

    It keeps a candle for each period of `width_s` seconds in which there were trades, and makes wider ones of these.

    >>> tape = Tape()
    >>> for second, price, lots in ((0, 500, 10), (59, 520, 30), (150, 510, 20)):
    ...     tape.note(second * 1_000_000, Ticks(price), Lots(lots))
    >>> [(candle.start_s, candle.close_ticks) for candle in tape.candles(60)]
    [(0, 520), (120, 510)]
    >>> tape.last_price_ticks, tape.volume_lots, tape.vwap_ticks
    (510, 60, Fraction(1540, 3))
    """

    def __init__(self, *, width_s: int = MINUTE_S) -> None:
        """Begin an empty tape whose narrowest candles are `width_s` seconds wide."""
        if width_s < 1:
            raise Malformed(f"width of a candle: found {width_s} s, expected at least 1")
        self.width_s = width_s
        self.last_time_us: int | None = None
        """When the latest trade was agreed, Unix microseconds; None before the first."""
        self.volume_lots = Lots(0)
        self.notional_tick_lots = 0
        self.trades = 0
        self._candles: list[Candle] = []

    @property
    def last_price_ticks(self) -> Ticks | None:
        """The price of the latest trade, None before the first."""
        return self._candles[-1].close_ticks if self._candles else None

    @property
    def vwap_ticks(self) -> Fraction | None:
        """The volume-weighted average price of all trades, exactly; None before the first."""
        return Fraction(self.notional_tick_lots, self.volume_lots) if self._candles else None

    def candles(
        self, width_s: int, *, since_s: int = 0, until_s: int | None = None, limit: int | None = None
    ) -> tuple[Candle, ...]:
        """Return candles of a width, oldest first: those that begin at `since_s` or later, and before `until_s`.

        Of more than `limit`, the latest. The last one may still change.

        Raises:
            Malformed: if the width is no multiple of the tape's own.
        """
        if width_s < 1 or width_s % self.width_s:
            raise Malformed(f"width of a candle: found {width_s} s, expected a multiple of {self.width_s} s")
        first = self._first_in_periods_from(since_s, width_s)
        end = len(self._candles) if until_s is None else self._first_in_periods_from(until_s, width_s)
        found: list[Candle] = []
        for candle in (self._candles[at] for at in range(end - 1, first - 1, -1)):
            start_s = candle.start_s // width_s * width_s
            if found and found[-1].start_s == start_s:
                found[-1] = _joined(candle, found[-1], start_s)
            elif len(found) == limit:
                break
            else:
                found.append(candle._replace(start_s=start_s))
        return tuple(reversed(found))

    def note(self, time_us: int, price_ticks: Ticks, quantity_lots: Lots) -> None:
        """Add a trade that was agreed at `time_us`, Unix microseconds.

        Raises:
            InvariantBroken: if it is older than the latest, or of no quantity. Nothing is changed.
        """
        self.note_at_once(time_us, (price_ticks,), (quantity_lots,))

    def note_at_once(
        self, time_us: int, prices_ticks: Sequence[Ticks], quantities_lots: Sequence[Lots]
    ) -> None:
        """Add trades, one at least, that were agreed one after the other at `time_us`: as `note` does each."""
        self._check(time_us, min(quantities_lots))
        self._add(
            Candle(
                time_us // MICROS_PER_SECOND // self.width_s * self.width_s,
                prices_ticks[0],
                max(prices_ticks),
                min(prices_ticks),
                prices_ticks[-1],
                Lots(sum(quantities_lots)),
                sum(map(mul, prices_ticks, quantities_lots)),
                len(prices_ticks),
            )
        )
        self.last_time_us = time_us

    def note_all(self, times_us: Integers, prices_ticks: Integers, quantities_lots: Integers) -> None:
        """Add many trades in their order: the same as to `note` each, at a fraction of the cost.

        Raises:
            Malformed: if these are no three rows of 64-bit integers of one length.
            InvariantBroken: if a trade is older than the one before it, or of no quantity. Nothing is changed.
        """
        columns = (times_us, prices_ticks, quantities_lots)
        if any(each.dtype != np.int64 or each.shape != (len(times_us),) for each in columns):
            found = ", ".join(f"{each.dtype}{list(each.shape)}" for each in columns)
            raise Malformed(f"trades: found {found}, expected three rows of int64 of one length")
        if len(times_us) == 0:
            return
        backwards = np.flatnonzero(np.diff(times_us) < 0)
        if len(backwards):
            at = int(backwards[0]) + 1
            raise InvariantBroken(f"trade at {times_us[at]} us: expected {times_us[at - 1]} us or later")
        self._check(int(times_us[0]), int(quantities_lots.min()))

        periods_s = times_us // (MICROS_PER_SECOND * self.width_s) * self.width_s
        first = np.flatnonzero(np.concatenate(([True], np.diff(periods_s) != 0)))
        last = np.append(first[1:], len(times_us)) - 1
        volumes, notionals = _sums(prices_ticks, quantities_lots, first)
        columns_of_candles = (
            periods_s[first].tolist(),
            prices_ticks[first].tolist(),
            np.maximum.reduceat(prices_ticks, first).tolist(),
            np.minimum.reduceat(prices_ticks, first).tolist(),
            prices_ticks[last].tolist(),
            volumes,
            notionals,
            (last - first + 1).tolist(),
        )
        for candle in map(Candle, *columns_of_candles):
            self._add(candle)
        self.last_time_us = int(times_us[-1])

    def load(self, image: "TapeImage") -> None:
        """Fill an empty tape with what it had at some moment."""
        for candle in image.candles:
            self._add(candle)
        self.last_time_us = image.last_time_us

    def _check(self, time_us: int, quantity_lots: int) -> None:
        if self.last_time_us is not None and time_us < self.last_time_us:
            raise InvariantBroken(f"trade at {time_us} us: expected {self.last_time_us} us or later")
        if quantity_lots < 1:
            raise InvariantBroken(f"trade at {time_us} us: found {quantity_lots} lots, expected at least 1")

    def _add(self, candle: Candle) -> None:
        """Add trades of one period, none older than those on the tape."""
        candles = self._candles
        if candles and candles[-1].start_s == candle.start_s:
            candles[-1] = _joined(candles[-1], candle, candle.start_s)
        else:
            candles.append(candle)
        self.volume_lots = Lots(self.volume_lots + candle.volume_lots)
        self.notional_tick_lots += candle.notional_tick_lots
        self.trades += candle.trades

    def _first_in_periods_from(self, moment_s: int, width_s: int) -> int:
        """Return the place of the first candle in a period of `width_s` that begins at a moment or later."""
        begins_s = -(-moment_s // width_s) * width_s
        return bisect_left(self._candles, begins_s, key=lambda candle: candle.start_s)


class TapeImage(NamedTuple):
    """A tape at one moment: when its latest trade was agreed, Unix microseconds, and its candles."""

    last_time_us: int
    candles: tuple[Candle, ...]


class Tapes(Kept):
    """The tapes of all instruments, as the events of the exchange fill them."""

    IMAGES: ClassVar[tuple[str, ...]] = ("images",)

    def __init__(self) -> None:
        self._by_instrument: defaultdict[int, Tape] = defaultdict(Tape)

    def of(self, instrument_id: int) -> Tape:
        """Return the tape of an instrument, which is empty before its first trade."""
        return self._by_instrument[instrument_id]

    @property
    def images(self) -> dict[int, TapeImage]:
        """The tapes that have trades, as they are now, by instrument id."""
        return {
            instrument_id: TapeImage(tape.last_time_us, tape.candles(tape.width_s))
            for instrument_id, tape in self._by_instrument.items()
            if tape.last_time_us is not None
        }

    @images.setter
    def images(self, images: Mapping[int, TapeImage]) -> None:
        for instrument_id, image in images.items():
            self.of(instrument_id).load(image)

    def note(self, events: Iterable[Event], *, time_us: int) -> None:
        """Add the trades among the events of a batch, which were agreed at its time, Unix microseconds."""
        agreed: defaultdict[int, list[TradeAgreed]] = defaultdict(list)
        for event in events:
            if type(event) is TradeAgreed:
                agreed[event.instrument_id].append(event)
        for instrument_id, trades in agreed.items():
            prices, quantities = zip(
                *((each.price_ticks, each.quantity_lots) for each in trades), strict=True
            )
            self.of(instrument_id).note_at_once(time_us, prices, quantities)


def _joined(earlier: Candle, later: Candle, start_s: int) -> Candle:
    """Return the candle of a period of two parts."""
    return Candle(
        start_s,
        earlier.open_ticks,
        max(earlier.high_ticks, later.high_ticks),
        min(earlier.low_ticks, later.low_ticks),
        later.close_ticks,
        Lots(earlier.volume_lots + later.volume_lots),
        earlier.notional_tick_lots + later.notional_tick_lots,
        earlier.trades + later.trades,
    )


def _sums(prices: Integers, quantities: Integers, starts: NDArray[np.intp]) -> tuple[list[int], list[int]]:
    """Return the sums of quantities and of price times quantity from each start to the next.

    Where one of them might leave 64 bits, numpy adds Python's own integers, which is slower.
    """
    highest = max(abs(int(prices.max())), abs(int(prices.min())), 1)
    if highest * int(quantities.max()) * len(prices) > QUANTITY_MAX:
        wide_prices, wide_quantities = prices.astype(object), quantities.astype(object)
        sums = (wide_quantities, wide_prices * wide_quantities)
    else:
        sums = (quantities, prices * quantities)
    volumes, notionals = (np.add.reduceat(each, starts).tolist() for each in sums)
    return volumes, notionals
