"""Nodes that are there and do not answer as they should: rate limits, ranges that are too long, pages instead of JSON."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from contracts.chain import Chain, ChainUnavailable
from contracts.opening import DEV_SIGNERS, open_chain, shown
from market.orders import Address

HEAD = 1_000
MOST_BLOCKS = 30
TOO_MANY = {"code": -32005, "message": "query returned more than 10000 results"}
CONTRACT = Address(b"\x22" * 20)

Node = Callable[[str, list[Any]], dict[str, Any] | None]


def a_log(block: int) -> dict[str, Any]:
    return {
        "address": "0x" + CONTRACT.hex(),
        "topics": ["0x" + "33" * 32],
        "data": "0x",
        "blockNumber": hex(block),
        "blockHash": "0x" + "44" * 32,
        "transactionHash": "0x" + block.to_bytes(32, "big").hex(),
        "transactionIndex": "0x0",
        "logIndex": "0x0",
        "removed": False,
    }


def a_node(method: str, parameters: list[Any]) -> dict[str, Any] | None:
    """Answer as a node whose contract told something in every tenth block, and that looks through 30 blocks at once."""
    match method:
        case "web3_clientVersion":
            return {"result": "stub/1"}
        case "eth_chainId":
            return {"result": hex(7)}
        case "eth_blockNumber":
            return {"result": hex(HEAD)}
        case "eth_getBlockByNumber":
            return {
                "result": {"number": hex(HEAD), "timestamp": hex(1_647_046_800), "hash": "0x" + "55" * 32}
            }
        case "eth_getLogs":
            first, last = (int(parameters[0][name], 16) for name in ("fromBlock", "toBlock"))
            if last - first >= MOST_BLOCKS:
                return {"error": TOO_MANY}
            return {"result": [a_log(block) for block in range(first, last + 1) if block % 10 == 0]}
    return {"error": {"code": -32601, "message": f"no {method}"}}


@contextmanager
def serving(node: Node) -> Iterator[str]:
    """Serve a node on a free loopback port; one that returns None sends a page instead of JSON."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answers = [
                (each["id"], node(each["method"], each["params"]))
                for each in (asked if isinstance(asked, list) else [asked])
            ]
            told = [{"jsonrpc": "2.0", "id": id_, **answer} for id_, answer in answers if answer is not None]
            if len(told) < len(answers):
                body = b"<html>busy</html>"
            else:
                body = json.dumps(told if isinstance(asked, list) else told[0]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def opened(node: Node, *, key: str = "") -> Iterator[Chain]:
    with (
        serving(node) as address,
        open_chain(f"http://{address}/{key}", start_time_s=None, operator_key=DEV_SIGNERS[0].key) as chain,
    ):
        yield chain


def refusing(method: str, answer: dict[str, Any] | None) -> tuple[Node, list[bool]]:
    """Return a node that answers one method so, once the list says it is to."""
    now: list[bool] = []

    def node(asked: str, parameters: list[Any]) -> dict[str, Any] | None:
        return answer if now and asked == method else a_node(asked, parameters)

    return node, now


def test_events_that_a_node_will_not_tell_at_once_are_asked_for_in_pieces() -> None:
    with opened(a_node) as chain:
        found = chain.logs(CONTRACT, [], from_block=5)
    assert [log.block_number for log in found] == list(range(10, HEAD + 1, 10))


def test_events_of_a_node_that_has_not_got_their_last_block_are_not_all_of_them() -> None:
    node, now = refusing("eth_getBlockByNumber", {"result": None})
    with opened(node) as chain:
        now.append(True)
        with pytest.raises(ChainUnavailable, match=r"found no block 25, expected it, .* it is behind"):
            chain.logs(CONTRACT, [], from_block=5, to_block=25)


@pytest.mark.parametrize(
    "answer",
    [
        {"error": {"code": -32005, "message": "too many requests"}},
        {"error": {"code": -32000, "message": "header not found"}},
        None,
    ],
)
def test_a_node_that_cannot_answer_is_unavailable_and_nothing_worse(answer: dict[str, Any] | None) -> None:
    node, now = refusing("eth_getLogs", answer)
    with opened(node) as chain:
        now.append(True)
        with pytest.raises(ChainUnavailable):
            chain.logs(CONTRACT, [], from_block=0)
    node, now = refusing("eth_blockNumber", answer)
    with opened(node) as chain:
        now.append(True)
        with pytest.raises(ChainUnavailable):
            chain.block_number()


@pytest.mark.parametrize("method", ["eth_chainId", "eth_getBlockByNumber"])
@pytest.mark.parametrize("answer", [{"error": TOO_MANY}, {"result": None}, {"result": "0x"}])
def test_a_node_that_does_not_say_where_it_stands_is_not_opened(method: str, answer: dict[str, Any]) -> None:
    node, now = refusing(method, answer)
    now.append(True)
    with pytest.raises(ChainUnavailable), opened(node):
        pass


def test_a_node_that_lost_its_latest_block_is_unavailable() -> None:
    node, now = refusing("eth_getBlockByNumber", {"result": None})
    with opened(node) as chain:
        now.append(True)
        assert chain.block_hash(3) is None
        with pytest.raises(ChainUnavailable):
            chain.now_s()


def test_a_nodes_key_is_told_to_nobody() -> None:
    node, now = refusing("eth_blockNumber", None)
    with opened(node, key="v3/s3cret?token=s3cret") as chain:
        assert "s3cret" not in chain.name + chain.description
        now.append(True)
        with pytest.raises(ChainUnavailable) as caught:
            chain.block_number()
    assert "s3cret" not in str(caught.value)
    with pytest.raises(ChainUnavailable) as caught, opened(lambda *_: None, key="s3cret"):
        pass
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://127.0.0.1:8545", "http://127.0.0.1:8545"),
        ("https://user:s3cret@node.example/v3/s3cret", "https://node.example"),
        ("https://node.example?key=s3cret", "https://node.example"),
        ("http://[::1]:8545/s3cret", "http://[::1]:8545"),
        ("https://user:s3/cret@node.example", "https://…"),
        ("anwil", "anwil"),
    ],
)
def test_an_address_is_told_without_its_secrets(url: str, told: str) -> None:
    assert shown(url) == told
