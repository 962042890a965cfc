"""What the contract of certificates told, read back as what books it: every way in which certificates move."""

from contracts.abi import artifact
from contracts.certificate import Certificate, Discharge, Lock
from contracts.certificate import Claim as ClaimSent
from contracts.certificate_history import certificate_history
from contracts.certificate_ids import CertificateId
from contracts.chain import Transaction
from contracts.deployment import deploy_certificate
from contracts.history import Deposit, history
from market.certificates import Claim, MoveCertificates, Parcel
from market.instruments import Instrument
from market.units import Commodity, Lots

from .conftest import CHALLENGE_S, Stage
from .test_certificates import DAY_S, issued, sold


def told(stage: Stage, certificates: Certificate, from_block: int) -> list[tuple[object, ...]]:
    """Return what was told since a block, without the names of transactions; each log is told once, in sequence."""
    happened = certificate_history(
        stage.chain, certificates.address, from_block=from_block, to_block=stage.chain.block_number()
    )
    assert len({(each.transaction, each.log_index) for each in happened}) == len(happened)
    return [tuple(getattr(each, name) for name in type(each).__slots__[:-2]) for each in happened]


def test_every_way_in_which_certificates_move_is_told_once(one_stage: Stage) -> None:
    stage = one_stage
    certificates = deploy_certificate(stage.chain, stage.market.settlement)
    seller, buyer = stage.trader(ether=True), stage.trader(ether=True)
    from_block = stage.chain.block_number()
    sun = issued(stage, certificates, seller, 5000)
    other = issued(stage, certificates, seller, 70)
    assert told(stage, certificates, from_block) == [
        (None, seller.address, (Parcel(sun.id, Lots(5000)),)),
        (None, seller.address, (Parcel(other.id, Lots(70)),)),
    ]

    from_block = stage.chain.block_number() + 1
    send = artifact("Certificate").functions["safeBatchTransferFrom"]
    batch = send.encode(seller.address, buyer.address, [sun.id, other.id, sun.id], [10, 0, 20], b"")
    stage.send(Transaction(certificates.address, batch, 300_000), by=seller)
    stage.send(certificates.transfer(seller.address, buyer.address, other.id, Lots(0)), by=seller)
    stage.send(certificates.transfer(buyer.address, buyer.address, sun.id, Lots(30)), by=buyer)
    claim = ClaimSent(sun.id, Lots(30), seller.address, sun.start_hour, 1, "CISO", b"\x07" * 32)
    stage.send(certificates.retire(buyer.address, [claim]), by=buyer)
    assert told(stage, certificates, from_block) == [
        (seller.address, buyer.address, (Parcel(sun.id, Lots(10)), Parcel(sun.id, Lots(20)))),
        (buyer.address, buyer.address, (Parcel(sun.id, Lots(30)),)),
        (
            buyer.address,
            Parcel(sun.id, Lots(30)),
            Claim(seller.address, sun.start_hour, 1, "CISO", b"\x07" * 32),
        ),
    ]


def test_what_goes_with_a_trade_is_told_as_unlocked_and_then_sent(one_stage: Stage) -> None:
    stage = one_stage
    certificates = deploy_certificate(stage.chain, stage.market.settlement)
    seller, buyer = stage.trader(ether=True), stage.trader(ether=True)
    sun = issued(stage, certificates, seller, 5000)
    compute = stage.instrument(commodity=Commodity.CMP)
    meter = stage.meter(seller, compute)
    outcome = sold(stage, buyer, seller, compute, 2000)
    lock = Lock(seller.address, sun.id, outcome.locked[0].hash, stage.chain.now_s() + DAY_S)
    idle = Lock(seller.address, sun.id, b"\x01" * 32, stage.chain.now_s() + 60)
    from_block = stage.chain.block_number() + 1
    for amount in (3000, 1000):
        stage.send(certificates.lock(lock, Lots(amount)), by=seller)
    stage.send(certificates.lock(idle, Lots(7)), by=seller)
    stage.after(compute.start_hour)
    stage.deliver(outcome, stage.reading(meter, compute.start_hour, 1500))
    stage.send(stage.market.guarantee.open_many(outcome.batch_number, outcome.locked, [0]))
    stage.chain.set_time(stage.chain.now_s() + CHALLENGE_S)
    stage.send(stage.market.guarantee.pay_out_many([outcome.locked[0]]))
    stage.send(certificates.deliver_locked(lock, outcome.batch_number, outcome.locked, 0))
    stage.send(certificates.release(idle))
    assert told(stage, certificates, from_block) == [
        (lock.hash, seller.address, Parcel(sun.id, Lots(3000))),
        (lock.hash, seller.address, Parcel(sun.id, Lots(1000))),
        (idle.hash, seller.address, Parcel(sun.id, Lots(7))),
        (lock.hash, 4000),
        (seller.address, buyer.address, (Parcel(sun.id, Lots(3000)),)),
        (idle.hash, 7),
    ]


def test_what_went_into_a_storage_is_told_as_gone_and_what_came_out_as_issued(one_stage: Stage) -> None:
    stage = one_stage
    certificates = deploy_certificate(stage.chain, stage.market.settlement)
    seller = stage.trader(ether=True)
    sun = issued(stage, certificates, seller, 1000)
    charge, discharge = (
        Instrument(Commodity.ENE, product, "CISO", sun.start_hour, tier=2)
        for product in ("CHARGE", "STORAGE")
    )
    into, out_of = stage.meter(seller, charge), stage.meter(seller, discharge)
    hour = sun.start_hour + 1
    stage.after(hour)
    readings = [stage.reading(into, sun.start_hour, 1000), stage.reading(out_of, hour, 800)]
    stage.send(stage.market.settlement.report(readings))
    from_block = stage.chain.block_number() + 1
    stage.send(certificates.issue_stored(Discharge(discharge.resource, hour, Lots(800), sun.id)), by=seller)
    device = int.from_bytes(out_of.address[-8:], "big")
    stored = CertificateId("SOLAR", "CISO", hour, device, stored=True)
    assert told(stage, certificates, from_block) == [
        (seller.address, None, (Parcel(sun.id, Lots(942)),)),
        (None, seller.address, (Parcel(stored.id, Lots(800)),)),
    ]


def test_certificates_stand_in_the_sequence_of_all_that_happened(one_stage: Stage) -> None:
    stage = one_stage
    certificates = deploy_certificate(stage.chain, stage.market.settlement)
    first = stage.chain.block_number() + 1
    seller = stage.trader(ether=True)
    issued(stage, certificates, seller, 1000)
    stage.trader()
    last = stage.chain.block_number()
    happened = history(stage.market, stage.chain, from_block=first, to_block=last, certificate=certificates)
    assert [type(each) for each in happened] == [Deposit, MoveCertificates, Deposit]
    without = history(stage.market, stage.chain, from_block=first, to_block=last)
    assert [type(each) for each in without] == [Deposit, Deposit]
