"""Several requests in one round trip: the same answers as one at a time, on every chain, and from nodes that refuse."""

import json
from typing import Any

import pytest

from contracts.chain import Chain, ChainUnavailable, NodeSilent, Reverted, Transaction
from contracts.json_rpc import AT_ONCE, JsonRpc
from contracts.posting import BadStatus
from contracts.signing import Signer
from market.orders import Address

from .conftest import Stage

NOBODY = Address(b"\x43" * 20)


def test_accounts_stand_where_they_stand_alone(chain: Chain) -> None:
    operator = chain.operator.address
    chain.send(chain.operator, Transaction(NOBODY, b"", 21_000, value_wei=7))
    standings = chain.standings([operator, NOBODY, operator])
    assert list(standings) == [operator, NOBODY]
    for address, standing in standings.items():
        found = (standing.nonce, standing.balance_wei)
        assert found == (chain.nonce(address), chain.balance_wei(address))


def test_more_accounts_than_go_in_one_round_trip_are_told_in_their_sequence(stage: Stage) -> None:
    traders = [Signer.from_seed(7, str(number)).address for number in range(AT_ONCE // 2)]
    traders[1:1] = [stage.trader(deposit=5).address, stage.trader(deposit=6).address]
    accounts = stage.market.settlement.accounts_of(stage.chain, traders)
    assert [account.free_micros for account in accounts] == [0, 5, 6] + [0] * (len(traders) - 3)
    assert stage.chain.standings(traders).keys() == set(traders)


def test_one_refusal_among_several_calls_is_told(stage: Stage) -> None:
    settlement = stage.market.settlement
    refused = settlement.execute_exit(NOBODY).data
    answers = settlement.address, bytes.fromhex("fc0c546a")  # token()
    with pytest.raises(Reverted, match=f"NoExitRequested\\(participant=0x{NOBODY.hex()}\\)"):
        stage.chain.calls([answers, (settlement.address, refused), answers])
    assert stage.chain.calls([]) == ()
    token = stage.market.token.address.rjust(32, b"\0")
    assert stage.chain.calls([answers, answers]) == (token, token)


def test_receipts_come_in_the_sequence_of_their_transactions(chain: Chain) -> None:
    operator, price = chain.operator, chain.gas_price()
    nonce = chain.nonce(operator.address)
    sent = [
        chain.broadcast(
            chain.sign(operator, Transaction(NOBODY, b"", 21_000), nonce=nonce + place, price=price)
        )
        for place in range(3)
    ]
    backwards = tuple(reversed(sent))
    assert tuple(receipt.transaction for receipt in chain.wait_all(backwards)) == backwards
    assert chain.wait_all(()) == ()
    with pytest.raises(TimeoutError, match="in no block"):
        chain.wait_all((bytes(31) + b"\x01", sent[0]), timeout_s=0.02)


@pytest.mark.parametrize(
    "refusal",
    [
        {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "no batches here"}},
        [{"jsonrpc": "2.0", "id": 2, "error": {"code": -32005, "message": "too many"}}],
        BadStatus("status 413"),
    ],
)
def test_a_node_that_takes_single_requests_only_is_asked_so(refusal: Any) -> None:
    asked: list[Any] = []

    def post(body: bytes) -> bytes:
        asked.append(json.loads(body))
        if not isinstance(asked[-1], list):
            return json.dumps({"jsonrpc": "2.0", "id": asked[-1]["id"], "result": hex(len(asked))}).encode()
        if isinstance(refusal, Exception):
            raise refusal
        return json.dumps(refusal).encode()

    node = JsonRpc("stub", post)
    assert node.ask_all([("eth_blockNumber", ()), ("eth_chainId", ())]) == ["0x2", "0x3"]
    assert [each["method"] for each in asked[1:]] == ["eth_blockNumber", "eth_chainId"]


def test_answers_in_another_sequence_are_told_in_that_of_the_requests() -> None:
    def post(body: bytes) -> bytes:
        requests = json.loads(body)
        answers = [{"jsonrpc": "2.0", "id": one["id"], "result": one["params"][0]} for one in requests]
        return json.dumps(answers[::-1]).encode()

    asks = [("eth_getCode", (str(number),)) for number in range(AT_ONCE + 2)]
    assert JsonRpc("stub", post).ask_all(asks) == [str(number) for number in range(AT_ONCE + 2)]


def test_the_answer_to_another_request_is_no_answer() -> None:
    node = JsonRpc("stub", lambda _: b'{"jsonrpc": "2.0", "id": 77, "result": "0x1"}')
    with pytest.raises(ChainUnavailable, match="expected an answer to eth_blockNumber"):
        node.ask("eth_blockNumber")


def test_a_node_that_is_silent_together_is_not_asked_again_one_by_one() -> None:
    asked = []

    def post(body: bytes) -> bytes:
        asked.append(body)
        raise TimeoutError

    with pytest.raises(NodeSilent, match=r"stub does not answer \(TimeoutError\)"):
        JsonRpc("stub", post).ask_all([("eth_blockNumber", ()), ("eth_chainId", ())])
    assert len(asked) == 1
