"""What our contracts answer when they are asked, which changes nothing.

They were found on the chain when the market was opened. A node that answers for one of them what cannot be read lags behind,
or does not have the state of its latest block for a moment: whoever asked asks again later.
"""

from collections.abc import Iterable
from typing import Any

from eth_abi.exceptions import DecodingError

from contracts.abi import Function
from contracts.chain import Chain, ChainUnavailable
from market.address import Address


def view(chain: Chain, contract: Address, function: Function, *arguments: Any) -> tuple[Any, ...]:
    """Return what a contract answers.

    Raises:
        Reverted: if it refuses.
        ChainUnavailable: if the node does not answer for it.
    """
    return views(chain, contract, function, [arguments])[0]


def views(
    chain: Chain, contract: Address, function: Function, asked: Iterable[tuple[Any, ...]]
) -> list[tuple[Any, ...]]:
    """Return what a contract answers to several calls of one function, in their sequence."""
    answers = chain.calls((contract, function.encode(*arguments)) for arguments in asked)
    try:
        return list(map(function.decode_output, answers))
    except DecodingError as error:
        raise ChainUnavailable(
            f"{chain.name}: found no readable answer of 0x{contract.hex()} to {function.name} ({error}), expected one of a "
            "contract that was there: the node is behind, or has not got the state of its latest block"
        ) from error
