"""The tape adds trades up exactly, one by one or all at once."""

from fractions import Fraction
from itertools import groupby, pairwise
from operator import itemgetter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.events import SessionChanged
from market.instruments import parse_symbol
from market.matching import PRICE_LIMIT
from market.tape import Candle, Tape, Tapes
from market.units import QUANTITY_MAX, InvariantBroken, Malformed
from tests.market.builders import CONTINUOUS_OPENS_S, H100, SOLAR, a_bid, an_exchange, an_offer, us

HOUR_S, DAY_S = 3600, 86_400


def a_tape(*trades, width_s=60):
    """A tape of trades of (second, price, lots)."""
    tape = Tape(width_s=width_s)
    for time_s, price, lots in trades:
        tape.note(us(time_s), price, lots)
    return tape


def arrays(trades):
    """Trades of (microsecond, price, lots) as the three rows of `note_all`."""
    return np.array(trades, np.int64).reshape(-1, 3).T.copy()


def test_an_empty_tape_has_no_price_and_no_candle():
    tape = Tape()
    assert (tape.last_price_ticks, tape.last_time_us, tape.vwap_ticks) == (None, None, None)
    assert (tape.volume_lots, tape.notional_tick_lots, tape.trades) == (0, 0, 0)
    assert tape.candles(60) == ()


def test_a_candle_holds_the_first_highest_lowest_and_last_price_of_its_minute():
    tape = a_tape((60, 500, 10), (61, 530, 1), (100, 480, 2), (119, 510, 7))
    assert tape.candles(60) == (Candle(60, 500, 530, 480, 510, 20, 5000 + 530 + 960 + 3570, 4),)
    assert tape.last_price_ticks == 510
    assert tape.last_time_us == us(119)


def test_a_minute_begins_with_its_first_microsecond():
    tape = Tape()
    tape.note(us(60) - 1, 500, 1)
    tape.note(us(60), 501, 1)
    assert [(candle.start_s, candle.close_ticks) for candle in tape.candles(60)] == [(0, 500), (60, 501)]


def test_a_minute_without_a_trade_has_no_candle():
    tape = a_tape((0, 500, 1), (300, 510, 1))
    assert [candle.start_s for candle in tape.candles(60)] == [0, 300]


def test_wider_candles_are_made_of_narrow_ones():
    tape = a_tape((0, 500, 1), (299, 450, 2), (300, 600, 3), (899, 480, 4), (DAY_S, 490, 5))
    assert tape.candles(300) == (
        Candle(0, 500, 500, 450, 450, 3, 1400, 2),
        Candle(300, 600, 600, 600, 600, 3, 1800, 1),
        Candle(600, 480, 480, 480, 480, 4, 1920, 1),
        Candle(DAY_S, 490, 490, 490, 490, 5, 2450, 1),
    )
    assert tape.candles(DAY_S)[0] == Candle(0, 500, 600, 450, 480, 10, 5120, 4)


def test_the_average_price_is_exact():
    tape = a_tape((0, 1, 1), (1, 2, 2))
    assert tape.vwap_ticks == tape.candles(60)[0].vwap_ticks == Fraction(5, 3)


def test_the_average_price_is_exact_beyond_64_bits():
    price, lots = PRICE_LIMIT - 1, QUANTITY_MAX
    one_by_one, at_once = Tape(), Tape()
    for _ in range(3):
        one_by_one.note(0, price, lots)
    at_once.note_all(*arrays([(0, price, lots)] * 3))
    for tape in (one_by_one, at_once):
        assert (tape.volume_lots, tape.notional_tick_lots) == (3 * lots, 3 * lots * price)
        assert tape.vwap_ticks == price


@pytest.mark.parametrize(
    ("asked", "starts"),
    [
        ({}, [0, 60, 120, 240]),
        ({"since_s": 60}, [60, 120, 240]),
        ({"since_s": 61}, [120, 240]),
        ({"until_s": 120}, [0, 60]),
        ({"until_s": 121}, [0, 60, 120]),
        ({"limit": 2}, [120, 240]),
        ({"since_s": 60, "until_s": 240, "limit": 1}, [120]),
        ({"since_s": 241}, []),
        ({"since_s": 240, "until_s": 60}, []),
    ],
)
def test_candles_are_those_that_begin_in_the_asked_time_and_of_too_many_the_latest(asked, starts):
    tape = a_tape(*((second, 500, 1) for second in (0, 60, 120, 240)))
    assert [candle.start_s for candle in tape.candles(60, **asked)] == starts


@pytest.mark.parametrize(
    ("asked", "starts"),
    [({"since_s": 1}, [300, 900]), ({"until_s": 301}, [0, 300]), ({"limit": 2}, [300, 900])],
)
def test_wide_candles_are_whole_wherever_the_asked_time_begins_and_ends(asked, starts):
    tape = a_tape(*((second, 500, 1) for second in (0, 60, 300, 360, 540, 900)))
    found = tape.candles(300, **asked)
    assert [candle.start_s for candle in found] == starts
    assert all(candle.trades == {0: 2, 300: 3, 900: 1}[candle.start_s] for candle in found)


@pytest.mark.parametrize("width_s", [0, -60, 90, 30])
def test_a_width_that_narrow_candles_do_not_fill_is_malformed(width_s):
    with pytest.raises(Malformed, match=f"found {width_s} s, expected a multiple of 60 s"):
        a_tape((0, 500, 1)).candles(width_s)


def test_a_tape_needs_a_width():
    with pytest.raises(Malformed, match="found 0 s, expected at least 1"):
        Tape(width_s=0)


@pytest.mark.parametrize(
    ("trades", "message"),
    [
        ([(us(99), 500, 1)], "trade at 99000000 us: expected 100000000 us or later"),
        ([(us(101), 500, 1), (us(100), 500, 1)], "trade at 100000000 us: expected 101000000 us or later"),
        ([(us(100), 500, 0)], "found 0 lots, expected at least 1"),
    ],
)
def test_what_cannot_have_happened_stops_the_tape_before_it_changes(trades, message):
    for note in (
        lambda tape: [tape.note(*trade) for trade in trades],
        lambda tape: tape.note_all(*arrays(trades)),
    ):
        tape = a_tape((100, 500, 1))
        with pytest.raises(InvariantBroken, match=message):
            note(tape)
    assert tape.candles(60) == a_tape((100, 500, 1)).candles(60)


def test_arrays_that_are_no_trades_are_malformed():
    row = np.array([1, 2], np.int64)
    with pytest.raises(Malformed, match=r"found int64\[2\], float64\[2\], int64\[2\], expected three rows"):
        Tape().note_all(row, row.astype(float), row)
    with pytest.raises(Malformed, match=r"found int64\[2\], int64\[1\], int64\[2\]"):
        Tape().note_all(row, row[:1], row)


prices = st.one_of(st.integers(-5, 50), st.integers(1 - PRICE_LIMIT, PRICE_LIMIT - 1))
lots = st.one_of(st.integers(1, 20), st.integers(1, QUANTITY_MAX))
steps_us = st.sampled_from([0, 0, 1, 500_000, us(20), us(60), us(700), us(HOUR_S), us(DAY_S)])


@given(
    steps=st.lists(st.tuples(steps_us, prices, lots), max_size=40),
    cuts=st.lists(st.integers(0, 40), max_size=3),
    width_s=st.sampled_from([1, 60, 300]),
)
def test_trades_make_the_same_tape_one_by_one_in_arrays_or_by_the_moment(steps, cuts, width_s):
    time_us, trades = us(1_647_046_800), []
    for step_us, price, quantity in steps:
        time_us += step_us
        trades.append((time_us, price, quantity))
    one_by_one, in_pieces, by_moment = (Tape(width_s=width_s) for _ in range(3))
    for trade in trades:
        one_by_one.note(*trade)
    edges = [0, *sorted(cuts), len(trades)]
    for begin, end in pairwise(edges):
        in_pieces.note_all(*arrays(trades[begin:end]))
    for moment_us, agreed in groupby(trades, key=itemgetter(0)):
        _, prices_then, lots_then = zip(*agreed, strict=True)
        by_moment.note_at_once(moment_us, prices_then, lots_then)
    assert vars(in_pieces) == vars(by_moment) == vars(one_by_one)
    for width in (300, 900, HOUR_S, DAY_S):
        assert one_by_one.candles(width) == by_hand(trades, width)


def by_hand(trades, width_s):
    """The candles of trades of (microsecond, price, lots), by looking at each period's trades anew."""
    found = []
    for start_s in sorted({time_us // us(width_s) * width_s for time_us, _, _ in trades}):
        its = [(p, q) for time_us, p, q in trades if us(start_s) <= time_us < us(start_s + width_s)]
        traded = [p for p, _ in its]
        volume, notional = sum(q for _, q in its), sum(p * q for p, q in its)
        found.append(
            Candle(start_s, traded[0], max(traded), min(traded), traded[-1], volume, notional, len(its))
        )
    return tuple(found)


def test_each_instrument_has_its_own_tape_and_it_agrees_with_the_listing():
    exchange, tapes = an_exchange(), Tapes()
    for price, lots in ((500, 1000), (510, 300)):
        for order in (an_offer(price=price, quantity=lots), a_bid(price=price, quantity=lots)):
            tapes.note(exchange.execute(order), time_us=exchange.time_us)
    tapes.note([SessionChanged(SOLAR.id, exchange.listing(SOLAR.id).session)], time_us=exchange.time_us)
    tape, listed = tapes.of(SOLAR.id), exchange.listing(SOLAR.id)
    assert (tape.last_price_ticks, tape.volume_lots) == (510, 1300)
    assert (listed.last_price_ticks, listed.volume_lots) == (510, 1300)
    assert tape.candles(HOUR_S) == (Candle(CONTINUOUS_OPENS_S, 500, 510, 500, 510, 1300, 653_000, 2),)
    assert tapes.of(H100.id).trades == 0
    assert tapes.of(parse_symbol("ENE.WIND@CISO/2022-03-12T18Z/1h#Q2").id).candles(60) == ()
