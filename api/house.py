"""Put the market together: chain, contracts, record, venue, sequencer, settler. The only place that knows how they fit."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from api.anchoring import check_not_behind
from api.auth import DEADLINE_MAX_S, Door
from api.clock import Clock
from api.operator_key import operator_key
from api.outgoing import Outgoing
from api.proving import Proving
from api.recovery import Recovered
from api.sequencer import Sequencer
from api.settings import Settings
from api.settler import Settler
from contracts.certificate import Certificate
from contracts.chain import Chain, ChainUnavailable
from contracts.deploying import verify
from contracts.deployment import Deployment, attach, attach_certificate, deploy
from contracts.deployment_file import DeploymentFile, read_deployment
from contracts.guarantee import Rules
from contracts.opening import OWN_CHAINS, open_chain
from contracts.rehearsal import Undeployable
from ledger.database import open_database, remove_database
from ledger.genesis import Genesis, WrongMarket
from ledger.heard import Heard
from ledger.latest import commands_since
from ledger.outbox import Outbox
from ledger.projections import Projector
from ledger.rebuild import recover
from ledger.record import Record, RecordReader
from ledger.snapshotting import Snapshotter
from ledger.unusable import named
from ledger.venue import Venue
from ledger.writer import take_writers_place
from market.sessions import MICROS_PER_SECOND
from market.tape import Tapes
from market.units import Malformed


@dataclass(frozen=True)
class House:
    """A market that is open. Everything that acts on it goes through `sequencer` or `settler`."""

    settings: Settings
    chain: Chain
    deployment: Deployment
    certificate: Certificate | None
    engine: Engine
    record: Record
    sequencer: Sequencer
    settler: Settler
    door: Door
    recovery: Recovered
    proving: Proving

    @property
    def recovered_batches(self) -> int:
        """How many batches the record held before it was opened."""
        return self.recovery.batches

    @property
    def venue(self) -> Venue:
        """Exchange and books as they stand."""
        return self.sequencer.venue

    @property
    def tapes(self) -> Tapes:
        """What has traded."""
        return self.sequencer.tapes

    @property
    def local(self) -> bool:
        """Whether the chain is one of our own, where test tokens may be minted."""
        return self.settings.chain in OWN_CHAINS


@contextmanager
def open_house(
    settings: Settings,
    clock: Clock,
    *,
    start_time_s: int | None = None,
    name: str = "ccei",
    fresh_database: bool = False,
) -> Iterator[House]:
    """Open the market that the database holds, or a new one; close everything on leaving.

    `start_time_s` (Unix seconds) starts a chain of our own at that time and lets the caller drive its clock.
    `fresh_database` removes the database of an earlier run; nothing is touched before the chain has answered.

    Raises:
        ChainUnavailable: if the chain cannot be used, the contracts of an existing record or file are not on it, or the
            books follow other certificates than those of the file.
        Malformed: if a trade might not be locked within the contract's notice period.
        DatabaseUnusable, RecordInUse, WrongMarket, BrokenChain: if the database cannot be used, or holds a copy that is
            behind the chain, each saying why.
    """
    with open_chain(
        settings.chain,
        start_time_s=start_time_s,
        operator_key=operator_key(settings),
        expected_chain_id=settings.chain_id,
    ) as chain:
        if fresh_database:
            remove_database(settings.database_url)
        with house_on(chain, settings, clock, name=name) as house:
            yield house


@contextmanager
def house_on(
    chain: Chain,
    settings: Settings,
    clock: Clock,
    *,
    name: str = "ccei",
    deployment: Deployment | None = None,
) -> Iterator[House]:
    """Open the market that the database holds, or a new one, on a chain that the caller has open; see `open_house`.

    A new market settles on `deployment`, where the caller knows of one.
    """
    with ExitStack() as closing:
        engine = open_database(settings.database_url)
        closing.callback(engine.dispose)
        # before contracts are deployed: of two markets that begin here, one does
        place = take_writers_place(engine)
        closing.callback(place.close)
        deployment = _deployment(engine, chain, settings, known=deployment)
        settings.expect_time_to_lock("the contract's notice_period_s", deployment.notice_period_s)
        certificate = _certificate(chain, settings, deployment)
        genesis = Genesis(
            name=name,
            notice_period_s=deployment.notice_period_s,
            withdrawal_margin_s=settings.confirmations * settings.block_time_s,
            chain_id=chain.chain_id,
            settlement=deployment.settlement.address,
        )
        record = Record(engine, genesis, place=place)
        closing.callback(record.close)
        projector = Projector(engine)
        outbox = Outbox(place)
        heard = Heard(place)
        tables_behind, pending = record.number - projector.position, len(outbox.pending())
        recovery = recover(record, projector=projector)
        recovered = Recovered(
            record.number,
            recovery.venue.time_us,
            record.hash,
            str(recovery),
            tables_behind,
            pending,
            heard.whole_to(),
        )
        sequencer = Sequencer(
            recovery.venue,
            record,
            projector,
            recovery.tapes,
            clock,
            queue_limit=settings.queue_limit,
            batch_limit=settings.batch_limit,
            lag_limit=settings.lag_limit,
            snapshotter=Snapshotter(record, recovery, every_events=settings.snapshot_events),
        )
        closing.callback(sequencer.catch_up)
        outgoing = Outgoing(chain, outbox, confirmations=settings.confirmations)
        settler = Settler(sequencer, chain, deployment, outgoing, heard, confirmations=settings.confirmations)
        if recovered.batches:
            check_not_behind(record, outbox, chain, deployment)
            settler.recover()
        if certificate is not None:
            settler.adopt(certificate)
        proving = Proving(engine)
        closing.callback(proving.close)
        door = Door.build(
            deployment.domain,
            login_secret=settings.login_secret.get_secret_value() if settings.login_secret else None,
            operator_token=settings.operator_token.get_secret_value() if settings.operator_token else None,
        )
        now_s = sequencer.now_s()
        door.remember(commands_since(record, (now_s - DEADLINE_MAX_S) * MICROS_PER_SECOND), now_s=now_s)
        yield House(
            settings,
            chain,
            deployment,
            certificate,
            engine,
            record,
            sequencer,
            settler,
            door,
            recovered,
            proving,
        )


def _deployment(engine: Engine, chain: Chain, settings: Settings, *, known: Deployment | None) -> Deployment:
    """Find the contracts that an existing record settles on, or deploy new ones for a new record."""
    try:
        genesis = RecordReader(engine).genesis
    except WrongMarket:
        if known is not None:
            return known
        if settings.deployment is not None:
            return _deployed(chain, settings.deployment)
        settings.expect_time_to_lock("notice_period_s", settings.notice_period_s)  # before anything is sent
        return deploy(
            chain,
            notice_period_s=settings.notice_period_s,
            reading_window_s=settings.reading_window_s,
            rules=Rules(challenge_window_s=settings.challenge_window_s),
        )
    if chain.chain_id != genesis.chain_id or not chain.code(genesis.settlement):
        raise ChainUnavailable(
            f"{named(engine.url)} holds the record of {genesis}, which is not on {chain.description}. "
            "A chain of our own ends with its process: use a new database, or the address of a chain that stays"
        )
    return attach(chain, genesis.settlement)


def _deployed(chain: Chain, path: Path) -> Deployment:
    """Find the contracts that `ccei deploy` put on the chain, and prove that they are those of its file."""
    try:
        return verify(chain, _read(path))
    except Undeployable as error:
        raise _unusable(path, error) from error


def _certificate(chain: Chain, settings: Settings, deployment: Deployment) -> Certificate | None:
    """Find the certificates of a file of `ccei deploy`, if it has any. The market itself does without them."""
    if settings.deployment is None:
        return None
    file = _read(settings.deployment)
    if not file.certificate:
        return None
    return attach_certificate(chain, file.plan.step("Certificate").address, deployment.settlement)


def _read(path: Path) -> DeploymentFile:
    try:
        return read_deployment(path.read_text(encoding="utf-8"))
    except OSError as error:
        found = (error.strerror or str(error)).lower()
        raise ChainUnavailable(
            f"CCEI_DEPLOYMENT, {path}: found {found}, expected a file of `ccei deploy`"
        ) from None
    except Malformed as error:
        raise _unusable(path, error) from error


def _unusable(path: Path, error: Exception) -> ChainUnavailable:
    return ChainUnavailable(f"CCEI_DEPLOYMENT, {path}: {error}")
