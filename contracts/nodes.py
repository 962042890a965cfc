"""Child processes: a native Anvil or Ganache that lives as long as its user."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final

from contracts.chain import BLOCK_GAS_LIMIT, ChainUnavailable
from contracts.signing import Signer

OPERATOR_WEI: Final = 1_000_000 * 10**18
"""What the operator starts with on a chain of its own, in wei."""

_running: "set[subprocess.Popen[bytes]]" = set()

_NODE_MODULES = Path(__file__).parent / "node_modules"
_PRUNE = "--prune-history"
_START_TIMEOUT_S = 30.0
_STOP_TIMEOUT_S = 5.0


@contextmanager
def running_node(
    program: str, *, start_time_s: int | None, operator: Signer, keep_states: bool = False
) -> Iterator[str]:
    """Start Anvil or Ganache on a free loopback port, yield its address, and end it on leaving, also after an error.

    `keep_states` lets Anvil keep the state after every block, which a reorganisation needs and which takes much memory.

    Raises:
        ChainUnavailable: if the program is missing or does not start, with what it said.
    """
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    command = (_anvil_command if program == "anvil" else _ganache_command)(port, start_time_s, operator)
    if keep_states and program == "anvil":
        command.remove(_PRUNE)
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)  # noqa: S603 - our own binaries
        _running.add(process)
        try:
            _await_start(program, process, port, output)
            yield url
        finally:
            process.terminate()
            try:
                process.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            _running.discard(process)


def end_nodes() -> None:
    """End every node of this process at once: for a process that ends without leaving what it has entered."""
    for process in _running:
        process.kill()


def _await_start(program: str, process: "subprocess.Popen[bytes]", port: int, output: IO[bytes]) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while True:
        if process.poll() is not None:
            output.seek(0)
            said = output.read().decode("utf-8", "replace").strip() or "nothing"
            raise ChainUnavailable(
                f"{program} ended with status {process.returncode} on starting; it said: {said}"
            )
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if time.monotonic() > deadline:
            raise ChainUnavailable(f"{program} does not listen {_START_TIMEOUT_S:g} s after starting")
        time.sleep(0.01)


def _anvil_command(port: int, start_time_s: int | None, _operator: Signer) -> list[str]:
    binary = find_anvil()
    if binary is None:
        raise ChainUnavailable(
            "anvil: found neither @foundry-rs/anvil in contracts/node_modules nor anvil on PATH; "
            "run `npm ci` in contracts/, or choose the chain `tester`"
        )
    timestamp = [] if start_time_s is None else ["--timestamp", str(start_time_s)]
    options = ["--silent", _PRUNE, "--gas-limit", str(BLOCK_GAS_LIMIT)]
    return [str(binary), "--host", "127.0.0.1", "--port", str(port), *options, *timestamp]


def _ganache_command(port: int, start_time_s: int | None, operator: Signer) -> list[str]:
    script = _NODE_MODULES / "ganache" / "dist" / "node" / "cli.js"
    node = shutil.which("node")
    if node is None or not script.is_file():
        raise ChainUnavailable(
            f"ganache: found {'no node on PATH' if node is None else 'no ganache in contracts/node_modules'}; "
            "run `npm ci` in contracts/, or choose the chain `tester`"
        )
    options = {
        "server.host": "127.0.0.1",
        "server.port": str(port),
        "chain.hardfork": "shanghai",
        "miner.blockGasLimit": str(BLOCK_GAS_LIMIT),
        "wallet.accounts": f"0x{operator.key.hex()},{OPERATOR_WEI:#x}",
    }
    if start_time_s is not None:
        options["chain.time"] = datetime.fromtimestamp(start_time_s, UTC).isoformat()
        options["miner.timestampIncrement"] = "1"
    return [
        node,
        str(script),
        "--logging.quiet",
        *(part for k, v in options.items() for part in (f"--{k}", v)),
    ]


def find_anvil() -> Path | None:
    """Find the native program: the npm wrapper adds a process that would outlive the one we end."""
    name = "anvil.exe" if sys.platform == "win32" else "anvil"
    for binary in sorted(_NODE_MODULES.glob(f"@foundry-rs/anvil-*/bin/{name}")):
        if os.access(binary, os.X_OK):
            return binary
    on_path = shutil.which(name)
    return None if on_path is None else Path(on_path)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
