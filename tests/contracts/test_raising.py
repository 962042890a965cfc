"""Stored bytes signed again at a higher price: another price, and nothing else."""

import pytest
from eth_account import Account

from contracts.chain import GasPrice
from contracts.opening import DEV_SIGNERS
from contracts.raising import offered, raised

GWEI = 10**9
OPERATOR = DEV_SIGNERS[0]
FIELDS = {
    "chainId": 31337,
    "nonce": 300,
    "gas": 1_000_000,
    "value": 5,
    "data": b"\x00\x01call",
    "to": "0x" + "11" * 20,
}
TYPE_2 = FIELDS | {"type": 2, "maxFeePerGas": 3 * GWEI, "maxPriorityFeePerGas": GWEI}
LEGACY = FIELDS | {"gasPrice": 3 * GWEI}


def signed(fields: dict[str, object]) -> bytes:
    return bytes(Account.sign_transaction(fields, OPERATOR.key).raw_transaction)


def test_a_low_market_price_still_raises_by_what_nodes_demand() -> None:
    again = raised(signed(TYPE_2), OPERATOR, GasPrice(1, 1, 1), chain_id=31337)
    assert again == signed(TYPE_2 | {"maxFeePerGas": 3_390_000_000, "maxPriorityFeePerGas": 1_130_000_000})


def test_a_high_market_price_is_taken() -> None:
    price = GasPrice(8 * GWEI, 15 * GWEI, 2 * GWEI)
    again = raised(signed(TYPE_2), OPERATOR, price, chain_id=31337)
    assert again == signed(TYPE_2 | {"maxFeePerGas": 15 * GWEI, "maxPriorityFeePerGas": 2 * GWEI})


def test_a_chain_without_a_base_fee_has_one_price() -> None:
    again = raised(signed(LEGACY), OPERATOR, GasPrice(1, 1, None), chain_id=31337)
    assert again == signed(LEGACY | {"gasPrice": 3_390_000_000})


@pytest.mark.parametrize(("fields", "most", "tip"), [(TYPE_2, 3 * GWEI, GWEI), (LEGACY, 3 * GWEI, None)])
def test_the_offer_is_read_from_the_bytes(fields: dict[str, object], most: int, tip: int | None) -> None:
    offer = offered(signed(fields))
    assert (offer.most_wei, offer.tip_wei) == (most, tip)
