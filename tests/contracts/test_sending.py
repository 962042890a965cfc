"""Bursts of participants' own transactions: whoever lacks the coins is given them, once for several bursts."""

import pytest

from contracts.chain import Reverted, Transaction
from contracts.sending import send_all
from contracts.signing import Signer
from market.orders import Address

from .conftest import Stage

NOBODY = Address(b"\x42" * 20)
CALL = Transaction(NOBODY, b"", 50_000)


def a_key(label: str) -> Signer:
    return Signer.from_seed(1, f"burst {label}")


def test_everybody_sends_its_own_without_having_had_a_coin(stage: Stage) -> None:
    alice, bob = a_key("alice"), a_key("bob")
    receipts = send_all(stage.chain, [(alice, CALL), (bob, CALL), (alice, CALL)])
    assert [receipt.succeeded for receipt in receipts] == [True] * 3
    assert (stage.chain.nonce(alice.address), stage.chain.nonce(bob.address)) == (2, 1)


def test_what_was_provided_lasts_for_more_than_a_burst(stage: Stage) -> None:
    carol = a_key("carol")
    send_all(stage.chain, [(carol, CALL)])
    nonce = stage.chain.nonce(stage.chain.operator.address)
    send_all(stage.chain, [(carol, CALL)])
    assert stage.chain.nonce(stage.chain.operator.address) == nonce


def test_a_refusal_is_named(stage: Stage) -> None:
    exits = stage.market.settlement.execute_exit(NOBODY)
    with pytest.raises(Reverted):
        send_all(stage.chain, [(a_key("dave"), exits)])
