"""Read from the contract of certificates all that an audit compares: who holds what, from its events and its answers."""

from collections import Counter
from typing import Final

from api.delivering import chunks
from contracts.certificate_history import certificate_history
from contracts.chain import Chain
from contracts.deployment import Deployment, attach_certificate
from ledger.holdings import Holding, Holdings
from market.certificates import LockCertificates, MoveCertificates, RetireCertificates
from market.orders import Address
from market.units import Lots

_AT_ONCE: Final = 500
"""Balances to ask for in one call."""


def read_holdings(chain: Chain, deployment: Deployment, contract: Address) -> Holdings:
    """Read what everybody who ever had certificates of this contract holds now, and what was retired for whom.

    Raises:
        ChainUnavailable: if there is no contract of certificates there that counts by this market's settlement.
    """
    certificate = attach_certificate(chain, contract, deployment.settlement)
    holders: dict[tuple[Address, int], None] = {}
    lockers: dict[tuple[Address, int], None] = {}
    retired: Counter[tuple[Address, int]] = Counter()
    last = chain.block_number()
    for happened in certificate_history(chain, contract, from_block=deployment.block_number, to_block=last):
        match happened:
            case MoveCertificates(_, recipient, parcels) if recipient is not None:
                holders |= dict.fromkeys((recipient, parcel.certificate_id) for parcel in parcels)
            case LockCertificates(_, owner, parcel):
                lockers[owner, parcel.certificate_id] = None
            case RetireCertificates(_, parcel, claim):
                retired[claim.beneficiary, parcel.certificate_id] += parcel.amount_wh
            case _:
                pass
    held = {
        holder: balance
        for some in chunks(tuple(holders), _AT_ONCE)
        for holder, balance in zip(some, certificate.balances_of(chain, some), strict=True)
    }
    locked = {holder: certificate.locked_of(chain, *holder) for holder in lockers}
    return {
        key: Holding(held.get(key, Lots(0)), locked.get(key, Lots(0)), Lots(retired[key]))
        for key in held.keys() | locked.keys() | retired.keys()
    }
