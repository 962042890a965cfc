"""What can go wrong with a chain, each with the words of the node or of the contract."""

from typing import Any

from contracts.abi import explain_revert


class ChainUnavailable(Exception):
    """The chain cannot be used: its program is missing or did not start, nothing answers, or it is another chain."""


class NodeSilent(ChainUnavailable):
    """Nothing answers at the node's address: it may do later."""


class BroadcastRefused(ChainUnavailable):
    """The node does not take these signed bytes, and has not got them already. Says why, in the node's words."""


class RequestRefused(Exception):
    """The node does not do what was asked of it, or the contract said no while it did. `data` is what that returned."""

    def __init__(self, message: str, data: bytes = b"") -> None:
        super().__init__(explain_revert(data) if data else message)
        self.data = data


class Reverted(Exception):
    """The contract said no. The message names its error; `data` is what it returned."""

    def __init__(self, data: bytes) -> None:
        super().__init__(explain_revert(data))
        self.data = data


def data_of(refusal: Any) -> bytes:
    """Return what a contract returned on refusing, wherever this node puts it; nothing where that is no hex."""
    data = refusal.get("data") if isinstance(refusal, dict) else None
    if isinstance(data, dict):
        data = data.get("result") or data.get("data")
    if not isinstance(data, str) or not data.startswith("0x"):
        return b""
    try:
        return bytes.fromhex(data[2:])
    except ValueError:
        return b""
