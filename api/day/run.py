"""The market day as a story: open the house, list, call, trade hour by hour, lock, meter, deliver, pay, audit.

The agents say what they intend; everything else is the real thing: signed orders through the sequencer, the record
on disk, contracts on a chain, books that are compared with the contract in the end. The clock is driven, so that a day
takes a minute or two.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

from rich.console import Console
from rich.progress import Progress

from api.clock import DrivenClock
from api.day.agents import Agents
from api.day.certificates import Certificates
from api.day.certifying import Certifying
from api.day.gas_bill import GasBill
from api.day.locked import LockedLeaves
from api.day.metering import Metering
from api.day.ordering import Ordering
from api.day.parts import Role
from api.day.prices import Prices
from api.day.progress import Advance, progress_on, task
from api.day.rescuing import Rescuing
from api.day.result import BalanceRow, DayResult, trade_row
from api.day.scenario import Scenario
from api.day.view import View
from api.house import House, open_house
from api.notary import Notary
from api.settings import Settings
from api.settler import SettlementFailed
from contracts.chain import Reverted
from contracts.opening import OWN_CHAINS
from contracts.signing import Signer
from ledger.accounts import AccountKind
from ledger.audit import audit
from ledger.collecting import collector_at_rest
from ledger.record import RecordReader
from market.events import Refused
from market.instruments import SECONDS_PER_HOUR
from market.orders import Address, Command
from market.refusals import Refusal
from market.settlement import GuaranteePaid
from market.units import MICROS_PER_TOKEN, InvariantBroken, Micros, format_decimal
from pricing.taxonomy import taxonomy

DRIVEN_WINDOW_S = 1_800
REAL_TIME_WINDOW_S = 2
"""Reading and challenge windows on a chain whose clock we do not drive: the day must not wait for hours."""
GATE_TO_LOCK_S = 60
SLOT_END_TO_READING_S = 60


class DayFailed(Exception):
    """The day did not end as it must. Says what does not agree."""


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
        progress_on(console) as progress,
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
        self._agents = Agents(scenario, seed)
        deployment = house.deployment
        locked = LockedLeaves(house.chain, deployment.settlement, from_block=deployment.block_number)
        self._rescuing = Rescuing(scenario, house, self._signers, locked)
        self._certifying = Certifying(scenario, house, self._signers, locked, self._rescuing)
        self._ordering = Ordering(scenario, house, self._signers)
        self._prices = Prices(scenario, house.venue.exchange)
        self._metering = Metering(scenario, seed, house, self._signers, self._rescuing)
        self._view = View(house.venue.exchange, [signer.address for signer in self._signers])
        self._bill = GasBill()
        house.settler.on_final = self._bill.note

    # --- the story ----------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Admit the meters, take the deposits, list the instruments."""
        scenario, settler = self._scenario, self._house.settler
        registrations = self._metering.registrations()
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
        self._process(self._prices.listings())

    def call(self) -> None:
        """Collect orders for the whole day, then clear every instrument at one price."""
        schedule = self._scenario.schedules[0]
        self._move_to(schedule.call_opens_s)
        self._process(())
        self._view.look()
        intents = self._agents.call_intents(self._view)
        with self._task("day-ahead call", len(intents)) as advance:
            self._ordering.send(intents, advance)
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
                    self._process_any(self._metering.readings(hour - 1))
                self._settle()
                self._process_any(self._prices.moved(hour))
                self._view.look()
                self._ordering.send(self._agents.intents_at(hour, self._view))
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

    # --- plumbing -----------------------------------------------------------------------------------------------------

    def _process(self, commands: Sequence[Command]) -> None:
        self._house.sequencer.process_ahead(commands)

    def _process_any(self, commands: Sequence[Command]) -> None:
        """Process commands, if there are any: an empty batch would still move the market's time."""
        if commands:
            self._process(commands)

    def _settle(self) -> None:
        """Do on the chain all that is due; certificates go with what is over."""
        self._house.settler.step()
        self._rescuing.step()
        self._house.settler.watch()
        self._certifying.deliver()

    def _move_to(self, time_s: int) -> None:
        self._clock.move_to(time_s)
        self._house.chain.set_time(time_s)

    def _task(self, label: str, total: int) -> AbstractContextManager[Advance]:
        return task(self._progress, label, total)

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
            orders=tuple(self._ordering.rows),
            refusals=dict(sorted(refusals.items())),
            trades=trades,
            prices=self._prices.rows(),
            settlement=tuple(self._bill.rows(venue.exchange.trades(), first_hour=scenario.first_hour)),
            guarantees=tuple(payouts),
            emergencies=self._rescuing.result({trade.trade_number: trade for trade in trades}, payouts),
            generation=self._metering.generation(),
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

    def _wealth(self, participant: Address) -> Micros:
        balances = self._house.venue.books.balances
        kinds = (kind for kind in AccountKind if kind not in (AccountKind.FEES, AccountKind.CUSTODY))
        return Micros(sum(balances.of(kind, participant) for kind in kinds))


def _tokens(micros: int) -> str:
    return format_decimal(micros, scale=MICROS_PER_TOKEN)
