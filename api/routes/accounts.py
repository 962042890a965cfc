"""One's own money, meters and readings: log in, see balances, withdraw, report deliveries."""

import asyncio
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Header

from api.auth import parse_address, parse_hex
from api.house import House
from api.problem import Problem
from api.problems import refused
from api.routes import HouseOf
from api.routes.account_wire import (
    BalanceOut,
    DepositIn,
    Login,
    MeterIn,
    ReadingIn,
    Token,
    WithdrawalIn,
    WithdrawalOut,
)
from api.routes.wire import Accepted, ProblemOut
from contracts.chain import Reverted
from ledger.accounts import AccountKind
from market.events import Refused
from market.instruments import SECONDS_PER_HOUR, parse_symbol
from market.listing import RegisterMeter
from market.orders import Command
from market.settlement import SubmitReading
from market.transfers import RequestWithdrawal
from market.units import MICROS_PER_TOKEN, Lots, Malformed, Micros, format_decimal, parse_decimal

router = APIRouter(prefix="/v1", tags=["accounts"])
operator_router = APIRouter(prefix="/v1/operator", tags=["operator"])

Authorization = Annotated[str | None, Header()]
WITHDRAWAL_DEADLINE_S = 900


async def _submit(house: House, command: Command) -> None:
    for event in (await house.sequencer.submit(command)).events:
        if isinstance(event, Refused):
            raise refused(event)


@router.post("/login", responses={401: {"model": ProblemOut}})
async def login(request: Login, house: HouseOf) -> Token:
    """Exchange a signed login for a bearer token."""
    return Token(
        token=house.door.login(
            parse_address(request.participant),
            expires_s=request.expires,
            now_s=house.sequencer.now_s(),
            signature=parse_hex(request.signature, length=65, what="signature"),
        )
    )


@router.get("/balances", responses={401: {"model": ProblemOut}})
async def balances(house: HouseOf, authorization: Authorization = None) -> BalanceOut:
    """Show your balances, in tokens (log in first)."""
    participant = house.door.participant_of(authorization, house.sequencer.now_s())

    def tokens(kind: AccountKind) -> str:
        return format_decimal(house.venue.books.balances.of(kind, participant), scale=MICROS_PER_TOKEN)

    return BalanceOut(
        participant=f"0x{participant.hex()}",
        free=tokens(AccountKind.FREE),
        held_for_orders=tokens(AccountKind.ORDER_HOLD),
        held_for_trades=tokens(AccountKind.TRADE_HOLD),
        held_for_withdrawals=tokens(AccountKind.WITHDRAWAL_HOLD),
        held_for_exit=tokens(AccountKind.EXIT_HOLD),
        locked_on_chain=tokens(AccountKind.LOCKED),
    )


@router.post("/withdrawals", responses={401: {"model": ProblemOut}, 409: {"model": ProblemOut}})
async def withdraw(
    request: WithdrawalIn, house: HouseOf, authorization: Authorization = None
) -> WithdrawalOut:
    """Set free funds aside and get the operator's counter-signature to withdraw them on chain."""
    now_s = house.sequencer.now_s()
    participant = house.door.participant_of(authorization, now_s)
    amount = Micros(parse_decimal(request.amount, scale=MICROS_PER_TOKEN, what="amount"))
    nonce = int(request.nonce)
    if not 0 < amount < 1 << 63 or nonce >= 1 << 63:
        raise Malformed(f"amount: found {request.amount}, expected more than 0; nonce below 2^63")
    # Whoever asks again for what is open has lost the answer: it is the same one.
    approved = house.venue.funds.open_withdrawal(participant, nonce)
    if approved is not None and approved.amount_micros == amount:
        deadline_s = approved.deadline_s
    else:
        deadline_s = now_s + WITHDRAWAL_DEADLINE_S
        await _submit(house, RequestWithdrawal(participant, amount, nonce, deadline_s))
    signature = house.settler.counter_sign(participant, amount, nonce, deadline_s)
    return WithdrawalOut(
        participant=f"0x{participant.hex()}",
        amount_micros=str(amount),
        nonce=str(nonce),
        deadline=deadline_s,
        operator_signature=f"0x{signature.hex()}",
    )


@router.post("/readings", responses={401: {"model": ProblemOut}, 409: {"model": ProblemOut}})
async def report(request: ReadingIn, house: HouseOf) -> Accepted:
    """Hand in a meter's signed reading of an hour that has ended. The first one stands."""
    meter = parse_address(request.meter, what="meter")
    if request.start % SECONDS_PER_HOUR:
        raise Malformed(f"start: found {request.start}, expected the Unix second at which a UTC hour begins")
    start_hour, units = request.start // SECONDS_PER_HOUR, int(request.units)
    if units >= 1 << 63 or start_hour >= 1 << 24:
        raise Malformed("units or start: too large")
    signature = parse_hex(request.signature, length=65, what="signature")
    reading = SubmitReading(meter, start_hour, Lots(units), signature)
    house.door.check_reading(reading)
    await _submit(house, reading)
    return Accepted()


@operator_router.post("/meters", responses={401: {"model": ProblemOut}, 403: {"model": ProblemOut}})
async def register_meter(request: MeterIn, house: HouseOf, authorization: Authorization = None) -> Accepted:
    """Admit a supplier's meter, on chain and in the market (operator only)."""
    house.door.check_operator(authorization)
    instrument = parse_symbol(request.instrument)
    scale = instrument.commodity.lots_per_unit
    capacity = parse_decimal(request.capacity, scale=scale, what="capacity")
    if not 0 < capacity < 1 << 63:
        raise Malformed(f"capacity: found {request.capacity}, expected more than 0")
    registration = RegisterMeter(
        participant=parse_address(request.participant),
        meter=parse_address(request.meter, what="meter"),
        resource=instrument.resource,
        capacity_lots=Lots(capacity),
    )
    try:
        await asyncio.to_thread(house.settler.register_meters, [registration])
    except Reverted as error:
        raise Problem(HTTPStatus.CONFLICT, "meter_refused_on_chain", str(error)) from None
    await _submit(house, registration)
    return Accepted()


@operator_router.post("/deposits", responses={401: {"model": ProblemOut}, 403: {"model": ProblemOut}})
async def faucet(request: DepositIn, house: HouseOf, authorization: Authorization = None) -> Accepted:
    """Mint test tokens and deposit them for a participant (operator only, local chains only)."""
    house.door.check_operator(authorization)
    if not house.local:
        raise Problem(403, "local_chains_only", f"{house.chain.description} is no chain of our own")
    amount = Micros(parse_decimal(request.amount, scale=MICROS_PER_TOKEN, what="amount"))
    if not 0 < amount < 1 << 63:
        raise Malformed(f"amount: found {request.amount}, expected more than 0")
    await asyncio.to_thread(house.settler.fund, {parse_address(request.participant): amount})
    await asyncio.to_thread(house.settler.watch)
    return Accepted()
