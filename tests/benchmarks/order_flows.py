"""Measure the order book, and the peers that are installed, on seeded flows of messages.

The machine is shared and its speed changes within minutes: the engines take turns, the fastest turn of each counts, and
only ratios within one run mean anything. `ccei` is given its messages as one array and the peers one after the other from
Python; like for like, `ccei-calls` has the loop of the peers. `plain-walk` reads every message and does nothing.
"""

import argparse
import gc
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from tests.benchmarks.flows import FLOWS, Flow, base_flow
from tests.benchmarks.peers import ENGINES, Engine, Trades, load_batch

WARMING_UP = 1_000
READING = """
flows:
  base      55 % new orders within ±200 ticks of a drifting mid, 40 % cancels of earlier ones, 5 % that cross it
  hundred   a hundred base flows, interleaved; dealing them out to the books is timed too
  deep      the base flow within ±2,000 ticks, on top of 500,000 orders that rest before the clock starts
  mixed     the base flow with orders of every type and replacements, of 50 owners with self-trade prevention
  shuffled  the base flow under random 64-bit order ids
  crash     a thin book with stops waiting; a burst of sells through it; a slow recovery

columns:
  × bourse  the rate, divided by that of bourse on the same flow
  % walk    the rate, as a share of that of the plain walk over the same messages
  × base    the rate, divided by that of ccei on the base flow, which takes its turns beside this one
  same      yes: every taker, maker, price and quantity of ccei, in the same order; lots: it tells no trades, but every
            order took as many lots; NO: others
  first     slow engines get only so many messages, the beginning of the flow, and have one turn

examples:
  python -m tests.benchmarks.order_flows --flow base
  python -m tests.benchmarks.order_flows --flow deep --engine ccei --engine plain-walk --repeats 9
  python -m tests.benchmarks.order_flows --json > figures.json
"""


@dataclass(frozen=True)
class Figure:
    """What one engine made of one flow. What it does not tell, or was not measured, is None."""

    flow: str
    engine: str
    messages: int
    messages_per_s: int
    trades: int | None
    volume: int | None
    digest: str | None
    same_trades: str | None
    times_bourse: float | None
    times_walk: float | None
    times_base: float | None


def measure(name: str, flow: Flow, base: Flow, engines: dict[str, Engine], repeats: int) -> Iterator[Figure]:
    """Let the engines take turns on a flow. One that is too slow for all of it gets its beginning, once."""
    beginnings = {
        how.longest: flow if how.longest is None else flow.first(how.longest) for how in engines.values()
    }
    parts = {each: beginnings[how.longest] for each, how in engines.items()}
    told: dict[str, Trades] = {}
    fastest = dict.fromkeys([*engines, "base"], float("inf"))
    with Console(stderr=True).status("") as status:
        for turn in range(repeats):
            for each, how in engines.items():
                if turn > 0 and parts[each] is not flow:
                    continue
                status.update(f"{name}: {each}, turn {turn + 1} of {repeats}")
                loaded = how.load(parts[each])
                fastest[each] = min(fastest[each], seconds(loaded.replay))
                if each not in told and loaded.trades:
                    told[each] = loaded.trades()
            if "ccei" in engines and flow is not base:
                fastest["base"] = min(fastest["base"], seconds(load_batch(base).replay))

    rates = {each: len(part.messages) / fastest[each] for each, part in parts.items()}
    base_rate = len(base.messages) / fastest["base"]  # 0 where it was not measured
    for each, part in parts.items():
        trades = told.get(each)
        whole = trades if trades and trades.are_whole else None
        yield Figure(
            flow=name,
            engine=each,
            messages=len(part.messages),
            messages_per_s=round(rates[each]),
            trades=len(whole.rows) if whole else None,
            volume=trades.volume if trades else None,
            digest=whole.digest if whole else None,
            same_trades=compare(trades, part) if trades and each != "ccei" else None,
            times_bourse=_ratio(rates[each], rates.get("bourse", 0)),
            times_walk=_ratio(rates[each], rates.get("plain-walk", 0)),
            times_base=_ratio(rates[each], base_rate if each == "ccei" else 0),
        )


def seconds(replay: Callable[[], object]) -> float:
    """Time a replay, without the pauses of Python's garbage collector."""
    gc.collect()
    gc.disable()
    started = time.perf_counter()
    replay()
    taken = time.perf_counter() - started
    gc.enable()
    return taken


def compare(trades: Trades, flow: Flow) -> str:
    """Say whether an engine's trades are those of our book on the same messages."""
    loaded = load_batch(flow)
    loaded.replay()
    ours = loaded.trades()
    if not trades.are_whole:
        return "lots" if trades.by_taker().digest == ours.by_taker().digest else "NO"
    return "yes" if trades.digest == ours.digest else "NO"


def print_table(figures: list[Figure]) -> None:
    """Print the figures of one flow."""
    table = Table(
        title=f"{figures[0].flow}: {max(each.messages for each in figures):,} messages",
        title_justify="left",
        title_style="bold",
        box=SIMPLE_HEAD,
        padding=0,
    )
    table.add_column("engine", no_wrap=True)
    for column in ("million/s", "× bourse", "% walk", "× base", "trades", "same", "first"):
        table.add_column(column, justify="right", no_wrap=True)
    for each in figures:
        table.add_row(
            each.engine,
            f"{each.messages_per_s / 1e6:.3f}",
            "" if each.times_bourse is None else f"{each.times_bourse:.2f}",
            "" if each.times_walk is None else f"{100 * each.times_walk:.1f}",
            "" if each.times_base is None else f"{each.times_base:.2f}",
            "" if each.trades is None else f"{each.trades:,}",
            each.same_trades or "",
            "" if ENGINES[each.engine].longest is None else f"{each.messages:,}",
        )
    Console().print(table)


def main() -> None:
    """Measure the flows and engines that are asked for, and print a table of each flow or one JSON list."""
    arguments = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.order_flows",
        description=__doc__,
        epilog=READING,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    several = {"action": "append", "help": "may be repeated; all by default"}
    arguments.add_argument("--flow", choices=FLOWS, **several)
    arguments.add_argument("--engine", choices=ENGINES, **several)
    arguments.add_argument(
        "--messages", type=_count, help="of each flow; 1,000,000 by default, hundred 2,000,000"
    )
    arguments.add_argument("--repeats", type=_count, default=3, help="turns of each engine; 3 by default")
    arguments.add_argument(
        "--json", action="store_true", help="print a list of figures, one of each engine and flow"
    )
    chosen = arguments.parse_args()

    engines = {each: ENGINES[each] for each in chosen.engine or ENGINES}
    missing = [each for each, how in engines.items() if not how.is_installed]
    if missing:
        print(f"not installed, left out: {', '.join(missing)} (pip install --group bench)", file=sys.stderr)
    engines = {each: how for each, how in engines.items() if each not in missing}
    for each in {"ccei", "ccei-calls", "plain-walk"} & engines.keys():
        engines[each].load(base_flow(WARMING_UP)).replay()  # compiles

    def draw(name: str) -> Flow:
        print(f"{name}: drawing the flow", file=sys.stderr)
        drawn, messages = FLOWS[name]
        return drawn(chosen.messages or messages)

    figures: list[Figure] = []
    base = draw("base")
    for name in chosen.flow or FLOWS:
        suited = {each: how for each, how in engines.items() if name in how.flows}
        flow = base if name == "base" else draw(name)
        found = list(measure(name, flow, base, suited, chosen.repeats))
        figures += found
        if found and not chosen.json:
            print_table(found)
    if chosen.json:
        print(json.dumps([asdict(each) for each in figures], indent=2))


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a whole number from 1 on")
    return int(text)


def _ratio(rate: float, other: float) -> float | None:
    return float(f"{rate / other:.4g}") if other else None


if __name__ == "__main__":
    main()
