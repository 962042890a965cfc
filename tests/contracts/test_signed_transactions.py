"""The bytes of signed transactions: they say what was meant, where the standards have it, and are read back so."""

import pytest
import rlp
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st
from rlp.sedes import big_endian_int

from contracts.signed_transactions import data_of, read_signed, sign_transaction
from contracts.signing import Signer
from contracts.transactions import GAS_MAX, GasPrice, Transaction, transaction_hash
from market.orders import Address

ALICE = Signer.from_seed(3, "alice")
CHAIN_ID = 31337
number = big_endian_int.deserialize
WEI = st.integers(0, 2**96)

transactions = st.builds(
    Transaction,
    to=st.none() | st.binary(min_size=20, max_size=20).map(Address),
    data=st.binary(max_size=100),
    gas=st.integers(0, GAS_MAX),
    value_wei=WEI,
)
prices = st.builds(lambda most, tip: GasPrice(most, most, tip), WEI, st.none() | WEI)


def terms(raw: bytes) -> tuple[int, int, GasPrice]:
    """Gas, value and price, from where the standard has them: EIP-1559 behind a 2, EIP-155 otherwise."""
    if raw[:1] == b"\x02":
        _, _, tip, most, gas, _, value, *_ = rlp.decode(raw[1:])
        return number(gas), number(value), GasPrice(number(most), number(most), number(tip))
    _, most, gas, _, value, *_ = rlp.decode(raw)
    return number(gas), number(value), GasPrice(number(most), number(most), None)


@given(transaction=transactions, nonce=st.integers(0, 2**64 - 2), price=prices)
def test_the_bytes_say_what_was_meant_and_are_read_back(
    transaction: Transaction, nonce: int, price: GasPrice
) -> None:
    raw = sign_transaction(ALICE, transaction, chain_id=CHAIN_ID, nonce=nonce, price=price)
    assert terms(raw) == (transaction.gas, transaction.value_wei, price)
    read = read_signed(raw)
    assert (read.chain_id, read.nonce, read.to) == (CHAIN_ID, nonce, transaction.to)
    assert (read.data, read.sender, read.hash) == (transaction.data, ALICE.address, transaction_hash(raw))
    assert data_of(raw) == transaction.data
    assert bytes.fromhex(Account.recover_transaction(raw)[2:]) == ALICE.address


@pytest.mark.parametrize("tip_wei", [None, 7])
def test_the_same_is_signed_the_same_every_time(tip_wei: int | None) -> None:
    transaction, price = Transaction(None, b"\x60", 21_000), GasPrice(9, 9, tip_wei)
    first, second = (sign_transaction(ALICE, transaction, chain_id=1, nonce=0, price=price) for _ in range(2))
    assert first == second
