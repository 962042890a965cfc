"""Who is at fault when a trade does not settle: the party whose cancellation or exit on chain the record has, and why."""

from typing import NamedTuple

from market.events import CancelReason
from market.notice_register import NoticeRegister
from market.open_orders import SignedOrder
from market.orders import Address
from market.sessions import MICROS_PER_SECOND

BUY_CANCELLED, SELL_CANCELLED, BUYER_FUNDS, SELLER_COLLATERAL = 15, 16, 22, 23
"""What the contract says (`SkipCode`) when a party's cancellation is in effect, or its money gone."""
CANCELLED = "cancelled on chain before it was locked"
LEFT = "an exit on chain took its funds"
LOCKED_ELSEWHERE = "a contract on chain locked its funds"


class Taking(NamedTuple):
    """How money came to be taken on chain: why orders leave that held it, and why trades are void."""

    cancels: CancelReason
    voids: str


EXIT = Taking(CancelReason.EXIT_ON_CHAIN, LEFT)
LOCK = Taking(CancelReason.LOCKED_ON_CHAIN, LOCKED_ELSEWHERE)


class Fault(NamedTuple):
    """The party that kept a trade from being locked, and how: why the trade is void."""

    party: Address
    reason: str


def fault_in(
    notices: NoticeRegister,
    signed: tuple[SignedOrder, SignedOrder],
    *,
    time_us: int,
    skip_code: int | None = None,
) -> Fault | None:
    """Return who kept a trade of these orders (bid, offer) from being locked, None if neither party did.

    `skip_code` is what the contract said, None if it was not asked: then a cancellation counts that is in effect by
    `time_us`, Unix microseconds.
    """
    bid, offer = signed
    if skip_code in (BUYER_FUNDS, SELLER_COLLATERAL):
        party = (bid if skip_code == BUYER_FUNDS else offer).terms.participant
        return Fault(party, LEFT) if notices.has_left(party) else None
    if skip_code in (BUY_CANCELLED, SELL_CANCELLED):
        terms = (bid if skip_code == BUY_CANCELLED else offer).terms
        from_s = notices.cancelled_from_s(terms.participant, terms.client_order_id)
        return Fault(terms.participant, CANCELLED) if from_s is not None else None
    if skip_code is not None:
        return None
    found = notices.trade_cancelled_from(bid, offer)
    in_effect = found is not None and found[0] * MICROS_PER_SECOND <= time_us
    return Fault(found[1], CANCELLED) if found is not None and in_effect else None
