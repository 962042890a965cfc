"""Which meter counts for an hour: the one that its seller had when the first of it was sold."""

import pytest

from contracts.chain import Reverted
from contracts.settlement import Slot
from contracts.signing import Signer
from market.orders import Side
from market.units import Lots

from .conftest import TOKEN, Stage

NOTHING = Slot(Lots(0), Lots(0), Lots(0), 0, 0)


def test_a_meter_registered_later_measures_nothing_that_was_sold_before(stage: Stage) -> None:
    buyer, seller = stage.trader(), stage.trader()
    instrument = stage.instrument()
    hour, chain, settlement = instrument.start_hour, stage.chain, stage.market.settlement
    first = stage.meter(seller, instrument)
    bid, offer = stage.order(buyer, instrument, Side.BUY), stage.order(seller, instrument, Side.SELL)
    outcome = stage.settle(stage.trade(bid, offer, quantity=1000))

    second = stage.meter(seller, instrument)
    assert settlement.meter_of(chain, seller.address, instrument.resource) == second.address
    assert settlement.meter_at(chain, seller.address, instrument.id) == first.address
    # more of the hour is sold: the first meter counts for that, too
    later = stage.settle(stage.trade(bid, offer, quantity=500))
    assert [leaf.sold_before_lots for leaf in outcome.locked + later.locked] == [0, 1000]
    assert settlement.slot_of(chain, first.address, hour) == Slot(Lots(1500), Lots(0), Lots(0), 0, 1)
    assert settlement.slot_of(chain, second.address, hour) == NOTHING

    stage.after(hour)
    with pytest.raises(Reverted, match="MeterOfAnotherHour"):
        stage.deliver(outcome, stage.reading(second, hour, 0))
    assert stage.deliver(outcome, stage.reading(first, hour, 1500)) == (0,)
    assert stage.deliver(later) == (0,)
    assert stage.money(seller) == (1000 * TOKEN + 75_000, 0)
    slot = settlement.slot_of(chain, first.address, hour)
    assert (slot.sold_lots, slot.units_lots, slot.allotted_lots) == (1500, 1500, 1500)


def test_for_an_hour_of_which_nothing_is_sold_the_present_meter_counts(stage: Stage) -> None:
    seller, instrument = stage.trader(deposit=0), stage.instrument()
    hour, chain, settlement = instrument.start_hour, stage.chain, stage.market.settlement
    assert settlement.meter_at(chain, seller.address, instrument.id) == bytes(20)
    first, second = stage.meter(seller, instrument), stage.meter(seller, instrument)
    assert settlement.meter_at(chain, seller.address, instrument.id) == second.address

    stage.after(hour)
    with pytest.raises(Reverted, match="MeterOfAnotherHour"):
        stage.send(settlement.report([stage.reading(first, hour, 5)]))
    stage.send(settlement.report([stage.reading(second, hour, 5)]))
    assert settlement.slot_of(chain, first.address, hour) == NOTHING
    slot = settlement.slot_of(chain, second.address, hour)
    assert (slot.units_lots, slot.meter_number) == (5, 2)

    # the first one comes back: for other hours, not for this one
    stage.send(settlement.register_meter(seller.address, instrument.resource, first.address))
    assert settlement.meter_of(chain, seller.address, instrument.resource) == first.address
    assert settlement.meter_at(chain, seller.address, instrument.id) == second.address


def test_the_reading_of_a_meter_of_nobody_is_refused(stage: Stage) -> None:
    meter, hour = Signer.from_seed(9, "a meter of nobody"), stage.hour()
    stage.after(hour)
    with pytest.raises(Reverted, match="MeterOfAnotherHour"):
        stage.send(stage.market.settlement.report([stage.reading(meter, hour, 5)]))
