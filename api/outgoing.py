"""What the operator sends: from signed bytes to a receipt that is final, whatever befalls them on the way.

dropped, or lost with a reorganised block      the same bytes are broadcast again
price too low, or in no block for long         signed again at a higher price with its nonce, stored, broadcast
nonce spent by another program                 overtaken, once that is final: its purpose is signed anew under another nonce
a nonce before ours that nobody uses           filled with an empty transfer to ourselves
no answer from the node, or of one behind      nothing is concluded; the next look tells

Behind one address there may be several nodes that differ. What is concluded of a transaction, that it is final, lost or
overtaken, rests on one look: on what one node knew of its receipt, the nonces and the blocks at one moment.
"""

import logging
from collections.abc import Collection, Iterator
from typing import Final

from contracts.chain import (
    BroadcastRefused,
    Chain,
    ChainUnavailable,
    GasPrice,
    Look,
    Receipt,
    Transaction,
    transaction_hash,
)
from contracts.raising import offered, raised
from ledger.outbox import Outbox, OutboxEntry, OutboxStatus
from market.units import InvariantBroken

log = logging.getLogger(__name__)

RAISE_AFTER_BLOCKS: Final = 10
"""Blocks that may pass a transaction by before it is signed again at a higher price."""
RAISE_UP_TO: Final = 10
"""A price is not raised beyond so many times what a signing of now would offer: something else is wrong then."""
_GAS_FILL: Final = 21_000
FILL: Final = "fill"
"""Kind of the empty transfers that fill gaps in the nonces."""


class Outgoing:
    """The operator's transactions on one chain. Use it from one thread at a time."""

    def __init__(self, chain: Chain, outbox: Outbox, *, confirmations: int) -> None:
        self.outbox = outbox
        self.troubles: list[str] = []
        """What the latest look found that needs an operator's eye, and what was done about it."""
        self._chain = chain
        self._confirmations = confirmations
        self._passed_by: dict[bytes, int] = {}
        """At which block this process first saw a signing wait, by its hash."""
        self._overtaken: dict[int, Look] = {}
        """The look at which this process first saw that another program had spent a nonce, by the nonce."""

    def send(
        self, kind: str, reference: str, transaction: Transaction, *, trades: tuple[int, ...] = ()
    ) -> OutboxEntry:
        """Sign, store, broadcast: in this sequence, so that no bytes are abroad that a restart would not know."""
        nonce = self.outbox.next_nonce(self._chain.nonce(self._chain.operator.address))
        raw = self._chain.sign(self._chain.operator, transaction, nonce=nonce)
        entry = self._store(kind, reference, raw, nonce=nonce, trades=trades)
        self._broadcast(entry)
        return entry

    def expect_level(self) -> None:
        """Make sure that the node's next nonce is free for what is sent past the outbox: all that is stored is abroad.

        Raises:
            ChainUnavailable: if the node does not know a transaction that is stored: its nonce is taken.
            PlaceLost: if the writer's place is lost.
        """
        self.outbox.confirm()
        expected = self._chain.nonce(self._chain.operator.address)
        if self.outbox.next_nonce(expected) > expected:
            raise ChainUnavailable(
                f"{self._chain.name}: found nonce {expected} next, which is taken by a transaction of the outbox that the "
                "node does not know: it is broadcast again each second, and comes first"
            )

    def rehearse(self, transaction: Transaction) -> None:
        """Ask the contract whether it would take a transaction now. Changes nothing.

        Raises:
            Reverted: if it would not.
        """
        if transaction.to is not None:
            self._chain.call(transaction.to, transaction.data, sender=self._chain.operator.address)

    def final(self, *, heard: int) -> Iterator[tuple[OutboxEntry, Receipt]]:
        """Yield what has become final, by nonce, with its receipt, and pursue the rest. Who takes it marks it.

        `heard` is the number of a block that was final before: a node that has not got it is behind.

        Raises:
            ChainUnavailable: if the node is behind: what it does not know of tells nothing.
            InvariantBroken: if the chain lacks a transaction that was final.
        """
        self.troubles.clear()
        lost: list[tuple[OutboxEntry, Look]] = []
        for entry in self.outbox.pending():
            look = self._look(entry, heard=heard)
            if look.receipt is None:
                lost.append((entry, look))
            elif self.is_final(look.receipt, head=look.head):
                yield entry, look.receipt
        waiting = {signing.hash for entry, _ in lost for signing in entry.signings}
        self._passed_by = {hash_: since for hash_, since in self._passed_by.items() if hash_ in waiting}
        # one that was found again was not overtaken when it could not be found
        nonces = {entry.nonce for entry, _ in lost}
        self._overtaken = {nonce: first for nonce, first in self._overtaken.items() if nonce in nonces}
        if lost:
            self._pursue(lost)

    def is_final(self, receipt: Receipt, *, head: int) -> bool:
        """Return whether a transaction has enough blocks on top, `head` being the latest."""
        return receipt.block_number + self._confirmations <= head

    def _look(self, entry: OutboxEntry, *, heard: int) -> Look:
        first = self._overtaken.get(entry.nonce)
        look = self._chain.look(
            self._chain.operator.address,
            [signing.hash for signing in entry.signings],
            earlier_block=None if first is None else first.head,
        )
        if look.head < heard:
            raise ChainUnavailable(
                f"{self._chain.name}: found block {look.head} as its latest, expected block {heard} or a later one, which "
                "it has told of: it is behind. Settlement waits until it is there"
            )
        return look

    def receipt(self, entry: OutboxEntry) -> Receipt | None:
        """Return what became of a transaction, whichever of its signings is in a block; None while none is."""
        for signing in entry.signings:
            if (receipt := self._chain.receipt(signing.hash)) is not None:
                return receipt
        return None

    def wait(self, entry: OutboxEntry) -> Receipt | None:
        """Wait until a transaction just sent is in a block; None if that takes too long."""
        try:
            return self._chain.wait(entry.hash)
        except TimeoutError as error:
            self._trouble(f"{entry}: {error}")
            return None

    # --- pursuit ------------------------------------------------------------------------------------------------

    def _pursue(self, lost: list[tuple[OutboxEntry, Look]]) -> None:
        """See to it that what is in no block gets into one, or never can."""
        price = self._chain.gas_price()
        for entry, look in lost:
            if entry.nonce < look.nonce:
                self._overtake(entry, look)
                continue
            self._overtaken.pop(entry.nonce, None)
            passed_by = look.head - self._passed_by.setdefault(entry.signings[0].hash, look.head)
            is_next = entry.nonce == look.nonce  # what comes after waits for this one, at whatever price
            if offered(entry.signings[0].raw).most_wei < price.now_wei:
                self._broadcast(self._raise(entry, price, "the price of gas has risen above what it offers"))
            elif is_next and passed_by >= RAISE_AFTER_BLOCKS:
                self._broadcast(self._raise(entry, price, f"{passed_by} blocks have passed it by"))
            else:
                self._broadcast(entry)
        self._fill_gaps({entry.nonce for entry, _ in lost}, next_nonce=lost[-1][1].next_nonce)

    def _overtake(self, entry: OutboxEntry, look: Look) -> None:
        """Give a transaction up whose nonce another one has spent, once that cannot be undone.

        That is so if it was found so before, in a block that is still there and has all its confirmations now.
        """
        first = self._overtaken.get(entry.nonce)
        if first is None or look.earlier_hash != first.head_hash:
            self._overtaken[entry.nonce] = look
            return
        if look.head < first.head + self._confirmations:
            return
        self.outbox.mark(entry.sequence, OutboxStatus.OVERTAKEN)
        self._trouble(
            f"{entry} can no longer be sent: another program has used nonce {entry.nonce} of "
            f"0x{self._chain.operator.address.hex()}. What it was for is signed anew. Let no other program use this key"
        )

    def _raise(self, entry: OutboxEntry, price: GasPrice, why: str) -> OutboxEntry:
        """Sign again at a higher price, and store that, linked to the first signing."""
        before = entry.signings[0]
        if offered(before.raw).most_wei >= RAISE_UP_TO * price.most_wei:
            self._trouble(
                f"{entry} is in no block although it offers {RAISE_UP_TO} times the price of gas: ask the node why"
            )
            return entry
        raw = raised(before.raw, self._chain.operator, price, chain_id=self._chain.chain_id)
        log.warning("%s: %s; it is replaced by one that offers %d wei", entry, why, offered(raw).most_wei)
        return self.outbox.replace(entry.sequence, raw=raw, hash_=transaction_hash(raw))

    def _fill_gaps(self, waiting: Collection[int], *, next_nonce: int) -> None:
        """Fill the nonces from the node's next one up to ours that nothing waits for.

        Raises:
            InvariantBroken: if one of them was that of a transaction that was final.
        """
        operator = self._chain.operator
        for nonce in range(next_nonce, max(waiting)):
            if nonce in waiting:
                continue
            earlier = self.outbox.at_nonce(nonce)
            if earlier is not None and earlier.status.is_final:
                raise InvariantBroken(
                    f"chain: {earlier} was {earlier.status} with {self._confirmations} confirmations, and its nonce is "
                    "unused now: the chain was reorganised deeper than CCEI_CONFIRMATIONS"
                )
            if earlier is not None:  # it has just left its block; the next look finds it lost
                continue
            self._trouble(
                f"nonce {nonce} of 0x{operator.address.hex()} was skipped, by another program that uses this key: "
                "it is filled with an empty transfer, so that what waits behind it can go on"
            )
            transaction = Transaction(operator.address, b"", _GAS_FILL)
            raw = self._chain.sign(operator, transaction, nonce=nonce)
            self._broadcast(self._store(FILL, str(nonce), raw, nonce=nonce, trades=()))

    def _store(
        self, kind: str, reference: str, raw: bytes, *, nonce: int, trades: tuple[int, ...]
    ) -> OutboxEntry:
        return self.outbox.add(
            kind=kind, reference=reference, raw=raw, hash_=transaction_hash(raw), nonce=nonce, trades=trades
        )

    def _broadcast(self, entry: OutboxEntry) -> None:
        """Send the newest signing. A refusal is told and tried again at the next look, for it may be one of the moment."""
        self.outbox.confirm()
        try:
            self._chain.broadcast(entry.signings[0].raw)
        except BroadcastRefused as error:
            self._trouble(f"{entry}: {error}")
            return
        if entry.status is OutboxStatus.SIGNED:
            self.outbox.mark(entry.sequence, OutboxStatus.SENT)

    def _trouble(self, said: str) -> None:
        self.troubles.append(said)
        log.warning("%s", said)
