"""One door to any EVM chain: in-process eth-tester, a child Anvil or Ganache, or a JSON-RPC address.

Transactions are signed here and sent raw everywhere, so that the bytes can be kept before they are broadcast, and a
second broadcast of the same bytes changes nothing. A chain that the caller drives moves its clock by one second a block
and by `Chain.set_time`; a chain that nobody drives follows its own clock.
"""

import ast
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from eth_hash.auto import keccak

from contracts.abi import explain_revert
from contracts.signing import Signer
from market.orders import Address
from market.units import Malformed

if TYPE_CHECKING:
    from web3 import Web3
    from web3.types import LogReceipt, TxReceipt

SPECS: Final = "auto, tester, anvil, ganache, or an address such as http://127.0.0.1:8545"
BLOCK_GAS_LIMIT: Final = 30_000_000
GAS_MAX: Final = 16_700_000
"""Most gas that a transaction may ask for: the cap of EIP-7825 (2^24), rounded down."""
DEV_SIGNERS: Final = (
    # The first accounts of Anvil and Hardhat, and of `ganache --wallet.deterministic`: public, for test chains only.
    Signer(bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")),
    Signer(bytes.fromhex("4f3edf983ac636a65a842ce7c78d9aa706d3b113bce9c46f30d7d21715b23b1d")),
)

_NODE_MODULES = Path(__file__).parent / "node_modules"
_WEI_PER_ETHER = 10**18
_OPERATOR_WEI = 1_000_000 * _WEI_PER_ETHER
_GWEI = 10**9
_LOCAL_POLL_S = 0.005
_REMOTE_POLL_S = 0.5
_START_TIMEOUT_S = 30.0
_STOP_TIMEOUT_S = 5.0
_REQUEST_TIMEOUT_S = 120.0


class ChainUnavailable(Exception):
    """The chain cannot be used: its program is missing or did not start, nothing answers, or it is another chain."""


class Reverted(Exception):
    """The contract said no. The message names its error; `data` is what it returned."""

    def __init__(self, data: bytes) -> None:
        super().__init__(explain_revert(data))
        self.data = data


@dataclass(frozen=True, slots=True)
class Transaction:
    """What to send, unsigned. `to` None creates a contract; `gas` is always stated, never estimated."""

    to: Address | None
    data: bytes
    gas: int
    value_wei: int = 0

    def __post_init__(self) -> None:
        if self.gas > GAS_MAX:
            raise Malformed(
                f"transaction: asks for {self.gas} gas, expected at most {GAS_MAX}: send less at a time"
            )


@dataclass(frozen=True, slots=True)
class Log:
    """An event as a contract emitted it; `index` counts within the block."""

    address: Address
    topics: tuple[bytes, ...]
    data: bytes
    transaction: bytes
    index: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a transaction that is in a block."""

    transaction: bytes
    succeeded: bool
    block_number: int
    gas_used: int
    logs: tuple[Log, ...]
    created: Address | None


@dataclass
class Chain:
    """An open chain. `drives_time` says whether `set_time` moves its clock. Use it from one thread at a time."""

    name: str
    description: str
    w3: "Web3"
    chain_id: int
    operator: Signer
    drives_time: bool
    _advance: Callable[[int], None] = field(repr=False)
    _poll_s: float = field(repr=False)

    def now_s(self) -> int:
        """Return the time of the latest block, Unix seconds."""
        with self._reaching():
            return int(self.w3.eth.get_block("latest")["timestamp"])

    def block_number(self) -> int:
        """Return the number of the latest block."""
        with self._reaching():
            return int(self.w3.eth.block_number)

    def set_time(self, timestamp_s: int) -> bool:
        """Mine an empty block at this time (Unix seconds) if the clock is behind it. Return whether we drive the clock."""
        if self.drives_time and self.now_s() < timestamp_s:
            with self._reaching():
                self._advance(timestamp_s)
        return self.drives_time

    def nonce(self, address: Address) -> int:
        """Return the nonce of the address's next transaction, counting those still waiting."""
        with self._reaching():
            return int(self.w3.eth.get_transaction_count(_checksum(address), "pending"))

    def balance_wei(self, address: Address) -> int:
        """Return the address's balance of the chain's own coin, in wei."""
        with self._reaching():
            return int(self.w3.eth.get_balance(_checksum(address)))

    def code(self, address: Address) -> bytes:
        """Return the contract code at the address; empty where there is none."""
        with self._reaching():
            return bytes(self.w3.eth.get_code(_checksum(address)))

    def call(self, to: Address, data: bytes, *, sender: Address | None = None) -> bytes:
        """Ask a contract and return its answer, encoded. Changes nothing.

        Raises:
            Reverted: if the contract refuses.
        """
        from eth_tester.exceptions import TransactionFailed
        from web3.exceptions import ContractLogicError

        request: Any = {"to": _checksum(to), "data": data, "gas": BLOCK_GAS_LIMIT}
        request["from"] = _checksum(sender or self.operator.address)
        try:
            with self._reaching():
                return bytes(self.w3.eth.call(request))
        except (ContractLogicError, TransactionFailed) as error:
            raise Reverted(_revert_data(error)) from None

    def logs(
        self,
        address: Address,
        topics: Sequence[bytes | None],
        *,
        from_block: int,
        to_block: int | None = None,
    ) -> tuple[Log, ...]:
        """Return a contract's events between two blocks inclusive (to the latest by default), oldest first.

        `topics` are the event's topic and its first indexed fields as words; None takes any.
        """
        wanted: Any = {
            "address": _checksum(address),
            "topics": [None if topic is None else "0x" + topic.hex() for topic in topics],
            "fromBlock": from_block,
            "toBlock": self.block_number() if to_block is None else to_block,
        }
        with self._reaching():
            return tuple(_log(found) for found in self.w3.eth.get_logs(wanted))

    def sign(self, account: Signer, transaction: Transaction, *, nonce: int) -> bytes:
        """Sign a transaction; return the raw bytes to keep and to broadcast.

        Pays up to twice the current base fee, so that the bytes stay good through six full blocks.
        """
        from eth_account import Account

        fields: dict[str, Any] = {
            "chainId": self.chain_id,
            "nonce": nonce,
            "gas": transaction.gas,
            "value": transaction.value_wei,
            "data": transaction.data,
        }
        if transaction.to is not None:
            fields["to"] = _checksum(transaction.to)
        with self._reaching():
            base_fee = self.w3.eth.get_block("latest").get("baseFeePerGas")
            if base_fee is None:
                fields["gasPrice"] = self.w3.eth.gas_price
            else:
                fields |= {"type": 2, "maxFeePerGas": 2 * base_fee + _GWEI, "maxPriorityFeePerGas": _GWEI}
        return bytes(Account.sign_transaction(fields, account.key).raw_transaction)

    def broadcast(self, raw: bytes) -> bytes:
        """Send signed bytes; return the transaction hash. Sending the same bytes again changes nothing.

        Raises:
            ChainUnavailable: if the chain refuses the bytes and does not know them already.
        """
        transaction = transaction_hash(raw)
        try:
            with self._reaching():
                self.w3.eth.send_raw_transaction(raw)
        except ChainUnavailable:
            raise
        except Exception as error:
            # Every chain words "I have this one already" differently; ask instead of reading the words.
            if not self._knows(transaction):
                raise ChainUnavailable(
                    f"{self.name} refused transaction 0x{transaction.hex()}: {error}"
                ) from error
        return transaction

    def receipt(self, transaction: bytes) -> Receipt | None:
        """Return what became of a transaction, or None while it is in no block."""
        from web3.exceptions import TransactionNotFound

        try:
            with self._reaching():
                return _receipt(self.w3.eth.get_transaction_receipt(transaction))  # type: ignore[arg-type]
        except TransactionNotFound:
            return None

    def wait(self, transaction: bytes, *, timeout_s: float = 60.0) -> Receipt:
        """Wait until the transaction is in a block.

        Raises:
            TimeoutError: if it is not within `timeout_s`.
        """
        deadline = time.monotonic() + timeout_s
        while (receipt := self.receipt(transaction)) is None:
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"0x{transaction.hex()} is in no block of {self.name} after {timeout_s:g} s"
                )
            time.sleep(self._poll_s)
        return receipt

    def send(self, account: Signer, transaction: Transaction) -> Receipt:
        """Sign with the account's next nonce, broadcast, and wait.

        Raises:
            Reverted: if the contract refuses.
        """
        raw = self.sign(account, transaction, nonce=self.nonce(account.address))
        receipt = self.wait(self.broadcast(raw))
        if not receipt.succeeded:
            if transaction.to is not None:
                self.call(transaction.to, transaction.data, sender=account.address)
            raise Reverted(b"")
        return receipt

    def _knows(self, transaction: bytes) -> bool:
        from web3.exceptions import TransactionNotFound

        try:
            with self._reaching():
                self.w3.eth.get_transaction(transaction)  # type: ignore[arg-type]
        except TransactionNotFound:
            return False
        return True

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        from requests import RequestException

        try:
            yield
        except RequestException as error:
            raise ChainUnavailable(f"{self.name} does not answer: {error}") from error


@contextmanager
def open_chain(
    spec: str,
    *,
    start_time_s: int | None,
    operator_key: bytes | None = None,
    expected_chain_id: int | None = None,
) -> Iterator[Chain]:
    """Open a chain, and close it (ending the child process, if there is one) on leaving.

    `auto` takes Anvil where its program is found, else the in-process chain. `start_time_s` (Unix seconds) starts the
    chain's clock there and lets the caller drive it; None leaves the clock alone. An address is driven only if a
    development node answers whose clock is not past `start_time_s`, and needs `operator_key` unless that node has
    funded one of its public keys.

    Raises:
        ChainUnavailable: if the chain cannot be had, with what was found and what was expected.
    """
    if spec == "auto":
        spec = "anvil" if _find_anvil() is not None else "tester"
    operator = DEV_SIGNERS[0] if operator_key is None else Signer(operator_key)
    if spec == "tester":
        chain = _open_tester(start_time_s, operator)
        _expect_chain_id(chain, expected_chain_id)
        yield chain
    elif spec in ("anvil", "ganache"):
        with _child(spec, start_time_s, operator) as url:
            chain = _connect(url, spec, operator, drives_time=start_time_s is not None)
            if spec == "anvil":
                _prepare_anvil(chain)
            _expect_chain_id(chain, expected_chain_id)
            yield chain
    elif urlsplit(spec).scheme in ("http", "https"):
        yield _open_address(spec, start_time_s, operator_key, expected_chain_id)
    else:
        raise ChainUnavailable(f"chain: found {spec!r}, expected one of {SPECS}")


def transaction_hash(raw: bytes) -> bytes:
    """Return the hash by which the chain will know these signed bytes."""
    return bytes(keccak(raw))


def _open_tester(start_time_s: int | None, operator: Signer) -> Chain:
    from eth_tester import EthereumTester, PyEVMBackend
    from web3 import EthereumTesterProvider, Web3

    overrides: dict[str, int] = {"gas_limit": BLOCK_GAS_LIMIT}
    if start_time_s is not None:
        overrides["timestamp"] = start_time_s
    account = {"balance": _OPERATOR_WEI, "nonce": 0, "code": b"", "storage": {}}
    backend = PyEVMBackend(
        genesis_parameters=PyEVMBackend.generate_genesis_params(overrides),
        genesis_state={operator.address: account},
    )
    if start_time_s is not None:
        backend.chain = _paced(backend.chain)
    tester = EthereumTester(backend)
    w3 = Web3(EthereumTesterProvider(tester))
    return Chain(
        name="tester",
        description="in-process chain (eth-tester with py-evm)",
        w3=w3,
        chain_id=w3.eth.chain_id,
        operator=operator,
        drives_time=start_time_s is not None,
        # time_travel mines its block one second before the time it is given, which the next block then has.
        _advance=lambda timestamp_s: tester.time_travel(timestamp_s + 1),
        _poll_s=_LOCAL_POLL_S,
    )


def _paced(chain: Any) -> Any:
    """Return the chain with blocks one second apart: py-evm would stamp each with the wall clock instead."""

    class PacedChain(type(chain)):  # type: ignore[misc]
        def create_header_from_parent(self, parent_header: Any, **params: Any) -> Any:
            params.setdefault("timestamp", parent_header.timestamp + 1)
            return super().create_header_from_parent(parent_header, **params)

    return PacedChain(chain.chaindb.db)


def _open_address(
    url: str, start_time_s: int | None, operator_key: bytes | None, expected_chain_id: int | None
) -> Chain:
    chain = _connect(url, url, DEV_SIGNERS[0], drives_time=False)
    _expect_chain_id(chain, expected_chain_id)
    version = chain.w3.client_version
    is_development = any(name in version.lower() for name in ("anvil", "ganache", "hardhat"))
    if operator_key is not None:
        chain.operator = Signer(operator_key)
    elif is_development:
        funded = [signer for signer in DEV_SIGNERS if chain.balance_wei(signer.address)]
        if not funded:
            raise ChainUnavailable(
                f"{url}: found {version} without its usual funded accounts, expected an operator key"
            )
        chain.operator = funded[0]
    else:
        raise ChainUnavailable(
            f"{url}: found no operator key, expected one (this is no development chain: {version})"
        )
    chain.drives_time = is_development and start_time_s is not None and chain.now_s() <= start_time_s
    if not is_development:
        chain._poll_s = _REMOTE_POLL_S
    chain.description = f"{version.split('/')[0]} at {url}, chain id {chain.chain_id}"
    return chain


def _connect(url: str, name: str, operator: Signer, *, drives_time: bool) -> Chain:
    from requests import RequestException
    from web3 import HTTPProvider, Web3

    w3 = Web3(HTTPProvider(url, request_kwargs={"timeout": _REQUEST_TIMEOUT_S}))
    try:
        version, chain_id = w3.client_version, w3.eth.chain_id
    except RequestException as error:
        raise ChainUnavailable(
            f"{url}: nothing answers there, expected an Ethereum JSON-RPC node ({error})"
        ) from error
    except Exception as error:
        raise ChainUnavailable(
            f"{url}: found something that is no Ethereum JSON-RPC node ({error})"
        ) from error

    def advance(timestamp_s: int) -> None:
        _rpc(w3, "evm_mine", timestamp_s)

    description = f"{'/'.join(version.split('/')[:2])}, child process"
    return Chain(name, description, w3, chain_id, operator, drives_time, advance, _LOCAL_POLL_S)


def _prepare_anvil(chain: Chain) -> None:
    _rpc(chain.w3, "anvil_setBalance", "0x" + chain.operator.address.hex(), hex(_OPERATOR_WEI))
    if chain.drives_time:
        _rpc(chain.w3, "anvil_setBlockTimestampInterval", 1)


def _expect_chain_id(chain: Chain, expected: int | None) -> None:
    if expected is not None and chain.chain_id != expected:
        raise ChainUnavailable(f"{chain.name}: found chain id {chain.chain_id}, expected {expected}")


@contextmanager
def _child(program: str, start_time_s: int | None, operator: Signer) -> Iterator[str]:
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    command = (_anvil_command if program == "anvil" else _ganache_command)(port, start_time_s, operator)
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)  # noqa: S603
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
    binary = _find_anvil()
    if binary is None:
        raise ChainUnavailable(
            "anvil: found neither @foundry-rs/anvil in contracts/node_modules nor anvil on PATH; "
            "run `npm ci` in contracts/, or choose the chain `tester`"
        )
    timestamp = [] if start_time_s is None else ["--timestamp", str(start_time_s)]
    options = ["--silent", "--prune-history", "--gas-limit", str(BLOCK_GAS_LIMIT)]
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
        "wallet.accounts": f"0x{operator.key.hex()},{_OPERATOR_WEI:#x}",
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


def _find_anvil() -> Path | None:
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


def _rpc(w3: "Web3", method: str, *params: Any) -> Any:
    response: Any = w3.provider.make_request(method, list(params))  # type: ignore[arg-type]
    if "error" in response:
        raise ChainUnavailable(f"{method}: {response['error'].get('message', response['error'])}")
    return response["result"]


def _receipt(found: "TxReceipt") -> Receipt:
    created = found.get("contractAddress")
    return Receipt(
        transaction=bytes(found["transactionHash"]),
        succeeded=found["status"] == 1,
        block_number=int(found["blockNumber"]),
        gas_used=int(found["gasUsed"]),
        logs=tuple(map(_log, found["logs"])),
        created=None if created is None else _bytes20(created),
    )


def _log(found: "LogReceipt") -> Log:
    return Log(
        address=_bytes20(found["address"]),
        topics=tuple(bytes(topic) for topic in found["topics"]),
        data=bytes(found["data"]),
        transaction=bytes(found["transactionHash"]),
        index=int(found["logIndex"]),
    )


def _revert_data(error: Exception) -> bytes:
    """Dig out what the contract returned: eth-tester only has it as the text of a bytes literal in its message."""
    data = getattr(error, "data", None)
    if isinstance(data, str) and data.startswith("0x"):
        return bytes.fromhex(data[2:])
    literal = str(error).removeprefix("execution reverted: ")
    return bytes(ast.literal_eval(literal)) if literal.startswith(("b'", 'b"')) else b""


def _checksum(address: Address) -> Any:
    from eth_utils.address import to_checksum_address

    return to_checksum_address(address)


def _bytes20(address: str) -> Address:
    return Address(bytes.fromhex(address[2:]))
