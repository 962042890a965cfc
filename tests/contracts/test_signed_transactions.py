"""The bytes of signed transactions: those that a general library writes, and read back as they were meant."""

from typing import Any

import pytest
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st

from contracts.signed_transactions import data_of, read_signed, sign_transaction
from contracts.signing import Signer
from contracts.transactions import GAS_MAX, GasPrice, Transaction, transaction_hash
from market.orders import Address

ALICE = Signer.from_seed(3, "alice")
CHAIN_ID = 31337
WEI = st.integers(0, 2**96)

transactions = st.builds(
    Transaction,
    to=st.none() | st.binary(min_size=20, max_size=20).map(Address),
    data=st.binary(max_size=100),
    gas=st.integers(0, GAS_MAX),
    value_wei=WEI,
)
prices = st.builds(lambda most, tip: GasPrice(most, most, tip), WEI, st.none() | WEI)


def by_the_library(transaction: Transaction, nonce: int, price: GasPrice) -> bytes:
    fields: dict[str, Any] = {
        "chainId": CHAIN_ID,
        "nonce": nonce,
        "gas": transaction.gas,
        "value": transaction.value_wei,
        "data": transaction.data,
    }
    if transaction.to is not None:
        fields["to"] = transaction.to
    if price.tip_wei is None:
        fields["gasPrice"] = price.most_wei
    else:
        fields |= {"type": 2, "maxFeePerGas": price.most_wei, "maxPriorityFeePerGas": price.tip_wei}
    return bytes(Account.sign_transaction(fields, ALICE.key).raw_transaction)


@given(transaction=transactions, nonce=st.integers(0, 2**64 - 2), price=prices)
def test_the_bytes_are_those_of_the_library_and_read_back(
    transaction: Transaction, nonce: int, price: GasPrice
) -> None:
    raw = sign_transaction(ALICE, transaction, chain_id=CHAIN_ID, nonce=nonce, price=price)
    assert raw == by_the_library(transaction, nonce, price)
    read = read_signed(raw)
    assert (read.chain_id, read.nonce, read.to) == (CHAIN_ID, nonce, transaction.to)
    assert (read.data, read.sender, read.hash) == (transaction.data, ALICE.address, transaction_hash(raw))
    assert data_of(raw) == transaction.data


@pytest.mark.parametrize("tip_wei", [None, 7])
def test_the_same_is_signed_the_same_every_time(tip_wei: int | None) -> None:
    transaction, price = Transaction(None, b"\x60", 21_000), GasPrice(9, 9, tip_wei)
    first, second = (sign_transaction(ALICE, transaction, chain_id=1, nonce=0, price=price) for _ in range(2))
    assert first == second
