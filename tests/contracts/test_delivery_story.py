"""From a signed bid and offer to the seller being paid, and never before delivery."""

from market.orders import Side

from .conftest import TOKEN, Stage


def test_locked_money_is_released_to_the_seller_once_all_was_delivered(stage: Stage) -> None:
    buyer, seller = stage.trader(), stage.trader()
    instrument = stage.instrument(tier=2)
    meter = stage.meter(seller, instrument)
    bid = stage.order(buyer, instrument, Side.BUY, price=60_000)
    offer = stage.order(seller, instrument, Side.SELL, price=40_000)
    fees_before = stage.money(stage.fee_recipient)[0]

    outcome = stage.settle(stage.trade(bid, offer, quantity=200_000, price=50_000))

    # 200 kWh at 0.05 make 10; 10 basis points of it 0.01; collateral 20 % of 0.05 on 200 kWh makes 2.
    assert outcome.skipped == ()
    assert stage.money(buyer) == (1000 * TOKEN - 10_010_000, 10_010_000)
    assert stage.money(seller) == (1000 * TOKEN - 2_000_000, 2_000_000)

    stage.after(instrument.start_hour)
    assert stage.deliver(outcome, stage.reading(meter, instrument.start_hour, 200_000)) == (0,)
    assert stage.money(buyer) == (1000 * TOKEN - 10_010_000, 0)
    assert stage.money(seller) == (1000 * TOKEN + 10_000_000, 0)
    assert stage.money(stage.fee_recipient) == (fees_before + 10_000, 0)
