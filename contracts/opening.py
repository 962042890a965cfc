"""Open a chain by name: in-process eth-tester, a child Anvil or Ganache, or a JSON-RPC address."""

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

from contracts import answers
from contracts.chain import Chain, ChainUnavailable, NodeSilent, RequestRefused, Transaction
from contracts.json_rpc import JsonRpc, Node, Provider
from contracts.nodes import OPERATOR_WEI, find_anvil, running_node
from contracts.posting import TIMEOUT_S, Loopback, Posting
from contracts.signing import Signer

SPECS: Final = "auto, tester, anvil, ganache, or an address such as http://127.0.0.1:8545"
OWN_CHAINS: Final = frozenset({"auto", "tester", "anvil", "ganache"})
"""Chains that live and die with whoever opens them."""
DEV_SIGNERS: Final = (
    # The first accounts of Anvil and Hardhat, and of `ganache --wallet.deterministic`: public, for test chains only.
    Signer(bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")),
    Signer(bytes.fromhex("4f3edf983ac636a65a842ce7c78d9aa706d3b113bce9c46f30d7d21715b23b1d")),
)

_LOCAL_POLL_S = 0.005
_REMOTE_POLL_S = 0.5
_HOST: Final = re.compile(r"([\w.-]+|\[[0-9a-fA-F:.]+\])(:\d+)?")


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
        spec = "anvil" if find_anvil() is not None else "tester"
    operator = DEV_SIGNERS[0] if operator_key is None else Signer(operator_key)
    if spec == "tester":
        chain = _open_tester(start_time_s, operator)
        _expect_chain_id(chain, expected_chain_id)
        yield chain
    elif spec in ("anvil", "ganache"):
        with (
            running_node(spec, start_time_s=start_time_s, operator=operator) as url,
            closing(Loopback(url)) as post,
        ):
            chain = _open_node(spec, Posting(post), start_time_s, operator)
            _expect_chain_id(chain, expected_chain_id)
            yield (_prepared_anvil if spec == "anvil" else _prepared_ganache)(chain)
    elif urlsplit(spec).scheme in ("http", "https"):
        chain = _open_address(spec, start_time_s, operator_key)
        _expect_chain_id(chain, expected_chain_id)
        yield chain
    else:
        raise ChainUnavailable(f"chain: found {shown(spec)!r}, expected one of {SPECS}")


@contextmanager
def open_for_reading(url: str, *, expected_chain_id: int | None = None) -> Iterator[Chain]:
    """Open a chain at an address in order to ask it, with nobody's key: what it signs, no market would take.

    Raises:
        ChainUnavailable: if no node answers there, or it is on another chain.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise ChainUnavailable(
            f"chain: found {shown(url)!r}, expected an address such as http://127.0.0.1:8545"
        )
    with open_chain(
        url, start_time_s=None, operator_key=DEV_SIGNERS[0].key, expected_chain_id=expected_chain_id
    ) as chain:
        yield chain


def open_rehearsal(operator: Signer, *, nonce: int) -> Chain:
    """Open an in-process chain on which the operator stands where it stands elsewhere: at this nonce."""
    return _open_tester(None, operator, nonce=nonce)


def _open_tester(start_time_s: int | None, operator: Signer, *, nonce: int = 0) -> Chain:
    from contracts.in_process import tester
    from contracts.tester_provider import TesterProvider

    made = tester(operator.address, nonce=nonce, balance_wei=OPERATOR_WEI, start_time_s=start_time_s)
    node = JsonRpc("tester", TesterProvider(made))
    return Chain(
        name="tester",
        description="in-process chain (eth-tester with py-evm)",
        node=node,
        chain_id=_chain_id(node),
        operator=operator,
        drives_time=start_time_s is not None,
        # time_travel mines its block one second before the time it is given, which the next block then has.
        advance=lambda timestamp_s: made.time_travel(timestamp_s + 1),
        poll_s=_LOCAL_POLL_S,
    )


def _open_node(program: str, provider: Provider, start_time_s: int | None, operator: Signer) -> Chain:
    node = JsonRpc(program, provider)
    version = _version(node, program)
    return Chain(
        name=program,
        description=f"{'/'.join(version.split('/')[:2])}, child process",
        node=node,
        chain_id=_chain_id(node),
        operator=operator,
        drives_time=start_time_s is not None,
        advance=lambda timestamp_s: _mine_at(node, timestamp_s),
        poll_s=_LOCAL_POLL_S,
    )


def _open_address(url: str, start_time_s: int | None, operator_key: bytes | None) -> Chain:
    name = shown(url)
    node = JsonRpc(name, _web(url))
    version = _version(node, name)
    is_development = any(name in version.lower() for name in ("anvil", "ganache", "hardhat"))
    if operator_key is not None:
        operator = Signer(operator_key)
    elif not is_development:
        raise ChainUnavailable(
            f"{name}: found no operator key, expected one ({version} is no development chain)"
        )
    else:
        funded = [one for one in DEV_SIGNERS if _has_coins(node, one)]
        if not funded:
            raise ChainUnavailable(
                f"{name}: found none of {version}'s usual accounts funded, expected an operator key"
            )
        operator = funded[0]
    chain_id = _chain_id(node)
    head_s = answers.number(
        answers.fields(_ask(node, "eth_getBlockByNumber", "latest", False)).get("timestamp")
    )
    return Chain(
        name=name,
        description=f"{version.split('/')[0]} at {name}, chain id {chain_id}",
        node=node,
        chain_id=chain_id,
        operator=operator,
        drives_time=is_development and start_time_s is not None and head_s <= start_time_s,
        advance=lambda timestamp_s: _mine_at(node, timestamp_s),
        poll_s=_LOCAL_POLL_S if is_development else _REMOTE_POLL_S,
        is_development=is_development,
    )


def _web(url: str) -> Provider:
    """Return web3's way to an address: by proxies, passwords and encryption, as the environment and the address say."""
    from web3 import HTTPProvider

    # makes no request again by itself: whoever asks knows what may be asked twice, and how long he waits
    return HTTPProvider(url, request_kwargs={"timeout": TIMEOUT_S}, exception_retry_configuration=None)


def shown(url: str) -> str:
    """Return a node's address as it may be told: without user, password, path and query, where hosted ones have keys."""
    scheme, separator, rest = url.partition("://")
    host = re.split(r"[/?#]", rest)[0].rpartition("@")[2]
    return f"{scheme}{separator}{host if _HOST.fullmatch(host) else '…'}" if separator else scheme


def _version(node: Node, name: str) -> str:
    """Return what program a node says that it is."""
    try:
        return str(node.ask("web3_clientVersion"))
    except NodeSilent as silent:
        found = type(silent.__context__).__name__
        if isinstance(silent.__context__, ValueError):  # an answer, but not in JSON
            raise ChainUnavailable(
                f"{name}: found something that is no Ethereum JSON-RPC node ({found})"
            ) from None
        raise NodeSilent(
            f"{name}: nothing answers there ({found}), expected an Ethereum JSON-RPC node"
        ) from None
    except RequestRefused as refused:
        raise ChainUnavailable(
            f"{name}: found something that is no Ethereum JSON-RPC node ({refused})"
        ) from None


def _chain_id(node: Node) -> int:
    return answers.number(_ask(node, "eth_chainId"))


def _has_coins(node: Node, account: Signer) -> bool:
    return answers.number(_ask(node, "eth_getBalance", "0x" + account.address.hex(), "latest")) > 0


def _mine_at(node: Node, timestamp_s: int) -> None:
    _ask(node, "evm_mine", timestamp_s)


def _prepared_anvil(chain: Chain) -> Chain:
    _ask(chain.node, "anvil_setBalance", "0x" + chain.operator.address.hex(), hex(OPERATOR_WEI))
    if not chain.drives_time:
        return chain
    _ask(chain.node, "anvil_setBlockTimestampInterval", 1)
    # by itself it mines a moment after it has answered, and puts into one block what came until then
    _ask(chain.node, "evm_setAutomine", False)
    return replace(chain, mine=lambda: _ask(chain.node, "evm_mine"))


def _prepared_ganache(chain: Chain) -> Chain:
    # Ganache takes a nonce of 0 for none at all, and would run such bytes a second time: spend that nonce now.
    chain.send(chain.operator, Transaction(chain.operator.address, b"", 21_000))
    return chain


def _expect_chain_id(chain: Chain, expected: int | None) -> None:
    if expected is not None and chain.chain_id != expected:
        raise ChainUnavailable(f"{chain.name}: found chain id {chain.chain_id}, expected {expected}")


def _ask(node: Node, method: str, *parameters: object) -> Any:
    """Ask what a node that can be used does not refuse."""
    try:
        return node.ask(method, *parameters)
    except RequestRefused as error:
        raise ChainUnavailable(f"{method}: {error}") from None
