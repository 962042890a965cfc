// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGuarantee} from "../src/interfaces/IGuarantee.sol";
import {IMetering} from "../src/interfaces/IMetering.sol";
import {ISettlement} from "../src/interfaces/ISettlement.sol";
import {Leaf} from "../src/types/Leaf.sol";
import {Order} from "../src/types/Order.sol";
import {Reading} from "../src/types/Reading.sol";
import {Outcome, Stage} from "../src/types/Stage.sol";
import {Market} from "./support/Market.sol";
import {Packing} from "./support/Packing.sol";

/// Trades that fell short: opened, argued about, paid out.
contract Guarantees is Market {
    uint256 private constant ALL = type(uint256).max;
    uint256 private constant DEADLINE = SLOT_END + READING_WINDOW;

    function aTrade(uint256 tier) private returns (Leaf memory) {
        (Order memory bid, Order memory offer) = (aBid(), anOffer());
        bid.instrument = offer.instrument = anInstrument(tier);
        return settleOne(bid, offer, aFill());
    }

    function open(Leaf memory leaf) private {
        guarantee.open(1, leaf, new bytes32[](0));
    }

    function closeWindow(Leaf memory leaf) private {
        vm.warp(guarantee.stateOf(leaf.leafHash()).openedAt + CHALLENGE_WINDOW);
    }

    /// Trade 1.5 GPU·h of this tier, deliver so much of it, and check what everybody ends up with.
    function assertPaidOut(uint256 tier, uint64 delivered, uint256 compensation) private {
        setUp();
        Leaf memory leaf = aTrade(tier);
        report(delivered);
        open(leaf);
        closeWindow(leaf);
        uint256 toSeller = uint256(delivered) * 2000;
        uint256 fee = toSeller / 100;
        uint256 returned = PAYMENT + FEE - toSeller - fee;
        vm.expectEmit();
        emit IGuarantee.GuaranteePaidOut(1, 0, 7, delivered, toSeller, fee, returned, compensation, 0, 0);
        guarantee.payOut(leaf);
        assertAccount(buyer, FUNDS - toSeller - fee + compensation, 0, "buyer");
        assertAccount(seller, FUNDS + toSeller - compensation, 0, "seller");
        assertAccount(feeRecipient, fee, 0, "fee recipient");
        assertEq(slot().allotted, delivered, "allotted");
    }

    // What is missing costs 0.50 more per GPU·h elsewhere; the whole price is 3.00.

    function test_best_effort_pays_cover_up_to_its_collateral() public {
        assertPaidOut(0, 1400, 50_000);
        assertPaidOut(0, 1000, 187_500);
    }

    function test_bronze_pays_its_ladder() public {
        assertPaidOut(1, 1425, 37_500);
        assertPaidOut(1, 1424, 300_000);
        assertPaidOut(1, 1199, 375_000);
    }

    function test_silver_pays_its_ladder() public {
        assertPaidOut(2, 1493, 3500);
        assertPaidOut(2, 1490, 300_000);
        assertPaidOut(2, 1480, 750_000);
        assertPaidOut(2, 1000, 750_000);
    }

    function test_gold_pays_its_ladder() public {
        assertPaidOut(3, 1499, 500);
        assertPaidOut(3, 1490, 300_000);
        assertPaidOut(3, 1480, 750_000);
        assertPaidOut(3, 0, 1_125_000);
    }

    function test_platinum_pays_its_ladder() public {
        assertPaidOut(4, 1499, 300_000);
        assertPaidOut(4, 1480, 900_000);
        assertPaidOut(4, 1400, 1_875_000);
    }

    function test_a_buyer_who_can_replace_it_cheaper_gets_no_cover() public {
        (Order memory bid, Order memory offer) = (aBid(), anOffer());
        bid.instrument = offer.instrument = anInstrument(0);
        bid.referencePrice = offer.referencePrice = 1_999_999;
        Leaf memory leaf = settleOne(bid, offer, aFill());
        report(0);
        open(leaf);
        closeWindow(leaf);
        guarantee.payOut(leaf);
        assertAccount(buyer, FUNDS, 0, "buyer");
        assertAccount(seller, FUNDS, 0, "seller");
    }

    function test_opening_tells_what_was_delivered() public {
        Leaf memory leaf = aTrade(2);
        report(1000);
        vm.expectEmit();
        emit ISettlement.LeafOpened(1, 0, leaf.leafHash());
        vm.expectEmit();
        emit IGuarantee.GuaranteeOpened(1, 0, 7, 1000, true);
        vm.prank(stranger);
        open(leaf);
        assertEq(settlement.markedOf(1), 1, "marked");
        IGuarantee.State memory state = guarantee.stateOf(leaf.leafHash());
        assertEq(state.batchNumber, 1, "batch");
        assertEq(state.openedAt, SLOT_END, "opened at");
        assertTrue(state.stage == Stage.InChallenge, "stage");
    }

    function test_no_reading_by_the_deadline_counts_as_nothing_delivered() public {
        Leaf memory leaf = aTrade(2);
        vm.warp(DEADLINE);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.LeafNotShort.selector, leaf.leafHash(), DEADLINE));
        open(leaf);

        vm.warp(DEADLINE + 1);
        vm.expectEmit();
        emit IGuarantee.GuaranteeOpened(1, 0, 7, 0, false);
        open(leaf);
        closeWindow(leaf);
        guarantee.payOut(leaf);
        assertAccount(buyer, FUNDS + COLLATERAL, 0, "buyer");
        assertAccount(seller, FUNDS - COLLATERAL, 0, "seller");
        assertAccount(feeRecipient, 0, 0, "fee recipient");
    }

    function openedWithoutReading() private returns (Leaf memory leaf) {
        leaf = aTrade(2);
        vm.warp(DEADLINE + 1);
        open(leaf);
    }

    /// Return the end of the half of the challenge window in which readings count.
    function readingsUntil(Leaf memory leaf) private view returns (uint256) {
        return guarantee.stateOf(leaf.leafHash()).openedAt + CHALLENGE_WINDOW / 2;
    }

    function test_a_late_reading_in_half_of_the_window_counts() public {
        Leaf memory leaf = openedWithoutReading();
        vm.warp(readingsUntil(leaf) - 1);
        Reading memory reading = aReading(meter, HOUR, 1500);
        vm.expectEmit();
        emit IGuarantee.GuaranteeReported(1, 0, 7, 1500);
        guarantee.report(leaf, reading);
        closeWindow(leaf);
        guarantee.payOut(leaf);
        assertTrue(guarantee.stateOf(leaf.leafHash()).outcome == Outcome.Fulfilled, "fulfilled after all");
        assertAccount(seller, FUNDS + PAYMENT, 0, "seller");
        assertAccount(feeRecipient, FEE, 0, "fee recipient");
    }

    function test_a_late_reading_counts_by_whichever_door_it_comes() public {
        Leaf memory leaf = openedWithoutReading();
        report(1500);
        closeWindow(leaf);
        guarantee.payOut(leaf);
        assertAccount(seller, FUNDS + PAYMENT, 0, "seller");
    }

    function test_a_reading_after_that_does_not_count() public {
        Leaf memory leaf = openedWithoutReading();
        uint256 until = readingsUntil(leaf);
        vm.warp(until);
        Reading memory reading = aReading(meter, HOUR, 1500);
        vm.expectRevert(abi.encodeWithSelector(IGuarantee.ReadingTooLate.selector, until));
        guarantee.report(leaf, reading);
        report(1500);
        closeWindow(leaf);
        guarantee.payOut(leaf);
        assertAccount(seller, FUNDS - COLLATERAL, 0, "seller");
    }

    function test_a_reading_of_another_slot_is_refused() public {
        Leaf memory leaf = openedWithoutReading();
        Reading memory otherHour = aReading(meter, HOUR - 1, 1500);
        vm.expectRevert(abi.encodeWithSelector(IGuarantee.ReadingOfAnotherSlot.selector, meter, HOUR - 1));
        guarantee.report(leaf, otherHour);
        Reading memory otherMeter = aReading(stranger, HOUR, 1500);
        vm.expectRevert(abi.encodeWithSelector(IGuarantee.ReadingOfAnotherSlot.selector, stranger, HOUR));
        guarantee.report(leaf, otherMeter);
    }

    function test_nothing_is_paid_inside_the_window() public {
        Leaf memory leaf = aTrade(2);
        report(1000);
        open(leaf);
        closeWindow(leaf);
        uint256 closesAt = vm.getBlockTimestamp();
        vm.warp(closesAt - 1);
        vm.expectRevert(abi.encodeWithSelector(IGuarantee.NotPayableYet.selector, closesAt));
        guarantee.payOut(leaf);
    }

    function test_a_guarantee_pays_once() public {
        Leaf memory leaf = aTrade(2);
        bytes memory notOpen = abi.encodeWithSelector(IGuarantee.GuaranteeNotOpen.selector, leaf.leafHash());
        vm.expectRevert(notOpen);
        guarantee.payOut(leaf);
        report(1000);
        open(leaf);
        closeWindow(leaf);
        guarantee.payOut(leaf);
        vm.expectRevert(notOpen);
        guarantee.payOut(leaf);
        assertTrue(guarantee.stateOf(leaf.leafHash()).stage == Stage.Closed, "stage");
    }

    function test_a_leaf_is_released_or_opened_but_not_both() public {
        Leaf[] memory leaves = settleQuantities(list(1, 500, 999));
        report(1499);
        settlement.deliverBatch(1, Packing.leaves(leaves), ALL, noReadings());
        bytes32[] memory first = proofOf(leaves, 0);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.LeafAlreadyMarked.selector, 1, 0));
        guarantee.open(1, leaves[0], first);

        bytes32[] memory last = proofOf(leaves, 2);
        guarantee.open(1, leaves[2], last);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.LeafAlreadyMarked.selector, 1, 2));
        guarantee.open(1, leaves[2], last);
        vm.expectEmit();
        emit ISettlement.BatchDelivered(1, 0);
        settlement.deliverBatch(1, Packing.leaves(leaves), ALL, noReadings());
    }

    function test_a_leaf_delivered_in_full_cannot_be_opened() public {
        Leaf memory leaf = aTrade(2);
        report(1500);
        vm.warp(DEADLINE + 1);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.LeafNotShort.selector, leaf.leafHash(), DEADLINE));
        open(leaf);
    }

    function test_a_leaf_needs_its_proof() public {
        Leaf[] memory leaves = settleQuantities(list(300, 500, 700));
        report(0);
        bytes32[] memory proof = proofOf(leaves, 0);
        leaves[0].price += 1;
        vm.expectRevert();
        guarantee.open(1, leaves[0], proof);
    }

    function test_many_are_opened_and_paid_together() public {
        Leaf[] memory leaves = settleQuantities(list(300, 500, 700));
        report(750);
        bytes32[][] memory proofs = new bytes32[][](3);
        for (uint256 i = 0; i < 3; ++i) {
            proofs[i] = proofOf(leaves, i);
        }
        guarantee.openMany(1, leaves, proofs);
        closeWindow(leaves[0]);
        guarantee.payOutMany(leaves);
        // 150, 250 and 350 lots at 2.00; the collateral of each goes to the buyer.
        assertAccount(seller, FUNDS + 1_500_000 - COLLATERAL, 0, "seller");
        assertAccount(buyer, FUNDS - 1_500_000 - 15_000 + COLLATERAL, 0, "buyer");
        assertAccount(feeRecipient, 15_000, 0, "fee recipient");
        assertEq(slot().allotted, 750, "allotted");

        vm.expectRevert(abi.encodeWithSelector(IGuarantee.LengthsDiffer.selector, 3, 2));
        guarantee.openMany(1, leaves, new bytes32[][](2));
    }

    function test_only_the_guarantee_touches_leaves() public {
        Leaf memory leaf = aTrade(2);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.NotGuarantee.selector, operator));
        vm.prank(operator);
        settlement.openLeaf(1, leaf, new bytes32[](0));
        assertEq(guarantee.settlement(), address(settlement), "settlement");
    }

    function test_even_the_guarantee_is_bounded_by_the_lock() public {
        Leaf memory leaf = aTrade(2);
        report(1000);
        bytes32 hash = leaf.leafHash();
        assertEq(settlement.escrowOf(address(guarantee), hash, buyer), 0, "nothing behind a leaf that is not open");
        open(leaf);
        assertEq(settlement.escrowOf(address(guarantee), hash, buyer), PAYMENT + FEE, "of the buyer");
        assertEq(settlement.escrowOf(address(guarantee), hash, seller), COLLATERAL, "of the seller");
        closeWindow(leaf);
        guarantee.payOut(leaf);
        assertEq(settlement.escrowOf(address(guarantee), hash, buyer), 0, "all of the buyer's went");
        assertEq(settlement.escrowOf(address(guarantee), hash, seller), 0, "all of the seller's went");
    }

    function testFuzz_a_shortfall_is_shared_exactly_and_money_is_conserved(
        uint64 one,
        uint64 two,
        uint64 three,
        uint64 units
    ) public {
        uint64[] memory quantities = list(
            uint64(bound(one, 1, 10_000)), uint64(bound(two, 1, 10_000)), uint64(bound(three, 1, 10_000))
        );
        uint256 sold = uint256(quantities[0]) + quantities[1] + quantities[2];
        units = uint64(bound(units, 0, sold - 1));
        Leaf[] memory leaves = settleQuantities(quantities);
        report(units);
        settlement.deliverBatch(1, Packing.leaves(leaves), ALL, noReadings());
        for (uint256 i = 0; i < 3; ++i) {
            if (settlement.markedOf(1) >> i & 1 == 0) guarantee.open(1, leaves[i], proofOf(leaves, i));
        }
        vm.warp(block.timestamp + CHALLENGE_WINDOW);
        for (uint256 i = 0; i < 3; ++i) {
            if (guarantee.stateOf(leaves[i].leafHash()).stage == Stage.InChallenge) guarantee.payOut(leaves[i]);
        }
        assertEq(slot().allotted, units, "every lot measured went to a trade");
        uint256 free = uint256(settlement.accountOf(buyer).free) + settlement.accountOf(seller).free
            + settlement.accountOf(feeRecipient).free;
        assertEq(free, 2 * uint256(FUNDS), "all money is free again");
        assertEq(settlement.accountOf(buyer).locked, 0, "buyer locked");
        assertEq(settlement.accountOf(seller).locked, 0, "seller locked");
    }
}
