"""A copy of the contracts to work on, so that no tool wipes caches or leaves anything behind, and how to run one there."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CONTRACTS = Path(__file__).parents[2] / "contracts"
NODE_MODULES = CONTRACTS / "node_modules"
COPIED = ("src", "script", "test", "artifacts", "foundry.toml", "slither.config.json", ".solhint.json")


class ToolMissing(Exception):
    """A program that the audit needs is not installed."""


@dataclass(frozen=True)
class Workshop:
    """The copy, and where the tools are."""

    folder: Path
    tools: Path

    def run(self, program: str | Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a tool in the copy, with the native forge on its PATH, and return what it said."""
        path = os.pathsep.join([str(native_forge().parent), self._search_path()])
        command = [str(program), *arguments]
        environment = os.environ | {"PATH": path, "NO_COLOR": "1"}
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )

    def tool(self, name: str) -> Path:
        """Find a tool: `make audit` installs them apart, the Python ones since they pin another web3 than ours."""
        found = shutil.which(name, path=self._search_path())
        if found is None:
            raise ToolMissing(
                f"{name}: found neither in {self.tools}, nor in contracts/node_modules, nor on the PATH; run `make audit`"
            )
        return Path(found)

    def _search_path(self) -> str:
        return os.pathsep.join((str(self.tools), str(NODE_MODULES / ".bin"), os.environ.get("PATH", "")))


@contextmanager
def workshop(tools: Path) -> Iterator[Workshop]:
    """Copy the contracts. node_modules stays inside the copy's root, as a link: forge and slither insist on that."""
    with tempfile.TemporaryDirectory(prefix="ccei-audit-") as name:
        folder = Path(name)
        for each in COPIED:
            source = CONTRACTS / each
            if source.is_dir():
                shutil.copytree(source, folder / each)
            else:
                shutil.copy(source, folder / each)
        (folder / "node_modules").symlink_to(NODE_MODULES.resolve(), target_is_directory=True)
        yield Workshop(folder, tools)


def native_forge() -> Path:
    """Find the native program: the npm wrapper exits 0 when tests fail."""
    found = sorted(NODE_MODULES.glob("@foundry-rs/forge-*/bin/forge*"))
    if not found:
        raise ToolMissing("forge: found no platform package in contracts/node_modules; run `npm ci` there")
    return found[0].resolve()


def say(lines: Sequence[str]) -> None:
    """Print what was found, at once."""
    for line in lines:
        print(line)
    sys.stdout.flush()
