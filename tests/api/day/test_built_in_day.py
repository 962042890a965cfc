"""The built-in day, whole, on each chain: what `ccei demo` promises."""

from pathlib import Path

import pytest
from rich.console import Console

from api.day.run import run_day
from api.day.scenario import load_scenario
from api.day.summary import summary


@pytest.mark.soak
@pytest.mark.parametrize("chain", ["tester", "anvil", "ganache"])
def test_the_built_in_day_ends_with_books_that_agree(chain: str, tmp_path: Path) -> None:
    told = summary(
        run_day(
            load_scenario(),
            seed=1,
            chain=chain,
            database=f"sqlite:///{tmp_path / 'day.db'}",
            fresh_database=True,
            console=Console(quiet=True),
        )
    )
    assert told["orders"] >= 5_000
    assert told["trades"] >= 2_500
    assert all(float(volume) > 0 for volume in told["volume"].values())
    assert told["settlement"]["trades_settled"] == told["trades"]
    assert told["guarantees"]["compensated"] >= 1
    assert told["emergency_plan"]["delivered"] >= 1
    assert float(told["certificates"]["retired"]) > 0
    assert told["certificates"]["difference"] == "0"
    assert (told["trial_balance_difference"], told["chain_reconciliation_difference"]) == ("0", "0")
