"""`ccei serve`: open the house on the system's clock and serve it with uvicorn."""

import tempfile
from contextlib import ExitStack
from pathlib import Path

import uvicorn
from rich.console import Console

from api.app import create_app
from api.catalogue import BUILT_IN, Lister, read_catalogue
from api.clock import SystemClock
from api.house import OWN_CHAINS, open_house
from api.settings import Settings
from contracts.chain import ChainUnavailable


def serve_market(*, host: str, port: int, chain: str, database: str | None, console: Console) -> None:
    """Serve until interrupted.

    On a chain of our own, which ends with the process, a market without a named database is kept in a temporary one.

    Raises:
        ChainUnavailable: if the chain cannot be used, or is one that stays but no database was named.
        DatabaseUnusable: if the database cannot be used.
        InputError: if the catalogue cannot be read.
    """
    with ExitStack() as closing:
        if database is None:
            if chain not in OWN_CHAINS:
                raise ChainUnavailable(
                    f"{chain} outlives this process: name the record with --database sqlite:///FILE"
                )
            folder = closing.enter_context(tempfile.TemporaryDirectory(prefix="ccei-"))
            database = f"sqlite:///{folder}/market.db"
            console.print("No --database given: this market ends with the process.")
        settings = Settings(host=host, port=port, chain=chain, database_url=database)
        products = read_catalogue(Path(settings.catalogue or BUILT_IN))
        with console.status("opening the market (the matching kernel compiles on its first run)"):
            house = closing.enter_context(open_house(settings, SystemClock()))
        if house.recovered_batches:
            console.print(f"Recovered {house.recovered_batches:,} batches, head 0x{house.record.hash.hex()}")
        console.print(f"Chain: {house.chain.description}")
        console.print(f"Settlement contract: 0x{house.deployment.settlement.address.hex()}")
        console.print(f"OpenAPI page: http://{host}:{port}/docs")
        if settings.operator_token is None:
            console.print(
                "Operator routes are off: set CCEI_OPERATOR_TOKEN to admit meters and mint test tokens."
            )
        lister = Lister(products, settings)
        app = create_app(house, due=lambda: lister.due(house.sequencer.now_s(), house.venue.exchange))
        uvicorn.run(app, host=host, port=port, log_level="warning", access_log=False)
