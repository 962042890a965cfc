"""What goes wrong on a day, drawn by its seed: each kind of trouble, and a day full of them."""

from collections import Counter
from collections.abc import Callable
from typing import Final

from sqlalchemy import func, select

from api.outgoing import FILL
from contracts.abi import artifact
from contracts.chain import ChainUnavailable, GasPrice, Transaction
from ledger.tables import OutboxReplacementRow, OutboxRow, table
from tests.api.adversity.day import Day
from tests.api.adversity.faults import SPOILT
from tests.api.adversity.terms import CHALLENGE_S, CONFIRMATIONS, OVER_S, SLOT_S

_OUTBOX: Final = table(OutboxRow)
_REPLACEMENTS: Final = table(OutboxReplacementRow)
ROUNDS: Final = 2
"""Troubles in each of the three parts of a day."""


def kill(day: Day) -> None:
    """End the process before one of its next operations, and sometimes the start after that, too."""
    day.faults.kill_in = day.random.randint(1, 30)
    day.faults.kill_again_in = day.random.choice((0, day.random.randint(1, 10)))


def spoil_an_answer(day: Day) -> None:
    """Let an answer of the node not arrive, or not as it was."""
    day.faults.spoil_how = day.random.choice(tuple(SPOILT))
    day.faults.spoil_in = day.random.randint(1, 20)


def drop(day: Day) -> None:
    """Let the node forget what waits."""
    pending = day.outbox.pending()
    for entry in pending:
        for signing in entry.signings:
            day.plain.request("anvil_dropTransaction", "0x" + signing.hash.hex())
    day.faults.struck["drop"] += bool(pending)


def reorganise(day: Day) -> None:
    """Replace the last blocks, at most as many as the confirmations, by empty ones."""
    depth, head = day.random.randint(1, CONFIRMATIONS), day.plain.block_number()
    ours = [day.plain.receipt(each.hash) for entry in day.outbox.pending() for each in entry.signings]
    day.faults.struck["reorganisation"] += any(each and each.block_number > head - depth for each in ours)
    day.plain.request("anvil_reorg", depth, [])


def raise_the_price(day: Day) -> None:
    """Let the base fee rise above what was offered."""
    base_fee = day.plain.gas_price().now_wei
    day.plain.request("anvil_setNextBlockBaseFeePerGas", hex(day.random.randint(2, 5) * base_fee))


def use_our_nonce(day: Day) -> None:
    """Let another program spend the nonce that our first waiting transaction has."""
    drop(day)
    _foreign(day, day.plain.look(day.plain.operator.address, ()).nonce)
    day.mine()


def skip_a_nonce(day: Day) -> None:
    """Let another program take the next nonce, and then withdraw its transaction."""
    taken = _foreign(day, day.plain.nonce(day.plain.operator.address))
    day.step()
    day.plain.request("anvil_dropTransaction", "0x" + taken.hex())


def pause(day: Day) -> None:
    """Let the contract refuse a whole batch, or take batches again."""
    operator_calls(day, day.random.choice(("pauseBatches", "resumeBatches")))


def operator_calls(day: Day, function: str) -> None:
    """Call the settlement with the guardian's key, which on this stage is the operator's: another program, too."""
    call = artifact("Settlement").functions[function].encode()
    transaction = Transaction(day.deployment.settlement.address, call, 100_000)
    _spend(day, transaction, nonce=day.plain.nonce(day.plain.operator.address), times=8)
    day.mine()


def _foreign(day: Day, nonce: int) -> bytes:
    return _spend(day, Transaction(day.plain.operator.address, b"", 21_000), nonce=nonce, times=4)


def _spend(day: Day, transaction: Transaction, *, nonce: int, times: int) -> bytes:
    """Send a transaction with our key at so many times the usual price, past the outbox; return its hash."""
    price = day.plain.gas_price()
    ample = GasPrice(price.now_wei, times * price.most_wei, price.tip_wei)
    raw = day.plain.sign(day.plain.operator, transaction, nonce=nonce, price=ample)
    try:
        return day.plain.broadcast(raw)
    except ChainUnavailable:  # the node prefers what it has
        return bytes(32)


KINDS: Final[dict[str, Callable[[Day], None]]] = {
    "crash": kill,
    "reorganisation": reorganise,
    "gap": skip_a_nonce,
    "spent nonce": use_our_nonce,
    "drop": drop,
    "price": raise_the_price,
    "spoilt answer": spoil_an_answer,
    "revert": pause,
}
DRAWN: Final = (*KINDS, "crash", "crash", "reorganisation", "reorganisation", "spoilt answer")
"""What a round draws from: some more often than others."""


def troubled(day: Day) -> list[str]:
    """Run a day with what goes wrong drawn by its seed; return which kinds were drawn."""
    drawn = []
    for time_s in (SLOT_S - 800, OVER_S + 60, OVER_S + 60 + CHALLENGE_S + 60):
        day.move_to(time_s)
        if time_s == OVER_S + 60:
            day.read_meters()
        for _ in range(ROUNDS):
            kind = day.random.choice(DRAWN)
            drawn.append(kind)
            KINDS[kind](day)
            day.step()
            day.mine(day.random.randint(0, 2))
    operator_calls(day, "resumeBatches")
    day.settle_down()
    day.check()
    return drawn


def effects(day: Day) -> Counter[str]:
    """Count what a day's troubles led to: how its transactions ended, which were signed again, how its trades ended."""
    with day.engine.connect() as connection:
        sent = connection.execute(select(_OUTBOX.c.kind, _OUTBOX.c.status)).all()
        replaced = connection.execute(select(func.count()).select_from(_REPLACEMENTS)).scalar_one()
    counts = Counter[str](row.status for row in sent)
    counts["replaced"] = replaced
    counts["filled"] = sum(row.kind == FILL for row in sent)
    counts.update(f"trades {state.name.lower().replace('_', ' ')}" for state in day.states())
    return counts
