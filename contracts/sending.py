"""Send what participants sign for themselves, with the coins that their gas costs: a burst at a time."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from contracts.chain import Chain, GasPrice, Receipt, Reverted, Standing, Transaction
from contracts.signing import Signer
from market.orders import Address

_MARGIN: Final = 2
"""An account has enough if it could pay twice the gas at the price of now: the price may rise within a burst."""
_BURSTS_PROVIDED: Final = 6
"""Who has not is given the coins for so many bursts like this one, so that few transfers are needed."""
_GAS_TRANSFER: Final = 21_000


def send_all(chain: Chain, signed: Sequence[tuple[Signer, Transaction]]) -> tuple[Receipt, ...]:
    """Sign, broadcast and await each account's transactions; return the receipts in the same sequence.

    An account without the coins for its gas is given them by the operator first. Everything is broadcast before the
    first answer is awaited, so that a burst waits for a block or two and not for a block each.

    Raises:
        Reverted: if a contract refuses one of them; the others have their effect.
    """
    if not signed:
        return ()
    price = chain.gas_price()
    standings = chain.standings((chain.operator.address, *(account.address for account, _ in signed)))
    nonces = {address: standing.nonce for address, standing in standings.items()}
    gifts = _gifts(chain, signed, standings, price)

    def broadcast(account: Signer, transaction: Transaction) -> bytes:
        raw = chain.sign(account, transaction, nonce=nonces[account.address], price=price)
        nonces[account.address] += 1
        return chain.broadcast(raw)

    chain.wait_all([broadcast(chain.operator, gift) for gift in gifts])
    receipts = chain.wait_all([broadcast(account, transaction) for account, transaction in signed])
    for (account, transaction), receipt in zip(signed, receipts, strict=True):
        if not receipt.succeeded:
            if transaction.to is not None:
                chain.call(transaction.to, transaction.data, sender=account.address, gas=transaction.gas)
            raise Reverted(b"")
    return receipts


def _gifts(
    chain: Chain,
    signed: Sequence[tuple[Signer, Transaction]],
    standings: Mapping[Address, Standing],
    price: GasPrice,
) -> list[Transaction]:
    """Return what the operator gives each account that has too few coins for the gas of its transactions."""
    gas: Counter[Address] = Counter()
    for account, transaction in signed:
        gas[account.address] += transaction.gas
    return [
        Transaction(address, b"", _GAS_TRANSFER, value_wei=_BURSTS_PROVIDED * needed * price.most_wei)
        for address, needed in gas.items()
        if address != chain.operator.address
        and standings[address].balance_wei < _MARGIN * needed * price.most_wei
    ]
