// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICustody} from "../src/interfaces/ICustody.sol";
import {Market} from "./support/Market.sol";

contract Exits is Market {
    function ask(uint128 amount) private {
        vm.prank(buyer);
        settlement.requestExit(amount);
    }

    function test_exit_needs_no_operator_after_the_notice() public {
        uint256 effectiveAt = block.timestamp + NOTICE;
        vm.expectEmit();
        emit ICustody.ExitRequested(buyer, 10e6, effectiveAt);
        ask(10e6);
        assertEq(settlement.exitOf(buyer).effectiveAt, effectiveAt, "effective at");

        vm.warp(effectiveAt - 1);
        vm.expectRevert(abi.encodeWithSelector(ICustody.NoticeNotOver.selector, effectiveAt));
        settlement.executeExit(buyer);

        vm.warp(effectiveAt);
        vm.expectEmit();
        emit ICustody.Exited(buyer, 10e6);
        vm.prank(stranger);
        settlement.executeExit(buyer);
        assertEq(token.balanceOf(buyer), 10e6, "paid");
        assertAccount(buyer, FUNDS - 10e6, 0, "buyer");
    }

    function test_exit_pays_what_is_free_when_trades_took_the_rest() public {
        ask(FUNDS);
        settleOne(aBid(), anOffer(), aFill());
        vm.warp(block.timestamp + NOTICE);
        vm.prank(buyer);
        settlement.executeExit(buyer);
        assertEq(token.balanceOf(buyer), FUNDS - PAYMENT - FEE, "paid");
        assertAccount(buyer, 0, PAYMENT + FEE, "buyer");
    }

    function test_a_wish_for_more_than_there_is_pays_everything_to_whoever_calls() public {
        ask(FUNDS + 1);
        vm.warp(block.timestamp + NOTICE);
        vm.prank(stranger);
        settlement.executeExit(buyer);
        assertEq(token.balanceOf(buyer), FUNDS, "paid");
        assertEq(settlement.exitOf(buyer).effectiveAt, 0, "over");
    }

    function test_an_exit_pays_once() public {
        ask(10e6);
        vm.warp(block.timestamp + NOTICE);
        settlement.executeExit(buyer);
        vm.expectRevert(abi.encodeWithSelector(ICustody.NoExitRequested.selector, buyer));
        settlement.executeExit(buyer);
    }

    function test_a_new_request_starts_the_notice_again() public {
        ask(10e6);
        vm.warp(block.timestamp + NOTICE);
        ask(20e6);
        vm.expectRevert(abi.encodeWithSelector(ICustody.NoticeNotOver.selector, block.timestamp + NOTICE));
        settlement.executeExit(buyer);
    }

    function test_asking_for_nothing_takes_the_request_back() public {
        ask(10e6);
        ask(0);
        vm.warp(block.timestamp + NOTICE);
        vm.expectRevert(abi.encodeWithSelector(ICustody.NoExitRequested.selector, buyer));
        settlement.executeExit(buyer);
    }

    function test_an_exit_of_somebody_with_nothing_free_waits() public {
        vm.prank(stranger);
        settlement.requestExit(1);
        vm.warp(block.timestamp + NOTICE);
        vm.expectRevert(abi.encodeWithSelector(ICustody.NothingToMove.selector));
        settlement.executeExit(stranger);
        assertEq(settlement.exitOf(stranger).amount, 1, "still asked for");
    }
}
