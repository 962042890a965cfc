"""The HTTP application around an open house: routes, errors, and the two tasks that keep the market going."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version

from fastapi import FastAPI

from api import problems
from api.body_limit import BodyLimit
from api.halting import halt
from api.house import House
from api.negotiating import conclusions
from api.routes import accounts, cancels, negotiations, orders, reading, statements
from api.settler import SettlementFailed
from contracts.chain import ChainUnavailable
from market.orders import Command

log = logging.getLogger(__name__)

STEP_EVERY_S = 1.0

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

        def through_the_queue(commands: Sequence[Command]) -> object:
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
        while house.sequencer.waiting:
            await asyncio.sleep(0)
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
    while not ending.is_set():
        try:
            if commands := [*due(), *conclusions(house.venue.exchange)]:
                await house.sequencer.submit_own(commands)
            await asyncio.to_thread(house.settler.step)
        except (ChainUnavailable, SettlementFailed, TimeoutError) as error:
            log.warning("settlement waits: %s", error)
        except Exception as error:
            halt(error)
        with suppress(TimeoutError):
            await asyncio.wait_for(ending.wait(), timeout=STEP_EVERY_S)
