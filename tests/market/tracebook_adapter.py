"""The order book as a candidate of tracebook-conformance: `python -m tests.market.tracebook_adapter`.

Speaks version 1 of that suite's protocol over standard input and output: JSON, one message a line. `hello` names the
configuration and is answered by `ready`; each `event` by an `observation` (outcome, trades, and the hash of everything that
rests); `snapshot` by what rests; `finish` by `complete`. Quantities are lots of 10^-places, as the configuration says.
"""

import hashlib
import json
import sys
from decimal import Decimal, localcontext

from market.book import OrderBook
from market.orders import Side
from tests.market.book_door import Door

PROTOCOL, VERSION = "tracebook.conformance", 1
ENGINE = {"name": "ccei-market", "version": "1", "language": "Python, numba"}
TYPES = {
    "LIMIT": ("limit", "GTC"),
    "IOC": ("limit", "IOC"),
    "FOK": ("limit", "FOK"),
    "MARKET": ("market", "IOC"),
}
NOBODY = -1


class Candidate:
    """Our order books behind the suite's words."""

    def __init__(self, config, new_book):
        self.door = Door(
            new_book=new_book,
            tick=Decimal(config["tick_size"]),
            lot=Decimal(1).scaleb(-config["quantity_decimal_places"]),
            policy=config["self_trade_policy"],
            algorithm=config["matching_algorithm"],
            strict_reduce=True,
        )
        self.seen = 0

    def observe(self, index, event):
        """Carry out an event and tell everything that it caused."""
        answer = self.door.apply(operation_of(event))
        self.seen = index
        state = self.state()
        return {
            "type": "observation",
            "index": index,
            "outcome": {
                "status": "applied" if answer.rejected is None else "rejected",
                "reason": answer.rejected,
                "message": None,
            },
            "trades": [self.trade(trade) for trade in answer.trades],
            "state_hash": hash_of(state),
            "resting_order_count": sum(len(book["bids"]) + len(book["asks"]) for book in state["books"]),
        }

    def trade(self, trade):
        """Tell a trade by its buyer and seller."""
        maker_buys = self.door.given[trade.symbol, trade.maker]["side"] == "buy"
        buyer, seller = (trade.maker, trade.taker) if maker_buys else (trade.taker, trade.maker)
        return {
            "symbol": trade.symbol,
            "buy_order_id": buyer,
            "sell_order_id": seller,
            "price": shortest(trade.price),
            "quantity": shortest(trade.quantity),
        }

    def state(self):
        """Tell all that rests, symbol by symbol, in priority order."""
        return {
            "books": [
                {
                    "symbol": symbol,
                    "bids": self.resting(symbol, Side.BUY),
                    "asks": self.resting(symbol, Side.SELL),
                }
                for symbol in sorted(self.door.books)
            ]
        }

    def resting(self, symbol, side):
        return [
            {
                "order_id": order_id,
                "price": shortest(price),
                "remaining_quantity": shortest(left),
                "owner": self.door.given[symbol, order_id].get("owner", NOBODY),
                "order_type": "LIMIT",
            }
            for price, order_id, left in self.door.rows(symbol, side)
        ]


def operation_of(event):
    """Turn an event into the words of the cases."""
    operation = {"op": event["op"], "symbol": event["symbol"], "id": event.get("order_id")}
    if event["op"] == "new":
        operation["type"], operation["tif"] = TYPES[event["order_type"]]
        operation |= {"side": event["side"].lower(), "owner": event.get("owner", NOBODY)}
    if event["op"] in {"new", "replace"}:
        operation["price"] = event.get("price")
    if event["op"] in {"new", "replace", "reduce"}:
        operation["qty"] = event.get("quantity")
    return operation


def shortest(number):
    """Write a decimal without exponent and without closing zeros."""
    with localcontext(prec=60):
        return format(number.normalize(), "f")


def hash_of(state):
    text = json.dumps(state, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def answers(lines, new_book=OrderBook):
    """Answer the messages of a conversation, one by one."""
    candidate = None
    for line in lines:
        message = json.loads(line, parse_float=Decimal)
        match message["type"]:
            case "hello":
                if (message["protocol"], message["protocol_version"]) != (PROTOCOL, VERSION):
                    found = f"{message['protocol']} {message['protocol_version']}"
                    yield error(f"found protocol {found}, expected {PROTOCOL} {VERSION}")
                    return
                candidate = Candidate(message["config"], new_book)
                yield {
                    "type": "ready",
                    "protocol": PROTOCOL,
                    "protocol_version": VERSION,
                    "engine": ENGINE,
                }
            case _ if candidate is None:
                yield error(f"found {message['type']} before hello")
                return
            case "event":
                yield candidate.observe(message["index"], message["event"])
            case "snapshot":
                yield {"type": "snapshot", "index": candidate.seen, "state": candidate.state()}
            case "finish":
                yield {"type": "complete", "event_count": candidate.seen}
                return
            case other:
                yield error(f"found message {other!r}, expected event, snapshot or finish")
                return


def error(text):
    return {"type": "error", "code": "PROTOCOL_ERROR", "message": text}


def main():
    """Answer standard input on standard output."""
    for answer in answers(sys.stdin):
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
