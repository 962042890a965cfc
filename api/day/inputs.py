"""Outside figures for a market day: generation, LLM requests and cloud network, read line by line and checked.

Every parser names the file, the line, what it found and what it expected. Nothing is guessed or filled in.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path

from api.input_error import InputError
from market.instruments import SECONDS_PER_HOUR

HOURS = 24

_EIA_COLUMNS = {
    "WND": "WIND",
    "SUN": "SOLAR",
    "WAT": "HYDRO",
    "OIL": "OIL",
    "NG": "GAS",
    "COL": "COAL",
    "NUC": "NUCLEAR",
    "OTH": "OTHER",
}
_SPELT_OUT_COLUMNS = {
    f"{source.lower()}_mw": source
    for source in ("WIND", "SOLAR", "HYDRO", "OIL", "GAS", "COAL", "NUCLEAR", "OTHER")
}
# Header of the time, of the carbon intensity, and of each source: the two spellings in which the figures are published.
_GENERATION_HEADERS = (
    ("timestamp", "avg_CI", _EIA_COLUMNS),
    ("timestamp_utc", "average_gco2_per_kwh", _SPELT_OUT_COLUMNS),
)
_MEASURED_TIER = "PREMIUM"


@dataclass(frozen=True, slots=True)
class GenerationHour:
    """Net generation of one hour by source, MW (over an hour: MWh), and the mix's carbon, gCO2 per kWh."""

    mw: Mapping[str, Decimal]
    gco2_per_kwh: Decimal


@dataclass(frozen=True, slots=True)
class Generation:
    """Generation of the delivery day and of the day before, UTC hours 0 to 23 of each."""

    before: tuple[GenerationHour, ...]
    day: tuple[GenerationHour, ...]


@dataclass(frozen=True, slots=True)
class Workload:
    """LLM requests of a file: how many over how many seconds, and their tokens by UTC hour of the day."""

    requests: int
    seconds: Decimal
    context_tokens: tuple[int, ...]
    generated_tokens: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PathFigures:
    """A network path: list price of moving data out (USD per GB), round trip (ms), capacity (Mbps)."""

    usd_per_gb: Decimal
    rtt_ms: Decimal
    mbps: Decimal


def read_generation(path: Path, *, day: date) -> Generation:
    """Read hourly generation of `day` and of the day before, as the US EIA publishes it (form EIA-930).

    Columns `timestamp,WND,SUN,WAT,OIL,NG,COL,NUC,OTH,avg_CI` (MW, gCO2/kWh), or the same spelt out
    (`timestamp_utc,wind_mw,…,average_gco2_per_kwh`); hours must rise. Blank cells may stand on other days only.

    Raises:
        InputError: for a missing column, a bad or negative number, an hour that does not rise, or an hour of the
            two days that is absent or blank.
    """
    header = _header(path)
    spelling = next((known for known in _GENERATION_HEADERS if known[0] in header), None)
    if spelling is None:
        raise InputError(
            path, "line 1", f"columns {', '.join(header)}", "a column timestamp or timestamp_utc"
        )
    time_column, carbon_column, sources = spelling
    first_hour = _hour_of(day) - HOURS
    hours: dict[int, GenerationHour] = {}
    seen: list[int] = []
    for line, row in _rows(path, (time_column, carbon_column, *sources)):
        hour = _whole_hour(path, line, row[time_column])
        if seen and hour <= seen[-1]:
            raise InputError(
                path, f"line {line}", f"{row[time_column]} after {_name_hour(seen[-1])}", "a later hour"
            )
        seen = [seen[0] if seen else hour, hour]
        wanted = first_hour <= hour < first_hour + 2 * HOURS
        figures = {
            column: _figure(path, line, column, row[column], blank_is_zero=not wanted)
            for column in (carbon_column, *sources)
        }
        if wanted:
            mw = {source: figures[column] for column, source in sources.items()}
            hours[hour] = GenerationHour(mw, figures[carbon_column])
    if not seen:
        raise InputError(path, "line 2", "the end of the file", "a line for each hour")
    for hour in range(first_hour, first_hour + 2 * HOURS):
        if hour not in hours:
            raise InputError(
                path,
                f"day {day}",
                f"no line for {_name_hour(hour)} (the file runs from {_name_hour(seen[0])} "
                f"to {_name_hour(seen[-1])})",
                "every hour of the delivery day and of the day before",
            )
    days = tuple(hours[hour] for hour in range(first_hour, first_hour + 2 * HOURS))
    return Generation(before=days[:HOURS], day=days[HOURS:])


def read_workload(path: Path) -> Workload:
    """Read LLM requests in the columns of Azure's public traces: `TIMESTAMP,ContextTokens,GeneratedTokens`.

    Raises:
        InputError: for a missing column, a time that goes back, a token count that is no whole number, or a file
            that spans no time or holds no tokens.
    """
    context, generated = [0] * HOURS, [0] * HOURS
    first: datetime | None = None
    last: datetime | None = None
    requests = 0
    line = 1
    for line, row in _rows(path, ("TIMESTAMP", "ContextTokens", "GeneratedTokens")):
        time = _time(path, line, row["TIMESTAMP"])
        if last is not None and time < last:
            raise InputError(
                path, f"line {line}", f"{row['TIMESTAMP']} after {last}", "times that do not go back"
            )
        first, last = first or time, time
        context[time.hour] += _count(path, line, "ContextTokens", row["ContextTokens"])
        generated[time.hour] += _count(path, line, "GeneratedTokens", row["GeneratedTokens"])
        requests += 1
    if first is None or last is None or last == first or not sum(context) + sum(generated):
        raise InputError(
            path, f"line {line}", f"the end after {requests} requests", "requests with tokens over some time"
        )
    span = (last - first) // timedelta(microseconds=1)
    return Workload(requests, Decimal(span) / 1_000_000, tuple(context), tuple(generated))


def read_network(directory: Path, pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], PathFigures]:
    """Read price, round trip and capacity of pairs of cloud regions, in the three files that Skyplane publishes.

    Files `egress_cost_usd_per_gb.csv`, `latency_ms.csv` and `throughput.csv`. Of several measurements of a pair, all
    between premium tiers, the smallest counts: the least round trip and the most cautious capacity.

    Raises:
        InputError: for a missing file or column, a bad or negative number, a price given twice, or a pair of regions
            that a file does not hold.
    """
    wanted = tuple(pairs)
    prices_file, latency_file, throughput_file = (
        directory / name for name in ("egress_cost_usd_per_gb.csv", "latency_ms.csv", "throughput.csv")
    )
    prices: dict[tuple[str, str], Decimal] = {}
    for line, row in _rows(prices_file, ("src", "dest", "cost")):
        pair = (row["src"], row["dest"])
        if pair in prices:
            raise InputError(prices_file, f"line {line}", f"{pair[0]} to {pair[1]} again", "each pair once")
        prices[pair] = _measurement(prices_file, line, "cost", row["cost"])
    round_trips = _measured(latency_file, "min_rtt")
    throughputs = _measured(throughput_file, "throughput_received_gbps")
    found: dict[tuple[str, str], PathFigures] = {}
    for pair in wanted:
        for file, figures in (
            (prices_file, prices),
            (latency_file, round_trips),
            (throughput_file, throughputs),
        ):
            if pair not in figures:
                raise InputError(
                    file, f"path {pair[0]} to {pair[1]}", "no line", "a line for every path of the scenario"
                )
        found[pair] = PathFigures(prices[pair], round_trips[pair], throughputs[pair] * 1000)
    return found


def _measured(file: Path, column: str) -> dict[tuple[str, str], Decimal]:
    figures: dict[tuple[str, str], Decimal] = {}
    for line, row in _rows(file, ("src_region", "src_tier", "dst_region", "dst_tier", column)):
        figure = _measurement(file, line, column, row[column])
        pair = (row["src_region"], row["dst_region"])
        if row["src_tier"] == row["dst_tier"] == _MEASURED_TIER:
            figures[pair] = min(figure, figures.get(pair, figure))
    return figures


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        # A byte that is no UTF-8 becomes U+FFFD, so that the line that holds it is the one that is named.
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            reader = csv.reader(file)
            try:
                for cells in reader:
                    if cells:
                        yield reader.line_num, cells
            except csv.Error as error:
                raise InputError(
                    path, f"line {reader.line_num}", str(error), "comma-separated values"
                ) from None
    except OSError as error:
        raise InputError(
            path, "opening it", (error.strerror or str(error)).lower(), "a file that can be read"
        ) from None


def _header(path: Path) -> list[str]:
    for _, cells in _lines(path):
        return cells
    raise InputError(path, "line 1", "an empty file", "a header line")


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    header = _header(path)
    for column in columns:
        if header.count(column) != 1:
            raise InputError(
                path, "line 1", f"columns {', '.join(header)}", f"the column {column} exactly once"
            )
    places = [(column, header.index(column)) for column in columns]
    lines = _lines(path)
    next(lines)
    for line, cells in lines:
        if len(cells) != len(header):
            raise InputError(path, f"line {line}", f"{len(cells)} cells", f"{len(header)}, as in the header")
        yield line, {column: cells[place].strip() for column, place in places}


def _figure(path: Path, line: int, column: str, text: str, *, blank_is_zero: bool = False) -> Decimal:
    if blank_is_zero and not text:
        return Decimal(0)
    try:
        if not text.isascii() or "_" in text:
            raise InvalidOperation
        figure = Decimal(text)
        if not figure.is_finite() or not 0 <= figure < 10**12:
            raise InvalidOperation
    except InvalidOperation:
        found = repr(text) if text else "a blank"
        raise InputError(
            path, f"line {line}, column {column}", found, "a number from 0 to 1e12 such as 12.5"
        ) from None
    return figure


def _measurement(path: Path, line: int, column: str, text: str) -> Decimal:
    figure = _figure(path, line, column, text)
    if figure == 0:
        raise InputError(path, f"line {line}, column {column}", text, "a number above 0")
    return figure


def _count(path: Path, line: int, column: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise InputError(
            path, f"line {line}, column {column}", repr(text), "a whole number of tokens such as 374"
        )
    return int(text)


def _time(path: Path, line: int, text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise InputError(
            path, f"line {line}", repr(text), "a time such as 2022-03-12 18:00:00+00:00"
        ) from None


def _whole_hour(path: Path, line: int, text: str) -> int:
    seconds = _time(path, line, text).timestamp()
    if seconds % SECONDS_PER_HOUR:
        raise InputError(path, f"line {line}", text, "the start of a whole hour")
    return int(seconds) // SECONDS_PER_HOUR


def _hour_of(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) // SECONDS_PER_HOUR


def _name_hour(hour: int) -> str:
    return datetime.fromtimestamp(hour * SECONDS_PER_HOUR, UTC).strftime("%Y-%m-%dT%HZ")
