"""Opening, driving and closing a chain, and what is said when it cannot be had."""

import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import contracts.nodes
from contracts.chain import GAS_MAX, Chain, ChainUnavailable, Reverted, Transaction
from contracts.deployment import attach
from contracts.json_rpc import JsonRpc
from contracts.nodes import running_node
from contracts.opening import DEV_SIGNERS, open_chain
from contracts.posting import Loopback, Posting
from contracts.signing import Signer
from market.orders import Address
from market.units import Malformed

from .conftest import DAY_S, NODE_MODULES, Stage, need_node_modules

NOBODY = Address(b"\x11" * 20)


def answers(url: str) -> bool:
    parts = urlsplit(url)
    with socket.socket() as probe:
        return probe.connect_ex((parts.hostname, parts.port)) == 0


def url_of(chain: Chain) -> str:
    assert isinstance(chain.node, JsonRpc)
    assert isinstance(chain.node.provider, Posting)
    assert isinstance(chain.node.provider.post, Loopback)
    return chain.node.provider.post.url


def test_a_driven_clock_goes_where_it_is_told_and_one_second_a_block(chain: Chain) -> None:
    there = chain.now_s() + 100_000
    assert chain.set_time(there)
    assert chain.now_s() == there
    chain.send(chain.operator, Transaction(NOBODY, b"", 21_000))
    assert chain.now_s() == there + 1
    assert chain.set_time(there)
    assert chain.now_s() == there + 1


def test_a_clock_that_nobody_drives_stays_alone() -> None:
    with open_chain("tester", start_time_s=None) as chain:
        before = chain.block_number()
        assert not chain.set_time(1 << 40)
        assert chain.block_number() == before


def test_on_ganache_too_an_operator_of_ones_own_sends_its_first_bytes_once() -> None:
    need_node_modules()
    own = Signer.from_seed(1, "operator")
    with open_chain("ganache", start_time_s=DAY_S, operator_key=own.key) as chain:
        assert chain.operator.address == own.address
        payment = Transaction(NOBODY, b"", 21_000, value_wei=5)
        raw = chain.sign(chain.operator, payment, nonce=chain.nonce(chain.operator.address))
        for _ in range(2):
            chain.wait(chain.broadcast(raw))
        assert chain.balance_wei(NOBODY) == 5


def test_the_same_signed_bytes_count_once(chain: Chain) -> None:
    start = chain.balance_wei(NOBODY)
    payment = Transaction(NOBODY, b"", 21_000, value_wei=5)
    raw = chain.sign(chain.operator, payment, nonce=chain.nonce(chain.operator.address))
    first = chain.broadcast(raw)
    assert chain.wait(first).succeeded
    assert chain.broadcast(raw) == first
    assert chain.balance_wei(NOBODY) == start + 5


def test_a_transaction_that_no_chain_would_take_is_refused_in_words(chain: Chain) -> None:
    for _ in range(2):
        chain.send(chain.operator, Transaction(NOBODY, b"", 21_000))
    used_up = chain.sign(chain.operator, Transaction(NOBODY, b"", 21_000, value_wei=6), nonce=1)
    with pytest.raises(ChainUnavailable, match=f"{chain.name} refused transaction 0x"):
        chain.broadcast(used_up)
    with pytest.raises(Malformed, match=f"expected at most {GAS_MAX}"):
        Transaction(NOBODY, b"", GAS_MAX + 1)


def test_a_transaction_in_no_block_has_no_receipt(chain: Chain) -> None:
    assert chain.receipt(bytes(31) + b"\x01") is None
    with pytest.raises(TimeoutError, match=f"in no block of {chain.name} after 0.02 s"):
        chain.wait(bytes(31) + b"\x01", timeout_s=0.02)


def test_a_refusal_names_the_contracts_error_and_its_fields(stage: Stage) -> None:
    poor = stage.trader(deposit=0)
    transaction = stage.market.settlement.execute_exit(poor.address)
    with pytest.raises(Reverted, match=f"NoExitRequested\\(participant=0x{poor.address.hex()}\\)"):
        stage.chain.call(stage.market.settlement.address, transaction.data)
    with pytest.raises(Reverted, match="NoExitRequested"):
        stage.send(transaction)


@pytest.mark.parametrize("spec", ["tester", "anvil"])
def test_another_chain_id_than_expected_is_told(spec: str) -> None:
    need_node_modules()
    with (
        pytest.raises(ChainUnavailable, match=rf"{spec}: found chain id \d+, expected 5"),
        open_chain(spec, start_time_s=DAY_S, expected_chain_id=5),
    ):
        pass


def test_an_address_where_nothing_answers_is_told() -> None:
    with (
        pytest.raises(ChainUnavailable, match=r"http://127\.0\.0\.1:1: nothing answers there"),
        open_chain("http://127.0.0.1:1", start_time_s=None),
    ):
        pass


def test_an_unknown_chain_is_told_with_those_there_are() -> None:
    with (
        pytest.raises(ChainUnavailable, match="found 'hardhat', expected one of auto, tester, anvil"),
        open_chain("hardhat", start_time_s=None),
    ):
        pass


@pytest.mark.parametrize("program", ["anvil", "ganache"])
def test_a_missing_program_is_told_with_what_to_do(
    program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contracts.nodes, "_NODE_MODULES", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with (
        pytest.raises(ChainUnavailable, match=rf"{program}: found n.*run `npm ci` in contracts/"),
        open_chain(program, start_time_s=None),
    ):
        pass
    with open_chain("auto", start_time_s=None) as chain:
        assert chain.name == "tester"


def test_a_program_that_does_not_start_is_told_with_what_it_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "anvil"
    broken.write_text("#!/bin/sh\necho no such option >&2\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setattr(contracts.nodes, "_NODE_MODULES", tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with (
        pytest.raises(ChainUnavailable, match="ended with status 3 on starting; it said: no such option"),
        open_chain("anvil", start_time_s=None),
    ):
        pass


def test_a_child_is_ended_even_when_its_user_fails() -> None:
    need_node_modules()
    urls = []

    def fail_while_it_runs() -> None:
        with open_chain("anvil", start_time_s=DAY_S) as chain:
            urls.append(url_of(chain))
            assert answers(urls[0])
            raise KeyError

    with pytest.raises(KeyError):
        fail_while_it_runs()
    assert not answers(urls[0])


def test_auto_takes_anvil_where_it_is_installed() -> None:
    need_node_modules()
    with open_chain("auto", start_time_s=DAY_S) as chain:
        assert chain.name == "anvil"
        assert chain.description.startswith("anvil/v1.")


def test_a_development_node_at_an_address_is_driven_from_its_own_time_on() -> None:
    need_node_modules()
    with running_node("anvil", start_time_s=DAY_S, operator=DEV_SIGNERS[0]) as url:
        with open_chain(url, start_time_s=DAY_S + 500, expected_chain_id=31337) as chain:
            assert chain.drives_time
            assert chain.set_time(DAY_S + 500)
            assert chain.now_s() == DAY_S + 500
            assert chain.description == f"anvil at {url}, chain id 31337"
            chain.send(chain.operator, Transaction(NOBODY, b"", 21_000))
        with open_chain(url, start_time_s=DAY_S) as chain:
            assert not chain.drives_time
        with (
            pytest.raises(ChainUnavailable, match="found chain id 31337, expected 1"),
            open_chain(url, start_time_s=None, expected_chain_id=1),
        ):
            pass
        own = Signer.from_seed(1, "operator")
        with open_chain(url, start_time_s=None, operator_key=own.key) as chain:
            assert chain.operator.address == own.address


@pytest.mark.parametrize("spec", ["tester", "anvil"])
def test_an_operator_of_ones_own_has_coin_for_gas(spec: str) -> None:
    if spec != "tester":
        need_node_modules()
    own = Signer.from_seed(1, "operator")
    with open_chain(spec, start_time_s=DAY_S, operator_key=own.key) as chain:
        assert chain.operator.address == own.address
        assert chain.balance_wei(own.address) > 10**21


def test_a_market_is_found_again_from_its_address_and_nothing_else_passes_for_it(stage: Stage) -> None:
    market = stage.market
    assert attach(stage.chain, market.settlement.address, block_number=market.block_number) == market
    with pytest.raises(ChainUnavailable, match="found no contract at 0x1111"):
        attach(stage.chain, NOBODY)
    with pytest.raises(ChainUnavailable, match="does not answer as a settlement"):
        attach(stage.chain, market.guarantee.address)


def test_node_modules_are_where_the_chain_looks_for_them() -> None:
    assert contracts.nodes._NODE_MODULES == NODE_MODULES
