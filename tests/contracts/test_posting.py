"""The kept connection to a node of our own: opened again when the node hung up, and never half an answer taken for one."""

import os
import resource
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from http.client import IncompleteRead
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from contracts.posting import BadStatus, Loopback

FILES = 1_024
"""As many as `select` knows."""


class Handler(BaseHTTPRequestHandler):
    server: "Node"
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        missing = 3 if body == b"half" else 0
        self.send_response(503 if body == b"busy" else 200)
        self.send_header("Content-Length", str(len(body) + missing))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = body in (b"hang up", b"half")  # without having said so

    def handle(self) -> None:
        self.server.connections += 1
        super().handle()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class Node(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.connections = 0
        self.ended = threading.Semaphore(0)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        self.ended.release()


@pytest.fixture
def node() -> Iterator[Node]:
    with Node() as node:
        serving = threading.Thread(target=node.serve_forever, args=(0.01,))
        serving.start()
        yield node
        node.shutdown()
        serving.join()


@pytest.fixture
def post(node: Node) -> Iterator[Loopback]:
    with closing(Loopback(f"http://127.0.0.1:{node.server_address[1]}")) as post:
        yield post


def test_a_connection_is_kept(node: Node, post: Loopback) -> None:
    assert [post(b"one"), post(b"two"), post(b"three")] == [b"one", b"two", b"three"]
    assert node.connections == 1


def test_a_connection_that_the_node_closed_is_opened_again(node: Node, post: Loopback) -> None:
    assert post(b"hang up") == b"hang up"
    assert node.ended.acquire(timeout=10)
    assert post(b"again") == b"again"
    assert node.connections == 2


def test_a_connection_is_kept_where_a_thousand_files_are_open(node: Node, post: Loopback) -> None:
    with ExitStack() as open_files:
        limit, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        if most < FILES + 100:  # an unusual machine, whose administrator alone may allow more
            pytest.skip(f"found that {most} files may be open, expected {FILES + 100}")
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(limit, FILES + 100), most))
        open_files.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (limit, most))
        for _ in range(FILES):
            open_files.callback(os.close, os.dup(0))
        assert [post(b"one"), post(b"two")] == [b"one", b"two"]
    assert node.connections == 1


def test_half_an_answer_is_none_and_not_taken_for_the_next_one(node: Node, post: Loopback) -> None:
    with pytest.raises(IncompleteRead):
        post(b"half")
    assert post(b"whole") == b"whole"
    assert node.connections == 2


def test_a_page_about_an_error_is_no_answer_and_the_connection_goes_on(node: Node, post: Loopback) -> None:
    with pytest.raises(BadStatus, match="status 503"):
        post(b"busy")
    assert post(b"idle") == b"idle"
    assert node.connections == 1
