// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ISettlement} from "../src/interfaces/ISettlement.sol";
import {BUY, Order, SELL} from "../src/types/Order.sol";
import {Market} from "./support/Market.sol";
import {Fill} from "./support/Packing.sol";

/// One bid, one offer, one fill, and one thing wrong with them.
contract SkipCodes is Market {
    Order private bid;
    Order private offer;
    Fill private fill;

    function setUp() public override {
        super.setUp();
        (bid, offer, fill) = (aBid(), anOffer(), aFill());
    }

    function assertSkipped(ISettlement.SkipCode expected) private {
        (, ISettlement.SkipCode[] memory skipped) = settle(pair(bid, offer), list(fill));
        assertEq(skipped.length, 1, "skipped");
        assertEq(uint256(skipped[0]), uint256(expected), "code");
        assertAccount(buyer, FUNDS, 0, "buyer");
        assertAccount(seller, FUNDS, 0, "seller");
    }

    function test_order_missing() public {
        fill.buy = 2;
        assertSkipped(ISettlement.SkipCode.OrderMissing);
        (fill.buy, fill.sell) = (0, type(uint32).max);
        assertSkipped(ISettlement.SkipCode.OrderMissing);
    }

    function test_trade_number_not_increasing() public {
        Fill memory second = fill;
        second.quantity = 1;
        (, ISettlement.SkipCode[] memory skipped) = settle(pair(bid, offer), list(fill, second));
        assertEq(uint256(skipped[0]), uint256(ISettlement.SkipCode.TradeNumberNotIncreasing), "code");
        assertEq(slot().sold, 1500, "sold");
    }

    function test_the_highest_trade_number_does_no_harm() public {
        fill.tradeNumber = type(uint64).max;
        Fill memory second = aFill();
        second.tradeNumber = type(uint64).max - 1;
        (, ISettlement.SkipCode[] memory skipped) = settle(pair(bid, offer), list(fill, second));
        assertEq(uint256(skipped[0]), uint256(ISettlement.SkipCode.TradeNumberNotIncreasing), "code");
    }

    function test_wrong_side() public {
        bid.side = SELL;
        assertSkipped(ISettlement.SkipCode.WrongSide);
        (bid.side, offer.side) = (BUY, 2);
        assertSkipped(ISettlement.SkipCode.WrongSide);
    }

    function test_instrument_differs() public {
        offer.instrument = anInstrument(3);
        assertSkipped(ISettlement.SkipCode.InstrumentDiffers);
    }

    function test_instrument_not_settleable() public {
        uint256[5] memory unreadable = [
            instrumentOf(1, HOUR, 2, 2),
            instrumentOf(0, HOUR, 1, 2),
            instrumentOf(4, HOUR, 1, 2),
            instrumentOf(1, HOUR, 1, 5),
            anInstrument(2) ^ (3 << 248)
        ];
        for (uint256 i = 0; i < unreadable.length; ++i) {
            bid.instrument = offer.instrument = unreadable[i];
            assertSkipped(ISettlement.SkipCode.InstrumentNotSettleable);
        }
    }

    function test_instrument_not_settleable_whatever_the_reference_prices() public {
        bid.instrument = offer.instrument = instrumentOf(4, HOUR, 1, 2);
        offer.referencePrice += 1;
        assertSkipped(ISettlement.SkipCode.InstrumentNotSettleable);
    }

    function test_reference_price_differs() public {
        offer.referencePrice += 1;
        assertSkipped(ISettlement.SkipCode.ReferencePriceDiffers);
    }

    function test_self_trade() public {
        offer.participant = buyer;
        assertSkipped(ISettlement.SkipCode.SelfTrade);
    }

    function test_price_outside_limits() public {
        fill.price = bid.price + 1;
        assertSkipped(ISettlement.SkipCode.PriceOutsideLimits);
        fill.price = offer.price - 1;
        assertSkipped(ISettlement.SkipCode.PriceOutsideLimits);
    }

    function test_fee_above_the_bids_cap() public {
        bid.feeCapBps = FEE_BPS - 1;
        assertSkipped(ISettlement.SkipCode.FeeAboveCap);
    }

    function test_quantity_zero() public {
        fill.quantity = 0;
        assertSkipped(ISettlement.SkipCode.QuantityZero);
    }

    function test_expired() public {
        vm.warp(bid.settleUntil);
        offer.settleUntil -= 1;
        assertSkipped(ISettlement.SkipCode.SellExpired);
        bid.settleUntil -= 1;
        assertSkipped(ISettlement.SkipCode.BuyExpired);
    }

    function test_overfilled() public {
        bid.quantity = 1499;
        assertSkipped(ISettlement.SkipCode.BuyOverfilled);
        (bid.quantity, offer.quantity) = (1500, 1499);
        assertSkipped(ISettlement.SkipCode.SellOverfilled);
    }

    function test_a_replayed_fill_is_overfilled_at_last() public {
        settleOne(bid, offer, fill);
        (, ISettlement.SkipCode[] memory skipped) = settle(pair(bid, offer), list(fill));
        assertEq(uint256(skipped[0]), uint256(ISettlement.SkipCode.BuyOverfilled), "code");
        assertEq(slot().sold, 1500, "sold");
    }

    function test_meter_not_registered() public {
        bid.instrument = offer.instrument = instrumentOf(3, HOUR, 1, 2);
        assertSkipped(ISettlement.SkipCode.MeterNotRegistered);
    }

    function test_slot_already_metered() public {
        report(0);
        assertSkipped(ISettlement.SkipCode.SlotAlreadyMetered);
    }

    function test_slot_full() public {
        (offer.price, fill.price) = (0, 0);
        bid.referencePrice = offer.referencePrice = 0;
        bid.quantity = offer.quantity = fill.quantity = type(uint64).max / 2;
        settleOne(bid, offer, fill);
        bid.clientOrderId = offer.clientOrderId = 2;
        settleOne(bid, offer, fill);
        bid.clientOrderId = offer.clientOrderId = 3;
        fill.quantity = 2;
        assertSkipped(ISettlement.SkipCode.SlotFull);
    }

    function test_buyer_funds_insufficient() public {
        fill.quantity = 60_000;
        bid.quantity = offer.quantity = 60_000;
        assertSkipped(ISettlement.SkipCode.BuyerFundsInsufficient);
    }

    function test_payment_alone_does_not_cover_the_fee() public {
        fill.quantity = 50_000;
        bid.quantity = offer.quantity = 50_000;
        assertSkipped(ISettlement.SkipCode.BuyerFundsInsufficient);
    }

    function test_seller_collateral_insufficient() public {
        bid.referencePrice = offer.referencePrice = 333_333_334_000;
        assertSkipped(ISettlement.SkipCode.SellerCollateralInsufficient);
    }
}
