"""What settlement is compared with: `contracts/test/support/NaiveTransfers.sol`, compiled as the contracts are."""

import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from eth_hash.auto import keccak

from contracts.abi import encode_struct
from contracts.chain import Transaction
from contracts.leaves import Leaf
from contracts.signing import Signer
from market.orders import Address
from market.units import Micros
from tests.contracts.conftest import Stage

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


class Naive:
    """The design without checks, on the same chain and with the same token."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        creation = naive_creation(stage.market.token.address)
        created = stage.send(Transaction(None, creation, 1_000_000)).created
        if created is None:
            raise RuntimeError("the naive design was not created")
        self.address = created

    def enrol(self, people: Sequence[Signer]) -> None:
        """Give people tokens, and the naive contract leave to take them."""
        token = self.stage.market.token
        for person in people:
            self.stage.send(token.mint(person.address, Micros(10**12)))
            self.stage.send(Transaction(person.address, b"", 21_000, value_wei=10**17))
            self.stage.send(token.approve(self.address, Micros(10**14)), by=person)

    def send(self, function: str, leaves: Sequence[Leaf]) -> int:
        """Settle or deliver the trades of these leaves; return the gas."""
        trades = [
            (leaf.buyer, leaf.seller, leaf.amounts.payment_micros, leaf.amounts.collateral_micros)
            for leaf in leaves
        ]
        data = naive_call(function, trades)
        return self.stage.send(Transaction(self.address, data, 16_000_000)).gas_used
