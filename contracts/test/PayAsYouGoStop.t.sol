// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IPayAsYouGo} from "../src/interfaces/IPayAsYouGo.sol";
import {Outcome, Stage} from "../src/types/Stage.sol";
import {Vm} from "./support/Vm.sol";
import {PayAsYouGoMarket} from "./support/PayAsYouGoMarket.sol";

/// How an agreement ends: stopped by either side, drawn to the end, closed by anyone.
contract PayAsYouGoStop is PayAsYouGoMarket {
    function test_either_side_stops_and_the_end_is_a_notice_away() public {
        for (uint256 i = 0; i < 2; ++i) {
            IPayAsYouGo.Terms memory terms = someTerms();
            terms.salt = bytes32(i);
            open(terms);
            address by = i == 0 ? buyer : seller;
            uint256 endsAt = vm.getBlockTimestamp() + STOP_NOTICE;
            vm.expectEmit();
            emit IPayAsYouGo.Stopped(idOf(terms), by, endsAt);
            stop(terms, by);
            assertEq(stateOf(terms).endsAt, endsAt, "ends");
            assertStands(terms, Stage.Active, Outcome.Fulfilled);
        }
    }

    function test_nobody_else_stops() public {
        IPayAsYouGo.Terms memory terms = opened();
        address[3] memory others = [operator, meter, stranger];
        for (uint256 i = 0; i < 3; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IPayAsYouGo.NotAParty.selector, others[i]));
            stop(terms, others[i]);
        }
    }

    function test_the_end_stands_whoever_asks_again() public {
        IPayAsYouGo.Terms memory terms = opened();
        stop(terms, buyer);
        uint256 endsAt = stateOf(terms).endsAt;
        vm.warp(vm.getBlockTimestamp() + 1 hours);
        vm.recordLogs();
        stop(terms, buyer);
        stop(terms, seller);
        assertEq(vm.getRecordedLogs().length, 0, "nothing said");
        assertEq(stateOf(terms).endsAt, endsAt, "ends");
    }

    function test_units_up_to_the_end_count_within_the_window_after_it() public {
        IPayAsYouGo.Terms memory terms = opened();
        stop(terms, seller);
        uint256 endsAt = stateOf(terms).endsAt;
        vm.warp(endsAt + LAST_READING);
        IPayAsYouGo.CumulativeReading memory reading = readingOf(terms, endsAt + 1, 1500);
        vm.expectRevert(abi.encodeWithSelector(IPayAsYouGo.ReadingBeyondEnd.selector, endsAt, endsAt + 1));
        payAsYouGo.draw(terms, reading);
        payAsYouGo.draw(terms, readingOf(terms, endsAt - 1, 1500));
        assertAccount(seller, FUNDS + 3e6, 0, "seller");

        reading = readingOf(terms, endsAt, 1600);
        vm.warp(endsAt + LAST_READING + 1);
        vm.expectRevert(abi.encodeWithSelector(IPayAsYouGo.ReadingWindowOver.selector, endsAt + LAST_READING));
        payAsYouGo.draw(terms, reading);
    }

    function test_the_rest_goes_back_when_the_window_is_over() public {
        IPayAsYouGo.Terms memory terms = opened();
        drawAfter(terms, 1, 1500);
        stop(terms, buyer);
        uint256 closesAt = stateOf(terms).endsAt + LAST_READING;
        vm.warp(closesAt);
        vm.expectRevert(abi.encodeWithSelector(IPayAsYouGo.ReadingWindowOpen.selector, closesAt));
        payAsYouGo.close(terms);
        vm.warp(closesAt + 1);
        vm.expectEmit();
        emit IPayAsYouGo.Closed(idOf(terms), DEPOSIT - 3_030_000);
        vm.prank(stranger);
        payAsYouGo.close(terms);
        assertStands(terms, Stage.Closed, Outcome.Fulfilled);
        assertAccount(buyer, FUNDS - 3_030_000, 0, "buyer");
        assertEq(left(terms), 0, "left");
    }

    function test_the_reading_up_to_the_end_closes_it_without_waiting() public {
        IPayAsYouGo.Terms memory terms = opened();
        stop(terms, buyer);
        drawAfter(terms, STOP_NOTICE, 1500);
        payAsYouGo.close(terms);
        assertStands(terms, Stage.Closed, Outcome.Fulfilled);
        assertAccount(buyer, FUNDS - 3_030_000, 0, "buyer");
    }

    function test_what_nobody_stopped_does_not_close() public {
        IPayAsYouGo.Terms memory terms = opened();
        vm.warp(vm.getBlockTimestamp() + 3650 days);
        vm.expectRevert(abi.encodeWithSelector(IPayAsYouGo.NotStopped.selector, idOf(terms)));
        payAsYouGo.close(terms);
    }

    function test_what_is_closed_is_over() public {
        IPayAsYouGo.Terms memory terms = opened();
        stop(terms, buyer);
        drawAfter(terms, STOP_NOTICE, 1500);
        payAsYouGo.close(terms);
        bytes memory refusal = abi.encodeWithSelector(IPayAsYouGo.AgreementNotActive.selector, idOf(terms));
        vm.expectRevert(refusal);
        payAsYouGo.close(terms);
        vm.expectRevert(refusal);
        stop(terms, seller);
        vm.expectRevert(refusal);
        topUp(terms, 1);
    }

    // --- a buyer who does not pay in ---------------------------------------------------------------------------------

    function test_a_seller_left_unpaid_for_a_notice_stops_at_once() public {
        IPayAsYouGo.Terms memory terms = opened();
        drawAfter(terms, 1 hours, 6000);
        vm.warp(vm.getBlockTimestamp() + STOP_NOTICE);
        uint256 now_ = vm.getBlockTimestamp();
        vm.expectEmit();
        emit IPayAsYouGo.Stopped(idOf(terms), seller, now_);
        stop(terms, seller);
        assertStands(terms, Stage.Active, Outcome.Terminated);
        vm.warp(now_ + LAST_READING + 1);
        vm.recordLogs();
        payAsYouGo.close(terms);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        assertEq(logs.length, 1, "closed, nothing to share");
        assertStands(terms, Stage.Closed, Outcome.Terminated);
        assertAccount(buyer, FUNDS - DEPOSIT, 0, "buyer");
        assertAccount(seller, FUNDS + 10e6, 0, "seller");
    }

    function test_a_second_early_it_has_to_give_notice() public {
        IPayAsYouGo.Terms memory terms = opened();
        drawAfter(terms, 1 hours, 6000);
        vm.warp(vm.getBlockTimestamp() + STOP_NOTICE - 1);
        stop(terms, seller);
        assertEq(stateOf(terms).endsAt, vm.getBlockTimestamp() + STOP_NOTICE, "ends");
        assertStands(terms, Stage.Active, Outcome.Fulfilled);
    }

    function test_a_buyer_always_gives_notice() public {
        IPayAsYouGo.Terms memory terms = opened();
        drawAfter(terms, 1 hours, 6000);
        vm.warp(vm.getBlockTimestamp() + 2 * STOP_NOTICE);
        stop(terms, buyer);
        assertEq(stateOf(terms).endsAt, vm.getBlockTimestamp() + STOP_NOTICE, "ends");
    }

    function test_one_who_pays_in_again_is_given_notice() public {
        IPayAsYouGo.Terms memory terms = opened();
        drawAfter(terms, 1 hours, 6000);
        vm.warp(vm.getBlockTimestamp() + 2 * STOP_NOTICE);
        topUp(terms, 1e6);
        stop(terms, seller);
        assertEq(stateOf(terms).endsAt, vm.getBlockTimestamp() + STOP_NOTICE, "ends");
    }

    function test_what_is_paid_in_after_the_end_comes_back() public {
        IPayAsYouGo.Terms memory terms = opened();
        stop(terms, buyer);
        vm.warp(vm.getBlockTimestamp() + STOP_NOTICE + LAST_READING + 1);
        topUp(terms, 5e6);
        payAsYouGo.close(terms);
        assertAccount(buyer, FUNDS, 0, "buyer");
    }

    // --- whatever the times -----------------------------------------------------------------------------------------

    function testFuzz_every_agreement_closes_and_pays_out_every_micro(
        uint32 notice,
        uint32 window,
        uint64 units,
        uint256 time,
        bool bySeller
    ) public {
        IPayAsYouGo.Terms memory terms = someTerms();
        (terms.notice, terms.readingWindow) = (notice, window);
        open(terms);
        time = bound(time, 1, 3650 days);
        drawAfter(terms, time, units);
        vm.warp(vm.getBlockTimestamp() + time);
        stop(terms, bySeller ? seller : buyer);
        uint256 endsAt = stateOf(terms).endsAt;
        bool exhausted = left(terms) == 0;
        bool atOnce = bySeller && exhausted && time >= notice;
        assertEq(endsAt, vm.getBlockTimestamp() + (atOnce ? 0 : notice), "ends");
        vm.warp(endsAt + window + 1);
        payAsYouGo.close(terms);
        assertEq(left(terms), 0, "left");
        assertEq(settlement.accountOf(buyer).locked, 0, "locked");
        uint256 all = settlement.accountOf(buyer).free + settlement.accountOf(seller).free
            + settlement.accountOf(feeRecipient).free;
        assertEq(all, 2 * FUNDS, "all of it is somebody's");
    }
}
