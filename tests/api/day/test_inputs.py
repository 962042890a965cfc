from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from api.day.inputs import read_generation, read_network, read_workload
from api.input_error import InputError

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"
needs_shared = pytest.mark.skipif(
    not SHARED.is_dir(), reason="the public input data beside the repository is absent"
)

EIA_HEADER = "timestamp,WND,SUN,WAT,OIL,NG,COL,NUC,OTH,avg_CI"


def two_days(*, hours: int = 48) -> list[str]:
    """Lines of 2022-03-11 and 2022-03-12: wind is 100 plus the line's hour."""
    return [
        f"2022-03-{11 + hour // 24} {hour % 24:02d}:00:00+00:00,{100 + hour}.5,7.0,6,5,4,3,2,1,168.4"
        for hour in range(hours)
    ]


def a_file(directory: Path, *lines: str, name: str = "figures.csv") -> Path:
    path = directory / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


# --- generation


def test_generation_gives_the_day_and_the_day_before(tmp_path):
    generation = read_generation(a_file(tmp_path, EIA_HEADER, *two_days()), day=date(2022, 3, 12))
    assert (len(generation.before), len(generation.day)) == (24, 24)
    assert generation.before[0].mw["WIND"] == Decimal("100.5")
    assert generation.day[23].mw["WIND"] == Decimal("147.5")
    assert generation.day[0].mw == {
        "WIND": Decimal("124.5"),
        "SOLAR": Decimal("7.0"),
        "HYDRO": 6,
        "OIL": 5,
        "GAS": 4,
        "COAL": 3,
        "NUCLEAR": 2,
        "OTHER": 1,
    }
    assert generation.day[0].gco2_per_kwh == Decimal("168.4")


def test_generation_reads_the_spelt_out_header_in_any_order_with_further_columns(tmp_path):
    header = (
        "note,average_gco2_per_kwh,timestamp_utc,"
        "wind_mw,solar_mw,hydro_mw,oil_mw,gas_mw,coal_mw,nuclear_mw,other_mw"
    )
    lines = [
        f"x,118.5,2022-03-{11 + hour // 24}T{hour % 24:02d}:00Z,{hour},0,0,0,0,0,0,0" for hour in range(48)
    ]
    generation = read_generation(a_file(tmp_path, header, *lines), day=date(2022, 3, 12))
    assert generation.day[5].mw["WIND"] == 29
    assert generation.day[5].gco2_per_kwh == Decimal("118.5")


def test_blank_figures_may_stand_on_other_days(tmp_path):
    blank = "2022-03-10 23:00:00+00:00,,,,,,,,,"
    generation = read_generation(a_file(tmp_path, EIA_HEADER, blank, *two_days()), day=date(2022, 3, 12))
    assert generation.before[0].mw["WIND"] == Decimal("100.5")


def with_line(number: int, line: str) -> list[str]:
    lines = two_days()
    lines[number] = line
    return [EIA_HEADER, *lines]


@pytest.mark.parametrize(
    ("lines", "where", "found"),
    [
        ([], "line 1", "an empty file"),
        (["hour,WND"], "line 1", "columns hour, WND"),
        ([EIA_HEADER.replace("NUC", "NUK")], "line 1", "columns timestamp, WND"),
        ([EIA_HEADER], "line 2", "the end of the file"),
        ([EIA_HEADER, *two_days(hours=47)], "day 2022-03-12", "no line for 2022-03-12T23Z"),
        ([EIA_HEADER, *two_days()[1:]], "day 2022-03-12", "no line for 2022-03-11T00Z"),
        ([EIA_HEADER, *two_days()[:3], *two_days()[2:]], "line 5", "2022-03-11 02:00:00+00:00 after"),
        ([EIA_HEADER, *reversed(two_days())], "line 3", "2022-03-12 22:00:00+00:00 after 2022-03-12T23Z"),
        (
            with_line(3, "2022-03-11 03:00:00+00:00,1,2,3,4,x5,6,7,8,9"),
            "line 5, column NG",
            "'x5'",
        ),
        (with_line(3, "2022-03-11 03:00:00+00:00,-1,2,3,4,5,6,7,8,9"), "line 5, column WND", "'-1'"),
        (with_line(3, "2022-03-11 03:00:00+00:00,nan,2,3,4,5,6,7,8,9"), "line 5, column WND", "'nan'"),
        (with_line(3, "2022-03-11 03:00:00+00:00,1_0,2,3,4,5,6,7,8,9"), "line 5, column WND", "'1_0'"),
        (with_line(3, "2022-03-11 03:00:00+00:00,,2,3,4,5,6,7,8,9"), "line 5, column WND", "a blank"),
        (with_line(3, "2022-03-11 03:00:00+00:00,1,2,3"), "line 5", "4 cells"),
        (with_line(3, "2022-03-11 03:30:00+00:00,1,2,3,4,5,6,7,8,9"), "line 5", "2022-03-11 03:30:00+00:00"),
        (with_line(3, "yesterday,1,2,3,4,5,6,7,8,9"), "line 5", "'yesterday'"),
    ],
)
def test_bad_generation_is_refused_where_it_stands(tmp_path, lines, where, found):
    path = tmp_path / "figures.csv"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_generation(path, day=date(2022, 3, 12))
    assert (caught.value.file, caught.value.where) == (path, where)
    assert caught.value.found.startswith(found)
    assert (
        str(caught.value) == f"{path}, {where}: found {caught.value.found}, expected {caught.value.expected}"
    )


def test_a_day_outside_the_file_is_told_the_range_that_is_there(tmp_path):
    with pytest.raises(InputError, match="runs from 2022-03-11T00Z to 2022-03-12T23Z"):
        read_generation(a_file(tmp_path, EIA_HEADER, *two_days()), day=date(2023, 7, 1))


def test_bytes_that_are_no_text_are_found_on_their_line(tmp_path):
    path = tmp_path / "figures.csv"
    path.write_bytes(f"{EIA_HEADER}\n2022-03-11 00:00:00+00:00,\xff,2,3,4,5,6,7,8,9\n".encode("latin-1"))
    with pytest.raises(InputError, match="line 2, column WND"):
        read_generation(path, day=date(2022, 3, 12))


@pytest.mark.parametrize("name", ["absent.csv", "."])
def test_a_file_that_cannot_be_opened_is_named(tmp_path, name):
    with pytest.raises(InputError, match=r"opening it: found (no such file|is a directory)"):
        read_generation(tmp_path / name, day=date(2022, 3, 12))


@needs_shared
def test_published_generation_reads():
    generation = read_generation(SHARED / "eia_us_2022" / "CISO.csv", day=date(2022, 2, 15))
    assert generation.day[18].mw["SOLAR"] == 9012
    assert generation.day[18].gco2_per_kwh == Decimal("115.894")


@needs_shared
def test_published_generation_with_a_blank_hour_on_the_day_is_refused():
    with pytest.raises(InputError, match=r"line 108, column avg_CI: found a blank"):
        read_generation(SHARED / "eia_us_2022" / "CISO.csv", day=date(2022, 1, 5))


# --- workload

TRACE_HEADER = "TIMESTAMP,ContextTokens,GeneratedTokens"


def test_a_trace_is_counted_by_hour_of_the_day(tmp_path):
    trace = read_workload(
        a_file(
            tmp_path,
            TRACE_HEADER,
            "2023-11-16 18:59:59.0000000,374,44",
            "2023-11-16 18:59:59.0000000,100,6",
            "2023-11-16 19:00:00.5000000,396,109",
        )
    )
    assert (trace.requests, trace.seconds) == (3, Decimal("1.5"))
    assert (trace.context_tokens[18], trace.context_tokens[19], sum(trace.context_tokens)) == (474, 396, 870)
    assert (trace.generated_tokens[18], trace.generated_tokens[19]) == (50, 109)


@pytest.mark.parametrize(
    ("lines", "where", "found"),
    [
        (["TIMESTAMP,ContextTokens"], "line 1", "columns"),
        (
            [TRACE_HEADER, "2023-11-16 18:00:01,1,1", "2023-11-16 18:00:00,1,1"],
            "line 3",
            "2023-11-16 18:00:00 after",
        ),
        ([TRACE_HEADER, "2023-11-16 18:00:00,1.5,1"], "line 2, column ContextTokens", "'1.5'"),
        ([TRACE_HEADER, "2023-11-16 18:00:00,1,-1"], "line 2, column GeneratedTokens", "'-1'"),
        ([TRACE_HEADER, "2023-11-16 18:00:00,1,"], "line 2, column GeneratedTokens", "''"),
        ([TRACE_HEADER, "18 o'clock,1,1"], "line 2", '"18 o\'clock"'),
        ([TRACE_HEADER], "line 1", "the end after 0 requests"),
        ([TRACE_HEADER, "2023-11-16 18:00:00,1,1"], "line 2", "the end after 1 requests"),
        ([TRACE_HEADER, "2023-11-16 18:00,0,0", "2023-11-16 19:00,0,0"], "line 3", "the end after 2"),
    ],
)
def test_a_bad_trace_is_refused_where_it_stands(tmp_path, lines, where, found):
    with pytest.raises(InputError) as caught:
        read_workload(a_file(tmp_path, *lines))
    assert caught.value.where == where
    assert caught.value.found.startswith(found)


@needs_shared
def test_a_published_trace_reads():
    trace = read_workload(SHARED / "azure_llm_inference_2023" / "conv.csv")
    assert (trace.requests, trace.seconds) == (19_366, Decimal("3501.721937"))
    assert (sum(trace.context_tokens), sum(trace.generated_tokens)) == (22_361_870, 4_088_665)


# --- network

PAIR = ("aws:us-west-1", "azure:westus")


def a_network(directory: Path, *, prices: str, latency: str, throughput: str) -> Path:
    a_file(directory, "src,dest,cost", prices, name="egress_cost_usd_per_gb.csv")
    a_file(
        directory,
        "src_region,src_tier,dst_region,dst_tier,min_rtt,avg_rtt,max_rtt,mdev_rtt",
        latency,
        name="latency_ms.csv",
    )
    a_file(
        directory,
        "src_region,src_tier,dst_region,dst_tier,iperf3_connections,throughput_sent_gbps,throughput_received_gbps",
        throughput,
        name="throughput.csv",
    )
    return directory


PRICES = "aws:us-west-1,azure:westus,0.09"
LATENCY = "aws:us-west-1,PREMIUM,azure:westus,PREMIUM,1.8,1.956,2.072,"
THROUGHPUT = "aws:us-west-1,PREMIUM,azure:westus,PREMIUM,64,4.8527,4.7812"


def test_a_path_has_price_round_trip_and_capacity(tmp_path):
    network = a_network(tmp_path, prices=PRICES, latency=LATENCY, throughput=THROUGHPUT)
    figures = read_network(network, [PAIR])[PAIR]
    assert (figures.usd_per_gb, figures.rtt_ms, figures.mbps) == (
        Decimal("0.09"),
        Decimal("1.8"),
        Decimal("4781.2"),
    )


def test_of_several_measurements_the_smallest_between_premium_tiers_counts(tmp_path):
    network = a_network(
        tmp_path,
        prices=PRICES,
        latency=f"{LATENCY}\n{LATENCY.replace('1.8,', '1.7,')}\n"
        + LATENCY.replace("PREMIUM,1.8", "STANDARD,1.1"),
        throughput=f"{THROUGHPUT}\n{THROUGHPUT.replace('4.7812', '4.5')}",
    )
    figures = read_network(network, [PAIR])[PAIR]
    assert (figures.rtt_ms, figures.mbps) == (Decimal("1.7"), 4500)


@pytest.mark.parametrize(
    ("prices", "latency", "throughput", "message"),
    [
        (
            PRICES.replace("0.09", "free"),
            LATENCY,
            THROUGHPUT,
            "cost_usd_per_gb.csv, line 2, column cost: found 'free'",
        ),
        (
            PRICES.replace("0.09", "0"),
            LATENCY,
            THROUGHPUT,
            "line 2, column cost: found 0, expected a number above",
        ),
        (f"{PRICES}\n{PRICES}", LATENCY, THROUGHPUT, "line 3: found aws:us-west-1 to azure:westus again"),
        (
            PRICES,
            LATENCY.replace("1.8", ""),
            THROUGHPUT,
            "latency_ms.csv, line 2, column min_rtt: found a blank",
        ),
        (
            PRICES,
            LATENCY,
            THROUGHPUT.replace("4.7812", "-4"),
            "throughput.csv, line 2, column throughput_received_gbps",
        ),
        (
            PRICES,
            LATENCY.replace("azure:westus", "azure:eastus"),
            THROUGHPUT,
            "latency_ms.csv, path aws:us-west-1 to azure:westus: found no line",
        ),
    ],
)
def test_bad_network_figures_are_refused_where_they_stand(tmp_path, prices, latency, throughput, message):
    network = a_network(tmp_path, prices=prices, latency=latency, throughput=throughput)
    with pytest.raises(InputError) as caught:
        read_network(network, [PAIR])
    assert message in str(caught.value)


def test_a_missing_network_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"egress_cost_usd_per_gb.csv, opening it: found no such file"):
        read_network(tmp_path, [PAIR])


@needs_shared
def test_published_network_figures_read():
    figures = read_network(SHARED / "skyplane_cloud_network_2022", [("gcp:us-west4-a", "azure:westus")])
    path = figures["gcp:us-west4-a", "azure:westus"]
    assert (path.usd_per_gb, path.rtt_ms, path.mbps) == (
        Decimal("0.12"),
        Decimal("15.862"),
        Decimal("6937.1"),
    )
