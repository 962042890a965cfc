"""The in-process chain asked like any other node: web3's way to eth-tester, and what it leaves to a formatter as JSON.

Imported by who opens that chain: it brings all of py-evm with it.
"""

import ast
from collections.abc import Mapping, Sequence
from typing import Any

from eth_tester import EthereumTester
from web3 import EthereumTesterProvider, Web3


class TesterProvider:
    """A `contracts.json_rpc.Provider` that answers an error where eth-tester or py-evm raises one."""

    def __init__(self, tester: EthereumTester) -> None:
        self.tester = tester
        provider = EthereumTesterProvider(tester)
        w3 = Web3(provider, middleware=())
        self._request = provider.request_func(w3, w3.middleware_onion)

    def make_request(self, method: Any, params: Sequence[Any], /) -> Any:
        """Make a request, and return the answer."""
        try:
            return _as_json(self._request(method, params))
        except Exception as error:
            # as a node does: what a chain refuses has no kind in common in these libraries
            said = str(error)
            return {"error": {"message": said, "data": _as_json(_returned(said))}}

    def make_batch_request(self, _: Any, /) -> None:
        """Answer nothing to several requests at once."""


def _as_json(value: Any) -> Any:
    """Return a value of eth-tester's as a node writes it: numbers and bytes in hex."""
    if isinstance(value, Mapping):
        return {name: _as_json(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return list(map(_as_json, value))
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return hex(value) if isinstance(value, int) else value


def _returned(said: str) -> bytes:
    """Dig out what the contract returned: eth-tester only has it as the text of a bytes literal in its message."""
    literal = said.removeprefix("execution reverted: ")
    return bytes(ast.literal_eval(literal)) if literal.startswith(("b'", 'b"')) else b""
