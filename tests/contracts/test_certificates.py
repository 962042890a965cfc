"""The life of certificates on every chain: measured, issued, sold with energy or compute, stored, sent, retired once."""

from dataclasses import replace

import pytest

from contracts.batches import BatchOutcome
from contracts.carbon_free import hourly_scores
from contracts.certificate import Certificate, Claim, Discharge, Hour, Issue, Lock, Production
from contracts.certificate_ids import CertificateId
from contracts.chain import ChainUnavailable, Reverted, Transaction
from contracts.deployment import attach_certificate, deploy_certificate
from contracts.signing import Signer
from market.instruments import Instrument
from market.orders import Address, Side
from market.units import Commodity, Lots

from .conftest import CHALLENGE_S, READING_S, Stage

DAY_S = 86_400


@pytest.fixture
def certificates(stage: Stage) -> Certificate:
    return deploy_certificate(stage.chain, stage.market.settlement)


@pytest.fixture
def seller(stage: Stage) -> Signer:
    return stage.trader(ether=True)


@pytest.fixture
def buyer(stage: Stage) -> Signer:
    return stage.trader(ether=True)


def sold(
    stage: Stage, buyer: Signer, seller: Signer, instrument: Instrument, *quantities: int
) -> BatchOutcome:
    bid, offer = stage.order(buyer, instrument, Side.BUY), stage.order(seller, instrument, Side.SELL)
    return stage.settle(*(stage.trade(bid, offer, quantity=quantity) for quantity in quantities))


def issued(stage: Stage, certificates: Certificate, seller: Signer, wh: int) -> CertificateId:
    """Measure and certify an hour of the seller's sun."""
    sun = stage.instrument()
    meter = stage.meter(seller, sun)
    stage.after(sun.start_hour)
    stage.send(stage.market.settlement.report([stage.reading(meter, sun.start_hour, wh)]))
    stage.send(certificates.issue([Production(seller.address, sun.resource, sun.start_hour)]))
    return CertificateId.of(sun, meter.address)


def held(stage: Stage, certificates: Certificate, owner: Signer, certificate: CertificateId) -> int:
    return certificates.balance_of(stage.chain, owner.address, certificate.id)


def test_what_was_measured_is_issued_sent_and_retired_once(
    stage: Stage, certificates: Certificate, seller: Signer, buyer: Signer
) -> None:
    sun = stage.instrument()
    meter = stage.meter(seller, sun)
    production = Production(seller.address, sun.resource, sun.start_hour)
    with pytest.raises(Reverted, match="NotMetered"):
        stage.send(certificates.issue([production]))
    stage.after(sun.start_hour)
    stage.send(stage.market.settlement.report([stage.reading(meter, sun.start_hour, 150_000)]))
    from_block = stage.chain.block_number()

    receipt = stage.send(certificates.issue([production]))
    certificate = CertificateId.of(sun, meter.address)
    assert certificates.issues(receipt) == (
        Issue(certificate.id, meter.address, seller.address, Lots(150_000)),
    )
    assert certificates.hour_of(stage.chain, certificate.id) == Hour(meter.address, Lots(150_000), Lots(0))
    with pytest.raises(Reverted, match="NothingToIssue"):
        stage.send(certificates.issue([production]))

    stage.send(certificates.transfer(seller.address, buyer.address, certificate.id, Lots(100_000)), by=seller)
    claim = Claim(certificate.id, Lots(80_000), buyer.address, sun.start_hour, 1, "CISO", b"\x07" * 32)
    with pytest.raises(Reverted, match="NotOwnerNorApproved"):
        stage.send(certificates.retire(buyer.address, [claim]))
    stage.send(certificates.retire(buyer.address, [claim]), by=buyer)
    with pytest.raises(Reverted, match="InsufficientBalance"):
        stage.send(certificates.retire(buyer.address, [claim]), by=buyer)

    assert held(stage, certificates, seller, certificate) == 50_000
    assert held(stage, certificates, buyer, certificate) == 20_000
    claims = certificates.claims(stage.chain, from_block=from_block, beneficiary=buyer.address)
    assert claims == (claim,)
    assert certificates.claims(stage.chain, from_block=from_block, beneficiary=seller.address) == ()
    scores = hourly_scores({sun.start_hour: Lots(100_000)}, claims, beneficiary=buyer.address, place="CISO")
    assert scores[sun.start_hour].share == 800_000


def test_sold_with_its_certificates_energy_takes_them_along(
    stage: Stage, certificates: Certificate, seller: Signer, buyer: Signer
) -> None:
    sun = stage.instrument()
    meter = stage.meter(seller, sun)
    certificate = CertificateId.of(sun, meter.address)
    outcome = sold(stage, buyer, seller, sun, 100_000, 60_000)
    with pytest.raises(Reverted, match="NotTheSeller"):
        stage.send(certificates.pledge(outcome.batch_number, outcome.locked, [0, 1]))
    stage.send(certificates.pledge(outcome.batch_number, outcome.locked, [0, 1]), by=seller)
    assert certificates.pledge_of(stage.chain, outcome.locked[0]) == (outcome.batch_number, False)

    stage.after(sun.start_hour)
    with pytest.raises(Reverted, match="LeafNotOver"):
        stage.send(certificates.deliver_pledged(outcome.locked))
    assert stage.deliver(outcome, stage.reading(meter, sun.start_hour, 200_000)) == (0, 1)
    stage.send(certificates.deliver_pledged(outcome.locked))
    stage.send(certificates.issue([Production(seller.address, sun.resource, sun.start_hour)]))
    assert held(stage, certificates, buyer, certificate) == 160_000
    assert held(stage, certificates, seller, certificate) == 40_000
    assert certificates.pledge_of(stage.chain, outcome.locked[1]) == (outcome.batch_number, True)


def test_a_shortfall_moves_what_was_delivered(
    stage: Stage, certificates: Certificate, seller: Signer, buyer: Signer
) -> None:
    sun = stage.instrument()
    meter = stage.meter(seller, sun)
    certificate = CertificateId.of(sun, meter.address)
    outcome = sold(stage, buyer, seller, sun, 100_000)
    stage.send(certificates.pledge(outcome.batch_number, outcome.locked, [0]), by=seller)
    stage.after(sun.start_hour)
    assert stage.deliver(outcome, stage.reading(meter, sun.start_hour, 70_000)) == ()
    stage.send(stage.market.guarantee.open_many(outcome.batch_number, outcome.locked, [0]))
    stage.chain.set_time(stage.chain.now_s() + CHALLENGE_S)
    stage.send(stage.market.guarantee.pay_out_many(outcome.locked))
    stage.send(certificates.deliver_pledged(outcome.locked))
    assert held(stage, certificates, buyer, certificate) == 70_000
    with pytest.raises(Reverted, match="NothingToIssue"):
        stage.send(certificates.issue([Production(seller.address, sun.resource, sun.start_hour)]))


def test_locked_certificates_go_with_compute(
    stage: Stage, certificates: Certificate, seller: Signer, buyer: Signer
) -> None:
    certificate = issued(stage, certificates, seller, 5000)
    compute = stage.instrument(commodity=Commodity.CMP)
    meter = stage.meter(seller, compute)
    outcome = sold(stage, buyer, seller, compute, 2000)
    until_s = stage.chain.now_s() + DAY_S
    lock = Lock(seller.address, certificate.id, outcome.locked[0].hash, until_s)
    stage.send(certificates.lock(lock, Lots(4000)), by=seller)
    assert certificates.lock_of(stage.chain, lock) == 4000
    assert certificates.locked_of(stage.chain, seller.address, certificate.id) == 4000
    with pytest.raises(Reverted, match="CertificatesLocked"):
        stage.send(
            certificates.transfer(seller.address, buyer.address, certificate.id, Lots(1001)), by=seller
        )

    stage.after(compute.start_hour)
    assert stage.deliver(outcome, stage.reading(meter, compute.start_hour, 1500)) == ()
    stage.send(stage.market.guarantee.open_many(outcome.batch_number, outcome.locked, [0]))
    with pytest.raises(Reverted, match="LeafNotOver"):
        stage.send(certificates.deliver_locked(lock, outcome.batch_number, outcome.locked, 0))
    stage.chain.set_time(stage.chain.now_s() + CHALLENGE_S)
    stage.send(stage.market.guarantee.pay_out_many(outcome.locked))
    stage.send(certificates.deliver_locked(lock, outcome.batch_number, outcome.locked, 0))
    assert held(stage, certificates, buyer, certificate) == 3000
    assert held(stage, certificates, seller, certificate) == 2000
    assert certificates.locked_of(stage.chain, seller.address, certificate.id) == 0


def test_a_lock_on_a_trade_that_never_ends_is_freed_by_time(
    stage: Stage, certificates: Certificate, seller: Signer
) -> None:
    certificate = issued(stage, certificates, seller, 5000)
    lock = Lock(seller.address, certificate.id, b"\x01" * 32, stage.chain.now_s() + READING_S)
    stage.send(certificates.lock(lock, Lots(5000)), by=seller)
    with pytest.raises(Reverted, match="LockHolds"):
        stage.send(certificates.release(lock))
    stage.chain.set_time(lock.until_s)
    stage.send(certificates.release(lock))
    assert certificates.locked_of(stage.chain, seller.address, certificate.id) == 0
    assert held(stage, certificates, seller, certificate) == 5000


def test_stored_sun_comes_out_as_sun(stage: Stage, certificates: Certificate, seller: Signer) -> None:
    certificate = issued(stage, certificates, seller, 1000)
    hour = certificate.start_hour
    charge, discharge = (
        Instrument(Commodity.ENE, product, "CISO", hour, tier=2) for product in ("CHARGE", "STORAGE")
    )
    into, out_of = stage.meter(seller, charge), stage.meter(seller, discharge)
    stage.after(hour + 1)
    stage.send(
        stage.market.settlement.report(
            [stage.reading(into, hour, 1000), stage.reading(out_of, hour + 1, 800)]
        )
    )
    stage.send(
        certificates.issue_stored(Discharge(discharge.resource, hour + 1, Lots(800), certificate.id)),
        by=seller,
    )
    device = int.from_bytes(out_of.address[-8:], "big")
    stored = CertificateId("SOLAR", "CISO", hour + 1, device, stored=True)
    assert held(stage, certificates, seller, stored) == 800
    assert held(stage, certificates, seller, certificate) == 1000 - 942, "800 / 0.85, rounded up"
    with pytest.raises(Reverted, match="IssuedBeyondReading"):
        stage.send(
            certificates.issue_stored(Discharge(discharge.resource, hour + 1, Lots(1), certificate.id)),
            by=seller,
        )


def test_an_approved_account_retires_for_the_holder(
    stage: Stage, certificates: Certificate, seller: Signer, buyer: Signer
) -> None:
    certificate = issued(stage, certificates, seller, 1000)
    stage.send(certificates.approve(stage.chain.operator.address, approved=True), by=seller)
    claim = Claim(certificate.id, Lots(1000), buyer.address, certificate.start_hour, 1, "CISO")
    stage.send(certificates.retire(seller.address, [claim]))
    assert held(stage, certificates, seller, certificate) == 0


def test_the_certificates_are_found_again(one_stage: Stage) -> None:
    stage, settlement = one_stage, one_stage.market.settlement
    certificates = deploy_certificate(stage.chain, settlement)
    assert attach_certificate(stage.chain, certificates.address, settlement) == certificates
    with pytest.raises(ChainUnavailable, match="found no contract"):
        attach_certificate(stage.chain, Address(b"\x01" * 20), settlement)
    with pytest.raises(ChainUnavailable, match="does not answer"):
        attach_certificate(stage.chain, stage.market.token.address, settlement)
    other = deploy_certificate(stage.chain, type(settlement)(certificates.address, settlement.chain_id))
    with pytest.raises(ChainUnavailable, match="counts by"):
        attach_certificate(stage.chain, other.address, settlement)


def test_every_step_fits_the_gas_that_it_states(one_stage: Stage) -> None:
    stage = one_stage
    certificates = deploy_certificate(stage.chain, stage.market.settlement)
    seller, buyer = stage.trader(ether=True), stage.trader(ether=True)
    sun = stage.instrument()
    meter = stage.meter(seller, sun)
    day = [replace(sun, start_hour=sun.start_hour + hour) for hour in range(24)]
    first, second = (CertificateId.of(hour, meter.address).id for hour in day[:2])
    outcome = sold(stage, buyer, seller, sun, 100_000, 50_000)
    leaves, number = outcome.locked, outcome.batch_number
    lock = Lock(seller.address, second, leaves[0].hash, stage.chain.now_s() + 30 * DAY_S)
    claim = Claim(first, Lots(100), buyer.address, sun.start_hour, 1, "CISO", b"\xff" * 32)

    def send(transaction: Transaction, by: Signer) -> int:
        receipt = stage.send(transaction, by=by)
        assert receipt.gas_used <= transaction.gas
        return receipt.gas_used

    send(certificates.pledge(number, leaves, [0, 1]), seller)
    stage.after(day[-1].start_hour)
    readings = [stage.reading(meter, hour.start_hour, 1_000_000) for hour in day]
    stage.send(stage.market.settlement.report(readings))
    assert stage.deliver(outcome) == (0, 1)
    productions = [Production(seller.address, hour.resource, hour.start_hour) for hour in day]
    assert send(certificates.issue(productions), seller) < 24 * 65_000
    send(certificates.deliver_pledged(leaves), seller)
    assert send(certificates.transfer(seller.address, buyer.address, second, Lots(1)), seller) < 67_000
    assert send(certificates.lock(lock, Lots(500)), seller) < 82_000
    send(certificates.deliver_locked(lock, number, leaves, 0), seller)
    assert send(certificates.retire(buyer.address, [claim]), buyer) < 47_000
