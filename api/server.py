"""`ccei serve`: open the house on the system's clock and serve it with uvicorn."""

import os
import signal
import socket
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path
from types import FrameType

import uvicorn
from rich.console import Console

from api.app import create_app
from api.catalogue import BUILT_IN, Lister, read_catalogue
from api.clock import SystemClock
from api.house import open_house
from api.logs import log_lines
from api.memory import settle_memory
from api.settings import Settings
from contracts.chain import ChainUnavailable
from contracts.nodes import end_nodes
from contracts.opening import OWN_CHAINS, shown
from ledger.unusable import named

STOP_AFTER_S = 30
"""How long a stop waits for requests that have begun: whoever has not sent all by then gets no answer."""
SNAPSHOT_WITHIN_S = 5.0
"""How long a stop may take for a last snapshot, which spares the next start the replay."""


class AddressUnusable(OSError):
    """An address that cannot be listened on: which, and why."""


def serve_market(*, host: str, port: int, chain: str, database: str | None, console: Console) -> None:
    """Serve until interrupted or told to end, then close everything in order; a second signal ends at once.

    On a chain of our own, which ends with the process, a market without a named database is kept in a temporary one.

    Raises:
        AddressUnusable: if there is no listening on that host and port.
        ChainUnavailable: if the chain cannot be used, or is one that stays but no database was named.
        DatabaseUnusable, RecordInUse, WrongMarket, BrokenChain: if the database cannot be used.
        InputError: if the catalogue cannot be read.
        ValidationError: if a setting does not fit.
    """
    # SIGTERM would end the process where it stands; as an interrupt it lets the record and a child chain be closed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    kept = database is not None
    log_lines()
    with suppress(KeyboardInterrupt), ExitStack() as closing:
        if database is None:
            if chain not in OWN_CHAINS:
                raise ChainUnavailable(
                    f"{shown(chain)} outlives this process: name the record with --database sqlite:///FILE or postgresql://…"
                )
            folder = closing.enter_context(tempfile.TemporaryDirectory(prefix="ccei-"))
            database = f"sqlite:///{folder}/market.db"
        settings = Settings(host=host, port=port, chain=chain, database_url=database)
        products = read_catalogue(Path(settings.catalogue or BUILT_IN))
        listening = closing.enter_context(_listening(host, port))
        with console.status("opening the market (the matching kernel compiles on its first run)"):
            house = closing.enter_context(open_house(settings, SystemClock()))
            settle_memory()
        for line in house.recovery.lines():
            console.print(line, highlight=False, soft_wrap=True)
        if not kept:
            console.print("No --database given: this market ends with the process.")
        elif not house.recovery.batches:
            console.print(
                f"New market: found no record in {named(house.engine.url)}", markup=False, soft_wrap=True
            )
        console.print(f"Chain: {house.chain.description}")
        for line in start_warnings(
            is_development=house.chain.is_development, confirmations=settings.confirmations
        ):
            console.print(line, highlight=False, soft_wrap=True)
        console.print(f"Settlement contract: 0x{house.deployment.settlement.address.hex()}")
        console.print(f"OpenAPI page: http://{f'[{host}]' if ':' in host else host}:{port}/docs")
        if settings.operator_token is None:
            console.print(
                "Operator routes are off: set CCEI_OPERATOR_TOKEN to admit meters and mint test tokens."
            )
        lister = Lister(products, settings)
        app = create_app(house, due=lambda: lister.due(house.sequencer.now_s(), house.venue.exchange))
        config = uvicorn.Config(
            app, log_config=None, access_log=False, timeout_graceful_shutdown=STOP_AFTER_S
        )
        with suppress(KeyboardInterrupt):  # uvicorn raises the signal that ended it again
            _Server(config, console).run(sockets=[listening])
        house.sequencer.rest_at_last(within_s=SNAPSHOT_WITHIN_S)


class _Server(uvicorn.Server):
    """Ends in order at the first signal, and at once at the second: a node or a client may let it wait long."""

    def __init__(self, config: uvicorn.Config, console: Console) -> None:
        super().__init__(config)
        self._console = console

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take a signal."""
        if self.should_exit:
            end_nodes()
            os._exit(128 + sig)  # as after a crash, the next start finds all that was acknowledged
        super().handle_exit(sig, frame)
        self._console.print(
            "Stopping: what has begun is finished first. Once more ends at once; nothing is lost.",
            soft_wrap=True,
        )


def start_warnings(*, is_development: bool, confirmations: int) -> list[str]:
    """Return what an operator should hear at a start, a sentence a line."""
    if is_development or confirmations:
        return []
    return [
        "Warning: CCEI_CONFIRMATIONS is 0 on a chain that is no development chain. What a reorganisation takes back, this "
        "market has counted already: no promise about settlement holds. A record keeps to what it began with"
    ]


def _listening(host: str, port: int) -> socket.socket:
    """Take the address before the market opens, so that one in use is told at once."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except OSError as error:
        # Python repeats the address after it
        found = (error.strerror or str(error)).partition(" (")[0].lower()
        raise AddressUnusable(
            f"--host {host} --port {port}: found {found}, expected a free address of this machine"
        ) from None
