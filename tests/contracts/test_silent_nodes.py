"""A node that takes connections and never answers is given up after one time-out: nobody asks again behind our back."""

import socket
import threading
from collections.abc import Iterator

import pytest

from contracts import opening
from contracts.chain import NodeSilent
from contracts.opening import open_chain

TIME_OUT_S = 0.3


@pytest.fixture
def silent() -> Iterator[tuple[str, list[socket.socket]]]:
    """The address of a node that hangs, and the connections that it took."""
    taken: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def take() -> None:
            while True:
                try:
                    taken.append(listening.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", taken
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()
    for each in taken:
        each.close()


def test_a_node_that_hangs_is_asked_once(
    silent: tuple[str, list[socket.socket]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, taken = silent
    monkeypatch.setattr(opening, "_REQUEST_TIMEOUT_S", TIME_OUT_S)
    with (
        pytest.raises(NodeSilent, match=r"nothing answers there \(ReadTimeout\)"),
        open_chain(url, start_time_s=None),
    ):
        pass
    assert len(taken) == 1


def test_a_request_takes_seconds_at_most() -> None:
    assert opening._REQUEST_TIMEOUT_S == 20
