"""Every bug that is planted in a copy of the contracts is found by the campaign that should find it."""

import os
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from .conftest import NODE_MODULES
from .test_built import ROOT, forge

MUTANTS = {
    f"{path.stem}: {name}": mutant
    for path in sorted((ROOT / "test" / "mutants").glob("*.toml"))
    for name, mutant in tomllib.loads(path.read_text(encoding="utf-8")).items()
}
CAMPAIGN = {"FOUNDRY_PROFILE": "quick", "FOUNDRY_INVARIANT_RUNS": "200", "FOUNDRY_INVARIANT_DEPTH": "60"}


def planted(mutant: dict[str, str]) -> str:
    """Return the source with its bug."""
    source = (ROOT / mutant["file"]).read_text(encoding="utf-8")
    assert source.count(mutant["was"]) == 1, f"{mutant['was']!r} no longer stands in {mutant['file']} once"
    return source.replace(mutant["was"], mutant["becomes"])


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_has_something_to_change(name: str) -> None:
    assert planted(MUTANTS[name])


@pytest.mark.soak
@pytest.mark.parametrize("name", MUTANTS)
def test_the_campaign_finds_the_bug(name: str, tmp_path: Path) -> None:
    mutant, program = MUTANTS[name], forge()
    for folder in ("src", "script", "test/support"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    for file in ("foundry.toml", f"test/{mutant['campaign']}.t.sol"):
        shutil.copy(ROOT / file, tmp_path / file)
    (tmp_path / "node_modules").symlink_to(NODE_MODULES, target_is_directory=True)
    (tmp_path / mutant["file"]).write_text(planted(mutant), encoding="utf-8")
    done = subprocess.run(
        [program, "test", "--match-contract", mutant["campaign"], "--match-test", "invariant"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | CAMPAIGN,
    )
    assert done.returncode != 0, done.stdout[-4000:]
    assert "[FAIL" in done.stdout, done.stdout[-4000:] + done.stderr[-4000:]
