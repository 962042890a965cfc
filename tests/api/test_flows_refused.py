"""Flows that cannot be read, and trades that cannot be written: what is told, and that nothing is left behind."""

from pathlib import Path

import pytest
from rich.console import Console

from api.flows import replay
from api.input_error import InputError
from api.whole_file import Unwritable
from tests.api.flow_files import HEADER, ONE_TRADE, a_flow, refused

PRICES = "a number from -144115188075.855871 to 144115188075.855871 with at most 6 decimals"
QUANTITIES = "a number from 0 to 4503599627.370496 with at most 6 decimals"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("fresh,2,sell,limit,gtc,1,1", "found action 'fresh', expected one of new, cancel, replace"),
        (",2,sell,limit,gtc,1,1", "found no action, expected one of new, cancel, replace"),
        ("new,2,seller,limit,gtc,1,1", "found side 'seller', expected one of buy, sell"),
        ("new,2,,limit,gtc,1,1", "found no side, expected buy or sell"),
        ("new,2,sell,stop,gtc,1,1", "found type 'stop', expected one of limit, market"),
        ("new,2,sell,limit,day,1,1", "found tif 'day', expected one of gtc, ioc, fok"),
        ("new,two,sell,limit,gtc,1,1", "found order_id 'two', expected a whole number of 64 bits"),
        ("new,,sell,limit,gtc,1,1", "found no order_id, expected a whole number of 64 bits"),
        ("new,1.5,sell,limit,gtc,1,1", "found order_id '1.5', expected a whole number of 64 bits"),
        ("new,1_0,sell,limit,gtc,1,1", "found order_id '1_0', expected a whole number of 64 bits"),
        (f"new,{1 << 63},sell,limit,gtc,1,1", f"found order_id '{1 << 63}', expected a whole number of 64 bits"),
        ("new,٢,sell,limit,gtc,1,1", "found order_id '٢', expected a whole number of 64 bits"),
        ("new,2,sell,limit,gtc,1.0000001,1", f"found price '1.0000001', expected {PRICES}"),
        (f"new,2,sell,limit,gtc,1.{'0' * 40}1,1", f"found price '1.{'0' * 40}1', expected {PRICES}"),
        ("new,2,sell,limit,gtc,1e40,1", f"found price '1e40', expected {PRICES}"),
        ("new,2,sell,limit,gtc,nan,1", f"found price 'nan', expected {PRICES}"),
        ("new,2,sell,limit,gtc,--1,1", f"found price '--1', expected {PRICES}"),
        ("new,2,sell,limit,gtc,1.2.3,1", f"found price '1.2.3', expected {PRICES}"),
        ("new,2,sell,limit,gtc,-,1", f"found price '-', expected {PRICES}"),
        ("new,2,sell,limit,gtc,.,1", f"found price '.', expected {PRICES}"),
        ("new,2,sell,limit,gtc,144115188075.855872,1", f"found price '144115188075.855872', expected {PRICES}"),
        ("new,2,sell,limit,gtc,,1", "found no price, expected a price"),
        ("replace,2,,,,,1", "found no price, expected a price"),
        ("new,2,sell,limit,gtc,1,-1", f"found quantity '-1', expected {QUANTITIES}"),
        ("new,2,sell,limit,gtc,1,4503599627.370497", f"found quantity '4503599627.370497', expected {QUANTITIES}"),
        ("new,2,sell,limit,gtc,1,9" + "0" * 99, f"found quantity '9{'0' * 99}', expected {QUANTITIES}"),
        ("new,2,sell,limit,gtc,1,", "found no quantity, expected a quantity"),
        ("replace,2,,,,1,", "found no quantity, expected a quantity"),
        ("new,2,sell,limit,gtc,1", "found 6 cells, expected 7, as in the header"),
        ("new,2,sell,limit,gtc,1,1,", "found 8 cells, expected 7, as in the header"),
        ("new;2;sell;limit;gtc;1;1", "found 1 cells, expected 7, as in the header"),
        (" ", "found 1 cells, expected 7, as in the header"),
        ("ne\x00w,2,sell,limit,gtc,1,1", r"found action 'ne\x00w', expected one of new, cancel, replace"),
        ("\x00new,2,sell,limit,gtc,1,1", r"found action '\x00new', expected one of new, cancel, replace"),
        ('new,"2,sell,limit,gtc,1,1', "found unexpected end of data, expected comma-separated text"),
        ('new,"2"2,sell,limit,gtc,1,1', "found ',' expected after '\"', expected comma-separated text"),
        ('new,"2",sell,limit,gtc,1', "found 6 cells, expected 7, as in the header"),
        ('new,"x",sell,limit,gtc,1,1', "found order_id 'x', expected a whole number of 64 bits"),
    ],
)  # fmt: skip
def test_a_line_that_cannot_be_read_is_named_and_nothing_is_written(
    tmp_path: Path, line: str, told: str
) -> None:
    assert refused(tmp_path, "new,1,sell,limit,gtc,1,1", line) == f"line 3: {told}"


def test_blank_lines_count_and_so_do_lines_within_quotes(tmp_path: Path) -> None:
    assert refused(tmp_path, "", "new,1,sell,limit,gtc,1,1", "", "oops").startswith("line 5:")
    quoted = 'new,"1\n",sell,limit,gtc,1,1'
    assert refused(tmp_path, "", quoted, "new,2,sell,limit,gtc,x,1").startswith("line 5: found price 'x'")


def test_a_byte_that_is_no_text_is_named_by_its_line(tmp_path: Path) -> None:
    flow = tmp_path / "flow.csv"
    flow.write_bytes(
        f"{HEADER}\nnew,1,sell,limit,gtc,1,1\nnew,2,s".encode() + b"\xff" + b"ll,limit,gtc,1,1\n"
    )
    with pytest.raises(InputError, match="line 3: found side 's\ufffdll', expected one of buy, sell"):
        replay(flow, None, console=Console(quiet=True))


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "an empty file"),
        (b"\n" + HEADER.encode(), "no columns"),
        (b"action,order_id,side,type,tif,price\n", "columns 'action, order_id, side, type, tif, price'"),
        (f"{HEADER},colour\n".encode(), f"columns '{HEADER.replace(',', ', ')}, colour'"),
        (f"{HEADER},price\n".encode(), f"columns '{HEADER.replace(',', ', ')}, price'"),
        (HEADER.encode("utf-16"), "columns '\ufffd\ufffda"),
        (HEADER.replace(",", "\r").encode(), "a line that cannot be split at commas"),
        (bytes(range(128, 256)), "columns '"),
    ],
    ids=["empty", "blank", "too few", "unknown", "twice", "UTF-16", "carriage returns", "binary"],
)  # fmt: skip
def test_another_header_is_refused(tmp_path: Path, content: bytes, found: str) -> None:
    flow = tmp_path / "flow.csv"
    flow.write_bytes(content)
    with pytest.raises(InputError) as raised:
        replay(flow, tmp_path / "trades.csv", console=Console(quiet=True))
    assert str(raised.value).startswith(f"{flow}, line 1: found {found}")
    assert str(raised.value).endswith(
        "expected columns action, order_id, side, type, tif, price, quantity "
        "and perhaps participant, post_only, timestamp"
    )


def test_a_file_that_is_not_there_or_is_a_folder(tmp_path: Path) -> None:
    for name, found in (("absent.csv", "no such file or directory"), (".", "a folder")):
        with pytest.raises(InputError, match=f"opening it: found {found}, expected a file that can be read"):
            replay(tmp_path / name, None, console=Console(quiet=True))


@pytest.mark.parametrize(
    ("trades", "found"),
    [
        ("absent/trades.csv", "no such file or directory"),
        ("folder", "a folder"),
        ("flow.csv", "the flow itself"),
    ],
)
def test_trades_that_cannot_be_written_are_told_first(tmp_path: Path, trades: str, found: str) -> None:
    (tmp_path / "folder").mkdir()
    flow = a_flow(tmp_path, *ONE_TRADE)
    before = flow.read_bytes()
    with pytest.raises(Unwritable, match=f"writing it: found {found}, expected a place"):
        replay(flow, tmp_path / trades, console=Console(quiet=True))
    assert flow.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["flow.csv", "folder"]


def test_an_earlier_file_of_trades_stays_when_the_flow_is_bad(tmp_path: Path) -> None:
    trades = tmp_path / "trades.csv"
    trades.write_text("of yesterday")
    with pytest.raises(InputError):
        replay(a_flow(tmp_path, "oops"), trades, console=Console(quiet=True))
    assert trades.read_text() == "of yesterday"
