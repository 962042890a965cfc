"""Traders who sign orders and send each until it is answered, whatever happens to the server meanwhile.

Some of the orders come in batches. Now and then they cancel or replace an order of theirs, or cancel all. A change that is
cut off is not sent again: it may have happened or not, and the next one tells. And they withdraw, asking until they have the
operator's signature, and for the one before once more: it must be the same.
"""

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx

from api.asking import NoAnswer
from api.client import UNSIGNED, Client, MarketError
from api.routes.account_wire import WithdrawalOut
from api.routes.market_wire import InstrumentOut, MarketOut
from api.routes.order_form import signed_terms
from api.routes.order_wire import SignedOrder
from api.routes.wire import SideName
from contracts.signing import Domain, Signer, sign_order
from market.orders import Address
from tests.api.witness import Approved, Cancelled, OrderName, Replaced, Said, Told

RETRY_AFTER_S = 0.03
CHANGE_ONE_IN = 3
"""How many orders a trader sends for each change of one that is open, about."""
BATCH_ONE_IN, BATCH_MAX = 6, 12
"""How many requests with one order there are for each with several, about; and how many those have at most."""
WITHDRAW_ONE_IN = 4
WITHDRAWN = "0.000001"
"""Tokens: so little that nobody runs out of them."""


@dataclass(frozen=True)
class Terms:
    """What traders must know in order to sign."""

    url: str
    market: MarketOut
    instrument: InstrumentOut

    def signed(
        self, signer: Signer, side: SideName, *, client_order_id: int, quantity: str
    ) -> dict[str, Any]:
        """Return the body of an order at the reference price, signed."""
        unsigned = SignedOrder(
            participant=f"0x{signer.address.hex()}",
            instrument=self.instrument.symbol,
            side=side,
            price=self.instrument.reference_price,
            quantity=quantity,
            good_until=self.instrument.gate_closes,
            settle_until=max(
                self.instrument.delivery_starts,
                self.instrument.gate_closes + self.market.notice_period_s,
            ),
            fee_cap_bps=self.instrument.fee_bps,
            reference_price=self.instrument.collateral_reference_price,
            client_order_id=str(client_order_id),
            signature=UNSIGNED,
        )
        domain = Domain(self.market.chain_id, Address(bytes.fromhex(self.market.settlement[2:])))
        signature = sign_order(signed_terms(unsigned)[1], signer, domain)
        return unsigned.model_copy(update={"signature": f"0x{signature.hex()}"}).model_dump()


@dataclass
class Trader:
    """One trader in a thread of its own. `told` holds each answer that it got."""

    terms: Terms
    signer: Signer
    side: SideName
    seed: int
    told: dict[OrderName | Said, Said] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    failure: str = ""

    def __post_init__(self) -> None:
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._trade)
        self._open: list[str] = []
        self._withdrawals: list[WithdrawalOut] = []

    def start(self) -> None:
        """Begin to trade."""
        self._thread.start()

    def end(self) -> None:
        """Leave what is not answered yet."""
        self._ending.set()
        self._thread.join()

    def _trade(self) -> None:
        chance, number = Random(self.seed), 0
        with httpx.Client(base_url=self.terms.url, timeout=30, verify=False) as http:
            while not self._ending.is_set() and not self.failure:
                count = chance.randint(2, BATCH_MAX) if chance.randrange(BATCH_ONE_IN) == 0 else 1
                orders = [self._order(number + at, chance) for at in range(1, count + 1)]
                number += count
                self._place(http, orders)
                if self._open and chance.randrange(CHANGE_ONE_IN) == 0:
                    self._change(Client(self.terms.url, self.signer, http=http), chance)
                if chance.randrange(WITHDRAW_ONE_IN) == 0:
                    self._withdraw(http)

    def _order(self, number: int, chance: Random) -> dict[str, Any]:
        # now and then more than anybody has: a refusal is an answer too
        quantity = "9999999" if chance.random() < 0.05 else str(chance.randint(1, 9))
        body = self.terms.signed(self.signer, self.side, client_order_id=number, quantity=quantity)
        body["time_in_force"] = chance.choice(("gtc", "ioc"))
        return body

    def _withdraw(self, http: httpx.Client) -> None:
        """Have the next withdrawal approved; ask once more for the one before, which other processes may have approved."""
        if self._withdrawals:
            before = self._withdrawals[-1]
            again = self._approved(http, nonce=int(before.nonce))
            if again is not None and again != before:
                self.failure = f"told {before}, and then {again}"
            self.counts["withdrawals asked for again"] += again is not None
        approved = self._approved(http, nonce=len(self._withdrawals) + 1)
        if approved is not None:
            self._withdrawals.append(approved)
            said = Approved(self.signer.address, int(approved.nonce), approved.deadline)
            self.told[said] = said
            self.counts["withdrawals acknowledged"] += 1

    def _approved(self, http: httpx.Client, *, nonce: int) -> WithdrawalOut | None:
        """Ask for a withdrawal until somebody answers; None at the end."""
        while not self._ending.is_set():
            try:
                return Client(self.terms.url, self.signer, http=http).withdraw(WITHDRAWN, nonce=nonce)
            except NoAnswer:
                self.counts["withdrawals cut off"] += 1
            except MarketError as error:
                if error.name not in (
                    "login_required",
                    "queue_full",
                ):  # another process has another login secret
                    self.failure = f"withdrawal {nonce}: {error}"
                    break
        return None

    def _change(self, client: Client, chance: Random) -> None:
        """Ask once for a change of the newest order, which is the likeliest to be open still, and note what is answered."""
        order_id = self._open.pop()
        try:
            match chance.randrange(8):
                case 0:
                    off = [Cancelled(int(each)) for each in client.cancel_all().order_ids]
                    self.told.update({each: each for each in off})
                    self.counts["mass cancels acknowledged"] += 1
                    self._open.clear()
                case 1 | 2 | 3:
                    self._replace(client, order_id, quantity=str(chance.randint(1, 9)))
                case _:
                    cancelled = Cancelled(int(client.cancel(order_id).order_id))
                    self.told[cancelled] = cancelled
                    self.counts["cancels acknowledged"] += 1
        except MarketError:
            self.counts["changes refused"] += (
                1  # it has traded meanwhile, or there are too many orders waiting
            )
        except NoAnswer:
            self.counts["changes cut off"] += 1

    def _replace(self, client: Client, order_id: str, *, quantity: str) -> None:
        instrument = self.terms.instrument
        now = client.replace(
            order_id, instrument.symbol, self.side, price=instrument.reference_price, quantity=quantity
        )
        trades = frozenset(int(fill.trade_number) for fill in now.fills)
        replaced = Replaced(int(now.order_id), int(now.client_order_id), trades)
        self.told[replaced] = replaced
        self.counts["replacements acknowledged"] += 1
        if now.status == "open":
            self._open.append(now.order_id)

    def _place(self, http: httpx.Client, orders: list[dict[str, Any]]) -> None:
        """Send the same signed orders until somebody answers, and note the answer to each."""
        several = len(orders) > 1
        unanswered = False
        while not self._ending.is_set():
            try:
                answer = http.post(
                    "/v1/orders/batch" if several else "/v1/orders", json=orders if several else orders[0]
                )
            except httpx.ConnectError:
                time.sleep(RETRY_AFTER_S)
                continue
            except httpx.TransportError:
                unanswered = True
                self.counts["batches cut off" if several else "requests cut off"] += 1
                continue
            if answer.status_code == 503:
                time.sleep(RETRY_AFTER_S)
                continue
            said = answer.json()
            items = [item["order"] or item["problem"] for item in said] if several else [said]
            for order, item in zip(orders, items, strict=True):
                name = (self.signer.address, int(order["client_order_id"]))
                self._hear(item, name, unanswered=unanswered)
            self.counts["batches acknowledged"] += several
            return

    def _hear(self, said: dict[str, Any], name: OrderName, *, unanswered: bool) -> None:
        if "order_id" in said:
            trades = frozenset(int(fill["trade_number"]) for fill in said["fills"])
            self.told[name] = Told(int(said["order_id"]), trades)
            self.counts["orders acknowledged"] += 1
            if said["status"] == "open":
                self._open.append(said["order_id"])
            self.counts["orders asked for after a cut, already in"] += said["repeated"]
            if said["repeated"] and not unanswered:
                self.failure = f"{name}: told that it was repeated, but it was sent once"
        elif said["status"] == 409:
            self.told[name] = Told(None, frozenset())
            self.counts["refusals acknowledged"] += 1
        else:
            self.failure = f"{name}: {said}"
