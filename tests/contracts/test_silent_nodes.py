"""A node that takes a request and never answers is given up after one time-out: nobody asks again behind our back."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from contracts import opening
from contracts.chain import NodeSilent
from contracts.opening import open_chain

TIME_OUT_S = 0.3
ANSWERS: dict[str, Any] = {
    "web3_clientVersion": "anvil/v1.0",
    "eth_chainId": "0x1",
    "eth_getBalance": "0x1",
    "eth_getBlockByNumber": {"timestamp": "0x1"},
}


class Node(ThreadingHTTPServer):
    """Answers what opening a chain asks, and is silent about the rest."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: Counter[str] = Counter()
        self.ending = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Node

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked[request["method"]] += 1
        if request["method"] not in ANSWERS:
            self.server.ending.wait(10)
            return
        answer = {"jsonrpc": "2.0", "id": request["id"], "result": ANSWERS[request["method"]]}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Iterator[Node]:
    monkeypatch.setattr(opening, "TIMEOUT_S", TIME_OUT_S)
    with Node() as node:
        serving = threading.Thread(target=node.serve_forever, args=(0.01,))
        serving.start()
        yield node
        node.ending.set()
        node.shutdown()
        serving.join()


def test_a_node_that_hangs_is_asked_once(node: Node) -> None:
    with (
        open_chain(node.url, start_time_s=None) as chain,
        pytest.raises(NodeSilent, match=r"does not answer \(ReadTimeout\)"),
    ):
        chain.block_number()
    assert node.asked["eth_blockNumber"] == 1


def test_a_node_that_hangs_from_the_first_request_is_no_node_yet(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(ANSWERS, "web3_clientVersion")
    with (
        pytest.raises(NodeSilent, match=r"nothing answers there \(ReadTimeout\)"),
        open_chain(node.url, start_time_s=None),
    ):
        pass


def test_a_request_takes_seconds_at_most() -> None:
    assert opening.TIMEOUT_S == 20
