// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IOrders} from "../src/interfaces/IOrders.sol";
import {ISettlement} from "../src/interfaces/ISettlement.sol";
import {Leaf} from "../src/types/Leaf.sol";
import {Order} from "../src/types/Order.sol";
import {Market} from "./support/Market.sol";
import {Fill} from "./support/Packing.sol";

contract Cancellation is Market {
    function assertSkipped(ISettlement.SkipCode expected) private {
        (, ISettlement.SkipCode[] memory skipped) = settle(pair(aBid(), anOffer()), list(aFill()));
        assertEq(skipped.length, 1, "skipped");
        assertEq(uint256(skipped[0]), uint256(expected), "code");
    }

    function cancel(address participant, uint64 clientOrderId) private {
        vm.prank(participant);
        settlement.cancelOrder(clientOrderId);
    }

    function cancelBelow(address participant, uint64 clientOrderId) private {
        vm.prank(participant);
        settlement.cancelBelow(clientOrderId);
    }

    /// Settle one lot between a bid and an offer of these ids; return whether it locked.
    function locks(uint64 bidId, uint64 offerId) private returns (bool) {
        (Order memory bid, Order memory offer, Fill memory fill) = (aBid(), anOffer(), aFill());
        (bid.clientOrderId, offer.clientOrderId, fill.quantity) = (bidId, offerId, 1);
        (Leaf[] memory leaves, ISettlement.SkipCode[] memory skipped) = settle(pair(bid, offer), list(fill));
        if (leaves.length == 1) return true;
        bool isBid = skipped[0] == ISettlement.SkipCode.BuyCancelled;
        assertTrue(isBid || skipped[0] == ISettlement.SkipCode.SellCancelled, "cancelled");
        return false;
    }

    function test_trades_already_matched_settle_during_the_notice() public {
        cancel(buyer, 1);
        vm.warp(block.timestamp + NOTICE - 1);
        settleOne(aBid(), anOffer(), aFill());
    }

    function test_a_cancelled_bid_takes_no_fill_after_the_notice() public {
        vm.expectEmit();
        emit IOrders.CancelRequested(buyer, 1, block.timestamp + NOTICE);
        cancel(buyer, 1);
        vm.warp(block.timestamp + NOTICE);
        assertSkipped(ISettlement.SkipCode.BuyCancelled);
    }

    function test_a_cancelled_offer_takes_no_fill_after_the_notice() public {
        cancel(seller, 1);
        vm.warp(block.timestamp + NOTICE);
        assertSkipped(ISettlement.SkipCode.SellCancelled);
    }

    function test_asking_again_does_not_move_the_time() public {
        cancel(buyer, 1);
        uint256 from = block.timestamp + NOTICE;
        vm.warp(block.timestamp + 10 minutes);
        cancel(buyer, 1);
        assertEq(settlement.cancelledFrom(buyer, 1), from, "cancelled from");
    }

    function test_nobody_cancels_for_another() public {
        cancel(stranger, 1);
        vm.warp(block.timestamp + NOTICE);
        settleOne(aBid(), anOffer(), aFill());
    }

    /// Each of the four ids of a word is cancelled, and counted, for itself.
    function test_a_cancellation_touches_neither_its_neighbours_nor_the_count() public {
        settleOne(aBid(), anOffer(), aFill());
        cancel(buyer, 1);
        cancel(seller, 2);
        assertEq(settlement.filledOf(buyer, 1), 1500, "filled");
        assertEq(settlement.cancelledFrom(buyer, 0) + settlement.cancelledFrom(buyer, 2), 0, "neighbours");
        assertTrue(locks(1, 1), "during the notice");
        vm.warp(block.timestamp + NOTICE);
        assertTrue(!locks(1, 1), "the bid");
        assertTrue(!locks(2, 2), "the offer");
        assertTrue(locks(0, 0) && locks(2, 1) && locks(3, 3), "the others");
        assertEq(settlement.filledOf(buyer, 1), 1501, "filled before the notice was over");
    }

    function test_all_below_an_id_are_cancelled_after_the_notice() public {
        vm.expectEmit();
        emit IOrders.CancelBelowRequested(buyer, 100, block.timestamp + NOTICE);
        cancelBelow(buyer, 100);
        vm.warp(block.timestamp + NOTICE - 1);
        assertTrue(locks(99, 99), "during the notice");
        vm.warp(vm.getBlockTimestamp() + 1);
        assertTrue(!locks(99, 98) && !locks(0, 1), "below");
        assertTrue(locks(100, 0), "the first that is left, and another's");
    }

    /// The earlier request stays in force while a later one waits, and no request puts off another.
    function test_requests_to_cancel_below_follow_each_other() public {
        uint256 start = block.timestamp;
        cancelBelow(buyer, 10);
        cancelBelow(buyer, 10);
        cancelBelow(buyer, 5);
        vm.expectRevert(abi.encodeWithSelector(IOrders.CancelBelowPending.selector, start + NOTICE));
        cancelBelow(buyer, 20);
        vm.warp(start + NOTICE);
        cancelBelow(buyer, 20);
        assertTrue(!locks(9, 0) && locks(10, 0), "the first in force, the second waiting");
        IOrders.CancelledBelow memory cancelled = settlement.cancelledBelow(buyer);
        assertEq(cancelled.inForce, 10, "in force");
        assertEq(cancelled.pending, 20, "pending");
        assertEq(cancelled.pendingFrom, start + 2 * NOTICE, "pending from");
        vm.warp(start + 2 * NOTICE);
        assertTrue(!locks(19, 0) && locks(20, 0), "both in force");
    }

    /// The flag shares a word with the money.
    function test_cancelling_below_leaves_the_money_alone() public {
        settleOne(aBid(), anOffer(), aFill());
        cancelBelow(buyer, 100);
        assertAccount(buyer, FUNDS - PAYMENT - FEE, PAYMENT + FEE, "buyer");
        fund(buyer, 1);
        assertTrue(locks(100, 2), "locks");
        vm.prank(buyer);
        settlement.requestExit(1e6);
        vm.warp(block.timestamp + NOTICE);
        settlement.executeExit(buyer);
        assertTrue(!locks(99, 3), "still cancelled");
    }
}
