// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ISettlement} from "../src/interfaces/ISettlement.sol";
import {Order} from "../src/types/Order.sol";
import {Market} from "./support/Market.sol";

contract Cancellation is Market {
    function assertSkipped(ISettlement.SkipCode expected) private {
        (, ISettlement.SkipCode[] memory skipped) = settle(pair(aBid(), anOffer()), list(aFill()));
        assertEq(skipped.length, 1, "skipped");
        assertEq(uint256(skipped[0]), uint256(expected), "code");
    }

    function cancel(Order memory order) private {
        vm.prank(order.participant);
        settlement.cancelOrder(order);
    }

    function test_trades_already_matched_settle_during_the_notice() public {
        cancel(aBid());
        vm.warp(block.timestamp + NOTICE - 1);
        settleOne(aBid(), anOffer(), aFill());
    }

    function test_a_cancelled_bid_takes_no_fill_after_the_notice() public {
        vm.expectEmit();
        emit ISettlement.CancelRequested(orderDigest(aBid()), buyer, block.timestamp + NOTICE);
        cancel(aBid());
        vm.warp(block.timestamp + NOTICE);
        assertSkipped(ISettlement.SkipCode.BuyCancelled);
    }

    function test_a_cancelled_offer_takes_no_fill_after_the_notice() public {
        cancel(anOffer());
        vm.warp(block.timestamp + NOTICE);
        assertSkipped(ISettlement.SkipCode.SellCancelled);
    }

    function test_asking_again_does_not_move_the_time() public {
        cancel(aBid());
        uint256 from = block.timestamp + NOTICE;
        vm.warp(block.timestamp + 10 minutes);
        cancel(aBid());
        assertEq(settlement.cancelledFrom(orderDigest(aBid())), from, "cancelled from");
    }

    function test_only_its_participant_cancels_an_order() public {
        vm.expectRevert(abi.encodeWithSelector(ISettlement.NotYourOrder.selector, stranger, buyer));
        vm.prank(stranger);
        settlement.cancelOrder(aBid());
    }
}
