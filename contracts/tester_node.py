"""The in-process chain asked like any other node: JSON-RPC's words and hex around eth-tester's own.

Imported by who opens that chain: it brings all of py-evm with it.
"""

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from eth_tester import EthereumTester
from eth_tester.exceptions import BlockNotFound, TransactionFailed, TransactionNotFound

from contracts.chain_errors import RequestRefused
from contracts.json_rpc import Ask

_REVERTED = "execution reverted: "


class TesterNode:
    """Answers what `Chain` asks, and refuses what eth-tester cannot do."""

    def __init__(self, tester: EthereumTester) -> None:
        self.tester = tester
        self._answers: dict[str, Callable[..., Any]] = {
            "eth_blockNumber": lambda: tester.get_block_by_number("latest")["number"],
            "eth_call": self._call,
            "eth_chainId": lambda: tester.backend.chain.chain_id,
            "eth_getBalance": tester.get_balance,
            "eth_getBlockByNumber": self._block,
            "eth_getCode": tester.get_code,
            "eth_getLogs": self._logs,
            "eth_getTransactionByHash": self._transaction,
            "eth_getTransactionCount": tester.get_nonce,
            "eth_getTransactionReceipt": tester.get_transaction_receipt,
            "eth_sendRawTransaction": self._send,
        }

    def ask(self, method: str, *parameters: Any) -> Any:
        """See `contracts.json_rpc.Node`."""
        if method not in self._answers:
            raise RequestRefused(f"tester does not know {method}")
        try:
            return _as_json(self._answers[method](*parameters))
        except (BlockNotFound, TransactionNotFound):
            return None
        except TransactionFailed as error:
            said = str(error).removeprefix(_REVERTED)
            raise RequestRefused(_REVERTED + said, _returned(said)) from None

    def ask_all(self, asks: Sequence[Ask]) -> list[Any]:
        """See `contracts.json_rpc.Node`: one after the other."""
        return [self.ask(method, *parameters) for method, parameters in asks]

    def _call(self, request: dict[str, Any], block: str, overrides: object = None) -> Any:
        if overrides is not None:
            raise RequestRefused("tester calls in no state but the chain's own")
        return self.tester.call(request | {"gas": int(request["gas"], 16)}, block)

    def _block(self, number: str, _whole: bool) -> Any:
        return self.tester.get_block_by_number(number if number == "latest" else int(number, 16))

    def _logs(self, wanted: dict[str, Any]) -> Any:
        blocks = int(wanted["fromBlock"], 16), int(wanted["toBlock"], 16)
        return self.tester.get_logs(*blocks, wanted["address"], wanted["topics"])

    def _transaction(self, transaction: str) -> Any:
        found = self.tester.get_transaction_by_hash(transaction)
        return found | {"input": found["data"]}

    def _send(self, raw: str) -> Any:
        try:
            return self.tester.send_raw_transaction(raw)
        except (
            Exception
        ) as error:  # what refuses a transaction has no kind in common: eth-tester, py-evm, rlp
            raise RequestRefused(str(error)) from error


def _as_json(value: Any) -> Any:
    """Return a value of eth-tester's as a node writes it: numbers and bytes in hex, names in camel case."""
    if isinstance(value, Mapping):
        return {_camel(name): _as_json(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return list(map(_as_json, value))
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return hex(value) if isinstance(value, int) else value


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _returned(said: str) -> bytes:
    """Dig out what the contract returned: eth-tester only has it as the text of a bytes literal in its message."""
    return bytes(ast.literal_eval(said)) if said.startswith(("b'", 'b"')) else b""
