"""Answers that cannot be read: a node that tells so is unavailable. Whatever else is raised ends the market."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from contracts.chain import Chain, ChainUnavailable
from contracts.json_rpc import Ask
from contracts.opening import DEV_SIGNERS
from contracts.settlement import Settlement
from market.address import Address

CONTRACT = Address(b"\x22" * 20)
LOG = {
    "address": "0x" + CONTRACT.hex(),
    "topics": ["0x" + "33" * 32],
    "data": "0x",
    "blockNumber": "0xa",
    "transactionHash": "0x" + "66" * 32,
    "logIndex": "0x0",
}
RECEIPT = {
    "transactionHash": "0x" + "66" * 32,
    "status": "0x1",
    "blockNumber": "0xa",
    "gasUsed": "0x5208",
    "logs": [LOG],
    "contractAddress": None,
}
BLOCK = {"timestamp": hex(1_647_046_800), "gasLimit": "0x1c9c380", "baseFeePerGas": "0x7"}


@dataclass
class Told:
    """A node that answers each method so."""

    results: dict[str, Any]

    def ask(self, method: str, *_: Any) -> Any:
        return self.results[method]

    def ask_all(self, asks: Sequence[Ask]) -> list[Any]:
        return [self.results.get(method) for method, _ in asks]

    ask_together = ask_all


def a_chain(node: Told) -> Chain:
    return Chain(
        name="stub",
        description="stub",
        node=node,
        chain_id=7,
        operator=DEV_SIGNERS[0],
        drives_time=False,
        advance=lambda _: None,
        poll_s=0.0,
    )


def without(found: dict[str, Any], name: str) -> dict[str, Any]:
    return {each: value for each, value in found.items() if each != name}


@pytest.mark.parametrize(
    ("method", "result", "ask"),
    [
        ("eth_blockNumber", None, Chain.block_number),
        ("eth_blockNumber", "0x", Chain.block_number),
        ("eth_blockNumber", 17, Chain.block_number),
        ("eth_getBlockByNumber", BLOCK | {"timestamp": None}, Chain.now_s),
        ("eth_getBlockByNumber", without(BLOCK, "gasLimit"), Chain.block_gas_limit),
        ("eth_getBlockByNumber", "0x11", Chain.gas_price),
        ("eth_getBlockByNumber", BLOCK | {"hash": None}, lambda chain: chain.block_hash(3)),
        ("eth_getTransactionCount", {}, lambda chain: chain.nonce(CONTRACT)),
        ("eth_getTransactionCount", None, lambda chain: chain.standings([CONTRACT])),
        ("eth_getCode", None, lambda chain: chain.code(CONTRACT)),
        ("eth_call", "0xabc", lambda chain: chain.call(CONTRACT, b"")),
        ("eth_call", None, lambda chain: chain.calls([(CONTRACT, b""), (CONTRACT, b"")])),
        ("eth_getLogs", None, lambda chain: chain.logs(CONTRACT, [], from_block=0)),
        ("eth_getLogs", [LOG, without(LOG, "data")], lambda chain: chain.logs(CONTRACT, [], from_block=0)),
        ("eth_getTransactionByHash", {}, lambda chain: chain.data_sent(bytes(32))),
        (
            "eth_getTransactionReceipt",
            RECEIPT | {"blockNumber": None},
            lambda chain: chain.receipt(bytes(32)),
        ),
        ("eth_getTransactionReceipt", RECEIPT | {"logs": [None]}, lambda chain: chain.receipt(bytes(32))),
        ("eth_getTransactionReceipt", without(RECEIPT, "status"), lambda chain: chain.wait_all([bytes(32)])),
    ],
)
def test_an_answer_that_cannot_be_read_is_none(method: str, result: Any, ask: Callable[[Chain], Any]) -> None:
    with pytest.raises(ChainUnavailable, match=r"node: found .*, expected "):
        ask(a_chain(Told({"eth_blockNumber": "0x11", "eth_getBlockByNumber": BLOCK, method: result})))


@pytest.mark.parametrize("answer", ["0x", "0x" + "ff" * 31])
def test_a_contract_that_a_node_does_not_answer_for_is_asked_again_later(answer: str) -> None:
    settlement = Settlement(CONTRACT, chain_id=7)
    with pytest.raises(ChainUnavailable, match=r"found no readable answer of 0x2222\w+ to lastBatch \("):
        settlement.last_batch(a_chain(Told({"eth_call": answer})))


def test_the_same_answers_whole_are_read() -> None:
    told = {"eth_getTransactionReceipt": RECEIPT, "eth_getLogs": [LOG], "eth_getBlockByNumber": BLOCK}
    chain = a_chain(Told(told | {"eth_blockNumber": "0x11", "eth_getCode": "0x"}))
    receipt = chain.receipt(bytes(32))
    assert receipt is not None
    assert (receipt.succeeded, receipt.block_number, receipt.created) == (True, 10, None)
    assert receipt.logs == chain.logs(CONTRACT, [], from_block=0)
    assert (chain.now_s(), chain.code(CONTRACT)) == (1_647_046_800, b"")
