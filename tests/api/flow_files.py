"""Flows of orders as CSV files for the tests of `ccei replay`, and what comes of them."""

from pathlib import Path

import pytest
from rich.console import Console

from api.flows import Replayed, replay
from api.input_error import InputError

HEADER = "action,order_id,side,type,tif,price,quantity"
TRADES = "taker_order_id,maker_order_id,price,quantity"
ONE_TRADE = ("new,1,sell,limit,gtc,10.5,3", "new,2,buy,limit,gtc,11,1.25")


def a_flow(folder: Path, *lines: str, header: str = HEADER, end: str = "\n") -> Path:
    path = folder / "flow.csv"
    path.write_bytes("".join(line + end for line in (header, *lines)).encode())
    return path


def replayed(flow: Path) -> tuple[Replayed, list[str]]:
    """Replay a flow and return what it did and its trades, without their header."""
    trades = flow.with_name("trades.csv")
    done = replay(flow, trades, console=Console(quiet=True))
    header, *lines = trades.read_text(encoding="utf-8").splitlines()
    assert header == TRADES
    return done, lines


def trades_of(folder: Path, *lines: str) -> list[str]:
    return replayed(a_flow(folder, *lines))[1]


def refused(folder: Path, *lines: str, header: str = HEADER) -> str:
    """Return what is told of a flow that cannot be read, after making sure that nothing was written."""
    flow = a_flow(folder, *lines, header=header)
    with pytest.raises(InputError) as raised:
        replay(flow, folder / "trades.csv", console=Console(quiet=True))
    assert [path.name for path in folder.iterdir()] == ["flow.csv"]
    return str(raised.value).removeprefix(f"{flow}, ")
