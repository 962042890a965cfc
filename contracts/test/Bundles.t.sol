// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ISettlement} from "../src/interfaces/ISettlement.sol";
import {Bundle, Part} from "../src/types/Bundle.sol";
import {Amounts, Leaf} from "../src/types/Leaf.sol";
import {Order} from "../src/types/Order.sol";
import {Bundling} from "./support/Bundling.sol";
import {Packing} from "./support/Packing.sol";

/// Orders for several instruments: any of a set, or all of its legs.
contract Bundles is Bundling {
    Bundle private legs;
    Bundle private set;

    function setUp() public override {
        super.setUp();
        registerLegs(seller, 0xC0);
        keep(legs, aBundleOfLegs());
        keep(set, aBundleOfASet());
    }

    function keep(Bundle storage into, Bundle memory bundle) private {
        (into.bid, into.signature, into.quantity) = (bundle.bid, bundle.signature, bundle.quantity);
        for (uint256 i = 0; i < bundle.parts.length; ++i) {
            into.parts.push(bundle.parts[i]);
        }
    }

    function resign(Bundle storage bundle) private {
        bundle.signature = signDigest(bundle.bid.participant, orderDigest(bundle.bid));
        for (uint256 i = 0; i < bundle.parts.length; ++i) {
            Order memory offer = bundle.parts[i].offer;
            bundle.parts[i].signature = signDigest(offer.participant, orderDigest(offer));
        }
    }

    /// Require that the whole bundle is left out, told with this code at the part (or at all), and changes nothing.
    function assertSkipped(Bundle memory bundle, ISettlement.SkipCode expected, uint256 failed) private {
        (Leaf[] memory leaves, ISettlement.SkipCode[] memory skipped) = settleBundle(bundle);
        assertEq(leaves.length, 0, "locked");
        assertEq(skipped.length, bundle.parts.length, "skipped");
        for (uint256 i = 0; i < skipped.length; ++i) {
            bool isTheOne = failed == i || failed == skipped.length;
            ISettlement.SkipCode code = isTheOne ? expected : ISettlement.SkipCode.OtherPartFailed;
            assertEq(uint256(skipped[i]), uint256(code), "code");
        }
        assertUntouched(bundle);
    }

    function assertUntouched(Bundle memory bundle) private view {
        assertAccount(buyer, FUNDS, 0, "buyer");
        assertAccount(seller, FUNDS, 0, "seller");
        assertEq(settlement.filledOf(buyer, bundle.bid.clientOrderId), 0, "bid filled");
        for (uint256 i = 0; i < bundle.parts.length; ++i) {
            Order memory offer = bundle.parts[i].offer;
            assertEq(settlement.filledOf(offer.participant, offer.clientOrderId), 0, "offer filled");
            address meter_ = settlement.meterOf(offer.participant, offer.instrument >> 48);
            assertEq(settlement.slotOf(meter_, HOUR).sold, 0, "sold");
        }
    }

    function skips(Bundle storage bundle, ISettlement.SkipCode expected, uint256 failed) private {
        resign(bundle);
        assertSkipped(bundle, expected, failed);
    }

    // --- what locks -----------------------------------------------------------------------------------------------

    function test_legs_lock_together() public {
        (Leaf[] memory leaves,) = settleBundle(legs);
        assertEq(leaves.length, 3, "locked");
        // 1.00 + 0.08 + 0.03, a hundredth of each for the venue; 20 %, 10 % and 5 % of the reference prices.
        assertAccount(buyer, FUNDS - 1_121_100, 1_121_100, "buyer");
        assertAccount(seller, FUNDS - 250_000 - 10_000 - 1875, 250_000 + 10_000 + 1875, "seller");
        assertEq(settlement.filledOf(buyer, 1), 250, "thousandths of a bundle");
        assertEq(settlement.filledOf(seller, 1), 10, "lots of the network");
        assertEq(leaves[1].referencePrice, 10_000, "reference price");
        assertEq(leaves[2].tradeNumber, 12, "trade number");
        assertEq(settlement.slotOf(settlement.meterAt(leaves[2].seller, leaves[2].instrument), HOUR).sold, 750, "sold");
    }

    function test_parts_of_a_set_lock_together() public {
        (Leaf[] memory leaves,) = settleBundle(set);
        assertEq(leaves.length, 2, "locked");
        assertAccount(buyer, FUNDS - PAYMENT - FEE, PAYMENT + FEE, "buyer");
        assertEq(settlement.filledOf(buyer, 1), 1500, "lots");
        assertEq(leaves[1].instrument, anInstrument(1), "instrument");
        assertEq(leaves[1].soldBefore, 1000, "both are sold of one hour");
    }

    function test_a_bundle_is_delivered_and_opened_like_any_batch() public {
        (Leaf[] memory leaves,) = settleBundle(legs);
        vm.warp(SLOT_END);
        uint64[3] memory units = [uint64(500), 9, 750];
        for (uint256 i = 0; i < 3; ++i) {
            address meter_ = settlement.meterAt(leaves[i].seller, leaves[i].instrument);
            settlement.report(list(aReading(meter_, HOUR, units[i])));
        }
        settlement.deliverBatch(1, Packing.leaves(leaves), 7, noReadings());
        assertEq(settlement.markedOf(1), 5, "two released");
        guarantee.open(1, leaves[1], proofOf(leaves, 1));
        vm.warp(SLOT_END + CHALLENGE_WINDOW);
        guarantee.payOut(leaves[1]);
        assertEq(settlement.accountOf(buyer).locked + settlement.accountOf(seller).locked, 0, "all is over");
    }

    function test_bundles_and_batches_count_in_one_sequence() public {
        settleBundle(legs);
        settleOne(aBid(), anOffer(), aFill()); // bids and offers share the ids: what was filled of them counts for both
        assertEq(settlement.lastBatch(), 2, "last");
        vm.expectEmit();
        emit ISettlement.BatchRepeated(1);
        vm.prank(operator);
        settlement.settleBundles(1, RECORD_HASH, FEE_BPS, abi.encode(new Bundle[](0)));
        vm.expectRevert(abi.encodeWithSelector(ISettlement.BatchOutOfSequence.selector, 3, 4));
        vm.prank(operator);
        settlement.settleBundles(4, RECORD_HASH, FEE_BPS, abi.encode(new Bundle[](0)));
        vm.expectRevert();
        settlement.settleBundles(3, RECORD_HASH, FEE_BPS, abi.encode(new Bundle[](0)));
        vm.prank(guardian);
        settlement.pauseBatches();
        vm.expectRevert(abi.encodeWithSelector(ISettlement.BatchesArePaused.selector));
        vm.prank(operator);
        settlement.settleBundles(3, RECORD_HASH, FEE_BPS, abi.encode(new Bundle[](0)));
    }

    function test_a_bundle_that_fails_does_not_stop_the_others() public {
        Bundle[] memory bundles = new Bundle[](3);
        (bundles[0], bundles[1], bundles[2]) = (legs, set, legs);
        bundles[1].parts[1].price = 1;
        bundles[1].parts[0].tradeNumber = 20;
        for (uint256 i = 0; i < 3; ++i) {
            bundles[2].parts[i].tradeNumber += 20;
        }
        (Leaf[] memory leaves, ISettlement.SkipCode[] memory skipped) = settleBundles(bundles);
        assertEq(leaves.length, 6, "locked");
        assertEq(leaves[5].position, 5, "position");
        assertEq(leaves[3].soldBefore, 500, "nothing stays of what failed");
        assertEq(uint256(skipped[0]), uint256(ISettlement.SkipCode.OtherPartFailed), "first");
        assertEq(uint256(skipped[1]), uint256(ISettlement.SkipCode.PriceOutsideLimits), "second");
    }

    function test_a_wrong_call_is_refused_whole() public {
        Bundle[] memory bundles = new Bundle[](1);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.BundleEmpty.selector, 0));
        vm.prank(operator);
        settlement.settleBundles(1, RECORD_HASH, FEE_BPS, abi.encode(bundles));
        bytes[3] memory odd = [bytes(""), abi.encode(32, 4), abi.encode(64, 0)];
        for (uint256 i = 0; i < 3; ++i) {
            vm.expectRevert(abi.encodeWithSelector(ISettlement.BundlesMalformed.selector));
            vm.prank(operator);
            settlement.settleBundles(1, RECORD_HASH, FEE_BPS, odd[i]);
        }
        bundles[0].parts = new Part[](129);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.TooManyFills.selector, 129, 128));
        vm.prank(operator);
        settlement.settleBundles(1, RECORD_HASH, FEE_BPS, abi.encode(bundles));
        vm.expectRevert(abi.encodeWithSelector(ISettlement.FeeTooHigh.selector, 10_001, 10_000));
        vm.prank(operator);
        settlement.settleBundles(1, RECORD_HASH, 10_001, abi.encode(bundles));
        bundles[0] = legs;
        bundles[0].parts[2].tradeNumber = 1 << 41;
        vm.expectRevert();
        vm.prank(operator);
        settlement.settleBundles(1, RECORD_HASH, FEE_BPS, abi.encode(bundles));
    }

    function test_a_batch_may_lock_nothing() public {
        (Leaf[] memory leaves,) = settleBundles(new Bundle[](0));
        assertEq(leaves.length, 0, "locked");
        assertEq(settlement.batchRoot(1), 0, "root");
        assertEq(settlement.lastBatch(), 1, "last");
    }

    // --- what is skipped ------------------------------------------------------------------------------------------

    function test_the_bid_is_checked_for_all() public {
        set.bid.side = 1;
        skips(set, ISettlement.SkipCode.WrongSide, 2);
        set.bid.side = 0;
        set.bid.feeCapBps = FEE_BPS - 1;
        skips(set, ISettlement.SkipCode.FeeAboveCap, 2);
        set.bid.feeCapBps = FEE_BPS;
        set.quantity = 0;
        skips(set, ISettlement.SkipCode.QuantityZero, 2);
        set.quantity = 1500;
        set.bid.settleUntil = uint64(block.timestamp - 1);
        skips(set, ISettlement.SkipCode.BuyExpired, 2);
        set.bid.settleUntil = uint64(SLOT_END);
        set.bid.quantity = 1499;
        skips(set, ISettlement.SkipCode.BuyOverfilled, 2);
        set.bid.quantity = 2000;
        resign(set);
        set.bid.price += 1;
        assertSkipped(set, ISettlement.SkipCode.BuySignatureInvalid, 2);
        set.bid.price -= 1;
        vm.prank(buyer);
        settlement.cancelOrder(1);
        vm.warp(block.timestamp + NOTICE);
        skips(set, ISettlement.SkipCode.BuyCancelled, 2);
    }

    function test_each_offer_is_checked() public {
        Order storage offer = legs.parts[1].offer;
        offer.side = 0;
        skips(legs, ISettlement.SkipCode.WrongSide, 1);
        offer.side = 1;
        offer.price += 1;
        skips(legs, ISettlement.SkipCode.PriceOutsideLimits, 1);
        offer.price -= 1;
        offer.settleUntil = uint64(block.timestamp - 1);
        skips(legs, ISettlement.SkipCode.SellExpired, 1);
        offer.settleUntil = uint64(SLOT_END);
        offer.quantity = 9;
        skips(legs, ISettlement.SkipCode.SellOverfilled, 1);
        offer.quantity = 10;
        resign(legs);
        offer.goodUntil += 1;
        assertSkipped(legs, ISettlement.SkipCode.SellSignatureInvalid, 1);
        offer.goodUntil -= 1;
        legs.bid.participant = seller;
        skips(legs, ISettlement.SkipCode.SelfTrade, 0);
        legs.bid.participant = buyer;
        vm.prank(seller);
        settlement.cancelBelow(2);
        vm.warp(block.timestamp + NOTICE);
        skips(legs, ISettlement.SkipCode.SellCancelled, 0);
    }

    function test_each_slot_is_checked() public {
        legs.parts[1].offer.participant = stranger;
        skips(legs, ISettlement.SkipCode.MeterNotRegistered, 1);
        registerMeter(stranger, someLegs()[1].instrument, withKey(0xCC));
        skips(legs, ISettlement.SkipCode.SellerCollateralInsufficient, 1);
        legs.parts[1].offer.participant = seller;
        vm.prank(address(guarantee));
        settlement.reserve(seller, someLegs()[0].instrument, type(uint64).max - 499);
        resign(legs);
        (, ISettlement.SkipCode[] memory skipped) = settleBundle(legs);
        assertEq(uint256(skipped[0]), uint256(ISettlement.SkipCode.SlotFull), "full");
        vm.warp(SLOT_END);
        settlement.report(list(aReading(vm.addr(0xC0), HOUR, 1)));
        (, skipped) = settleBundle(legs);
        assertEq(uint256(skipped[0]), uint256(ISettlement.SkipCode.SlotAlreadyMetered), "metered");
    }

    function test_an_ordinary_bid_is_no_bundle() public {
        legs.bid.instrument = anInstrument(2);
        skips(legs, ISettlement.SkipCode.NotCommitted, 3);
        set.bid.instrument = 0xFD << 248 | legs.bid.instrument;
        skips(set, ISettlement.SkipCode.NotCommitted, 2);
    }

    function test_legs_are_all_that_was_committed_to_and_in_proportion() public {
        legs.parts[1].lotsPerBundle = 39;
        skips(legs, ISettlement.SkipCode.NotCommitted, 3);
        legs.parts[1].lotsPerBundle = 40;
        legs.parts[1].referenceLeast = 0;
        skips(legs, ISettlement.SkipCode.NotCommitted, 3);
        legs.parts[1].referenceLeast = 10_000;
        legs.parts[1].quantity = 11;
        skips(legs, ISettlement.SkipCode.QuantitiesDiffer, 1);
        legs.parts[1].quantity = 10;
        legs.parts[2].offer.referencePrice -= 1;
        skips(legs, ISettlement.SkipCode.ReferencePriceDiffers, 2);
        legs.parts[2].offer.referencePrice += 1;
        legs.parts[2].price = 60_002; // a micro more than is left of 1.125
        skips(legs, ISettlement.SkipCode.PriceOutsideLimits, 3);
        legs.parts[2].price = 60_000;
        resign(legs);
        (Leaf[] memory leaves,) = settleBundle(legs);
        assertEq(leaves.length, 3, "at the limit");
        Part memory last = legs.parts[2];
        legs.parts.pop();
        legs.bid.clientOrderId = 7;
        resign(legs);
        (, ISettlement.SkipCode[] memory skipped) = settleBundle(legs);
        assertEq(uint256(skipped[0]), uint256(ISettlement.SkipCode.NotCommitted), "without a leg");
        legs.parts.push(last);
        legs.parts.push(last);
        legs.parts[3].tradeNumber += 1;
        (, skipped) = settleBundle(legs);
        assertEq(uint256(skipped[0]), uint256(ISettlement.SkipCode.NotCommitted), "with a leg twice");
    }

    function test_legs_that_cannot_be_settled_are_skipped() public {
        Leg[] memory all = someLegs();
        all[0].instrument = instrumentOf(7, HOUR, 1, 2);
        legs.bid.instrument = commitmentOf(all);
        legs.parts[0].offer.instrument = all[0].instrument;
        skips(legs, ISettlement.SkipCode.InstrumentNotSettleable, 0);
    }

    function test_a_member_of_the_set_keeps_its_price_and_reference() public {
        set.parts[1].price = 2_000_001; // 2.1 less 0.1
        skips(set, ISettlement.SkipCode.PriceOutsideLimits, 1);
        set.parts[1].price = 2_000_000;
        set.parts[1].adjustment = 0;
        skips(set, ISettlement.SkipCode.NotCommitted, 1);
        set.parts[1].adjustment = -100_000;
        set.parts[0].offer.referencePrice = 1_999_999;
        skips(set, ISettlement.SkipCode.ReferencePriceDiffers, 0);
        set.parts[0].offer.referencePrice = 2_500_000;
        set.parts[0].quantity = 999;
        skips(set, ISettlement.SkipCode.QuantitiesDiffer, 2);
        (set.parts[0].quantity, set.quantity) = (0, 500);
        skips(set, ISettlement.SkipCode.QuantityZero, 0);
        (set.parts[0].quantity, set.quantity) = (1000, 1500);
        set.parts[1].tradeNumber = 20;
        skips(set, ISettlement.SkipCode.TradeNumberNotIncreasing, 1);
        set.parts[1].tradeNumber = 21;
        set.bid.price = 99_999; // and 0.1 less for the second is below zero
        set.parts[0].price = set.parts[1].price = set.parts[0].offer.price = set.parts[1].offer.price = 0;
        skips(set, ISettlement.SkipCode.PriceOutsideLimits, 1);
    }

    /// What is worth more does not raise the limit: the signed price is the worst, whatever is bought.
    function test_an_adjustment_above_zero_raises_no_limit() public {
        Eligible[] memory all = someSet();
        set.parts[1].adjustment = 200_000;
        set.parts[1].proof = proofIn(all, 2);
        set.parts[1].offer.instrument = all[2].instrument;
        set.parts[1].price = 2_100_001;
        skips(set, ISettlement.SkipCode.PriceOutsideLimits, 1);
        set.parts[1].price = 2_100_000;
        resign(set);
        (Leaf[] memory leaves,) = settleBundle(set);
        assertEq(leaves.length, 2, "at the limit");
    }

    function test_a_set_with_a_part_that_cannot_be_settled_is_skipped() public {
        Eligible[] memory all = someSet();
        all[1].instrument = instrumentOf(1, HOUR, 2, 2);
        set.bid.instrument = commitmentOf(all);
        set.parts[0].proof = proofIn(all, 0);
        set.parts[1].offer.instrument = all[1].instrument;
        skips(set, ISettlement.SkipCode.InstrumentNotSettleable, 1);
    }

    function test_a_buyer_without_money_gets_no_leg() public {
        legs.bid.participant = stranger;
        resign(legs);
        assertSkipped(legs, ISettlement.SkipCode.BuyerFundsInsufficient, 3);
        fund(stranger, 1_121_099);
        assertSkipped(legs, ISettlement.SkipCode.BuyerFundsInsufficient, 3);
        fund(stranger, 1);
        (Leaf[] memory leaves,) = settleBundle(legs);
        assertEq(leaves.length, 3, "with the last micro");
    }

    /// Each leg alone would be covered; the seller of all three cannot cover the last.
    function test_a_seller_of_several_legs_covers_all_of_them() public {
        address poor = withKey(0x77);
        registerLegs(poor, 0xD0);
        fund(poor, 261_874);
        for (uint256 i = 0; i < 3; ++i) {
            legs.parts[i].offer.participant = poor;
        }
        resign(legs);
        (, ISettlement.SkipCode[] memory skipped) = settleBundle(legs);
        assertEq(uint256(skipped[2]), uint256(ISettlement.SkipCode.SellerCollateralInsufficient), "code");
        assertAccount(poor, 261_874, 0, "poor");
        fund(poor, 1);
        (Leaf[] memory leaves,) = settleBundle(legs);
        assertEq(leaves.length, 3, "with the last micro");
    }

    /// One offer in two parts fills no more than it allows, though each part alone would fit.
    function test_an_offer_in_two_parts_fills_once() public {
        set.parts[1] = set.parts[0];
        set.parts[1].tradeNumber = 21;
        set.parts[0].offer.quantity = set.parts[1].offer.quantity = 1999;
        (set.bid.quantity, set.quantity) = (2000, 2000);
        skips(set, ISettlement.SkipCode.SellOverfilled, 1);
    }

    /// A commitment is no instrument: the other door does not take it.
    function test_a_bid_of_a_bundle_is_no_ordinary_bid() public {
        Order memory offer = anOffer();
        offer.instrument = legs.bid.instrument;
        offer.referencePrice = 0;
        (, ISettlement.SkipCode[] memory skipped) = settle(pair(legs.bid, offer), list(aFill()));
        assertEq(uint256(skipped[0]), uint256(ISettlement.SkipCode.InstrumentNotSettleable), "code");
    }

    // --- any numbers ----------------------------------------------------------------------------------------------

    function testFuzz_legs_cost_no_more_than_the_limit(uint64[3] memory prices, uint64 quantity, uint64 limit) public {
        fund(buyer, 1e18);
        legs.quantity = uint64(bound(quantity, 1, 2000));
        legs.bid.price = limit = uint64(bound(limit, 0, 10_000_000));
        for (uint256 i = 0; i < 3; ++i) {
            legs.parts[i].price = uint64(bound(prices[i], 0, 3_000_000));
            legs.parts[i].offer.price = 0;
            legs.parts[i].quantity = uint64(uint256(legs.parts[i].lotsPerBundle) * legs.quantity / 1000);
        }
        resign(legs);
        (Leaf[] memory leaves,) = settleBundle(legs);
        assertTrue(leaves.length == 0 || leaves.length == 3, "all or none");
        uint256 paid;
        for (uint256 i = 0; i < leaves.length; ++i) {
            paid += settlement.amountsOf(leaves[i]).payment;
        }
        assertTrue(paid <= uint256(limit) * legs.quantity / 1000, "total");
    }

    /// Bytes that lie about offsets and lengths, too: whatever is read, its signatures decide.
    function testFuzz_bundles_with_changed_bytes_lock_what_was_signed_or_nothing(
        uint256 place,
        bytes32 with,
        uint8 length
    ) public {
        Bundle[] memory bundles = new Bundle[](2);
        (bundles[0], bundles[1]) = (legs, set);
        bytes memory encoded = abi.encode(bundles);
        length = uint8(bound(length, 1, 32));
        place = bound(place, 0, encoded.length - length);
        for (uint256 i = 0; i < length; ++i) {
            encoded[place + i] = uint256(with) % 3 == 0 ? bytes1(uint8(with[i]) % 4) : with[i];
        }
        vm.recordLogs();
        vm.prank(operator);
        try settlement.settleBundles(1, RECORD_HASH, FEE_BPS, encoded) {} catch {}
        (Leaf[] memory leaves,) = outcomeOf(vm.getRecordedLogs());
        uint256 locked;
        uint256 secured;
        for (uint256 i = 0; i < leaves.length; ++i) {
            Amounts memory amounts = settlement.amountsOf(leaves[i]);
            assertTrue(leaves[i].buyer == buyer && leaves[i].seller == seller, "who signed");
            assertTrue(leaves[i].price >= 8000 && leaves[i].price <= 2_250_000, "price within the limits");
            locked += amounts.payment + amounts.fee;
            secured += amounts.collateral;
        }
        assertTrue(locked <= 1_136_250 + 4_242_000, "no more than both bids allow");
        assertAccount(buyer, FUNDS - locked, locked, "buyer");
        assertAccount(seller, FUNDS - secured, secured, "seller");
    }

    /// Whatever is signed and submitted, nothing reverts, and it is all or nothing.
    function testFuzz_no_signed_number_stops_a_batch(uint64[6] memory drawn, int128 adjustment, bool ofLegs) public {
        Bundle storage bundle = ofLegs ? legs : set;
        Part storage part = bundle.parts[1];
        (bundle.bid.price, bundle.bid.quantity, bundle.quantity) = (drawn[0], drawn[1], drawn[2]);
        (part.price, part.quantity, part.offer.referencePrice) = (drawn[3], drawn[4], drawn[5]);
        part.adjustment = adjustment;
        (part.lotsPerBundle, part.referenceLeast) = (drawn[4], drawn[5]);
        if (ofLegs) {
            Leg[] memory all = someLegs();
            (all[1].lotsPerBundle, all[1].referenceLeast) = (drawn[4], drawn[5]);
            bundle.bid.instrument = commitmentOf(all);
        } else {
            Eligible[] memory all = someSet();
            all[1].adjustment = adjustment;
            bundle.bid.instrument = commitmentOf(all);
            part.proof = proofIn(all, 1);
            bundle.parts[0].proof = proofIn(all, 0);
        }
        resign(bundle);
        (Leaf[] memory leaves, ISettlement.SkipCode[] memory skipped) = settleBundle(bundle);
        assertEq(leaves.length + skipped.length, bundle.parts.length, "told of all");
        if (leaves.length == 0) assertUntouched(bundle);
        uint256 locked;
        for (uint256 i = 0; i < leaves.length; ++i) {
            Amounts memory amounts = settlement.amountsOf(leaves[i]);
            locked += amounts.payment + amounts.fee;
        }
        assertEq(settlement.accountOf(buyer).locked, locked, "buyer locked");
    }

    /// Any number of members, any of them: the proof leads to the root; a neighbour's does not.
    function testFuzz_every_member_of_a_set_is_proved(uint8 size, uint8 place, bytes32 wrong) public {
        Eligible[] memory all = new Eligible[](bound(size, 1, 64));
        for (uint256 i = 0; i < all.length; ++i) {
            all[i] = Eligible(anInstrument(i % 5) + (i / 5), int128(int256(i)));
        }
        uint256 chosen = bound(place, 0, all.length - 1);
        set.bid.instrument = commitmentOf(all);
        set.parts.pop();
        set.quantity = 1000;
        set.parts[0].offer.instrument = all[chosen].instrument;
        set.parts[0].adjustment = all[chosen].adjustment;
        set.parts[0].proof = proofIn(all, chosen);
        set.parts[0].proof.push(wrong);
        resign(set);
        (, ISettlement.SkipCode[] memory skipped) = settleBundle(set);
        assertEq(uint256(skipped[0]), uint256(ISettlement.SkipCode.NotCommitted), "one node too many");
        set.parts[0].proof.pop();
        (Leaf[] memory leaves,) = settleBundle(set);
        assertEq(leaves.length, 1, "locked");
    }
}
