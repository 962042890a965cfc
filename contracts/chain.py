"""An open chain, whichever it is: its clock, its calls, and transactions from signed bytes to receipt.

Transactions are signed here and sent raw everywhere, so that the bytes can be kept before they are broadcast, and a
second broadcast of the same bytes changes nothing. A chain that the caller drives moves its clock by one second a block
and by `Chain.set_time`; a chain that nobody drives follows its own clock.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from eth_typing import Hash32

from contracts.chain_errors import (
    BroadcastRefused,
    ChainUnavailable,
    NodeSilent,
    RequestRefused,
    Reverted,
    data_of,
    revert_data,
)
from contracts.signing import Signer
from contracts.together import together
from contracts.transactions import (
    GAS_MAX,
    GasPrice,
    Log,
    Receipt,
    Standing,
    Transaction,
    read_log,
    read_receipt,
    transaction_hash,
)
from market.orders import Address

if TYPE_CHECKING:
    from web3 import Web3

__all__ = [
    "BLOCK_GAS_LIMIT",
    "GAS_MAX",
    "BroadcastRefused",
    "Chain",
    "ChainUnavailable",
    "GasPrice",
    "Log",
    "NodeSilent",
    "Receipt",
    "RequestRefused",
    "Reverted",
    "Standing",
    "Transaction",
    "transaction_hash",
]

BLOCK_GAS_LIMIT: Final = 30_000_000

_GWEI = 10**9


@dataclass(frozen=True, slots=True)
class Chain:
    """An open chain; `contracts.opening.open_chain` makes one. Use it from one thread at a time.

    `drives_time` says whether `set_time` moves its clock, and `advance` how: it mines an empty block at a time.
    `poll_s` is the pause between two looks for a receipt. `is_development` says that its money is nobody's: a chain of our
    own, or a node that calls itself Anvil, Ganache or Hardhat.
    """

    name: str
    description: str
    w3: "Web3"
    chain_id: int
    operator: Signer
    drives_time: bool
    advance: Callable[[int], None] = field(repr=False)
    poll_s: float = field(repr=False)
    is_development: bool = True

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
                self.advance(timestamp_s)
        return self.drives_time

    def nonce(self, address: Address) -> int:
        """Return the nonce of the address's next transaction, counting those still waiting."""
        with self._reaching():
            return int(self.w3.eth.get_transaction_count(_checksum(address), "pending"))

    def mined_nonce(self, address: Address) -> int:
        """Return how many transactions of the address are in blocks: the nonce of its first that is in none."""
        with self._reaching():
            return int(self.w3.eth.get_transaction_count(_checksum(address), "latest"))

    def block_hash(self, number: int) -> bytes | None:
        """Return the hash of a block, None if the chain is not that long."""
        from web3.exceptions import BlockNotFound

        with self._reaching():
            try:
                return bytes(self.w3.eth.get_block(number)["hash"])
            except BlockNotFound:
                return None

    def balance_wei(self, address: Address) -> int:
        """Return the address's balance of the chain's own coin, in wei."""
        with self._reaching():
            return int(self.w3.eth.get_balance(_checksum(address)))

    def standings(self, addresses: Iterable[Address]) -> dict[Address, Standing]:
        """Return where each of several accounts stands."""
        eth, wanted = self.w3.eth, tuple(dict.fromkeys(addresses))
        asks: list[Callable[[], Any]] = []
        for address in map(_checksum, wanted):
            asks.append(partial(eth.get_transaction_count, address, "pending"))
            asks.append(partial(eth.get_balance, address))
        with self._reaching():
            found = list(map(int, together(self.w3, asks)))
        return {
            address: Standing(nonce, balance_wei)
            for address, nonce, balance_wei in zip(wanted, found[::2], found[1::2], strict=True)
        }

    def code(self, address: Address) -> bytes:
        """Return the contract code at the address; empty where there is none."""
        with self._reaching():
            return bytes(self.w3.eth.get_code(_checksum(address)))

    def call(
        self, to: Address, data: bytes, *, sender: Address | None = None, gas: int = BLOCK_GAS_LIMIT
    ) -> bytes:
        """Ask a contract and return its answer, encoded. Changes nothing. A sender must be able to pay the `gas`.

        Raises:
            Reverted: if the contract refuses.
        """
        request: Any = {"to": _checksum(to), "data": data, "gas": gas}
        request["from"] = _checksum(sender or self.operator.address)
        with self._calling():
            return bytes(self.w3.eth.call(request))

    def calls(self, asked: Iterable[tuple[Address, bytes]]) -> tuple[bytes, ...]:
        """Ask several contracts, or one several times, and return their answers in the same sequence. Changes nothing.

        Raises:
            Reverted: if a contract refuses one of them.
        """
        sender: Any = _checksum(self.operator.address)
        asks = [
            partial(
                self.w3.eth.call, {"to": _checksum(to), "data": data, "gas": BLOCK_GAS_LIMIT, "from": sender}
            )
            for to, data in asked
        ]
        with self._calling():
            return tuple(map(bytes, together(self.w3, asks)))

    @contextmanager
    def _calling(self) -> Iterator[None]:
        """Let what a contract refuses be told as `Reverted`."""
        from eth_tester.exceptions import TransactionFailed
        from web3.exceptions import ContractLogicError, Web3RPCError

        with self._reaching():
            try:
                yield
            except (ContractLogicError, TransactionFailed) as error:
                raise Reverted(revert_data(error)) from None
            except Web3RPCError as error:
                # Ganache answers a revert without data in a form that web3 does not know as one.
                if "revert" in str(error):
                    raise Reverted(b"") from None
                raise

    def logs(
        self,
        address: Address | tuple[Address, ...],
        topics: Sequence[bytes | tuple[bytes, ...] | None],
        *,
        from_block: int,
        to_block: int | None = None,
    ) -> tuple[Log, ...]:
        """Return the events of a contract, or of several, between two blocks inclusive (to the latest by default).

        They come in the sequence of the chain. Nodes answer only so many blocks or events at once: what one refuses is
        asked for in smaller pieces.
        `topics` are the event's topic and its first indexed fields as words; None takes any, a tuple any of its words.
        """
        from web3.exceptions import Web3RPCError

        last = self.block_number() if to_block is None else to_block
        wanted: Any = {
            "address": list(map(_checksum, address)) if isinstance(address, tuple) else _checksum(address),
            "topics": [_topic(topic) for topic in topics],
        }
        found: list[Log] = []
        first, blocks = from_block, last - from_block + 1
        while first <= last:
            end = min(first + blocks - 1, last)
            with self._reaching():
                try:
                    found += map(
                        read_log, self.w3.eth.get_logs(wanted | {"fromBlock": first, "toBlock": end})
                    )
                except Web3RPCError:
                    if first == end:
                        raise
                    blocks = (end - first + 1) // 2
                else:
                    first = end + 1
        return tuple(sorted(found, key=lambda log: (log.block_number, log.index)))

    def request(self, method: str, *parameters: Any) -> Any:
        """Make a JSON-RPC request for which web3 has no form of its own, such as a call in a state that was overridden.

        Raises:
            RequestRefused: if the node answers with an error.
        """
        from web3.types import RPCEndpoint

        try:
            with self._reaching():
                response: Any = self.w3.provider.make_request(RPCEndpoint(method), list(parameters))
        # eth-tester has no error of its own for a method or a parameter that it does not know.
        except (AttributeError, LookupError, NotImplementedError, TypeError, ValueError) as error:
            raise RequestRefused(f"{self.name} does not know {method}: {error}") from error
        if "error" not in response:
            return response["result"]
        refusal = response["error"]
        raise RequestRefused(str(refusal.get("message", refusal)), data_of(refusal))

    def gas_price(self) -> GasPrice:
        """Return what gas costs, and what `sign` offers for it."""
        with self._reaching():
            base_fee = self.w3.eth.get_block("latest").get("baseFeePerGas")
            if base_fee is None:
                price = int(self.w3.eth.gas_price)
                return GasPrice(price, price, None)
        return GasPrice(base_fee + _GWEI, 2 * base_fee + _GWEI, _GWEI)

    def sign(
        self, account: Signer, transaction: Transaction, *, nonce: int, price: GasPrice | None = None
    ) -> bytes:
        """Sign a transaction; return the raw bytes to keep and to broadcast.

        Pays up to twice the current base fee, so that the bytes stay good through six full blocks. Who signs several at
        once asks for the `price` once.
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
        price = price or self.gas_price()
        if price.tip_wei is None:
            fields["gasPrice"] = price.most_wei
        else:
            fields |= {"type": 2, "maxFeePerGas": price.most_wei, "maxPriorityFeePerGas": price.tip_wei}
        return bytes(Account.sign_transaction(fields, account.key).raw_transaction)

    def broadcast(self, raw: bytes) -> bytes:
        """Send signed bytes; return the transaction hash. Sending the same bytes again changes nothing.

        Raises:
            BroadcastRefused: if the chain refuses the bytes and does not know them already.
            ChainUnavailable: if the chain does not answer; it may have the bytes all the same.
        """
        transaction = transaction_hash(raw)
        with self._reaching():
            try:
                self.w3.eth.send_raw_transaction(raw)
            except _no_answer():
                raise
            except Exception as error:
                # Every chain words "I have this one already" differently; ask instead of reading the words.
                if not self._knows(transaction):
                    raise BroadcastRefused(
                        f"{self.name} refused transaction 0x{transaction.hex()}: {error}"
                    ) from error
        return transaction

    def receipt(self, transaction: bytes) -> Receipt | None:
        """Return what became of a transaction, or None while it is in no block."""
        from web3.exceptions import TransactionNotFound

        with self._reaching():
            try:
                return read_receipt(self.w3.eth.get_transaction_receipt(Hash32(transaction)))
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
            time.sleep(self.poll_s)
        return receipt

    def wait_all(self, transactions: Sequence[bytes], *, timeout_s: float = 60.0) -> tuple[Receipt, ...]:
        """Wait until each of the transactions is in a block; return their receipts in the same sequence.

        Raises:
            TimeoutError: if one of them is not within `timeout_s`.
        """
        if not transactions:
            return ()
        self.wait(transactions[-1], timeout_s=timeout_s)  # mostly the last to be there, so that all are
        return self._receipts(transactions) or tuple(
            self.wait(transaction, timeout_s=timeout_s) for transaction in transactions
        )

    def _receipts(self, transactions: Sequence[bytes]) -> tuple[Receipt, ...] | None:
        """Return what became of all the transactions, or None while one of them is in no block."""
        from web3.exceptions import TransactionNotFound

        asks = [partial(self.w3.eth.get_transaction_receipt, Hash32(each)) for each in transactions]
        with self._reaching():
            try:
                return tuple(map(read_receipt, together(self.w3, asks)))
            except TransactionNotFound:
                return None

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

        with self._reaching():
            try:
                self.w3.eth.get_transaction(Hash32(transaction))
            except TransactionNotFound:
                return False
        return True

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        """Tell every way in which a node fails to answer as `ChainUnavailable`, without its address: that may be secret."""
        from web3.exceptions import BadResponseFormat, BlockNotFound, Web3RPCError

        try:
            yield
        except _no_answer() as error:
            raise NodeSilent(f"{self.name} does not answer ({type(error).__name__})") from error
        except (Web3RPCError, BadResponseFormat, BlockNotFound) as error:
            raise ChainUnavailable(f"{self.name} refused to answer: {error}") from error


def _no_answer() -> tuple[type[Exception], ...]:
    """Return how it shows that nothing came back from a node, or nothing that can be read."""
    from json import JSONDecodeError

    from requests import RequestException

    return RequestException, JSONDecodeError


def _topic(wanted: bytes | tuple[bytes, ...] | None) -> str | list[str] | None:
    if isinstance(wanted, tuple):
        return ["0x" + each.hex() for each in wanted]
    return None if wanted is None else "0x" + wanted.hex()


def _checksum(address: Address) -> Any:
    from eth_utils.address import to_checksum_address

    return to_checksum_address(address)
