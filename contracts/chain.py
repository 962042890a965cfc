"""An open chain, whichever it is: its clock, its calls, and transactions from signed bytes to receipt.

Transactions are signed here and sent raw everywhere, so that the bytes can be kept before they are broadcast, and a
second broadcast of the same bytes changes nothing. A chain that the caller drives moves its clock by one second a block
and by `Chain.set_time`; a chain that nobody drives follows its own clock.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from contracts import answers
from contracts.chain_errors import (
    BroadcastRefused,
    ChainUnavailable,
    NodeSilent,
    RequestRefused,
    Reverted,
)
from contracts.json_rpc import Ask, Node
from contracts.signed_transactions import sign_transaction
from contracts.signing import Signer
from contracts.transactions import (
    GAS_MAX,
    GasPrice,
    Log,
    Look,
    Receipt,
    Standing,
    Transaction,
    transaction_hash,
)
from market.orders import Address

__all__ = [
    "BLOCK_GAS_LIMIT",
    "GAS_MAX",
    "BroadcastRefused",
    "Chain",
    "ChainUnavailable",
    "GasPrice",
    "Log",
    "Look",
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
    `poll_s` is the longest pause between two looks for a receipt. `is_development` says that its money is nobody's: a chain
    of our own, or a node that calls itself Anvil, Ganache or Hardhat. `mine` has a node that mines nothing by itself put
    what waits into a block: each transaction then has its own, however fast they come, and equal days make equal chains.
    """

    name: str
    description: str
    node: Node = field(repr=False)
    chain_id: int
    operator: Signer
    drives_time: bool
    advance: Callable[[int], None] = field(repr=False)
    poll_s: float = field(repr=False)
    is_development: bool = True
    mine: Callable[[], None] | None = field(default=None, repr=False)

    def now_s(self) -> int:
        """Return the time of the latest block, Unix seconds."""
        return answers.number(self._latest_block().get("timestamp"))

    def block_number(self) -> int:
        """Return the number of the latest block."""
        return answers.number(self._ask("eth_blockNumber"))

    def block_gas_limit(self) -> int:
        """Return how much gas the transactions of a block may take together."""
        return answers.number(self._latest_block().get("gasLimit"))

    def set_time(self, timestamp_s: int) -> bool:
        """Mine an empty block at this time (Unix seconds) if the clock is behind it. Return whether we drive the clock."""
        if self.drives_time and self.now_s() < timestamp_s:
            self.advance(timestamp_s)
        return self.drives_time

    def nonce(self, address: Address) -> int:
        """Return the nonce of the address's next transaction, counting those still waiting."""
        return answers.number(self._ask("eth_getTransactionCount", _hex(address), "pending"))

    def block_hash(self, number: int) -> bytes | None:
        """Return the hash of a block, None if the chain is not that long."""
        return _hash_of(self._ask("eth_getBlockByNumber", hex(number), False))

    def balance_wei(self, address: Address) -> int:
        """Return the address's balance of the chain's own coin, in wei."""
        return answers.number(self._ask("eth_getBalance", _hex(address), "latest"))

    def standings(self, addresses: Iterable[Address]) -> dict[Address, Standing]:
        """Return where each of several accounts stands."""
        wanted = tuple(dict.fromkeys(addresses))
        asks: list[Ask] = []
        for address in map(_hex, wanted):
            asks.append(("eth_getTransactionCount", (address, "pending")))
            asks.append(("eth_getBalance", (address, "latest")))
        found = list(map(answers.number, self._ask_all(asks)))
        return {
            address: Standing(nonce, balance_wei)
            for address, nonce, balance_wei in zip(wanted, found[::2], found[1::2], strict=True)
        }

    def code(self, address: Address) -> bytes:
        """Return the contract code at the address; empty where there is none."""
        return answers.data(self._ask("eth_getCode", _hex(address), "latest"))

    def call(
        self, to: Address, data: bytes, *, sender: Address | None = None, gas: int = BLOCK_GAS_LIMIT
    ) -> bytes:
        """Ask a contract and return its answer, encoded. Changes nothing. A sender must be able to pay the `gas`.

        Raises:
            Reverted: if the contract refuses.
        """
        method, parameters = self._call(to, data, sender or self.operator.address, gas)
        try:
            return answers.data(self.node.ask(method, *parameters))
        except RequestRefused as error:
            raise self._refused_call(error) from None

    def calls(self, asked: Iterable[tuple[Address, bytes]]) -> tuple[bytes, ...]:
        """Ask several contracts, or one several times, and return their answers in the same sequence. Changes nothing.

        Raises:
            Reverted: if a contract refuses one of them.
        """
        sender = self.operator.address
        try:
            told = self.node.ask_all([self._call(to, data, sender, BLOCK_GAS_LIMIT) for to, data in asked])
        except RequestRefused as error:
            raise self._refused_call(error) from None
        return tuple(map(answers.data, told))

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
        asked for in smaller pieces. Who answers has the last block of its piece: one that lags behind would leave out what
        it does not know yet, and not say so.
        `topics` are the event's topic and its first indexed fields as words; None takes any, a tuple any of its words.

        Raises:
            ChainUnavailable: if the node has not got all these blocks.
        """
        last = self.block_number() if to_block is None else to_block
        wanted: dict[str, Any] = {
            "address": list(map(_hex, address)) if isinstance(address, tuple) else _hex(address),
            "topics": [_topic(topic) for topic in topics],
        }
        found: list[Log] = []
        first, blocks = from_block, last - from_block + 1
        while first <= last:
            end = min(first + blocks - 1, last)
            piece = wanted | {"fromBlock": hex(first), "toBlock": hex(end)}
            asks: list[Ask] = [("eth_getBlockByNumber", (hex(end), False)), ("eth_getLogs", (piece,))]
            try:
                block, told = self.node.ask_together(asks)
            except RequestRefused as error:
                if first == end:
                    raise self._refused(error) from error
                blocks = (end - first + 1) // 2
            else:
                if block is None:
                    raise ChainUnavailable(
                        f"{self.name}: found no block {end}, expected it, for the node has told of it: it is behind"
                    )
                found += answers.logs(told)
                first = end + 1
        return tuple(sorted(found, key=lambda log: (log.block_number, log.index)))

    def request(self, method: str, *parameters: Any) -> Any:
        """Make a JSON-RPC request that has no form of its own here, such as a call in a state that was overridden.

        Raises:
            RequestRefused: if the node answers with an error.
        """
        return self.node.ask(method, *parameters)

    def gas_price(self) -> GasPrice:
        """Return what gas costs, and what `sign` offers for it."""
        told = self._latest_block().get("baseFeePerGas")
        if told is None:
            price = answers.number(self._ask("eth_gasPrice"))
            return GasPrice(price, price, None)
        base_fee = answers.number(told)
        return GasPrice(base_fee + _GWEI, 2 * base_fee + _GWEI, _GWEI)

    def sign(
        self, account: Signer, transaction: Transaction, *, nonce: int, price: GasPrice | None = None
    ) -> bytes:
        """Sign a transaction; return the raw bytes to keep and to broadcast.

        Pays up to twice the current base fee, so that the bytes stay good through six full blocks. Who signs several at
        once asks for the `price` once.
        """
        price = price or self.gas_price()
        return sign_transaction(account, transaction, chain_id=self.chain_id, nonce=nonce, price=price)

    def broadcast(self, raw: bytes) -> bytes:
        """Send signed bytes; return the transaction hash. Sending the same bytes again changes nothing.

        Raises:
            BroadcastRefused: if the chain refuses the bytes and does not know them already.
            ChainUnavailable: if the chain does not answer; it may have the bytes all the same.
        """
        transaction = transaction_hash(raw)
        try:
            self.node.ask("eth_sendRawTransaction", _hex(raw))
            if self.mine is not None:
                self.mine()
        except RequestRefused as error:
            # Every chain words "I have this one already" differently; ask instead of reading the words.
            if self.data_sent(transaction) is None:
                raise BroadcastRefused(
                    f"{self.name} refused transaction 0x{transaction.hex()}: {error}"
                ) from error
        return transaction

    def data_sent(self, transaction: bytes) -> bytes | None:
        """Return the data of a transaction that the node has, in a block or waiting for one; None if it knows none."""
        found = self._ask("eth_getTransactionByHash", _hex(transaction))
        return None if found is None else answers.data(answers.fields(found).get("input"))

    def receipt(self, transaction: bytes) -> Receipt | None:
        """Return what became of a transaction, or None while it is in no block."""
        found = self._ask("eth_getTransactionReceipt", _hex(transaction))
        return None if found is None else answers.receipt(found)

    def look(self, sender: Address, signings: Sequence[bytes], *, earlier_block: int | None = None) -> Look:
        """Return what one node knows, all at one moment, of a sender and of a transaction of his by its signings' hashes.

        Whichever of the signings is in a block, it is one at most. `earlier_block` is one to be told the hash of, the
        latest by default. Nodes behind one address differ: what is concluded from a null and a number belongs in one look.
        """
        account, latest = _hex(sender), "latest"
        earlier_or_latest = latest if earlier_block is None else hex(earlier_block)
        asks: list[Ask] = [
            ("eth_getBlockByNumber", (latest, False)),
            ("eth_getBlockByNumber", (earlier_or_latest, False)),
            ("eth_getTransactionCount", (account, latest)),
            ("eth_getTransactionCount", (account, "pending")),
            # the last: what a block has taken in by then that counted for the nonce is told of
            *(("eth_getTransactionReceipt", (_hex(each),)) for each in signings),
        ]
        try:
            head, earlier, nonce, next_nonce, *receipts = self.node.ask_together(asks)
        except RequestRefused as error:
            raise self._refused(error) from error
        block = answers.fields(head)
        return Look(
            head=answers.number(block.get("number")),
            head_hash=answers.data(block.get("hash")),
            earlier_hash=_hash_of(earlier),
            nonce=answers.number(nonce),
            next_nonce=answers.number(next_nonce),
            receipt=next((answers.receipt(each) for each in receipts if each is not None), None),
        )

    def wait(self, transaction: bytes, *, timeout_s: float = 60.0) -> Receipt:
        """Wait until the transaction is in a block.

        Raises:
            TimeoutError: if it is not within `timeout_s`.
        """
        deadline = time.monotonic() + timeout_s
        pause_s = self.poll_s / 8  # a development node has mined in a moment, so the first looks are soon
        while (receipt := self.receipt(transaction)) is None:
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"0x{transaction.hex()} is in no block of {self.name} after {timeout_s:g} s"
                )
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, self.poll_s)
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

    def _receipts(self, transactions: Sequence[bytes]) -> tuple[Receipt, ...] | None:
        """Return what became of all the transactions, or None while one of them is in no block."""
        found = self._ask_all([("eth_getTransactionReceipt", (_hex(each),)) for each in transactions])
        return None if None in found else tuple(map(answers.receipt, found))

    def _latest_block(self) -> dict[str, Any]:
        return answers.fields(self._ask("eth_getBlockByNumber", "latest", False))

    def _ask(self, method: str, *parameters: Any) -> Any:
        """Ask what no node refuses that can be used."""
        try:
            return self.node.ask(method, *parameters)
        except RequestRefused as error:
            raise self._refused(error) from error

    def _ask_all(self, asks: Sequence[Ask]) -> list[Any]:
        try:
            return self.node.ask_all(asks)
        except RequestRefused as error:
            raise self._refused(error) from error

    def _refused(self, error: RequestRefused) -> ChainUnavailable:
        return ChainUnavailable(f"{self.name} refused to answer: {error}")

    def _refused_call(self, error: RequestRefused) -> Reverted | ChainUnavailable:
        """Return what a contract refused as such, also where the node tells no data; the rest is the node's own."""
        said_no = error.data or "revert" in str(error)
        return Reverted(error.data) if said_no else self._refused(error)

    @staticmethod
    def _call(to: Address, data: bytes, sender: Address, gas: int) -> Ask:
        request = {"to": _hex(to), "data": _hex(data), "gas": hex(gas), "from": _hex(sender)}
        return "eth_call", (request, "latest")


def _hash_of(block: Any) -> bytes | None:
    return None if block is None else answers.data(answers.fields(block).get("hash"))


def _hex(data: bytes) -> str:
    return "0x" + data.hex()


def _topic(wanted: bytes | tuple[bytes, ...] | None) -> str | list[str] | None:
    if isinstance(wanted, tuple):
        return list(map(_hex, wanted))
    return None if wanted is None else _hex(wanted)
