"""Small days whose orders are really signed, for what checks signatures."""

from contracts.signing import Domain, Signer, sign_order
from market.orders import OrderTerms
from tests.ledger.days import GENESIS, SmallDay, a_whole_day

SIGNERS = tuple(Signer.from_seed(6, name) for name in ("alice", "bob", "carol"))
DOMAIN = Domain(GENESIS.chain_id, GENESIS.settlement)
_BY_ADDRESS = {signer.address: signer for signer in SIGNERS}


def signed_by_its_participant(terms: OrderTerms) -> bytes:
    """Sign an order with the key of whom it names."""
    return sign_order(terms, _BY_ADDRESS[terms.participant], DOMAIN)


def a_signed_day() -> SmallDay:
    """The day of `a_whole_day`, each order signed by its participant."""
    return a_whole_day(SmallDay([signer.address for signer in SIGNERS], signed_by_its_participant))
