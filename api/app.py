"""The HTTP application around an open house: routes, errors, and the two tasks that keep the market going."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from typing import NoReturn

from fastapi import FastAPI

from api import problems
from api.body_limit import BodyLimit
from api.halting import halt
from api.house import House
from api.negotiating import conclusions
from api.routes import accounts, cancels, negotiations, orders, proofs, reading, statements
from api.sequencer import Answer
from api.settler import SettlementFailed
from contracts.chain import ChainUnavailable
from market.orders import Command

log = logging.getLogger(__name__)

STEP_EVERY_S = 1.0
SAY_EVERY = 60
"""Steps that fail alike before the log says so again."""

DESCRIPTION = """Compute, network and energy, traded together.

Orders are EIP-712 signatures over the terms in `GET /v1/market` and `GET /v1/instrument`; amounts are decimal strings.
Errors are problem+json (RFC 9457): `title` is the error's or refusal's name, `detail` says what was found and expected.
"""


def create_app(house: House, *, due: Callable[[], Sequence[Command]] | None = None) -> FastAPI:
    """Return the application. `due` names the commands that are due now, such as new listings; None: nobody steps
    the settler or lists anything, as a test that drives the clock wants it."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()

        def through_the_queue(commands: Sequence[Command]) -> list[Answer]:
            return asyncio.run_coroutine_threadsafe(house.sequencer.submit_own(commands), loop).result()

        house.settler.apply = through_the_queue
        answering = asyncio.create_task(house.sequencer.run())
        ending = asyncio.Event()
        going = asyncio.create_task(_keep_going(house, due, ending)) if due is not None else None
        yield
        # First who asks, then who answers: a step of the settler waits until its commands are recorded.
        ending.set()
        if going is not None:
            await going
        while house.sequencer.waiting and not answering.done():
            await asyncio.sleep(0)
        house.settler.apply = _closed  # a request's thread may still be at work
        answering.cancel()
        await asyncio.gather(answering, return_exceptions=True)

    app = FastAPI(
        title="CCEI Market", version=version("ccei-market"), description=DESCRIPTION, lifespan=lifespan
    )
    app.state.house = house
    for router in (
        reading.router,
        cancels.router,  # before `orders`, whose /{order_id} would take /timer for an id
        orders.router,
        proofs.router,
        negotiations.router,
        accounts.router,
        statements.router,
        accounts.operator_router,
        reading.health_router,
    ):
        app.include_router(router)
    app.add_middleware(BodyLimit)
    problems.install(app)
    return app


async def _keep_going(house: House, due: Callable[[], Sequence[Command]], ending: asyncio.Event) -> None:
    """Once a second: list what is due, price what a stop left unpriced, let the settler do what is due in a thread.

    The end is taken between two steps: what the settler has begun with the chain, it finishes.
    """
    loop, said = asyncio.get_running_loop(), Said()
    with ThreadPoolExecutor(1, thread_name_prefix="settler") as settling:
        while not ending.is_set():
            try:
                if commands := [*due(), *conclusions(house.venue.exchange)]:
                    await house.sequencer.submit_own(commands)
                await loop.run_in_executor(settling, house.settler.step)
            except (ChainUnavailable, SettlementFailed, TimeoutError) as error:
                if said.is_news(str(error)):
                    log.warning("settlement waits: %s", error)
            except Exception as error:
                halt(error)
            with suppress(TimeoutError):
                await asyncio.wait_for(ending.wait(), timeout=STEP_EVERY_S)


@dataclass
class Said:
    """What was logged last: the same is said again only every so often, for a node may be down for hours."""

    last: str = ""
    times: int = 0

    def is_news(self, what: str) -> bool:
        """Return whether to log it now."""
        self.times = self.times + 1 if what == self.last else 0
        self.last = what
        return self.times % SAY_EVERY == 0


def _closed(_: Sequence[Command]) -> NoReturn:
    raise ConnectionError("the market is closing: nothing more is taken in")
