"""Every step of a guarantee's life is measured, and printed as `--help` says."""

import json
from collections.abc import Iterator

import pytest

from contracts.opening import open_chain
from tests.benchmarks.gas import JSON_HELP, Figure, as_json, as_table
from tests.benchmarks.guarantee_gas import OPEN_MOST, Step, measure_steps
from tests.contracts.conftest import DAY_S, deployed, need_node_modules

STEPS = {
    "guarantee": [
        "open",
        "open, ten together, each",
        "pay out",
        "pay out, ten together, each",
        "challenge",
        "plead",
        "rule on a challenge",
        "rule on a plea",
        "pay out after a ruling",
        "pay out after silence",
        "call a fallback",
        "conclude, declined",
        "the fallback accepts",
        "conclude, delivered, with the payout",
    ],
    "standby": ["open", "call", "close"],
    "long term": ["activate", "quiet period", "report a short period", "pay out"],
    "pay as you go": ["open", "draw", "close"],
}
FIGURES = [Figure("a pattern", 10, 90_301, 41_703, 30_634, 12_551)]
FEW = [
    Step("guarantee", "open", 122_310, most=OPEN_MOST),
    Step("guarantee", "pay out", 131_704, naive_deliver=38_638),
]


@pytest.fixture(scope="module")
def measured() -> Iterator[list[Step]]:
    need_node_modules()
    with open_chain("tester", start_time_s=DAY_S) as chain:
        yield measure_steps(deployed(chain))


def test_every_step_is_measured(measured: list[Step]) -> None:
    found = {name: [each.step for each in measured if each.contract == name] for name in STEPS}
    assert found == STEPS
    assert len(measured) == sum(map(len, STEPS.values()))


def test_no_step_costs_more_than_its_limit(measured: list[Step]) -> None:
    limited = {each.step: each for each in measured if each.most is not None}
    assert set(limited) == {"open", "open, ten together, each"}
    assert all(each.gas <= OPEN_MOST for each in limited.values()), limited


def test_payouts_stand_beside_the_naive_delivery(measured: list[Step]) -> None:
    beside = [each.step for each in measured if each.naive_deliver is not None]
    assert beside == ["pay out", "pay out, ten together, each"]


def test_help_names_what_json_holds() -> None:
    found = json.loads(as_json(FIGURES, 184_497, FEW))
    per_trade, per_step = (f"{{{', '.join(found[name][0])}}}" for name in ("per_trade", "per_step"))
    assert per_trade in JSON_HELP
    assert per_step in JSON_HELP
    assert all(f"\n  {name} " in JSON_HELP for name in found)


def test_json_holds_everything_measured() -> None:
    assert json.loads(as_json(FIGURES, 184_497, FEW)) == {
        "first_trade": 184_497,
        "per_trade": [
            {
                "pattern": "a pattern",
                "trades": 10,
                "settle": 90_301,
                "deliver": 41_703,
                "naive_settle": 30_634,
                "naive_deliver": 12_551,
            }
        ],
        "per_step": [
            {
                "contract": "guarantee",
                "step": "open",
                "gas": 122_310,
                "most": 200_000,
                "naive_deliver": None,
            },
            {
                "contract": "guarantee",
                "step": "pay out",
                "gas": 131_704,
                "most": None,
                "naive_deliver": 38_638,
            },
        ],
    }


def test_the_table_prints_the_limit_beside_the_gas() -> None:
    lines = as_table(FIGURES, 184_497, FEW).splitlines()
    assert lines[-2].split() == ["guarantee", "open", "122,310", "200,000"]
    assert lines[-1].split() == ["guarantee", "pay", "out", "131,704", "38,638"]
