"""What agents see of the exchange: taken down at one moment, so that an hour's intents all rest on the same view."""

from collections import defaultdict
from collections.abc import Sequence

from api.day.intents import OpenOrder
from market.depth import DepthLevel
from market.exchange import Exchange
from market.instruments import Instrument
from market.orders import Address
from market.trades import TradeState
from market.units import Lots, Ticks


class View:
    """Public prices of an exchange, and each agent's own positions and orders as of the last `look`."""

    def __init__(self, exchange: Exchange, addresses: Sequence[Address]) -> None:
        self._exchange = exchange
        self._addresses = addresses
        self._bought: dict[tuple[Address, int], int] = {}
        self._sold: dict[tuple[Address, int], int] = {}
        self._open: dict[tuple[Address, int], list[OpenOrder]] = {}

    def look(self) -> None:
        """Take down positions and open orders as they stand now."""
        bought: defaultdict[tuple[Address, int], int] = defaultdict(int)
        sold: defaultdict[tuple[Address, int], int] = defaultdict(int)
        for trade in self._exchange.trades():
            if trade.state is not TradeState.VOID:
                agreed = trade.agreed
                bought[agreed.buyer, agreed.instrument_id] += agreed.quantity_lots
                sold[agreed.seller, agreed.instrument_id] += agreed.quantity_lots
        resting: defaultdict[tuple[Address, int], list[OpenOrder]] = defaultdict(list)
        for address in self._addresses:
            for order in self._exchange.open_orders(address):
                terms = order.terms
                tick = self._exchange.listing(terms.instrument_id).instrument.commodity.tick_micros
                resting[address, terms.instrument_id].append(
                    OpenOrder(
                        order.order_id, terms.side, Ticks(terms.price_micros // tick), order.remaining_lots
                    )
                )
        self._bought, self._sold, self._open = dict(bought), dict(sold), dict(resting)

    def best_bid(self, instrument: Instrument) -> DepthLevel | None:
        """Return the highest price bid and how much is bid there."""
        bids = self._exchange.book(instrument.id).depth(1).bids
        return bids[0] if bids else None

    def best_ask(self, instrument: Instrument) -> DepthLevel | None:
        """Return the lowest price offered and how much is offered there."""
        asks = self._exchange.book(instrument.id).depth(1).asks
        return asks[0] if asks else None

    def reference(self, instrument: Instrument) -> Ticks:
        """Return the reference price."""
        return self._exchange.listing(instrument.id).terms.reference_ticks

    def band(self, instrument: Instrument) -> tuple[Ticks, Ticks]:
        """Return the lowest and the highest price that an order may have."""
        terms = self._exchange.listing(instrument.id).terms
        return terms.band_low_ticks, terms.band_high_ticks

    def bought(self, agent: int, instrument: Instrument) -> Lots:
        """Return what the agent has bought."""
        return Lots(self._bought.get((self._addresses[agent], instrument.id), 0))

    def sold(self, agent: int, instrument: Instrument) -> Lots:
        """Return what the agent has sold."""
        return Lots(self._sold.get((self._addresses[agent], instrument.id), 0))

    def open_orders(self, agent: int, instrument: Instrument) -> Sequence[OpenOrder]:
        """Return the agent's resting orders, oldest first."""
        return self._open.get((self._addresses[agent], instrument.id), [])
