"""The Solidity side: the committed artifacts are those of the sources, and its own tests pass."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from .conftest import NODE_MODULES, need_node_modules

ROOT = NODE_MODULES.parent


def run(*command: str | Path, **variables: str) -> None:
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, env=os.environ | variables
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-8000:]


def forge() -> Path:
    """Find the native program: the npm wrapper exits 0 when tests fail."""
    need_node_modules()
    found = sorted(NODE_MODULES.glob("@foundry-rs/forge-*/bin/forge*"))
    if not found:
        pytest.fail("no @foundry-rs/forge-* platform package in contracts/node_modules")
    return found[0]


@pytest.mark.timeout(900)
def test_the_committed_artifacts_are_fresh() -> None:
    need_node_modules()
    node = shutil.which("node")
    assert node is not None, "node is not on PATH"
    run(node, "script/build.mjs", "--check")


@pytest.mark.timeout(900)  # compiling on a busy machine takes minutes; on a free one, seconds
def test_forge_tests_pass() -> None:
    run(forge(), "test", FOUNDRY_PROFILE="quick")


def test_solidity_is_formatted() -> None:
    run(forge(), "fmt", "--check")


@pytest.mark.soak
def test_forge_tests_pass_at_length_on_what_is_deployed() -> None:
    run(forge(), "test", FOUNDRY_PROFILE="deployed")


@pytest.mark.soak
def test_gas_stays_as_it_was() -> None:
    run(forge(), "snapshot", "--no-match-test", "testFuzz|invariant", "--check")
