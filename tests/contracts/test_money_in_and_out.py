"""Deposits, counter-signed withdrawals, and the exit that needs nobody's leave."""

import pytest

from contracts.chain import Reverted
from contracts.history import CancelRequest, Deposit, ExitPaid, ExitRequest, Withdrawal, history
from contracts.settlement import sign_withdrawal
from contracts.signing import Signer
from market.units import Micros

from .conftest import NOTICE_S, TOKEN, Stage


def test_a_deposit_is_credited_and_found_in_the_chains_history(stage: Stage) -> None:
    trader = stage.trader(deposit=0)
    receipt = stage.send(stage.market.settlement.deposit_for(trader.address, Micros(5 * TOKEN)))
    assert stage.money(trader) == (5 * TOKEN, 0)
    assert history(
        stage.market,
        stage.chain,
        from_block=receipt.block_number,
        to_block=receipt.block_number,
    ) == (Deposit(trader.address, Micros(5 * TOKEN), receipt.transaction, receipt.logs[-1].index),)


def test_a_signed_permit_deposits_without_the_owner_paying_for_gas(stage: Stage) -> None:
    owner = stage.trader(deposit=0)
    market = stage.market
    stage.send(market.token.mint(owner.address, Micros(7 * TOKEN)))
    deadline_s = stage.chain.now_s() + 600
    signature = market.token.sign_permit(
        stage.chain,
        owner,
        spender=market.settlement.address,
        amount_micros=Micros(7 * TOKEN),
        deadline_s=deadline_s,
    )
    transaction = market.settlement.deposit_with_permit(
        owner.address, Micros(7 * TOKEN), deadline_s=deadline_s, signature=signature
    )
    stage.send(transaction)
    assert stage.money(owner) == (7 * TOKEN, 0)
    assert market.token.balance_of(stage.chain, owner.address) == 0
    with pytest.raises(Reverted, match="PermitFailed"):
        stage.send(transaction)


def test_a_counter_signed_withdrawal_is_paid_at_once_and_once(stage: Stage) -> None:
    trader, stranger = stage.trader(ether=True), stage.trader(deposit=0, ether=True)
    settlement = stage.market.settlement
    deadline_s = stage.chain.now_s() + 600

    def withdrawal(signer: Signer, nonce: int, deadline_s: int) -> bytes:
        return sign_withdrawal(
            signer,
            participant=trader.address,
            amount_micros=Micros(400 * TOKEN),
            nonce=nonce,
            deadline_s=deadline_s,
            domain=stage.market.domain,
        )

    def transaction(signature: bytes, nonce: int = 1, deadline_s: int = deadline_s):
        return settlement.withdraw(
            trader.address,
            Micros(400 * TOKEN),
            nonce=nonce,
            deadline_s=deadline_s,
            operator_signature=signature,
        )

    good = withdrawal(stage.chain.operator, 1, deadline_s)
    with pytest.raises(Reverted, match="NotParticipantOrOperator"):
        stage.send(transaction(good), by=stranger)
    with pytest.raises(Reverted, match="OperatorSignatureInvalid"):
        stage.send(transaction(withdrawal(trader, 1, deadline_s)), by=trader)
    receipt = stage.send(transaction(good), by=trader)
    assert stage.money(trader) == (600 * TOKEN, 0)
    assert stage.market.token.balance_of(stage.chain, trader.address) == 400 * TOKEN
    assert settlement.withdrawal_used(stage.chain, trader.address, 1)
    assert history(
        stage.market, stage.chain, from_block=receipt.block_number, to_block=receipt.block_number
    ) == (Withdrawal(trader.address, Micros(400 * TOKEN), 1, receipt.transaction),)
    with pytest.raises(Reverted, match="WithdrawalAlreadyUsed"):
        stage.send(transaction(good), by=trader)
    late = stage.chain.now_s() - 1
    with pytest.raises(Reverted, match="WithdrawalExpired"):
        stage.send(
            transaction(withdrawal(stage.chain.operator, 2, late), nonce=2, deadline_s=late), by=trader
        )


def test_an_exit_takes_effect_after_the_notice_without_the_operator(stage: Stage) -> None:
    trader, stranger = stage.trader(ether=True), stage.trader(deposit=0, ether=True)
    settlement = stage.market.settlement
    stage.send(settlement.request_exit(Micros(5000 * TOKEN)), by=trader)
    wish = settlement.exit_of(stage.chain, trader.address)
    assert wish.amount_micros == 5000 * TOKEN
    assert wish.effective_at_s == stage.chain.now_s() + NOTICE_S
    with pytest.raises(Reverted, match="NoticeNotOver"):
        stage.send(settlement.execute_exit(trader.address), by=trader)
    stage.chain.set_time(wish.effective_at_s)
    stage.send(settlement.execute_exit(trader.address), by=stranger)
    assert stage.money(trader) == (0, 0)
    assert stage.market.token.balance_of(stage.chain, trader.address) == 1000 * TOKEN
    assert settlement.exit_of(stage.chain, trader.address).effective_at_s == 0
    with pytest.raises(Reverted, match="NoExitRequested"):
        stage.send(settlement.execute_exit(trader.address), by=stranger)


def test_exits_and_cancels_are_found_in_the_chains_history_oldest_first(stage: Stage) -> None:
    trader = stage.trader(ether=True)
    settlement, who, everything = stage.market.settlement, trader.address, Micros((1 << 128) - 1)
    sent = [
        stage.send(transaction, by=trader)
        for transaction in (
            settlement.cancel_order(7),
            settlement.request_exit(everything),
            settlement.cancel_below(5),
            settlement.cancel_order(7),  # a repetition, which the contract does not tell
        )
    ]
    below = settlement.cancelled_below(stage.chain, who)
    exit_at_s = settlement.exit_of(stage.chain, who).effective_at_s
    stage.chain.set_time(exit_at_s)
    paid = stage.send(settlement.execute_exit(who), by=trader)
    cancel, ask, cancel_below = ((each.transaction, each.logs[0].index) for each in sent[:3])
    assert history(
        stage.market, stage.chain, from_block=sent[0].block_number, to_block=paid.block_number
    ) == (
        CancelRequest(who, 7, settlement.cancelled_from(stage.chain, who, 7), *cancel, below=False),
        ExitRequest(who, everything, exit_at_s, *ask),
        CancelRequest(who, 5, below.pending_from_s, *cancel_below, below=True),
        ExitPaid(who, Micros(1000 * TOKEN), paid.transaction, paid.logs[0].index),
    )


def test_meters_are_registered_by_the_operator_and_serve_one_seller(stage: Stage) -> None:
    seller, other = stage.trader(deposit=0, ether=True), stage.trader(deposit=0)
    settlement = stage.market.settlement
    resource = stage.instrument().resource
    meter = Signer.from_seed(5, "shared meter").address
    with pytest.raises(Reverted, match="NotOperator"):
        stage.send(settlement.register_meter(seller.address, resource, meter), by=seller)
    stage.send(settlement.register_meter(seller.address, resource, meter))
    assert settlement.meter_of(stage.chain, seller.address, resource) == meter
    assert settlement.meter_of(stage.chain, other.address, resource) == bytes(20)
    with pytest.raises(Reverted, match="MeterNotFree"):
        stage.send(settlement.register_meter(other.address, resource, meter))
