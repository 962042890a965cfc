"""Certificates from the contract into the books: in the chain's sequence, once, across restarts, equal to what it holds."""

from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from api.chain_values import read_chain_values
from api.holdings import read_holdings
from api.outgoing import Outgoing
from api.sequencer import Sequencer
from api.settler import Settler
from api.stating import show
from contracts.certificate import Certificate, Lock, Production
from contracts.certificate import Claim as ClaimSent
from contracts.certificate_ids import CertificateId
from contracts.chain import ChainUnavailable
from contracts.deployment import attach, deploy_certificate
from contracts.settlement import sign_reading
from ledger.accounts import Account, AccountKind
from ledger.assets import asset_of
from ledger.audit import AuditReport, audit
from ledger.heard import Heard
from ledger.outbox import Outbox
from ledger.projections import Projector
from ledger.rebuild import rebuild, recover
from ledger.record import RecordReader
from ledger.statements import read_statement
from market.certificates import (
    CertificatesAdopted,
    CertificatesLocked,
    CertificatesMoved,
    CertificatesRetired,
    CertificatesUnlocked,
)
from market.events import Event, Refused
from market.instruments import parse_symbol
from market.orders import Address
from market.units import Lots
from tests.api.conftest import BUYER, HOUR_S, METER, SOLAR, SUPPLIER, Market
from tests.api.test_chain_notices import on_chain
from tests.api.test_chain_sequence import events
from tests.api.test_journey import SLOT_S

SUN = parse_symbol(SOLAR)
ID = CertificateId.of(SUN, METER.address).id
OF_CERTIFICATES = (
    CertificatesAdopted,
    CertificatesMoved,
    CertificatesLocked,
    CertificatesUnlocked,
    CertificatesRetired,
)


def told(market: Market) -> list[Event]:
    return [event for event in events(market) if isinstance(event, OF_CERTIFICATES)]


def of(market: Market, kind: AccountKind, participant: Address) -> int:
    return market.house.venue.books.balances.on(Account(kind, participant, asset_of(ID)))


def audited(market: Market) -> AuditReport:
    house = market.house
    house.sequencer.catch_up()
    values = house.settler.chain_values([BUYER.address, SUPPLIER.address])
    return audit(RecordReader(house.engine), tables=house.engine, chain=values)


def issue(market: Market, wh: int = 1000) -> Certificate:
    """Deploy certificates, and certify an hour of the supplier's sun."""
    house = market.house
    market.clock.move_to(SLOT_S + HOUR_S)
    house.chain.set_time(SLOT_S + HOUR_S)
    certificate = deploy_certificate(house.chain, house.deployment.settlement)
    reading = sign_reading(
        METER, start_hour=SUN.start_hour, delivered_lots=Lots(wh), domain=house.deployment.domain
    )
    on_chain(market, SUPPLIER, house.deployment.settlement.report([reading]))
    on_chain(
        market, SUPPLIER, certificate.issue([Production(SUPPLIER.address, SUN.resource, SUN.start_hour)])
    )
    return certificate


def a_claim(wh: int) -> ClaimSent:
    return ClaimSent(ID, Lots(wh), BUYER.address, SUN.start_hour, 1, "CISO", b"\x07" * 32)


def test_the_life_of_certificates_is_booked_and_equals_the_contract(market: Market) -> None:
    house = market.house
    certificate = issue(market)
    house.settler.watch()
    assert told(market) == []
    house.settler.adopt(certificate)
    house.settler.watch()  # what was issued before it was adopted, too
    assert of(market, AccountKind.FREE, SUPPLIER.address) == 1000

    lock = Lock(SUPPLIER.address, ID, b"\x01" * 32, SLOT_S + 2 * HOUR_S)
    on_chain(market, SUPPLIER, certificate.lock(lock, Lots(300)))
    house.settler.watch()
    assert of(market, AccountKind.LOCKED, SUPPLIER.address) == 300
    assert audited(market).certificate_difference_wh == 0
    market.clock.move_to(lock.until_s)
    house.chain.set_time(lock.until_s)
    on_chain(market, BUYER, certificate.release(lock))
    on_chain(market, SUPPLIER, certificate.transfer(SUPPLIER.address, BUYER.address, ID, Lots(600)))
    on_chain(market, SUPPLIER, certificate.transfer(SUPPLIER.address, BUYER.address, ID, Lots(0)))
    on_chain(market, BUYER, certificate.retire(BUYER.address, [a_claim(250), a_claim(50)]))
    house.settler.watch()

    assert [type(event).__name__ for event in told(market)] == [
        "CertificatesAdopted",
        "CertificatesMoved",
        "CertificatesLocked",
        "CertificatesUnlocked",
        "CertificatesMoved",
        "CertificatesRetired",
        "CertificatesRetired",
    ]
    found = [of(market, AccountKind.FREE, who.address) for who in (SUPPLIER, BUYER)]
    assert found == [400, 300]
    assert of(market, AccountKind.RETIRED, BUYER.address) == 300
    report = audited(market)
    assert (report.findings, report.certificate_difference_wh) == ((), 0)
    assert report.trial_balance.by_asset[asset_of(ID)] == 0
    third_party = read_chain_values(house.chain, attach(house.chain, house.record.genesis.settlement))
    assert audit(RecordReader(house.engine), chain=third_party).certificate_difference_wh == 0
    assert rebuild(RecordReader(house.engine)).state_hash() == house.venue.state_hash()

    statement = read_statement(house.engine, BUYER.address, from_us=0, to_us=10**16)
    shown = StringIO()
    show(statement, Console(file=shown, width=200))
    printed = shown.getvalue()
    assert f"retired, Wh of {CertificateId.of(SUN, METER.address)}" in printed
    assert f"claim of 0x{BUYER.address.hex()}" in printed
    (retired,) = (each for each in statement.accounts if each.account.kind is AccountKind.RETIRED)
    assert [(each.event, each.amount, each.balance) for each in retired.movements] == [
        ("CertificatesRetired", 250, 250),
        ("CertificatesRetired", 50, 300),
    ]


def test_reading_the_same_blocks_again_books_nothing_twice(market: Market) -> None:
    house = market.house
    certificate = issue(market)
    house.settler.adopt(certificate)
    house.settler.watch()
    on_chain(market, SUPPLIER, certificate.retire(SUPPLIER.address, [a_claim(100)]))
    house.settler.watch()
    before = house.record.number, house.venue.state_hash()
    house.settler._seen_block = house.deployment.block_number - 1  # as after a restart
    house.settler.recover()
    house.settler.adopt(certificate)
    house.settler.watch()
    assert (house.record.number, house.venue.state_hash()) == before
    other = deploy_certificate(house.chain, house.deployment.settlement)
    with pytest.raises(ChainUnavailable, match="which the books of this record follow for good"):
        house.settler.adopt(other)


def test_a_crash_between_two_commands_of_one_block_is_made_up_for(market: Market) -> None:
    house = market.house
    certificate = issue(market)
    house.settler.adopt(certificate)
    on_chain(market, SUPPLIER, certificate.transfer(SUPPLIER.address, BUYER.address, ID, Lots(600)))
    heard = house.settler._hearing.of_blocks(0, house.chain.block_number())
    house.settler.apply(heard[:-1])  # the transfer is lost, its block is not noted as heard
    assert of(market, AccountKind.FREE, BUYER.address) == 0
    house.settler.watch()
    assert [of(market, AccountKind.FREE, who.address) for who in (SUPPLIER, BUYER)] == [400, 600]
    assert not [event for event in events(market) if isinstance(event, Refused)]
    assert audited(market).certificate_difference_wh == 0


def restarted(market: Market) -> Settler:
    """Return the settler of a process that knows what the database holds, and nothing else."""
    house = market.house
    projector = Projector(house.engine)
    recovery = recover(RecordReader(house.engine), projector=projector)
    sequencer = Sequencer(recovery.venue, house.record, projector, recovery.tapes, market.clock)
    outgoing = Outgoing(house.chain, Outbox(house.record.place), confirmations=0)
    settler = Settler(sequencer, house.chain, house.deployment, outgoing, Heard(house.record.place))
    settler.recover()
    return settler


def test_a_restart_right_after_the_adoption_hears_what_was_told_before_it(market: Market) -> None:
    certificate = issue(market)
    market.house.settler.watch()
    market.house.settler.adopt(certificate)
    settler = restarted(market)
    settler.watch()
    assert settler._venue.books.balances.on(Account(AccountKind.FREE, SUPPLIER.address, asset_of(ID))) == 1000


def test_a_restart_in_between_books_what_is_new_and_nothing_else(market: Market) -> None:
    certificate = issue(market)
    market.house.settler.adopt(certificate)
    market.house.settler.watch()
    on_chain(market, SUPPLIER, certificate.transfer(SUPPLIER.address, BUYER.address, ID, Lots(600)))
    restarted(market).watch()
    assert [type(event) for event in told(market)] == [
        CertificatesAdopted,
        CertificatesMoved,
        CertificatesMoved,
    ]
    values = market.house.settler.chain_values([BUYER.address, SUPPLIER.address])
    report = audit(RecordReader(market.house.engine), chain=values)
    assert (report.findings, report.certificate_difference_wh) == ((), 0)


def test_what_a_reorganisation_takes_back_was_never_booked(market: Market) -> None:
    settler, chain = market.house.settler, market.house.chain
    settler._confirmations = settler._outgoing._confirmations = settler._watching._confirmations = 2
    certificate = issue(market)
    settler.adopt(certificate)
    settler.watch()
    assert of(market, AccountKind.FREE, SUPPLIER.address) == 0  # without two blocks on top it is not final
    for _ in range(2):
        chain.set_time(chain.now_s() + 1)
    settler.watch()
    assert of(market, AccountKind.FREE, SUPPLIER.address) == 1000

    node: Any = chain.node
    tester = node.provider.tester
    before = tester.take_snapshot()
    on_chain(market, SUPPLIER, certificate.transfer(SUPPLIER.address, BUYER.address, ID, Lots(600)))
    settler.watch()
    tester.revert_to_snapshot(before)
    on_chain(market, SUPPLIER, certificate.transfer(SUPPLIER.address, BUYER.address, ID, Lots(250)))
    for _ in range(2):
        chain.set_time(chain.now_s() + 1)
    settler.watch()
    assert [of(market, AccountKind.FREE, who.address) for who in (SUPPLIER, BUYER)] == [750, 250]
    assert audited(market).certificate_difference_wh == 0


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ("held_wh", "found 1001 Wh on chain, expected 1000 Wh as in the books"),
        ("locked_wh", "found 1 Wh on chain, expected 0 Wh as in the books"),
        ("retired_wh", "found 1 Wh on chain, expected 0 Wh as in the books"),
    ],
)
def test_a_difference_in_certificates_is_found_and_named(market: Market, change: str, detail: str) -> None:
    house = market.house
    house.settler.adopt(issue(market))
    house.settler.watch()
    house.sequencer.catch_up()
    (contract,) = (event.contract for event in events(market) if isinstance(event, CertificatesAdopted))
    real = read_holdings(house.chain, house.deployment, contract)
    key = SUPPLIER.address, ID
    forged = {**real, key: replace(real[key], **{change: Lots(getattr(real[key], change) + 1)})}
    values = replace(
        house.settler.chain_values([BUYER.address, SUPPLIER.address]), read_holdings=lambda _: forged
    )
    report = audit(RecordReader(house.engine), chain=values)
    (finding,) = report.findings
    assert (finding.check, finding.detail) == ("reconciliation", detail)
    assert finding.where.startswith(
        f"{change.removesuffix('_wh')} of 0x{SUPPLIER.address.hex()} in certificates 0x01ce"
    )
    assert report.certificate_difference_wh == 1
