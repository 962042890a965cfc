"""Every bug that is planted in a copy of the contracts is found by the campaign that should find it."""

import json
import os
import shutil
import subprocess
import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from .conftest import NODE_MODULES
from .test_built import ROOT, forge

MUTANTS = {
    f"{path.stem}: {name}": mutant
    for path in sorted((ROOT / "test" / "mutants").glob("*.toml"))
    for name, mutant in tomllib.loads(path.read_text(encoding="utf-8")).items()
}
SEED = {"FOUNDRY_FUZZ_SEED": "1"}
CAMPAIGN = {
    "FOUNDRY_PROFILE": "quick",
    # What a test deploys is linked when it runs, so that a bug costs the compilation of its file, not of every test.
    "FOUNDRY_DYNAMIC_TEST_LINKING": "true",
    "FOUNDRY_INVARIANT_DEPTH": "100",
    "FOUNDRY_INVARIANT_SHRINK_RUN_LIMIT": "0",
}


def planted(mutant: dict[str, str]) -> str:
    """Return the source with its bug."""
    source = (ROOT / mutant["file"]).read_text(encoding="utf-8")
    assert source.count(mutant["was"]) == 1, f"{mutant['was']!r} no longer stands in {mutant['file']} once"
    return source.replace(mutant["was"], mutant["becomes"])


def failures(folder: Path, runs: int) -> list[str]:
    """Run the campaign in a folder until it fails or ends; return why its invariants failed."""
    shutil.rmtree(folder / "cache" / "invariant", ignore_errors=True)  # the sequences that found the last bug
    done = subprocess.run(
        [forge(), "test", "--json"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env=SEED | os.environ | CAMPAIGN | {"FOUNDRY_INVARIANT_RUNS": str(runs)},
    )
    assert done.stdout.startswith("{"), done.stdout[-4000:] + done.stderr[-4000:]
    suites = json.loads(done.stdout).values()
    tests = [(name, test) for suite in suites for name, test in suite["test_results"].items()]
    invariants = [test for name, test in tests if name.startswith("invariant")]
    assert invariants, done.stdout[-4000:]
    return [test["reason"] for test in invariants if test["status"] == "Failure"]


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Keep a folder per campaign, in which forge compiles again only what a bug changes."""

    @cache
    def folder(campaign: str) -> Path:
        made = tmp_path_factory.mktemp(campaign)
        for kept in ("src", "script", "test/support"):
            shutil.copytree(ROOT / kept, made / kept)
        for file in ("foundry.toml", f"test/{campaign}.t.sol"):
            shutil.copy(ROOT / file, made / file)
        (made / "node_modules").symlink_to(NODE_MODULES, target_is_directory=True)
        return made

    return folder


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_has_something_to_change(name: str) -> None:
    assert planted(MUTANTS[name])


@pytest.mark.soak
@pytest.mark.parametrize("campaign", sorted({mutant["campaign"] for mutant in MUTANTS.values()}))
def test_a_campaign_finds_nothing_where_nothing_is_planted(
    campaign: str, workshop: Callable[[str], Path]
) -> None:
    assert failures(workshop(campaign), runs=50) == []


@pytest.mark.soak
@pytest.mark.parametrize("name", MUTANTS)
def test_the_campaign_finds_the_bug(name: str, workshop: Callable[[str], Path]) -> None:
    mutant = MUTANTS[name]
    folder = workshop(mutant["campaign"])
    (folder / mutant["file"]).write_text(planted(mutant), encoding="utf-8")
    try:
        # What shows only when everything comes to its end is told after the last run: try a few before many.
        assert failures(folder, runs=25) or failures(folder, runs=500), (
            f"{mutant['campaign']} does not find it"
        )
    finally:
        shutil.copy(ROOT / mutant["file"], folder / mutant["file"])
