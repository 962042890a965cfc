"""A deployment is shown before it is sent, goes on after a crash, and is compared with the chain to the last byte."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from contracts.abi import artifact
from contracts.chain import Chain, Transaction
from contracts.deploying import carry_out, verify
from contracts.deployment import Charter, DeploymentPlan, plan_deployment
from contracts.deployment_file import Created, DeploymentFile, read_deployment
from contracts.guarantee import Rules
from contracts.opening import open_chain
from contracts.rehearsal import Undeployable, rehearse
from contracts.signing import Signer
from contracts.token_check import DECIMALS, check_token, listed_tokens
from contracts.verification import check_code
from market.orders import Address
from market.units import Malformed

from .conftest import need_node_modules

NOBODY = Address(b"\x11" * 20)


@pytest.fixture(params=["tester", "anvil", "ganache"])
def fresh(request: pytest.FixtureRequest) -> Iterator[Chain]:
    """A chain of its own for each test: nonces count here."""
    if request.param != "tester":
        need_node_modules()
    with open_chain(request.param, start_time_s=None) as opened:
        yield opened


@pytest.fixture
def tester() -> Iterator[Chain]:
    with open_chain("tester", start_time_s=None) as opened:
        yield opened


def a_charter(chain: Chain, *, token: Address | None = None) -> Charter:
    operator = chain.operator.address
    guardian, fees = (Signer.from_seed(5, name).address for name in ("guardian", "fees"))
    return Charter(operator, guardian, fees, 3600, 7200, Rules(), 48 * 3600, token=token)


def a_file(chain: Chain) -> DeploymentFile:
    charter = a_charter(chain)
    nonce = chain.nonce(charter.operator)
    return DeploymentFile(chain.chain_id, charter, nonce, chain.block_number(), certificate=True)


class Crash(Exception):
    pass


def carried_out(chain: Chain, file: DeploymentFile, *, crash_after: int = 10**6) -> list[DeploymentFile]:
    """Carry it out, and return each state of the file; crash when it has been saved so many times."""
    saved: list[DeploymentFile] = []

    def save(state: DeploymentFile) -> None:
        saved.append(read_deployment(state.to_json()))
        if len(saved) == crash_after:
            raise Crash

    with suppress(Crash):
        carry_out(chain, file, gas_limit=lambda step: step.gas, save=save, tell=lambda step, created: None)
    return saved


# --- rehearsal --------------------------------------------------------------------------------------------------------


def test_a_rehearsal_foretells_address_code_and_gas_and_sends_nothing(fresh: Chain) -> None:
    file = a_file(fresh)
    before = (fresh.block_number(), file.first_nonce)
    rehearsal = rehearse(fresh, file.plan)
    assert (fresh.block_number(), fresh.nonce(file.charter.operator)) == before
    assert rehearsal.on_target is (fresh.name == "anvil")
    (*_, done) = carried_out(fresh, file)
    for each in rehearsal.steps:
        assert done.created[each.step.name].gas_used == each.gas
        assert len(fresh.code(each.step.address)) == len(each.runtime)
        if rehearsal.on_target:
            assert fresh.code(each.step.address) == each.runtime


def test_what_is_left_of_a_plan_can_be_rehearsed(tester: Chain) -> None:
    *_, half = carried_out(tester, a_file(tester), crash_after=4)
    left = tuple(step for step in half.plan if not tester.code(step.address))
    assert 0 < len(left) < len(half.plan.steps)
    rehearsal = rehearse(tester, DeploymentPlan(half.charter, left), whole=half.plan)
    assert tuple(each.step for each in rehearsal.steps) == left


def test_a_contract_that_is_too_large_is_refused_before_it_is_sent(
    tester: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = a_file(tester).plan
    monkeypatch.setattr("contracts.rehearsal.RUNTIME_MAX", 20_000)
    with pytest.raises(Undeployable, match=r"found 2\d,\d\d\d bytes of code, expected at most 20,000"):
        rehearse(tester, plan)
    monkeypatch.setattr("contracts.rehearsal.CREATION_MAX", 2_000)
    with pytest.raises(Undeployable, match=r"SettlementToken: found .* bytes of creation code"):
        rehearse(tester, plan)


def test_a_chain_that_refuses_a_constructor_says_why_before_anything_is_sent() -> None:
    need_node_modules()
    with open_chain("anvil", start_time_s=None) as chain:
        charter = replace(a_charter(chain), fee_recipient=Address(bytes(20)))
        with pytest.raises(Undeployable, match=r"Settlement: anvil would refuse it: ZeroAddress\(\)"):
            rehearse(chain, plan_deployment(charter, first_nonce=0))


# --- carrying out -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("crash_after", [1, 2, 7, 10])
def test_after_a_crash_it_goes_on_and_sends_nothing_twice(tester: Chain, crash_after: int) -> None:
    *_, state = carried_out(tester, a_file(tester), crash_after=crash_after)
    *_, done = carried_out(tester, state) or [state]
    assert done.complete
    assert not done.sent
    assert tester.nonce(tester.operator.address) == done.first_nonce + len(done.plan.steps)
    assert verify(tester, done).settlement.address == done.settlement


def test_a_crash_between_broadcast_and_receipt_loses_nothing(tester: Chain) -> None:
    (state,) = carried_out(tester, a_file(tester), crash_after=1)
    tester.wait(tester.broadcast(state.sent["SettlementToken"]))
    *_, done = carried_out(tester, state)
    assert verify(tester, done).operator == tester.operator.address


def test_an_operator_that_sent_something_else_in_between_is_told_to_begin_again(tester: Chain) -> None:
    *_, state = carried_out(tester, a_file(tester), crash_after=2)
    tester.send(tester.operator, Transaction(NOBODY, b"", 21_000))
    with pytest.raises(Undeployable, match="Bundles: found the operator at nonce 2, expected 1"):
        carried_out(tester, state)


# --- the file ---------------------------------------------------------------------------------------------------------


def test_the_file_reads_back_and_says_where_everything_stands(tester: Chain) -> None:
    *_, done = carried_out(tester, a_file(tester))
    told = json.loads(done.to_json())
    assert told["complete"] is True
    assert told["settlement"] == "0x" + done.settlement.hex()
    assert [each["name"] for each in told["contracts"]] == [step.name for step in done.plan]
    assert read_deployment(done.to_json()) == done


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda told: told.update(format=2), "format: found 2"),
        (lambda told: told.pop("charter"), "found no deployment file"),
        (lambda told: told["charter"].pop("guardian"), "Charter: found"),
        (lambda told: told["charter"].update(notice_period_s="an hour"), "expected int"),
        (lambda told: told["charter"].update(guardian="0xzz"), "expected 0x and hex digits"),
        (lambda told: told["charter"].update(guardian="zz"), "expected 0x and hex digits"),
        (lambda told: told.update(first_nonce=9), "do not follow from charter"),
        (lambda told: told["contracts"][0].update(address="0x00"), "do not follow from charter"),
    ],
)
def test_a_file_that_was_changed_is_refused(
    tester: Chain, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    told = json.loads(a_file(tester).to_json())
    change(told)
    with pytest.raises(Malformed, match=message):
        read_deployment(json.dumps(told))


def test_a_file_that_is_no_json_is_refused() -> None:
    with pytest.raises(Malformed, match="line 1: found no JSON"):
        read_deployment("settlement")


# --- verifying --------------------------------------------------------------------------------------------------------


def test_the_code_on_the_chain_is_the_artifacts_to_the_last_byte(tester: Chain) -> None:
    *_, done = carried_out(tester, a_file(tester))
    verify(tester, done)
    checks = {step.name: check_code(tester, step) for step in done.plan}
    assert all(check.sound for check in checks.values())
    written = checks["Settlement"].immutables
    assert written["Operated.operator"][12:] == done.charter.operator
    assert written["Settlement.guardian"][12:] == done.charter.guardian
    assert int.from_bytes(written["Custody.noticePeriod"], "big") == done.charter.notice_period_s


def test_another_contract_at_an_address_shows(tester: Chain) -> None:
    *_, done = carried_out(tester, a_file(tester))
    steps = {step.name: step for step in done.plan}
    missing = check_code(tester, replace(steps["Settlement"], address=NOBODY))
    assert missing.faults == (f"found no contract at 0x{NOBODY.hex()}",)
    swapped = check_code(tester, replace(steps["Settlement"], address=steps["Guarantee"].address))
    assert "bytes of code, expected" in swapped.faults[0]
    elsewhere = {**steps["Settlement"].libraries, "Deliveries": NOBODY}
    linked = check_code(tester, replace(steps["Settlement"], libraries=elsewhere))
    assert linked.faults[0].startswith("is linked to another Deliveries, at byte ")


def test_one_changed_byte_shows(tester: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    *_, done = carried_out(tester, a_file(tester))
    step = done.plan.step("SettlementToken")
    built = artifact(step.name)
    changed = replace(built, runtime=built.runtime[:100] + b"\xfe" + built.runtime[101:])
    monkeypatch.setattr("contracts.verification.artifact", lambda name: changed)
    assert check_code(tester, step).faults == ("the code differs from the artifact's from byte 100 on",)


def test_other_constructor_arguments_show(tester: Chain) -> None:
    *_, done = carried_out(tester, a_file(tester))
    other = replace(done, charter=replace(done.charter, guardian=NOBODY))
    with pytest.raises(Undeployable, match=r"was created by 0x.* with other code or arguments than planned"):
        verify(tester, other)


def test_an_unfinished_or_older_deployment_is_not_verified(tester: Chain) -> None:
    *_, half = carried_out(tester, a_file(tester), crash_after=4)
    with pytest.raises(Undeployable, match="was never created"):
        verify(tester, half)
    (name, created), *_ = half.created.items()
    older = replace(half, created={name: Created(**{**fields_of(created), "digest": bytes(32)})})
    with pytest.raises(Undeployable, match="was deployed from another artifact"):
        verify(tester, older)


def fields_of(created: Created) -> dict[str, object]:
    return {name: getattr(created, name) for name in ("transaction", "block_number", "gas_used", "digest")}


# --- the token --------------------------------------------------------------------------------------------------------


def test_a_good_token_passes_and_what_could_not_be_checked_is_said(fresh: Chain) -> None:
    *_, done = carried_out(fresh, a_file(fresh))
    report = check_token(fresh, done.plan.step("SettlementToken").address)
    assert (report.name, report.listed) == ("CUSD", None)
    assert len(report.unchecked) == (1 if fresh.name == "tester" else 0)


def test_what_is_no_token_of_six_decimals_is_refused(tester: Chain) -> None:
    with pytest.raises(Undeployable, match="found no contract there, expected an ERC-20"):
        check_token(tester, NOBODY)
    *_, done = carried_out(tester, a_file(tester))
    with pytest.raises(Undeployable, match="does not say its decimals"):
        check_token(tester, done.settlement)


ODD_TOKENS = {
    # decimals() answers in the first word; each transfer answers and moves as its name says. Written in assembly by hand:
    # balances at keccak(holder, 0), as Solidity keeps its first mapping.
    "fee": ("expected the same: a fee on transfer", 3, 1),
    "false": ("found another answer than true", 0, 0),
}


@pytest.mark.parametrize("kind", ODD_TOKENS)
def test_a_token_that_takes_a_fee_or_answers_false_is_refused(kind: str) -> None:
    need_node_modules()
    message, fee, answer = ODD_TOKENS[kind]
    with open_chain("anvil", start_time_s=None) as chain:
        receipt = chain.send(chain.operator, Transaction(None, odd_token(fee=fee, answer=answer), 1_000_000))
        assert receipt.created is not None
        with pytest.raises(Undeployable, match=message):
            check_token(chain, receipt.created)


def odd_token(*, fee: int, answer: int) -> bytes:
    """Return the creation code of a small token: six decimals, balances as Solidity's first mapping has them."""
    runtime = bytearray()
    jumps: dict[str, int] = {}
    wants: list[tuple[int, str]] = []

    def emit(text: str) -> None:
        runtime.extend(bytes.fromhex(text.replace(" ", "")))

    def jump_if(selector: str, label: str) -> None:
        emit(f"80 63{selector} 14 61")  # DUP1 PUSH4 EQ PUSH2
        wants.append((len(runtime), label))
        emit("0000 57")

    def label(name: str) -> None:
        jumps[name] = len(runtime)
        emit("5b")

    emit("5f 35 60e0 1c")  # the selector
    jump_if("313ce567", "decimals")
    jump_if("70a08231", "balanceOf")
    jump_if("095ea7b3", "approve")
    jump_if("a9059cbb", "transfer")
    jump_if("23b872dd", "transferFrom")
    emit("5f 5f fd")
    label("decimals")
    emit("6006 5f 52 6020 5f f3")
    label("approve")
    emit("6001 5f 52 6020 5f f3")
    label("balanceOf")
    emit("6004 35 5f 52 5f 6020 52 6040 5f 20 54 5f 52 6020 5f f3")
    for name, sender, receiver, amount in (("transfer", "33", 4, 36), ("transferFrom", "6004 35", 36, 68)):
        label(name)
        emit(f"{sender} 5f 52 5f 6020 52 6040 5f 20")  # the sender's place
        emit(f"80 54 60{amount:02x} 35 90 03 90 55")  # less the amount
        emit(f"60{receiver:02x} 35 5f 52 6040 5f 20")  # the receiver's place
        emit(f"80 54 60{amount:02x} 35 01 60{fee:02x} 90 03 90 55")  # plus the amount less the fee
        emit(f"60{answer:02x} 5f 52 6020 5f f3")
    for place, name in wants:
        runtime[place : place + 2] = jumps[name].to_bytes(2, "big")
    creation = bytes.fromhex("61") + len(runtime).to_bytes(2, "big") + bytes.fromhex("80600a5f395ff3")
    return creation + bytes(runtime)


def test_the_list_names_usdc_where_its_issuer_put_it() -> None:
    listed = {(token.chain_id, token.name): token for token in listed_tokens()}
    assert len(listed) == len(listed_tokens())
    assert {token.decimals for token in listed.values()} == {DECIMALS}
    assert listed[8453, "USDC"].address.hex() == "833589fcd6edb6e08f4c7c32d4f71b54bda02913"
