"""A node at an address, asked through web3: several requests in one round trip, none made twice, its secrets kept."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from traceback import format_exception
from typing import Any

import pytest

from contracts.chain import BroadcastRefused, Chain, NodeSilent
from contracts.json_rpc import AT_ONCE
from contracts.opening import DEV_SIGNERS, open_chain

Answer = tuple[int, Any]
"""A status, and what the node says with it."""

OPENING = {"web3_clientVersion": "stub/1", "eth_chainId": "0x7", "eth_getBlockByNumber": {"timestamp": "0x1"}}
RAW = bytes(40)


def told(request: dict[str, Any], result: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": request["id"], "result": result}


class Node(ThreadingHTTPServer):
    """Answers what opening a chain asks, and everything else as `answer` does."""

    answer: Callable[[Any], Answer]

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[Any] = []

    def url(self, secret: str = "") -> str:
        return f"http://{secret and f'{secret}:{secret}@'}127.0.0.1:{self.server_address[1]}/{secret}?key={secret}"


class Handler(BaseHTTPRequestHandler):
    server: Node

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if isinstance(asked, dict) and asked["method"] in OPENING:
            status, answer = 200, told(asked, OPENING[asked["method"]])
        else:
            self.server.asked.append(asked)
            status, answer = self.server.answer(asked)
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def node() -> Iterator[Node]:
    with Node() as node:
        serving = threading.Thread(target=node.serve_forever, args=(0.01,))
        serving.start()
        yield node
        node.shutdown()
        serving.join()


@pytest.fixture
def chain(node: Node) -> Iterator[Chain]:
    with open_chain(node.url(), start_time_s=None, operator_key=DEV_SIGNERS[0].key) as chain:
        yield chain


def test_answers_in_another_sequence_are_told_in_that_of_the_requests(node: Node, chain: Chain) -> None:
    node.answer = lambda asked: (200, [told(each, each["params"][0]) for each in reversed(asked)])
    asks = [("eth_getCode", (str(number),)) for number in range(AT_ONCE + 2)]
    assert chain.node.ask_all(asks) == [str(number) for number in range(AT_ONCE + 2)]
    assert [len(each) for each in node.asked] == [AT_ONCE, 2]


NO_BATCHES = {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "no batches here"}}


@pytest.mark.filterwarnings("ignore:Received batch response with missing `id`")
@pytest.mark.parametrize(
    "refuse",
    [
        lambda _: (413, "too large"),
        lambda _: (200, NO_BATCHES),
        lambda _: (200, [NO_BATCHES]),
        lambda _: (200, [None, None]),
        lambda _: (200, []),
        lambda asked: (200, [told(asked[0], "0x9")]),
        lambda asked: (200, [told(asked[0], "0x9"), told(asked[0], "0x9")]),
        lambda asked: (200, [told({"id": None}, "0x9") for _ in asked]),
        lambda asked: (200, [told({"id": str(each["id"])}, "0x9") for each in asked]),
    ],
)
def test_a_node_that_does_not_answer_each_of_several_requests_is_asked_one_by_one(
    node: Node, chain: Chain, refuse: Callable[[Any], Answer]
) -> None:
    def answer(asked: Any) -> Answer:
        return refuse(asked) if isinstance(asked, list) else (200, told(asked, hex(len(node.asked))))

    node.answer = answer
    assert chain.node.ask_all([("eth_blockNumber", ()), ("eth_gasPrice", ())]) == ["0x2", "0x3"]


@pytest.mark.parametrize("status", [429, 503])
def test_a_transaction_is_sent_once_and_not_again_behind_our_back(
    node: Node, chain: Chain, status: int
) -> None:
    node.answer = lambda _: (status, "busy")
    with pytest.raises(NodeSilent, match=r"does not answer \(HTTPError\)"):
        chain.broadcast(RAW)
    assert [each["method"] for each in node.asked] == ["eth_sendRawTransaction"]


def test_a_transaction_that_is_refused_is_looked_for(node: Node, chain: Chain) -> None:
    def answer(asked: Any) -> Answer:
        if asked["method"] == "eth_sendRawTransaction":
            return 200, {"jsonrpc": "2.0", "id": asked["id"], "error": {"code": -32000, "message": "no"}}
        return 200, told(asked, None)

    node.answer = answer
    with pytest.raises(BroadcastRefused, match=r"no$"):
        chain.broadcast(RAW)


def test_what_an_address_keeps_secret_is_in_no_error(node: Node) -> None:
    url = node.url("s3cret")
    with open_chain(url, start_time_s=None, operator_key=DEV_SIGNERS[0].key) as chain:
        node.answer = lambda _: (503, "busy")
        with pytest.raises(NodeSilent) as busy:
            chain.block_number()
    nobody = "http://s3cret:s3cret@127.0.0.1:1/s3cret?key=s3cret"
    with pytest.raises(NodeSilent) as absent, open_chain(nobody, start_time_s=None):
        pass
    for error in (busy.value, absent.value):
        assert "127.0.0.1" in str(error)
        assert "s3cret" not in "".join(format_exception(error))
