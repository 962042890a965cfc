"""Watching the chain, block by block: what happened in final blocks becomes commands, once; where to go on is kept.

The record is the only truth: a block that is read again causes nothing that it has. So what is kept is but a bookmark.
Without it (a database from before it, a record that was imported), the chain is read from the first block of the contracts.
"""

from collections.abc import Callable, Sequence

from api.chain_commands import COMMANDS_AT_ONCE
from api.delivering import chunks
from api.hearing import Hearing
from api.sequencer import Answer
from contracts.chain import Chain, ChainUnavailable
from contracts.deployment import Deployment
from ledger.heard import Block, Heard
from market.events import Refused
from market.orders import Command
from market.refusals import Refusal
from market.units import InvariantBroken

_MAY_FIT_LATER = frozenset({Refusal.INSUFFICIENT_FUNDS, Refusal.TOO_MUCH_MONEY})

Apply = Callable[[Sequence[Command]], Sequence[Answer]]
"""Has commands decided and recorded, and returns their answers."""


class Watching:
    """Follows the contracts of one market on one chain. Use it from one thread at a time."""

    def __init__(
        self, chain: Chain, deployment: Deployment, hearing: Hearing, heard: Heard, *, confirmations: int
    ) -> None:
        """Go on after the last block that was heard whole."""
        self._chain = chain
        self._deployment = deployment
        self._hearing = hearing
        self._heard = heard
        self._confirmations = confirmations
        self._before = deployment.block_number - 1
        self._seen = max(self._before, heard.whole_to() or 0)

    def watch(self, apply: Apply) -> None:
        """Hand in what happened since the last look, as far as it has enough blocks on top.

        What is refused for want of money, or of room for it, is read again by the next start: it may fit by then.
        """
        last = self._chain.block_number() - self._confirmations
        if last <= self._seen:
            return
        block = Block(last, self._hash_of(last))
        whole = True
        for commands in chunks(self._hearing.of_blocks(self._seen + 1, last), COMMANDS_AT_ONCE):
            whole &= not any(map(_may_fit_later, apply(commands)))
        self._heard.note(block, after=self._seen, whole=whole)
        self._seen = last

    def again(self) -> None:
        """Let the next look, of this process or of the next one, begin at the first block of the contracts."""
        self._heard.again(after=self._before)
        self._seen = self._before

    def check(self) -> int:
        """Prove that the last block heard is still there: what was heard from it cannot be taken back.

        Return its number, 0 before the first.

        Raises:
            ChainUnavailable: if the chain does not reach that far: its node is behind.
            InvariantBroken: if another block is there.
        """
        heard = self._heard.last()
        if heard is None:
            return 0
        found = self._hash_of(heard.number)
        if found != heard.hash:
            raise InvariantBroken(
                f"chain: found block {heard.number} with hash 0x{found.hex()}, expected 0x{heard.hash.hex()}, from which "
                f"the record heard events that had CCEI_CONFIRMATIONS={self._confirmations}: the chain was reorganised "
                "deeper than that. Nothing is settled on it any more. Keep the record, compare its balances with the "
                "contract, and open a new market with more confirmations"
            )
        return heard.number

    def _hash_of(self, number: int) -> bytes:
        """Return the hash of a block that was there a moment ago, or when it was heard."""
        found = self._chain.block_hash(number)
        if found is None:
            raise ChainUnavailable(
                f"{self._chain.name}: found no block {number}, expected it, for the node has told of it: it is "
                "behind, or has lost blocks. Settlement waits until it is there"
            )
        return found


def _may_fit_later(answer: Answer) -> bool:
    return any(isinstance(event, Refused) and event.refusal in _MAY_FIT_LATER for event in answer.events)
