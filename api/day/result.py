"""What a market day leaves behind: the one value from which summary, report and terminal tables are made.

Rows carry the market's own integers (micros, lots, ticks turned into micros); they become decimal strings and plots
only in `summary`, `report` and `figures`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from api.day.certificates import Certificates
from api.day.rescues import Emergencies
from market.instruments import SECONDS_PER_HOUR, from_id
from market.orders import Address, OrderType, Side
from market.refusals import Refusal
from market.settlement import GuaranteePaid
from market.trades import Trade, TradeState
from market.units import Commodity, InvariantBroken, Lots, Malformed, Micros, Ppm

HOURS = range(24)


@dataclass(frozen=True, slots=True)
class OrderRow:
    """An order that somebody sent; `refusal` is None if it was accepted."""

    participant: str
    role: str
    commodity: Commodity
    side: Side
    order_type: OrderType
    refusal: Refusal | None


@dataclass(frozen=True, slots=True)
class TradeRow:
    """A trade as it ended. Prices are micros per unit, `hour` is the UTC hour of delivery, 0 to 23."""

    trade_number: int
    hour: int
    commodity: Commodity
    product: str
    place: str
    place_to: str
    tier: int
    green: int
    buyer: str
    seller: str
    price_micros: Micros
    bid_micros: Micros
    ask_micros: Micros
    quantity_lots: Lots
    value_micros: Micros
    fee_micros: Micros
    collateral_micros: Micros
    in_call: bool
    state: TradeState
    delivered_lots: Lots

    @property
    def instrument(self) -> str:
        """The instrument without its window, readable: "CMP.H100@SFO#Q3.G2"."""
        path = f"{self.place}>{self.place_to}" if self.place_to else self.place
        green = f".G{self.green}" if self.commodity is Commodity.CMP else ""
        return f"{self.commodity.name}.{self.product}@{path}#Q{self.tier}{green}"


def trade_row(trade: Trade, names: Mapping[Address, str]) -> TradeRow:
    """Turn a trade into its row; `names` says what participants are called.

    Raises:
        InvariantBroken: if a party has no name.
    """
    agreed = trade.agreed
    for party in (agreed.buyer, agreed.seller):
        if party not in names:
            raise InvariantBroken(f"trade {agreed.trade_number}: found no name for party 0x{party.hex()}")
    instrument = from_id(agreed.instrument_id)
    tick = instrument.commodity.tick_micros
    return TradeRow(
        trade_number=agreed.trade_number,
        hour=instrument.start_s // SECONDS_PER_HOUR % 24,
        commodity=instrument.commodity,
        product=instrument.product,
        place=instrument.place,
        place_to=instrument.place_to,
        tier=instrument.tier,
        green=instrument.green,
        buyer=names[agreed.buyer],
        seller=names[agreed.seller],
        price_micros=Micros(agreed.price_ticks * tick),
        bid_micros=Micros(agreed.bid_ticks * tick),
        ask_micros=Micros(agreed.ask_ticks * tick),
        quantity_lots=agreed.quantity_lots,
        value_micros=agreed.payment_micros,
        fee_micros=agreed.fee_micros,
        collateral_micros=agreed.collateral_micros,
        in_call=agreed.taker is None,
        state=trade.state,
        delivered_lots=trade.delivered_lots,
    )


@dataclass(frozen=True, slots=True)
class PriceRow:
    """A reference price as the pricing rules set it, with what it was set from.

    `family` names the instruments that differ only in their hour ("CMP.H100@SFO#Q3"); `load` is sold over registered
    capacity, 0 to 1; `weight_ppm` is the supplier's bargaining weight.
    """

    hour: int
    commodity: Commodity
    family: str
    reference_micros: Micros
    load: float
    weight_ppm: Ppm


@dataclass(frozen=True, slots=True)
class SettlementRow:
    """A settlement batch on chain: trades locked and skipped, gas of locking and of releasing on delivery."""

    batch_number: int
    hour: int
    locked: int
    skipped: int
    settle_gas: int
    deliver_gas: int


@dataclass(frozen=True, slots=True)
class GenerationRow:
    """What one energy type offered for an hour and what its meters then read, in Wh."""

    hour: int
    energy_type: str
    offered_lots: Lots
    metered_lots: Lots


@dataclass(frozen=True, slots=True)
class BalanceRow:
    """What one participant paid in and what it had in the end, in micros."""

    participant: str
    role: str
    deposit_micros: Micros
    final_micros: Micros


@dataclass(frozen=True)
class DayResult:
    """A finished market day.

    `notes` pairs a label with a text: sources, scale factors, whatever a reader needs to judge the figures.
    `refusals` counts every refused command, cancels and replacements included. `guarantees` are the payouts;
    a trade still in state OPENED is a guarantee that has not paid yet. `grid_gco2_per_kwh` has one figure for each
    hour (the average of the grid zone), `gco2_per_kwh` one for each energy type (life cycle), `green_types` are the
    types that count as green, `data_centres` the participants whose energy purchases make the green share.
    `chain_reconciliation_difference` is empty until the audit has compared books and contract.

    Raises:
        Malformed: if hours, counts or names do not fit together.
    """

    title: str
    description: str
    notes: tuple[tuple[str, str], ...]
    delivery_day: date
    seed: int
    chain_name: str
    chain_description: str
    seconds: float
    state_hash: str
    orders: tuple[OrderRow, ...]
    refusals: Mapping[Refusal, int]
    trades: tuple[TradeRow, ...]
    prices: tuple[PriceRow, ...]
    settlement: tuple[SettlementRow, ...]
    guarantees: tuple[GuaranteePaid, ...]
    emergencies: Emergencies
    generation: tuple[GenerationRow, ...]
    certificates: Certificates
    balances: tuple[BalanceRow, ...]
    data_centres: frozenset[str]
    grid_gco2_per_kwh: tuple[float, ...]
    gco2_per_kwh: Mapping[str, float]
    green_types: frozenset[str]
    trial_balance_difference: str
    chain_reconciliation_difference: str

    def __post_init__(self) -> None:
        if len(self.grid_gco2_per_kwh) != len(HOURS):
            raise Malformed(
                f"grid_gco2_per_kwh: found {len(self.grid_gco2_per_kwh)} hours, expected {len(HOURS)}"
            )
        for what, rows in (
            ("trades", self.trades),
            ("prices", self.prices),
            ("settlement", self.settlement),
            ("generation", self.generation),
        ):
            for row in rows:
                if row.hour not in HOURS:
                    raise Malformed(f"{what}: found hour {row.hour}, expected 0 to {HOURS[-1]}")
        if len(self.trade_by_number) != len(self.trades):
            raise Malformed(
                f"trades: found {len(self.trades)} rows but {len(self.trade_by_number)} different trade numbers"
            )
        for payout in self.guarantees:
            if payout.trade_number not in self.trade_by_number:
                raise Malformed(
                    f"guarantees: found trade number {payout.trade_number}, which no trade carries"
                )
        unknown = {trade.product for trade in self.data_centre_purchases} - self.gco2_per_kwh.keys()
        if unknown:
            raise Malformed(f"gco2_per_kwh: found no figure for {', '.join(sorted(unknown))}")

    @cached_property
    def trade_by_number(self) -> dict[int, TradeRow]:
        """Trades by their number."""
        return {trade.trade_number: trade for trade in self.trades}

    @cached_property
    def standing(self) -> tuple[TradeRow, ...]:
        """Trades that were not voided: volumes, prices and surplus count these."""
        return tuple(trade for trade in self.trades if trade.state is not TradeState.VOID)

    @cached_property
    def data_centre_purchases(self) -> tuple[TradeRow, ...]:
        """Standing energy trades whose buyer is a data centre."""
        return tuple(
            trade
            for trade in self.standing
            if trade.commodity is Commodity.ENE and trade.buyer in self.data_centres
        )

    @cached_property
    def short_trades(self) -> tuple[TradeRow, ...]:
        """Trades that delivered less than agreed and became a stored guarantee, paid out or still open."""
        short = (TradeState.OPENED, TradeState.PAID_OUT)
        return tuple(trade for trade in self.trades if trade.state in short)

    @property
    def books_are_right(self) -> bool:
        """Whether the books sum to zero and agree with the contract."""
        return self.trial_balance_difference == "0" and self.chain_reconciliation_difference == "0"
