"""Send what participants sign for themselves, with the coins that their gas costs: a burst at a time."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from contracts.chain import Chain, Receipt, Reverted, Transaction
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
    provide_gas(chain, signed)
    nonces = {account.address: chain.nonce(account.address) for account, _ in signed}
    sent: list[bytes] = []
    for account, transaction in signed:
        sent.append(chain.broadcast(chain.sign(account, transaction, nonce=nonces[account.address])))
        nonces[account.address] += 1
    receipts = tuple(map(chain.wait, sent))
    for (account, transaction), receipt in zip(signed, receipts, strict=True):
        if not receipt.succeeded:
            if transaction.to is not None:
                chain.call(transaction.to, transaction.data, sender=account.address, gas=transaction.gas)
            raise Reverted(b"")
    return receipts


def provide_gas(chain: Chain, signed: Sequence[tuple[Signer, Transaction]]) -> None:
    """Let the operator give each account that has too little the coins for the gas of its transactions."""
    gas: Counter[Address] = Counter()
    for account, transaction in signed:
        gas[account.address] += transaction.gas
    price_wei = chain.gas_price().most_wei
    nonce = chain.nonce(chain.operator.address)
    sent: list[bytes] = []
    for address, needed in gas.items():
        if address == chain.operator.address or chain.balance_wei(address) >= _MARGIN * needed * price_wei:
            continue
        gift = Transaction(address, b"", _GAS_TRANSFER, value_wei=_BURSTS_PROVIDED * needed * price_wei)
        sent.append(chain.broadcast(chain.sign(chain.operator, gift, nonce=nonce + len(sent))))
    for hash_ in sent:
        chain.wait(hash_)
