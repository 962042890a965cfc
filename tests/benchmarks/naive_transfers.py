"""What settlement is compared with: `contracts/test/support/NaiveTransfers.sol`, compiled as the contracts are."""

import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from eth_hash.auto import keccak

from contracts.abi import encode_struct
from market.orders import Address

_CONTRACTS = Path(__file__).parents[2] / "contracts"
_TRADES = "(address,address,uint128,uint128)[]"


@cache
def _bytecode() -> bytes:
    node = shutil.which("node")
    if node is None or not (_CONTRACTS / "node_modules").is_dir():
        raise RuntimeError(
            "the chain tools are absent: found no node, or no contracts/node_modules (run `npm ci` there)"
        )
    command = [node, "script/build.mjs", "--code", "test/support/NaiveTransfers.sol", "NaiveTransfers"]
    compiled = subprocess.run(command, cwd=_CONTRACTS, capture_output=True, text=True, check=True)
    return bytes.fromhex(compiled.stdout.strip())


def naive_creation(token: Address) -> bytes:
    """Return the data of the transaction that creates the contract."""
    return _bytecode() + encode_struct(["address"], [token])


def naive_call(function: str, trades: Sequence[tuple[Address, Address, int, int]]) -> bytes:
    """Return the call of `settle` or `deliver`: buyer, seller, payment and collateral of each trade."""
    return bytes(keccak(f"{function}({_TRADES})".encode()))[:4] + encode_struct([_TRADES], [trades])
