"""Read from the contract all that an audit compares, from its events alone: nobody has to say who trades there."""

from dataclasses import replace
from functools import partial

from api.holdings import read_holdings
from contracts.chain import Chain
from contracts.deployment import Deployment
from contracts.history import Delivered, Deposit, Opened, PaidOut, Shared, history
from contracts.leaves import Leaf
from ledger.reconciliation import ChainBalance, ChainValues, SettledTrade
from market.orders import Address
from market.trades import TradeState


def read_chain_values(chain: Chain, deployment: Deployment) -> ChainValues:
    """Read balances, record hashes and every locked trade, up to the latest block."""
    last, first = chain.block_number(), deployment.block_number
    trades: dict[int, SettledTrade] = {}
    numbers: dict[tuple[int, int], int] = {}
    participants: set[Address] = {deployment.fee_recipient}
    for outcome in deployment.settlement.outcomes(chain, from_block=first, to_block=last):
        for leaf in outcome.locked:
            numbers[outcome.batch_number, leaf.position] = leaf.trade_number
            trades[leaf.trade_number] = _locked(leaf, outcome.batch_number)
            participants |= {leaf.buyer, leaf.seller}
    for happened in history(deployment, chain, from_block=first, to_block=last):
        match happened:
            case Deposit(participant):
                participants.add(participant)
            case Shared(parts=parts):
                participants |= {part.participant for part in parts}
            case Delivered(batch_number, positions):
                for position in positions:
                    number = numbers[batch_number, position]
                    trade = trades[number]
                    trades[number] = replace(
                        trade, state=TradeState.DELIVERED, delivered_lots=trade.quantity_lots
                    )
            case Opened(_, number, delivered_lots):
                trades[number] = replace(
                    trades[number], state=TradeState.OPENED, delivered_lots=delivered_lots
                )
            case PaidOut():
                participants |= {part.participant for part in happened.parts}
                number = happened.payout.trade_number
                trades[number] = _paid_out(trades[number], happened)
    accounts = deployment.settlement.accounts_of(chain, tuple(sorted(participants)))
    return ChainValues(
        balances={
            participant: ChainBalance(account.free_micros, account.locked_micros)
            for participant, account in zip(sorted(participants), accounts, strict=True)
        },
        fee_recipient=deployment.fee_recipient,
        record_hashes=deployment.settlement.record_hashes(chain, from_block=first),
        trades=trades,
        read_holdings=partial(read_holdings, chain, deployment),
    )


def _locked(leaf: Leaf, batch_number: int) -> SettledTrade:
    amounts = leaf.amounts
    return SettledTrade(
        batch_number,
        leaf.instrument_id,
        leaf.buyer,
        leaf.seller,
        leaf.price_micros,
        leaf.quantity_lots,
        amounts.payment_micros,
        amounts.fee_micros,
        amounts.collateral_micros,
    )


def _paid_out(trade: SettledTrade, happened: PaidOut) -> SettledTrade:
    payout = happened.payout
    return replace(
        trade,
        state=TradeState.PAID_OUT,
        delivered_lots=payout.delivered_lots,
        paid_to_seller=payout.paid_to_seller,
        paid_fee=payout.fee,
        returned_to_buyer=payout.returned_to_buyer,
        compensation=payout.compensation,
        paid_to_fallback=payout.paid_to_fallback,
        gap=payout.gap,
    )
