"""A market's contracts on the in-process chain: deployed once, and that chain copied for each market of the tests."""

from copy import copy
from dataclasses import replace
from functools import cache

from eth.db.atomic import AtomicDB
from eth.db.backends.memory import MemoryDB

from contracts.chain import Chain
from contracts.deployment import Deployment, deploy
from contracts.guarantee import Rules
from contracts.json_rpc import JsonRpc
from contracts.opening import open_chain
from contracts.tester_provider import TesterProvider


def a_deployed_market(
    *, start_time_s: int, notice_period_s: int, reading_window_s: int, challenge_window_s: int
) -> tuple[Chain, Deployment]:
    """Return a chain of one's own, and the contracts that stand on it: as a market would have deployed them."""
    chain, deployment = _deployed(start_time_s, notice_period_s, reading_window_s, challenge_window_s)
    return a_copy_of(chain), deployment


@cache
def _deployed(
    start_time_s: int, notice_period_s: int, reading_window_s: int, challenge_window_s: int
) -> tuple[Chain, Deployment]:
    with open_chain("tester", start_time_s=start_time_s) as chain:
        return chain, deploy(
            chain,
            notice_period_s=notice_period_s,
            reading_window_s=reading_window_s,
            rules=Rules(challenge_window_s=challenge_window_s),
        )


def a_copy_of(chain: Chain) -> Chain:
    """Return a chain that goes on from where this one stands, and leaves it there."""
    assert isinstance(chain.node, JsonRpc)
    assert isinstance(chain.node.provider, TesterProvider)
    original = chain.node.provider.tester
    backend = copy(original.backend)
    stands_on = backend.chain
    backend.chain = type(stands_on)(AtomicDB(MemoryDB(dict(stands_on.chaindb.db.wrapped_db.kv_store))))
    tester = type(original)(backend)
    return replace(
        chain,
        node=JsonRpc(chain.name, TesterProvider(tester)),
        advance=lambda timestamp_s: tester.time_travel(timestamp_s + 1),
    )
