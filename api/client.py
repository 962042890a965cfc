"""A typed client of the HTTP interface: it signs what needs signing, and returns what the server answers.

    client = Client("http://127.0.0.1:8000", Signer(key))
    client.buy("ENE.SOLAR@CISO/2022-03-12T18Z/1h#Q1", price="0.05", quantity="250")

docs/how-to/trade-over-http.md goes through it, and the tests run that page.
"""

import secrets
import ssl
import time
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypedDict, TypeVar, Unpack

import httpx
from pydantic import BaseModel

from api.asking import MarketError, NoAnswer, ask
from api.placing import How, Placed, Terms
from api.routes.account_wire import BalanceOut, WithdrawalOut
from api.routes.market_wire import BookOut, InstrumentOut, MarketOut, TradeOut
from api.routes.negotiation_form import request_of, terms_of
from api.routes.negotiation_wire import NegotiationOut, NewNegotiation
from api.routes.order_form import read_micros, signed_terms
from api.routes.order_wire import CancelledAllOut, CancelledOut, OpenOrderOut, OrderOut, SignedOrder, TimerOut
from api.routes.wire import SideName
from contracts.agreement import agreement_digest
from contracts.signing import (
    Domain,
    Signer,
    cancel_digest,
    dead_man_timer_digest,
    login_digest,
    mass_cancel_digest,
    proposal_digest,
    reading_digest,
    seal_digest,
    sign_order,
)
from market.instruments import parse_symbol
from market.orders import Address, MassCancel, SetDeadManTimer, Side
from market.proposals import SealReservation, seal_of

__all__ = ["UNSIGNED", "Client", "How", "MarketError", "NoAnswer"]

Answer = TypeVar("Answer", bound=BaseModel)

CANCEL_VALID_S = 60
LOGIN_VALID_S = 3600
UNSIGNED = "0x" + "00" * 65


@cache
def _authorities() -> ssl.SSLContext:
    """Read once whom to believe that a server is itself: that takes longer than many requests."""
    return httpx.create_ssl_context()


class _Once(TypedDict):
    nonce: int
    deadline_s: int


class Client:
    """Trades for one participant. Prices and quantities are decimal strings, in tokens per unit and in units.

    A request whose answer is lost, or that finds no room, is sent again as it was, a few times (see `asking.py`): nothing
    counts twice. Every call raises `MarketError` if the market says no, `NoAnswer` if nobody answers.
    """

    def __init__(
        self,
        base_url: str,
        signer: Signer,
        *,
        http: httpx.Client | None = None,
        next_order_id: Callable[[], int] = lambda: secrets.randbits(62),
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        """Connect; `next_order_id` makes client order ids, never the same twice (random 62-bit numbers by default).

        `http` sends instead of a connection of our own: with its own time-out, or over a transport of its own. `pause`
        waits for so many seconds before a request is sent again.
        """
        self._http = http or httpx.Client(base_url=base_url, timeout=30, verify=_authorities())
        self._signer = signer
        self._next_order_id = next_order_id
        self._pause = pause
        self._domain: Domain | None = None
        self._token, self._token_until_s = "", 0

    @property
    def participant(self) -> str:
        """Our address, 0x hex."""
        return f"0x{self._signer.address.hex()}"

    def market(self) -> MarketOut:
        """Ask for the market's terms: chain, contracts, time, head of the record."""
        return self._get("/v1/market", MarketOut)

    def instruments(self, **filters: str | int) -> list[InstrumentOut]:
        """List instruments; filter by `commodity`, `session`, `limit`, `offset`."""
        return self._list("/v1/instruments", InstrumentOut, filters)

    def instrument(self, symbol: str) -> InstrumentOut:
        """Look one instrument up."""
        return self._get("/v1/instrument", InstrumentOut, {"symbol": symbol})

    def book(self, symbol: str, *, levels: int = 10) -> BookOut:
        """Show the best levels of a book."""
        return self._get("/v1/book", BookOut, {"symbol": symbol, "levels": levels})

    def trades(self, symbol: str | None = None, *, after: int = 0, limit: int = 100) -> list[TradeOut]:
        """List trades by number, those after `after` first."""
        of = {} if symbol is None else {"symbol": symbol}
        return self._list("/v1/trades", TradeOut, {"after": after, "limit": limit, **of})

    def buy(self, symbol: str, **terms: Unpack[Placed]) -> OrderOut:
        """Bid, as `place` does."""
        return self.place(symbol, "buy", **terms)

    def sell(self, symbol: str, **terms: Unpack[Placed]) -> OrderOut:
        """Offer, as `place` does."""
        return self.place(symbol, "sell", **terms)

    def place(
        self,
        symbol: str,
        side: SideName,
        *,
        price: str,
        quantity: str,
        good_until: int | None = None,
        client_order_id: int | None = None,
        **how: Unpack[How],
    ) -> OrderOut:
        """Sign an order that is good until a Unix second (the gate's closure, unless told otherwise), and place it.

        A `client_order_id` of your own, below 2^63 and never used for another order, lets you make the same call again
        after a `NoAnswer` or a crash: the order is placed once, and the answer tells where it stands.

        Raises:
            MarketError: if it is refused; nothing was taken in.
            NoAnswer: if nobody answers; it may have been taken in.
        """
        order = self._signed(
            symbol,
            side,
            price=price,
            quantity=quantity,
            good_until=good_until,
            client_order_id=client_order_id,
        )
        return self._send("POST", "/v1/orders", OrderOut, {**order.model_dump(), **how})

    def replace(self, order_id: str, symbol: str, side: SideName, **terms: Unpack[Terms]) -> OrderOut:
        """Sign new terms and put them in place of an open order's, which keeps how it trades."""
        order = self._signed(symbol, side, **terms)
        return self._send("PUT", f"/v1/orders/{order_id}", OrderOut, order.model_dump())

    def cancel(self, order_id: str) -> CancelledOut:
        """Take an order off the book."""
        deadline = self.market().time + CANCEL_VALID_S
        digest = cancel_digest(
            participant=self._signer.address,
            order_id=int(order_id),
            deadline_s=deadline,
            domain=self._sign_domain(),
        )
        content = {"deadline": deadline, **self._signed_by_me(digest)}
        return self._send("POST", f"/v1/orders/{order_id}/cancel", CancelledOut, content)

    def cancel_all(self, symbol: str | None = None, side: SideName | None = None) -> CancelledAllOut:
        """Take all our orders off the books; those of an instrument or side only, where these are named.

        Raises:
            MarketError: `signature_used` if only the answer was lost: they are off the books already.
        """
        command = MassCancel(
            self._signer.address,
            None if symbol is None else parse_symbol(symbol).id,
            None if side is None else Side[side.upper()],
        )
        once = self._once()
        digest = mass_cancel_digest(command, **once, domain=self._sign_domain())
        query = {"instrument": symbol, "side": side, **self._signed_once(once, digest)}
        asked = {name: value for name, value in query.items() if value is not None}
        return CancelledAllOut.model_validate_json(
            self._request("DELETE", "/v1/orders", params=asked).content
        )

    def set_timer(self, timeout_s: int) -> TimerOut:
        """Have all our orders cancelled unless we call this again within so many seconds; 0 disarms the timer."""
        command = SetDeadManTimer(self._signer.address, timeout_s)
        once = self._once()
        digest = dead_man_timer_digest(command, **once, domain=self._sign_domain())
        content = {"timeout_s": timeout_s, **self._signed_once(once, digest)}
        return self._send("PUT", "/v1/orders/timer", TimerOut, content)

    def timer(self) -> TimerOut:
        """Show when our orders will be cancelled."""
        return self._get("/v1/orders/timer", TimerOut, {}, self._login())

    def open_orders(self) -> list[OpenOrderOut]:
        """List our open orders, oldest first."""
        return self._list("/v1/orders", OpenOrderOut, {}, self._login())

    def proof(self, order_id: str, *, to: str = "head") -> bytes:
        """Ask for the proof that an order of ours is in the record, as JSON; it may end at `head`, `anchor` or a hash."""
        asked = {"params": {"to": to}, "headers": self._login()}
        return self._request("GET", f"/v1/orders/{order_id}/proof", **asked).content

    def balances(self) -> BalanceOut:
        """Show our balances."""
        return self._get("/v1/balances", BalanceOut, {}, self._login())

    def withdraw(self, amount: str, *, nonce: int) -> WithdrawalOut:
        """Get the operator's counter-signature for a withdrawal on chain."""
        content = {"amount": amount, "nonce": str(nonce)}
        return self._send("POST", "/v1/withdrawals", WithdrawalOut, content, self._login())

    def report_reading(self, *, start_s: int, units_lots: int) -> None:
        """Hand in a reading, signed with our key as the meter's."""
        digest = reading_digest(
            meter=self._signer.address,
            start_hour=start_s // 3600,
            units_lots=units_lots,
            domain=self._sign_domain(),
        )
        self._request(
            "POST",
            "/v1/readings",
            json={
                "meter": self.participant,
                "start": start_s,
                "units": str(units_lots),
                "signature": f"0x{self._signer.sign(digest).hex()}",
            },
        )

    def negotiate(
        self,
        instrument: str,
        *,
        buyer: str,
        seller: str,
        quantities: Sequence[str],
        notice_s: int,
        answer_by: int,
        salt: bytes | None = None,
    ) -> NegotiationOut:
        """Ask to negotiate a long-term contract, as its buyer or its seller: a quantity for each hour of the window.

        `salt`, 32 random bytes unless given, makes it one of its kind: asked again with the same, it opens no second one.
        """
        unsigned = NewNegotiation(
            participant=self.participant,
            buyer=buyer,
            seller=seller,
            instrument=instrument,
            quantities=list(quantities),
            notice_s=notice_s,
            answer_by=answer_by,
            salt=f"0x{(salt or secrets.token_bytes(32)).hex()}",
            signature=UNSIGNED,
        )
        signed = self._signed_by_me(proposal_digest(request_of(unsigned), self._sign_domain()))
        return self._send("POST", "/v1/negotiations", NegotiationOut, {**unsigned.model_dump(), **signed})

    def negotiations(self, *, after: int = 0, limit: int = 100) -> list[NegotiationOut]:
        """List our negotiations by number, those after `after` first."""
        return self._list("/v1/negotiations", NegotiationOut, {"after": after, "limit": limit}, self._login())

    def negotiation(self, number: str) -> NegotiationOut:
        """Show a negotiation of ours."""
        return self._get(f"/v1/negotiations/{number}", NegotiationOut, {}, self._login())

    def seal(self, number: str, *, price: str, salt: bytes) -> NegotiationOut:
        """Bind ourselves to a reservation price. Keep `salt`, 32 random bytes: it opens the seal."""
        seal = seal_of(
            number=int(number),
            participant=self._signer.address,
            price_micros=read_micros(price, "price"),
            salt=salt,
        )
        sealed = SealReservation(self._signer.address, int(number), seal, b"")
        digest = seal_digest(sealed, self._sign_domain())
        content = {"seal": f"0x{seal.hex()}", **self._signed_by_me(digest)}
        return self._send("POST", f"/v1/negotiations/{number}/seal", NegotiationOut, content)

    def reveal(self, number: str, *, price: str, salt: bytes) -> NegotiationOut:
        """Open our seal to the market."""
        content = {"price": price, "salt": f"0x{salt.hex()}"}
        return self._send("POST", f"/v1/negotiations/{number}/reveal", NegotiationOut, content, self._login())

    def sign_agreement(self, negotiation: NegotiationOut) -> NegotiationOut:
        """Sign the terms that this negotiation shows; look at them before."""
        digest = agreement_digest(terms_of(negotiation), self._sign_domain())
        signed = self._signed_by_me(digest)
        return self._send("POST", f"/v1/negotiations/{negotiation.number}/signature", NegotiationOut, signed)

    def _signed(
        self,
        symbol: str,
        side: SideName,
        *,
        price: str,
        quantity: str,
        good_until: int | None = None,
        client_order_id: int | None = None,
    ) -> SignedOrder:
        market, instrument = self.market(), self.instrument(symbol)
        until = instrument.gate_closes if good_until is None else good_until
        unsigned = SignedOrder(
            participant=self.participant,
            instrument=symbol,
            side=side,
            price=price,
            quantity=quantity,
            good_until=until,
            settle_until=max(instrument.delivery_starts, until + market.notice_period_s),
            fee_cap_bps=instrument.fee_bps,
            reference_price=instrument.collateral_reference_price,
            client_order_id=str(self._next_order_id() if client_order_id is None else client_order_id),
            signature=UNSIGNED,
        )
        _, terms, _ = signed_terms(unsigned)
        signature = sign_order(terms, self._signer, self._sign_domain())
        return unsigned.model_copy(update={"signature": f"0x{signature.hex()}"})

    def _sign_domain(self) -> Domain:
        if self._domain is None:
            market = self.market()
            self._domain = Domain(market.chain_id, Address(bytes.fromhex(market.settlement[2:])))
        return self._domain

    def _signed_by_me(self, digest: bytes) -> dict[str, str]:
        return {"participant": self.participant, "signature": f"0x{self._signer.sign(digest).hex()}"}

    def _once(self) -> _Once:
        return _Once(nonce=self._next_order_id(), deadline_s=self.market().time + CANCEL_VALID_S)

    def _signed_once(self, once: _Once, digest: bytes) -> dict[str, str | int]:
        return {
            "nonce": str(once["nonce"]),
            "deadline": once["deadline_s"],
            **self._signed_by_me(digest),
        }

    def _login(self) -> dict[str, str]:
        now_s = self.market().time
        if now_s >= self._token_until_s:
            expires = now_s + LOGIN_VALID_S
            digest = login_digest(
                participant=self._signer.address, expires_s=expires, domain=self._sign_domain()
            )
            content = {"expires": expires, **self._signed_by_me(digest)}
            answer = self._request("POST", "/v1/login", json=content)
            self._token, self._token_until_s = answer.json()["token"], expires
        return {"Authorization": f"Bearer {self._token}"}

    def _get(
        self,
        path: str,
        kind: type[Answer],
        query: dict[str, str | int] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        return kind.model_validate_json(self._request("GET", path, params=query, headers=headers).content)

    def _list(
        self,
        path: str,
        kind: type[Answer],
        query: dict[str, str | int],
        headers: dict[str, str] | None = None,
    ) -> list[Answer]:
        found = self._request("GET", path, params=query, headers=headers)
        return [kind.model_validate(item) for item in found.json()]

    def _send(
        self,
        method: str,
        path: str,
        kind: type[Answer],
        content: dict[str, Any],
        headers: dict[str, str] | None = None,
    ) -> Answer:
        return kind.model_validate_json(self._request(method, path, json=content, headers=headers).content)

    def _request(self, method: str, path: str, **how: Any) -> httpx.Response:
        return ask(self._http, method, path, pause=self._pause, **how)
