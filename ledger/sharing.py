"""Sharing: who gets what was locked or held for a trade, or by a module, as entries."""

from collections.abc import Iterable

from ledger.accounts import FEES, VENUE, purse_of
from ledger.entries import Entry, move
from market.escrow import Share
from market.events import Event, TradeAgreed
from market.orders import Address
from market.settlement import GuaranteePaid
from market.units import InvariantBroken


def lock(trade: TradeAgreed) -> list[Entry]:
    """Lock what both sides had set aside for a trade: the buyer's payment and fee, and the seller's collateral."""
    buyer, seller = purse_of(trade.buyer), purse_of(trade.seller)
    return [
        *move(buyer.trade_hold, buyer.locked, trade.payment_micros + trade.fee_micros),
        *move(seller.trade_hold, seller.locked, trade.collateral_micros),
    ]


def void(trade: TradeAgreed) -> list[Entry]:
    """Free what both sides had set aside for a trade."""
    buyer, seller = purse_of(trade.buyer), purse_of(trade.seller)
    return [
        *move(buyer.trade_hold, buyer.free, trade.payment_micros + trade.fee_micros),
        *move(seller.trade_hold, seller.free, trade.collateral_micros),
    ]


def pay_out(trade: TradeAgreed, *, to_seller: int, fee: int, to_buyer: int, credit: int) -> list[Entry]:
    """Share out what a trade locked: the buyer's payment and fee, then the seller's collateral."""
    buyer, seller = purse_of(trade.buyer), purse_of(trade.seller)
    return [
        *move(buyer.locked, seller.free, to_seller),
        *move(buyer.locked, FEES, fee),
        *move(buyer.locked, buyer.free, to_buyer),
        *move(seller.locked, buyer.free, credit),
        *move(seller.locked, seller.free, trade.collateral_micros - credit),
    ]


def pay_guarantee(trade: TradeAgreed, event: GuaranteePaid) -> list[Entry]:
    """Share out what a trade locked as its guarantee did.

    Raises:
        InvariantBroken: if it gave more or less than the trade had locked.
    """
    if event.shares:
        _require_all_unlocked(trade, event.shares)
        return share_out(event.shares, event)
    paid = event.paid_to_seller + event.fee + event.returned_to_buyer
    locked = trade.payment_micros + trade.fee_micros
    least = min(event.paid_to_seller, event.fee, event.returned_to_buyer, event.compensation)
    if paid != locked or not 0 <= event.compensation <= trade.collateral_micros or least < 0:
        raise InvariantBroken(
            f"trade {event.trade_number}: the guarantee paid {event.paid_to_seller} to the seller, "
            f"{event.fee} fee, {event.returned_to_buyer} back to the buyer and {event.compensation} "
            f"compensation, expected amounts of at least 0 that share {locked} locked by the buyer and at "
            f"most {trade.collateral_micros} of collateral"
        )
    return pay_out(
        trade,
        to_seller=event.paid_to_seller,
        fee=event.fee,
        to_buyer=event.returned_to_buyer,
        credit=event.compensation,
    )


def share_out(shares: Iterable[Share], event: Event) -> list[Entry]:
    """Return the entries of what a module shared out: all that was unlocked, and all that was given.

    Raises:
        InvariantBroken: if the two differ, or an amount is below 0.
    """
    entries: list[Entry] = []
    for share in shares:
        if min(share.unlocked_micros, share.earned_micros) < 0:
            raise InvariantBroken(f"{type(event).__name__}: found {share}, expected amounts of at least 0")
        if share.unlocked_micros:
            entries.append((purse_of(share.participant).locked, -share.unlocked_micros))
        if share.earned_micros:
            earner = FEES if share.participant == VENUE else purse_of(share.participant).free
            entries.append((earner, share.earned_micros))
    if difference := sum(amount for _, amount in entries):
        raise InvariantBroken(
            f"{type(event).__name__}: found shares that give {difference} micros more than they unlock, expected none"
        )
    return entries


def _require_all_unlocked(trade: TradeAgreed, shares: Iterable[Share]) -> None:
    """Require that a payout leaves nothing of a trade locked, and takes nothing else."""
    unlocked: dict[Address, int] = {}
    for share in shares:
        unlocked[share.participant] = unlocked.get(share.participant, 0) + share.unlocked_micros
    expected = {trade.buyer: trade.payment_micros + trade.fee_micros, trade.seller: trade.collateral_micros}
    for participant in unlocked.keys() | expected.keys():
        found, wanted = unlocked.get(participant, 0), expected.get(participant, 0)
        if found != wanted:
            raise InvariantBroken(
                f"trade {trade.trade_number}: the guarantee unlocked {found} micros of 0x{participant.hex()}, "
                f"expected the {wanted} that it had locked"
            )
