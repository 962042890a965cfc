"""Money that modules moved on chain, as commands: what they locked, what they shared out, and how guarantees paid.

What was taken in before is left out, so reading the same blocks again, as after a restart, changes nothing. Whoever made a
guarantee pay out, its shares are told with its payout: they end a trade as well.
"""

from collections.abc import Callable, Iterable, Sequence

from contracts.chain import Chain, Log
from contracts.deployment import Deployment
from contracts.escrow_events import EscrowEvent, Part, Secured, Shared, escrow_events, read_escrow_events
from contracts.leaves import Leaf
from ledger.accounts import VENUE
from ledger.venue import Venue
from market.escrow import ConfirmSecured, ConfirmShared, Share
from market.orders import Address, Command, ConfirmPayout
from market.trades import TradeState

LeafOf = Callable[[int, int], Leaf | None]
"""Finds a leaf by batch number and position; None if the batch is not known here."""


def commands_for(
    deployment: Deployment, chain: Chain, venue: Venue, leaf_of: LeafOf, *, from_block: int, to_block: int
) -> list[Command]:
    """Return the commands for what happened in a range of blocks and the venue does not know yet.

    Payouts come first: they only free what was locked, and so can never lack anything.
    """
    happened = escrow_events(deployment.settlement, chain, from_block=from_block, to_block=to_block)
    paid = deployment.guarantee.payout_logs(chain, from_block=from_block, to_block=to_block)
    payouts = _payouts(deployment, paid, happened, leaf_of)
    keys = {(command.transaction, key) for command, key in payouts}
    commands: list[Command] = [
        command
        for command, _ in payouts
        if venue.exchange.trade(command.trade_number).state is TradeState.OPENED
    ]
    for each in happened:
        told_with_payout = isinstance(each, Shared) and (each.transaction, each.key) in keys
        if not told_with_payout and not venue.escrows.is_noted(each.transaction, each.log_index):
            commands.append(_command(each, deployment.fee_recipient))
    return commands


def payout_commands(deployment: Deployment, logs: Sequence[Log], leaf_of: LeafOf) -> list[ConfirmPayout]:
    """Return the payouts that a transaction brought about, from its events."""
    happened = read_escrow_events(deployment.settlement, logs)
    return [command for command, _ in _payouts(deployment, logs, happened, leaf_of)]


def _payouts(
    deployment: Deployment, logs: Iterable[Log], happened: Iterable[EscrowEvent], leaf_of: LeafOf
) -> list[tuple[ConfirmPayout, bytes]]:
    """Pair each payout with the key of its leaf. Trades of batches that are not known here are nobody's business."""
    guarantee = deployment.guarantee
    shared: dict[tuple[bytes, bytes], tuple[Part, ...]] = {}
    for each in happened:
        if isinstance(each, Shared) and each.module == guarantee.address:
            place = each.transaction, each.key
            shared[place] = shared.get(place, ()) + each.parts
    found = []
    for paid in guarantee.read_payouts(logs):
        leaf = leaf_of(paid.batch_number, paid.position)
        if leaf is None:
            continue
        payout = paid.payout
        shares = _shares(shared[paid.transaction, leaf.hash], deployment.fee_recipient)
        command = ConfirmPayout(
            trade_number=payout.trade_number,
            transaction=paid.transaction,
            delivered_lots=payout.delivered_lots,
            paid_to_seller=payout.paid_to_seller,
            fee=payout.fee,
            returned_to_buyer=payout.returned_to_buyer,
            compensation=payout.compensation,
            paid_to_fallback=payout.paid_to_fallback,
            gap=payout.gap,
            shares=shares,
        )
        found.append((command, leaf.hash))
    return found


def _command(happened: EscrowEvent, fee_recipient: Address) -> Command:
    place = happened.transaction, happened.log_index
    match happened:
        case Secured(module, key, participant, amount):
            return ConfirmSecured(module, key, participant, amount, *place)
        case Shared(module, key, parts):
            return ConfirmShared(module, key, _shares(parts, fee_recipient), *place)


def _shares(parts: Iterable[Part], fee_recipient: Address) -> tuple[Share, ...]:
    """Return the shares as they are booked: what the venue's recipient is given is the venue's fee."""
    shares = []
    for part in parts:
        if part.participant != fee_recipient or part.unlocked_micros:
            shares.append(Share(part.participant, part.unlocked_micros, part.earned_micros))
        elif part.earned_micros:
            shares.append(Share(VENUE, part.unlocked_micros, part.earned_micros))
    return tuple(shares)
