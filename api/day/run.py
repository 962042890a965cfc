"""The market day as a story: open the house, list, call, trade hour by hour, lock, meter, deliver, pay, audit.

The agents say what they intend; everything else is the real thing: signed orders through the sequencer, the record
on disk, contracts on a chain, books that are compared with the contract in the end. The clock is driven, so that a day
takes a minute or two.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from api.clock import DrivenClock
from api.day.agents import Agents
from api.day.certificates import Certificates
from api.day.certifying import Certifying
from api.day.gas_bill import GasBill
from api.day.intents import Cancel, Intent, Place, Replace
from api.day.locked import LockedLeaves
from api.day.parts import Role
from api.day.rescuing import Rescuing
from api.day.result import (
    BalanceRow,
    DayResult,
    GenerationRow,
    OrderRow,
    PriceRow,
    trade_row,
)
from api.day.scenario import Scenario
from api.day.view import View
from api.house import House, open_house
from api.notary import Notary
from api.quoting import moved_quote, opening_quote
from api.sequencer import Answer
from api.settings import Settings
from api.settler import SettlementFailed
from contracts.chain import Reverted
from contracts.opening import OWN_CHAINS
from contracts.settlement import sign_reading
from contracts.signing import Signer, sign_order
from ledger.accounts import AccountKind
from ledger.audit import audit
from ledger.collecting import collector_at_rest
from ledger.record import RecordReader
from market.events import GuaranteePaid, OrderAccepted, Refused
from market.instruments import SECONDS_PER_HOUR, Instrument
from market.orders import (
    Address,
    CancelOrder,
    Command,
    ListInstrument,
    OrderTerms,
    PlaceOrder,
    RegisterMeter,
    ReplaceOrder,
    SetPriceTerms,
    SubmitReading,
)
from market.refusals import Refusal
from market.trades import TradeState
from market.units import BPS_ONE, MICROS_PER_TOKEN, Commodity, InvariantBroken, Lots, Micros, format_decimal
from pricing.taxonomy import taxonomy

CHUNK = 500
"""Commands in one batch of the sequencer."""
REPRICED_HOURS_AHEAD = 4
"""Load moves the prices of the slots that agents look at: those that start within this many hours."""
DRIVEN_WINDOW_S = 1_800
REAL_TIME_WINDOW_S = 2
"""Reading and challenge windows on a chain whose clock we do not drive: the day must not wait for hours."""
GATE_TO_LOCK_S = 60
SLOT_END_TO_READING_S = 60


class DayFailed(Exception):
    """The day did not end as it must. Says what does not agree."""


Advance = Callable[[int], None]
"""Tells a progress bar how much is done."""


@dataclass
class _Notes:
    """What the record does not keep but the report tells."""

    orders: list[OrderRow] = field(default_factory=list)
    prices: dict[tuple[int, int], PriceRow] = field(default_factory=dict)
    readings: dict[tuple[int, int], Lots] = field(default_factory=dict)


def run_day(
    scenario: Scenario,
    *,
    seed: int,
    chain: str,
    chain_id: int | None = None,
    database: str,
    fresh_database: bool,
    console: Console,
    ended: Callable[[DayResult], None] = lambda _: None,
) -> DayResult:
    """Run a scenario's day and return what it leaves behind.

    `database` is an SQLite URL; `fresh_database` says that a file of an earlier run there may be replaced. `ended` is told
    what the day leaves behind before it is audited: all but the seconds, and what the audit compares.

    Raises:
        ChainUnavailable: if the chain cannot be used; the day has not begun then.
        DatabaseUnusable: if the database cannot.
        DayFailed: if books, tables, record and contract do not agree in the end.
    """
    started = time.perf_counter()
    start_s = scenario.schedules[0].call_opens_s - SECONDS_PER_HOUR
    window_s = DRIVEN_WINDOW_S if chain in OWN_CHAINS else REAL_TIME_WINDOW_S
    settings = Settings(
        database_url=database,
        chain=chain,
        chain_id=chain_id,
        reading_window_s=window_s,
        challenge_window_s=window_s,
    )
    clock = DrivenClock(start_s)
    with (
        open_house(
            settings,
            clock,
            start_time_s=start_s,
            name=f"day {scenario.name} seed {seed}",
            fresh_database=fresh_database,
        ) as house,
        _progress(console) as progress,
        collector_at_rest(),
    ):
        if house.recovered_batches:
            raise DayFailed(f"{database}: found a finished day, expected a new database")
        console.print(f"Chain: {house.chain.description}")
        house.settler.apply = house.sequencer.process_ahead
        day = _Day(scenario, seed, house, clock, progress)
        try:
            day.prepare()
            day.call()
            day.trade_and_deliver()
            day.pay_out()
            day.retire()
        except (SettlementFailed, Reverted) as error:
            raise DayFailed(f"the chain refused: {error}") from error
        unaudited = day.result(day.check_certificates())
        ended(unaudited)
        difference = day.check()
        return replace(
            unaudited,
            seconds=time.perf_counter() - started,
            chain_reconciliation_difference=_tokens(difference),
        )


class _Day:
    """One run of one scenario."""

    def __init__(
        self, scenario: Scenario, seed: int, house: House, clock: DrivenClock, progress: Progress
    ) -> None:
        self._scenario = scenario
        self._seed = seed
        self._house = house
        self._clock = clock
        self._progress = progress
        self._signers = [Signer.from_seed(seed, each.label) for each in scenario.participants]
        self._meters = [Signer.from_seed(seed, f"meter {each.label}") for each in scenario.meters]
        self._agents = Agents(scenario, seed)
        deployment = house.deployment
        locked = LockedLeaves(house.chain, deployment.settlement, from_block=deployment.block_number)
        self._rescuing = Rescuing(scenario, house, self._signers, locked)
        self._certifying = Certifying(scenario, house, self._signers, locked, self._rescuing)
        self._index_of = {signer.address: index for index, signer in enumerate(self._signers)}
        self._next_order_id = [0] * len(self._signers)
        self._view = View(house.venue.exchange, [signer.address for signer in self._signers])
        self._notes = _Notes()
        self._bill = GasBill()
        house.settler.on_final = self._bill.note
        self._fee_cap_bps = {
            instrument.id: series.fee_bps for series in scenario.series for instrument in series.instruments
        }

    # --- the story ----------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Admit the meters, take the deposits, list the instruments."""
        scenario, settler = self._scenario, self._house.settler
        registrations = [
            RegisterMeter(
                self._signers[meter.owner].address,
                key.address,
                scenario.series[meter.series].resource,
                meter.capacity_lots,
            )
            for meter, key in zip(scenario.meters, self._meters, strict=True)
        ]
        with self._task("registering meters", len(registrations)) as advance:
            settler.register_meters(registrations, progress=advance)
        deposits = {
            signer.address: each.deposit_micros
            for signer, each in zip(self._signers, scenario.participants, strict=True)
        }
        with self._task("taking deposits", len(deposits)) as advance:
            settler.fund(deposits, progress=advance)
        self._rescuing.agree()
        settler.watch()
        self._process(registrations)
        self._process(
            [self._listing(series, slot) for series in range(len(scenario.series)) for slot in range(24)]
        )

    def call(self) -> None:
        """Collect orders for the whole day, then clear every instrument at one price."""
        schedule = self._scenario.schedules[0]
        self._move_to(schedule.call_opens_s)
        self._process(())
        self._view.look()
        intents = self._agents.call_intents(self._view)
        with self._task("day-ahead call", len(intents)) as advance:
            self._send(intents, advance)
        self._move_to(schedule.continuous_opens_s)
        self._process(())

    def trade_and_deliver(self) -> None:
        """Trade hour by hour; lock each slot between its gate and its start, settle it after its end."""
        first, opens_s = self._scenario.first_hour, self._scenario.schedules[0].continuous_opens_s
        hours = range(opens_s // SECONDS_PER_HOUR, first + len(self._scenario.schedules) + 1)
        with self._task("trading, locking, delivering", len(hours)) as advance:
            for count, hour in enumerate(hours, start=1):
                start_s = hour * SECONDS_PER_HOUR
                self._move_to(start_s + SLOT_END_TO_READING_S)
                if hour > first:
                    self._report_readings(hour - 1)
                self._settle()
                self._reprice(hour)
                self._view.look()
                self._send(self._agents.intents_at(hour, self._view))
                slot = hour + 1 - first
                if 0 <= slot < len(self._scenario.schedules):
                    self._move_to(self._scenario.schedules[slot].gate_closes_s + GATE_TO_LOCK_S)
                    self._process(())
                    self._settle()
                    self._certifying.pledge()
                advance(count)

    def pay_out(self) -> None:
        """Wait out the windows of the last slots, and pay what is due."""
        chain, settler = self._house.chain, self._house.settler
        window_s = self._house.deployment.challenge_window_s + self._house.deployment.reading_window_s
        for _ in range(10):
            self._settle()
            if not settler.unfinished:
                break
            if chain.drives_time:
                self._move_to(self._house.sequencer.now_s() + window_s)
            else:
                time.sleep(self._house.deployment.challenge_window_s)
                settler.fund({})  # any transaction makes an idle development node tell the time
        else:
            raise DayFailed(f"{settler.unfinished} trades are locked or opened still, expected none")
        self._rescuing.close()
        settler.watch()
        self._process(())

    def retire(self) -> None:
        """Let data centres retire certificates for the compute that they delivered."""
        with self._task("retiring certificates", 1):
            self._certifying.retire()
            self._house.settler.watch()

    def check(self) -> Micros:
        """Audit the record, the tables and the books against the contracts; return their difference, which is 0.

        Raises:
            DayFailed: with every finding, if there is one.
        """
        participants = [signer.address for signer in self._signers]
        self._house.sequencer.catch_up()
        with self._task("auditing", self._house.record.number) as advance:
            report = audit(
                RecordReader(self._house.engine),
                tables=self._house.engine,
                chain=self._house.settler.chain_values(participants),
                notary=Notary(self._house.record.genesis),
                progress=advance,
            )
        if report.findings:
            raise DayFailed("the audit found:\n" + "\n".join(f"  {finding}" for finding in report.findings))
        if report.state_hash != self._house.venue.state_hash():
            raise DayFailed("the record rebuilds to another state than the one that ran")
        if report.chain_difference_micros is None or report.certificate_difference_wh is None:
            raise InvariantBroken("the audit was given the contract's values but compared none")
        return report.chain_difference_micros

    def check_certificates(self) -> Certificates:
        """Compare the certificates with the record and return them.

        Raises:
            DayFailed: if they do not agree.
        """
        with self._task("counting certificates", 1):
            certificates = self._certifying.result()
        if certificates.difference_wh:
            raise DayFailed(
                f"certificates: found a difference of {certificates.difference_wh} Wh between record, events and "
                "contract, expected none"
            )
        return certificates

    # --- what agents intend becomes signed commands ------------------------------------------------------------------

    def _send(self, intents: Sequence[Intent], advance: Advance | None = None) -> None:
        for start in range(0, len(intents), CHUNK):
            self._send_chunk(intents[start : start + CHUNK])
            if advance is not None:
                advance(min(start + CHUNK, len(intents)))

    def _send_chunk(self, intents: Sequence[Intent]) -> None:
        answers = self._process([self._command(intent) for intent in intents])
        for intent, answer in zip(intents, answers, strict=True):
            if isinstance(intent, Place):
                self._note_order(intent, answer)

    def _command(self, intent: Intent) -> Command:
        match intent:
            case Cancel():
                return CancelOrder(self._signers[intent.agent].address, intent.order_id)
            case Replace():
                terms, signature = self._sign(intent)
                return ReplaceOrder(intent.order_id, terms, signature)
            case Place():
                terms, signature = self._sign(intent)
                return PlaceOrder(terms, signature, intent.order_type, intent.time_in_force, intent.post_only)

    def _sign(self, intent: Place | Replace) -> tuple[OrderTerms, bytes]:
        """Sign as the participant would, and check the signature as the door does."""
        instrument = intent.instrument
        listed = self._house.venue.exchange.listing(instrument.id)
        self._next_order_id[intent.agent] += 1
        good_until_s = listed.listing.schedule.gate_closes_s
        settle_until_s = max(good_until_s + self._house.deployment.notice_period_s, instrument.start_s)
        if not self._house.chain.drives_time:
            settle_until_s = max(settle_until_s, int(time.time()) + 24 * SECONDS_PER_HOUR)
        terms = OrderTerms(
            participant=self._signers[intent.agent].address,
            instrument_id=instrument.id,
            side=intent.side,
            price_micros=Micros(intent.price_ticks * instrument.commodity.tick_micros),
            quantity_lots=intent.quantity_lots,
            good_until_s=good_until_s,
            settle_until_s=settle_until_s,
            fee_cap_bps=self._fee_cap_bps[instrument.id],
            reference_micros=listed.reference_micros,
            client_order_id=self._next_order_id[intent.agent],
        )
        signature = sign_order(terms, self._signers[intent.agent], self._house.deployment.domain)
        self._house.door.check_order(terms, signature)
        return terms, signature

    def _note_order(self, intent: Place, answer: Answer) -> None:
        refusal = next((event.refusal for event in answer.events if isinstance(event, Refused)), None)
        if refusal is None and not any(isinstance(event, OrderAccepted) for event in answer.events):
            raise InvariantBroken(f"{intent}: neither accepted nor refused")
        participant = self._scenario.participants[intent.agent]
        self._notes.orders.append(
            OrderRow(
                participant=participant.name,
                role=participant.role.value,
                commodity=intent.instrument.commodity,
                side=intent.side,
                order_type=intent.order_type,
                refusal=refusal,
            )
        )

    # --- prices -----------------------------------------------------------------------------------------------------

    def _listing(self, series_index: int, slot: int) -> ListInstrument:
        series = self._scenario.series[series_index]
        instrument = series.instruments[slot]
        quote = opening_quote(instrument, series.base_usd)
        return ListInstrument(
            instrument_id=instrument.id,
            schedule=self._scenario.schedules[slot],
            rule=series.rule,
            reference_ticks=quote.terms.reference_ticks,
            band_low_ticks=quote.terms.band_low_ticks,
            band_high_ticks=quote.terms.band_high_ticks,
            weight_ppm=quote.weight_ppm,
            quantity_cap_lots=series.quantity_cap_lots,
            fee_bps=series.fee_bps,
        )

    def _reprice(self, hour: int) -> None:
        """Let load move reference price, band and weight of the slots that are traded next."""
        exchange, first = self._house.venue.exchange, self._scenario.first_hour
        commands: list[Command] = []
        for slot in range(max(0, hour + 1 - first), min(24, hour + 1 + REPRICED_HOURS_AHEAD - first)):
            for index, series in enumerate(self._scenario.series):
                instrument = series.instruments[slot]
                sold, capacity = exchange.load(instrument.resource, instrument.start_hour)
                load = sold / capacity if capacity else 0.0
                reference = exchange.listing(instrument.id).terms.reference_ticks
                quote = moved_quote(instrument, series.base_usd, reference_ticks=reference, load=load)
                terms = quote.terms
                commands.append(
                    SetPriceTerms(
                        instrument.id,
                        terms.reference_ticks,
                        terms.band_low_ticks,
                        terms.band_high_ticks,
                        quote.weight_ppm,
                    )
                )
                self._notes.prices[index, slot] = PriceRow(
                    hour=slot,
                    commodity=series.commodity,
                    family=_family(instrument),
                    reference_micros=Micros(terms.reference_ticks * series.commodity.tick_micros),
                    load=load,
                    weight_ppm=quote.weight_ppm,
                )
        if commands:
            self._process(commands)

    # --- metering -----------------------------------------------------------------------------------------------------

    def _report_readings(self, hour: int) -> None:
        """Every meter that sold something of the hour signs what it delivered."""
        sold: defaultdict[tuple[Address, int], int] = defaultdict(int)
        exchange = self._house.venue.exchange
        for trade in exchange.trades(TradeState.LOCKED, hour):
            resource = exchange.listing(trade.agreed.instrument_id).resource
            sold[trade.agreed.seller, resource] += trade.agreed.quantity_lots
        commands: list[Command] = []
        slot = hour - self._scenario.first_hour
        for index, (meter, key) in enumerate(zip(self._scenario.meters, self._meters, strict=True)):
            owner = self._signers[meter.owner].address
            sold_lots = sold.get((owner, self._scenario.series[meter.series].resource), 0)
            called_lots = self._rescuing.called_lots(index, hour)
            delivered = Lots(self._delivered(index, slot, Lots(sold_lots)) + called_lots)
            self._notes.readings[index, slot] = delivered
            if sold_lots or called_lots:
                reading = sign_reading(
                    key, start_hour=hour, delivered_lots=delivered, domain=self._house.deployment.domain
                )
                commands.append(SubmitReading(reading.meter, hour, delivered, reading.signature))
        if commands:
            self._process(commands)

    def _delivered(self, meter: int, slot: int, sold_lots: Lots) -> Lots:
        """Return what a meter delivers of what it sold: what it could, or in an outage a share."""
        delivered = self._scenario.meters[meter].delivered_lots
        for outage in self._scenario.outages:
            if (outage.meter, outage.hour) == (meter, slot):
                return Lots(sold_lots * outage.delivered_bps // BPS_ONE)
        return sold_lots if delivered is None else delivered[slot]

    # --- plumbing -----------------------------------------------------------------------------------------------------

    def _process(self, commands: Sequence[Command]) -> list[Answer]:
        return self._house.sequencer.process_ahead(commands)

    def _settle(self) -> None:
        """Do on the chain all that is due; certificates go with what is over."""
        self._house.settler.step()
        self._rescuing.step()
        self._house.settler.watch()
        self._certifying.deliver()

    def _move_to(self, time_s: int) -> None:
        self._clock.move_to(time_s)
        self._house.chain.set_time(time_s)

    @contextmanager
    def _task(self, label: str, total: int) -> Iterator[Advance]:
        task = self._progress.add_task(label, total=total)
        yield lambda done: self._progress.update(task, completed=done)
        self._progress.update(task, completed=total)

    # --- what is left behind ----------------------------------------------------------------------------------------

    def result(self, certificates: Certificates) -> DayResult:
        """Return the day as it ended, not yet compared with the contract."""
        scenario, venue = self._scenario, self._house.venue
        names = {
            signer.address: each.name
            for signer, each in zip(self._signers, scenario.participants, strict=True)
        }
        refusals: Counter[Refusal] = Counter()
        payouts: list[GuaranteePaid] = []
        for row in RecordReader(self._house.engine).rows():
            for event in row.told():
                if isinstance(event, Refused):
                    refusals[event.refusal] += 1
                elif isinstance(event, GuaranteePaid):
                    payouts.append(event)
        trades = tuple(trade_row(trade, names) for trade in venue.exchange.trades())
        energy = taxonomy().energy
        fees = venue.books.trial_balance().by_kind[AccountKind.FEES]
        return DayResult(
            title=scenario.title,
            description=scenario.description,
            notes=scenario.notes,
            delivery_day=scenario.delivery_day,
            seed=self._seed,
            chain_name=self._house.chain.name,
            chain_description=self._house.chain.description,
            seconds=0.0,
            state_hash=venue.state_hash().hex(),
            orders=tuple(self._notes.orders),
            refusals=dict(sorted(refusals.items())),
            trades=trades,
            prices=tuple(self._notes.prices.values()),
            settlement=tuple(self._bill.rows(venue.exchange.trades(), first_hour=scenario.first_hour)),
            guarantees=tuple(payouts),
            emergencies=self._rescuing.result({trade.trade_number: trade for trade in trades}, payouts),
            generation=self._generation(),
            certificates=certificates,
            balances=(
                *(
                    BalanceRow(each.name, each.role.value, each.deposit_micros, self._wealth(signer.address))
                    for signer, each in zip(self._signers, scenario.participants, strict=True)
                ),
                BalanceRow("the venue", "venue (fees)", Micros(0), fees),
            ),
            data_centres=frozenset(
                each.name for each in scenario.participants if each.role is Role.DATA_CENTRE
            ),
            grid_gco2_per_kwh=tuple(float(each) for each in scenario.grid_gco2_per_kwh),
            gco2_per_kwh={name: figures.lifecycle_g_per_kwh for name, figures in energy.rows.items()},
            green_types=frozenset(name for name, figures in energy.rows.items() if figures.renewable),
            trial_balance_difference=_tokens(venue.books.trial_balance().total_micros),
            chain_reconciliation_difference="",
        )

    def _generation(self) -> tuple[GenerationRow, ...]:
        offered: defaultdict[tuple[int, str], int] = defaultdict(int)
        metered: defaultdict[tuple[int, str], int] = defaultdict(int)
        for index, meter in enumerate(self._scenario.meters):
            instrument = self._scenario.series[meter.series].instruments[0]
            if instrument.commodity is not Commodity.ENE:
                continue
            for slot, lots in enumerate(meter.offered_lots):
                offered[slot, instrument.product] += lots
                metered[slot, instrument.product] += self._notes.readings.get((index, slot), 0)
        return tuple(
            GenerationRow(slot, product, Lots(lots), Lots(metered[slot, product]))
            for (slot, product), lots in sorted(offered.items())
        )

    def _wealth(self, participant: Address) -> Micros:
        balances = self._house.venue.books.balances
        kinds = (kind for kind in AccountKind if kind not in (AccountKind.FEES, AccountKind.CUSTODY))
        return Micros(sum(balances.of(kind, participant) for kind in kinds))


def _tokens(micros: int) -> str:
    return format_decimal(micros, scale=MICROS_PER_TOKEN)


def _family(instrument: Instrument) -> str:
    """Name what an instrument shares with those of other hours, such as CMP.H100@SFO#Q3.G2."""
    symbol = instrument.symbol
    return symbol[: symbol.index("/")] + symbol[symbol.index("#") :]


def _progress(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description:<32}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        disable=console.quiet,
    )
