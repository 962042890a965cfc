"""The steps of trades after the match: which ones a command of the operator asks for, and whether they can be taken.

A command names many trades and takes all of them one step on, or none.
"""

from market.refusals import No, Refusal
from market.settlement import (
    ConfirmDelivery,
    ConfirmLocks,
    ConfirmOpening,
    ConfirmPayout,
    GuaranteeOpened,
    GuaranteePaid,
    TradeDelivered,
    TradeLocked,
    TradeVoided,
    VoidTrade,
)
from market.trade_register import TradeEvent, TradeRegister
from market.trades import Trade, TradeState, starts_from

StepCommand = ConfirmLocks | VoidTrade | ConfirmDelivery | ConfirmOpening | ConfirmPayout


def steps_of(command: StepCommand) -> list[TradeEvent]:
    """Return what happens to each trade that a command names."""
    match command:
        case ConfirmLocks(batch_number, transaction, locked, skipped):
            return [
                *(TradeLocked(number, batch_number, transaction) for number in locked),
                *(TradeVoided(number, f"skipped by the contract: {code}") for number, code in skipped),
            ]
        case VoidTrade(number, reason):
            return [TradeVoided(number, reason)]
        case ConfirmDelivery(_, transaction, numbers):
            return [TradeDelivered(number, transaction) for number in numbers]
        case ConfirmOpening(number, transaction, delivered_lots):
            return [GuaranteeOpened(number, transaction, delivered_lots)]
        case ConfirmPayout():
            return [
                GuaranteePaid(
                    trade_number=command.trade_number,
                    transaction=command.transaction,
                    delivered_lots=command.delivered_lots,
                    paid_to_seller=command.paid_to_seller,
                    fee=command.fee,
                    returned_to_buyer=command.returned_to_buyer,
                    compensation=command.compensation,
                    paid_to_fallback=command.paid_to_fallback,
                    gap=command.gap,
                    shares=command.shares,
                )
            ]


def refusal_of_steps(command: StepCommand, trades: TradeRegister) -> tuple[int, No] | None:
    """Return the first trade that cannot take its step and why, None if all can.

    In this order: a trade is unknown; all trades have taken the step before; a trade is named twice, is in another
    state or in another settlement batch.
    """
    steps = steps_of(command)
    for step in steps:
        if trades.find(step.trade_number) is None:
            found = f"found trade {step.trade_number}, expected 1 to {trades.last_number}"
            return step.trade_number, (Refusal.UNKNOWN_TRADE, found)
    if steps and all(_has_happened(step, trades.get(step.trade_number)) for step in steps):
        found = f"found that all {len(steps)} named trades have taken this step before"
        return steps[0].trade_number, (Refusal.ALREADY_APPLIED, found)
    named: set[int] = set()
    for step in steps:
        number = step.trade_number
        fault = _fault(command, step, trades.get(number))
        if number in named:
            fault = f"found trade {number} named twice, expected once"
        if fault is not None:
            return number, (Refusal.TRADE_NOT_IN_THAT_STATE, fault)
        named.add(number)
    return None


def _fault(command: StepCommand, step: TradeEvent, trade: Trade) -> str | None:
    number, expected = step.trade_number, starts_from(type(step))
    if trade.state is not expected:
        return f"found trade {number} {trade.state.name}, expected {expected.name}"
    if isinstance(command, ConfirmDelivery) and trade.batch_number != command.batch_number:
        return (
            f"found trade {number} in settlement batch {trade.batch_number}, expected {command.batch_number}"
        )
    return None


def _has_happened(step: TradeEvent, trade: Trade) -> bool:
    match step:
        case TradeLocked():
            return trade.batch_number == step.batch_number
        case TradeVoided():
            return trade.state is TradeState.VOID
        case TradeDelivered():
            return trade.state is TradeState.DELIVERED
        case GuaranteeOpened():
            return trade.state in (TradeState.OPENED, TradeState.PAID_OUT)
        case GuaranteePaid():
            return trade.state is TradeState.PAID_OUT
