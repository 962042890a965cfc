"""Nodes behind one address that differ for many looks: nothing is concluded from a half of what each of them knows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest

from api.outgoing import Outgoing
from contracts.chain import Chain, ChainUnavailable, Transaction
from contracts.json_rpc import Ask
from contracts.opening import DEV_SIGNERS
from ledger.database import MEMORY_URL, open_database
from ledger.outbox import Outbox, OutboxEntry, OutboxStatus
from ledger.writer import take_writers_place
from market.address import Address

CONFIRMATIONS = 3
LOOKS = 12
SENT_IN = 101
"""The block that our transaction is in, where it is in one."""
GWEI = 10**9


@dataclass
class Machine:
    """One of the nodes: how far its chain goes, who mined it, how many of our nonces it spent, and which are in it."""

    head: int
    nonce: int = 0
    branch: int = 0
    blocks: dict[str, int] = field(default_factory=dict)
    """In which block a transaction of ours is, by its hash."""

    def ask(self, method: str, parameters: Sequence[Any]) -> Any:
        match method:
            case "eth_blockNumber":
                return hex(self.head)
            case "eth_getBlockByNumber":
                return self._block(self.head if parameters[0] == "latest" else int(parameters[0], 16))
            case "eth_getTransactionCount":
                return hex(self.nonce)
            case "eth_getTransactionReceipt":
                return self._receipt(parameters[0])
            case "eth_sendRawTransaction":
                return "0x"
        raise AssertionError(method)

    def _block(self, number: int) -> dict[str, Any] | None:
        if number > self.head:
            return None
        hash_ = bytes([self.branch]) * 16 + number.to_bytes(16, "big")
        return {"number": hex(number), "hash": "0x" + hash_.hex(), "baseFeePerGas": hex(GWEI)}

    def _receipt(self, transaction: str) -> dict[str, Any] | None:
        if transaction not in self.blocks:
            return None
        return {
            "transactionHash": transaction,
            "status": "0x1",
            "blockNumber": hex(self.blocks[transaction]),
            "gasUsed": "0x5208",
            "logs": [],
        }


@dataclass
class Pool:
    """One address, behind which any machine may answer: the machines take turns, request by request."""

    machines: list[Machine]
    turns: Iterator[int] = field(default_factory=count)

    def ask(self, method: str, *parameters: Any) -> Any:
        return self._next().ask(method, parameters)

    def ask_all(self, asks: Sequence[Ask]) -> list[Any]:
        machine = self._next()
        return [machine.ask(method, parameters) for method, parameters in asks]

    ask_together = ask_all

    def _next(self) -> Machine:
        return self.machines[next(self.turns) % len(self.machines)]


@dataclass
class Sender:
    """Outgoing over a pool, with one transaction of ours that was sent under nonce 0."""

    pool: Pool
    outgoing: Outgoing
    entry: OutboxEntry

    def look(self, *, heard: int = 0) -> list[int]:
        """Return in which blocks what has become final is."""
        return [receipt.block_number for _, receipt in self.outgoing.final(heard=heard)]

    def is_in_a_block_of(self, machine: Machine) -> None:
        machine.blocks["0x" + self.entry.hash.hex()] = SENT_IN
        machine.nonce = 1

    @property
    def status(self) -> OutboxStatus:
        found = self.outgoing.outbox.at_nonce(0)
        assert found is not None
        return found.status


@pytest.fixture
def sender() -> Iterator[Sender]:
    engine = open_database(MEMORY_URL)
    place = take_writers_place(engine)
    pool = Pool([Machine(head=100)])
    chain = Chain(
        name="pool",
        description="several nodes behind one address",
        node=pool,
        chain_id=7,
        operator=DEV_SIGNERS[0],
        drives_time=False,
        advance=lambda _: None,
        poll_s=0.0,
    )
    outgoing = Outgoing(chain, Outbox(place), confirmations=CONFIRMATIONS)
    entry = outgoing.send("settle", "1:1#1", Transaction(Address(bytes(20)), b"", 21_000))
    yield Sender(pool, outgoing, entry)
    place.close()
    engine.dispose()


@pytest.mark.parametrize("behind_first", [True, False])
def test_what_one_node_has_in_a_block_is_not_given_up_for_another_that_lags_behind(
    sender: Sender, behind_first: bool
) -> None:
    """One tells that the nonce is spent, the other that it knows no receipt: only together would that be a conclusion."""
    behind, ahead = Machine(head=100), Machine(head=SENT_IN)
    sender.is_in_a_block_of(ahead)
    sender.pool.machines = [behind, ahead] if behind_first else [ahead, behind]
    found = []
    for _ in range(LOOKS):
        found += sender.look()
        ahead.head += 1
        assert sender.status is OutboxStatus.SENT
    assert set(found) == {SENT_IN}
    assert sender.outgoing.troubles == []


@pytest.mark.parametrize("stuck_first", [True, False])
def test_a_block_on_a_branch_that_a_node_is_stuck_on_is_not_final_by_the_height_of_another(
    sender: Sender, stuck_first: bool
) -> None:
    stuck, ahead = Machine(head=SENT_IN, branch=1), Machine(head=SENT_IN + CONFIRMATIONS)
    sender.is_in_a_block_of(stuck)
    sender.pool.machines = [stuck, ahead] if stuck_first else [ahead, stuck]
    for _ in range(LOOKS):
        assert sender.look() == []
        ahead.head += 1
    assert sender.status is OutboxStatus.SENT


def test_a_nonce_that_another_transaction_spent_is_given_up_when_that_is_final(sender: Sender) -> None:
    machine = sender.pool.machines[0]
    machine.nonce = 1
    for _ in range(CONFIRMATIONS):
        assert sender.look() == []
        machine.head += 1
        assert sender.status is OutboxStatus.SENT
    sender.look()
    assert sender.status is OutboxStatus.OVERTAKEN
    assert "another program has used nonce 0" in sender.outgoing.troubles[-1]


def test_a_nonce_spent_in_a_block_that_is_gone_is_looked_at_anew(sender: Sender) -> None:
    machine = sender.pool.machines[0]
    machine.nonce = 1
    sender.look()
    machine.branch, machine.head = 1, machine.head + CONFIRMATIONS
    sender.look()
    assert sender.status is OutboxStatus.SENT
    machine.head += CONFIRMATIONS
    sender.look()
    assert sender.status is OutboxStatus.OVERTAKEN


def test_a_transaction_that_is_found_again_was_not_overtaken(sender: Sender) -> None:
    machine = sender.pool.machines[0]
    machine.nonce = 1
    sender.look()
    sender.is_in_a_block_of(machine)
    machine.head = SENT_IN
    sender.look()
    machine.blocks.clear()
    machine.head += CONFIRMATIONS
    sender.look()
    assert sender.status is OutboxStatus.SENT


def test_a_node_behind_what_was_heard_is_not_taken_for_a_chain_that_lost_blocks(sender: Sender) -> None:
    """The nonce of what was final would seem unused, and what waits would be sent again."""
    outgoing, ahead = sender.outgoing, Machine(head=SENT_IN + CONFIRMATIONS)
    sender.is_in_a_block_of(ahead)
    sender.pool.machines = [ahead]
    for entry, _ in outgoing.final(heard=0):
        outgoing.outbox.mark(entry.sequence, OutboxStatus.CONFIRMED)
    outgoing.send("settle", "2:2#1", Transaction(Address(bytes(20)), b"", 21_000))
    sender.pool.machines = [Machine(head=100)]
    with pytest.raises(ChainUnavailable, match=f"found block 100 as its latest, expected block {SENT_IN}"):
        sender.look(heard=SENT_IN)
    assert outgoing.troubles == []
