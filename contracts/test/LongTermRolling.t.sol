// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDisputes} from "../src/interfaces/IDisputes.sol";
import {ILongTerm} from "../src/interfaces/ILongTerm.sol";
import {Activation} from "../src/types/Activation.sol";
import {Outcome, Stage} from "../src/types/Stage.sol";
import {PeriodStatement} from "../src/types/Statements.sol";
import {LongTermMarket} from "./support/LongTermMarket.sol";

/// How stakes are filled up, what happens if they are not, and how an agreement ends before its time.
contract LongTermRolling is LongTermMarket {
    Activation private activation;
    bytes32 private id;

    function setUp() public override {
        super.setUp();
        activation = anActivation(someTerms());
        id = activated(activation);
    }

    /// Settle the first period with this side short of money; return when the grace is over.
    function settleShort(address participant, uint256 left) private returns (uint256) {
        vm.warp(endOf(0) - NOTICE);
        keepOnly(participant, left);
        settleQuietly(activation, uint128(PRICE_OF_DAY), 0);
        assertTrue(!stateOf(activation).funded, "not funded");
        return vm.getBlockTimestamp() + GRACE;
    }

    // --- filling up -------------------------------------------------------------------------------------------------

    function test_a_side_that_was_short_fills_up_within_the_grace() public {
        settleShort(buyer, 5_049_999);
        assertEq(escrowed(activation, buyer), BUYER_DEPOSIT, "all or nothing");
        longTerm.roll(activation);
        assertTrue(!stateOf(activation).funded, "still short");
        fund(buyer, 1);
        vm.expectEmit();
        emit ILongTerm.PeriodFunded(id, 1);
        longTerm.roll(activation);
        assertAccount(buyer, 0, BUYER_STAKE, "buyer");
        vm.expectRevert(abi.encodeWithSelector(ILongTerm.AlreadyFunded.selector, id, 1));
        longTerm.roll(activation);
    }

    function test_a_period_that_is_not_funded_is_not_settled() public {
        settleShort(buyer, 0);
        vm.warp(endOf(1));
        vm.expectRevert(abi.encodeWithSelector(ILongTerm.NotFunded.selector, id, 1));
        settleAgreed(activation, PeriodStatement(1, 0, 0, type(uint64).max));
    }

    function test_nobody_else_can_have_a_stake_taken() public {
        vm.expectRevert(abi.encodeWithSelector(ILongTerm.AlreadyFunded.selector, id, 0));
        longTerm.roll(activation);
        Activation memory other = anActivation(someTerms());
        other.salt = "other";
        bytes32 otherId = idOf(other);
        vm.expectRevert(abi.encodeWithSelector(ILongTerm.WrongStage.selector, otherId, Stage.None));
        longTerm.roll(other);
        vm.expectRevert(abi.encodeWithSelector(ILongTerm.WrongStage.selector, otherId, Stage.None));
        longTerm.terminate(other);
    }

    // --- default ----------------------------------------------------------------------------------------------------

    function test_a_buyer_in_default_loses_its_deposit() public {
        uint256 until = settleShort(buyer, 0);
        vm.expectRevert(abi.encodeWithSelector(ILongTerm.GraceRuns.selector, until));
        longTerm.terminate(activation);
        vm.warp(until);
        vm.expectEmit();
        emit ILongTerm.AgreementDefaulted(id, 1, true, false, BUYER_DEPOSIT, 0);
        vm.expectEmit();
        emit ILongTerm.AgreementClosed(id, Outcome.Terminated);
        longTerm.terminate(activation);
        assertClosed(activation, Outcome.Terminated);
        assertAccount(buyer, 0, 0, "buyer");
        assertAccount(seller, FUNDS + PRICE_OF_DAY + BUYER_DEPOSIT, 0, "seller");
    }

    function test_a_deposit_is_what_is_left_of_it_and_no_more() public {
        vm.warp(endOf(0) - NOTICE);
        keepOnly(buyer, 0);
        settleQuietly(activation, 5_500_000, 0);
        wait(GRACE);
        longTerm.terminate(activation);
        assertAccount(seller, FUNDS + 5_500_000 + 495_000, 0, "seller");

        activation.salt = "again";
        activation.firstHour += 20 * 24;
        activation.activateUntil = type(uint64).max;
        fund(buyer, BUYER_STAKE);
        id = activated(activation);
        warpTo(activation.firstHour * 1 hours + 1 days);
        settleAgreed(activation, PeriodStatement(0, 1, 0, type(uint64).max));
        wait(GRACE);
        longTerm.terminate(activation);
        assertAccount(buyer, BUYER_STAKE - 1 - BUYER_DEPOSIT, 0, "the rest is the buyer's");
    }

    function test_a_seller_in_default_loses_its_stake() public {
        vm.warp(endOf(0) - NOTICE);
        keepOnly(seller, 0);
        settleQuietly(activation, 0, 500_000);
        wait(GRACE);
        longTerm.terminate(activation);
        assertClosed(activation, Outcome.Terminated);
        assertAccount(buyer, FUNDS + SELLER_STAKE, 0, "buyer");
        assertAccount(seller, 0, 0, "seller");
    }

    function test_if_both_are_in_default_neither_pays() public {
        vm.warp(endOf(0) - 3 * NOTICE);
        keepOnly(buyer, 0);
        keepOnly(seller, 0);
        // The fee makes both shorter: the buyer pays 1.01 and gets 1.005.
        settleQuietly(activation, 1e6, 1_005_000);
        assertTrue(!stateOf(activation).funded, "neither");
        wait(GRACE);
        longTerm.terminate(activation);
        assertAccount(buyer, BUYER_STAKE - 5000, 0, "buyer");
        assertAccount(seller, SELLER_STAKE - 5000, 0, "seller");
    }

    function test_who_can_pay_is_not_in_default() public {
        uint256 until = settleShort(buyer, 0);
        fund(buyer, FUNDS);
        vm.warp(until);
        vm.expectRevert(abi.encodeWithSelector(ILongTerm.NotInDefault.selector, id));
        longTerm.terminate(activation);
        longTerm.roll(activation);
        vm.expectRevert(abi.encodeWithSelector(ILongTerm.AlreadyFunded.selector, id, 1));
        longTerm.terminate(activation);
    }

    // --- nobody presents the terms ------------------------------------------------------------------------------------

    function test_a_period_of_which_nobody_tells_moves_nothing() public {
        uint256 until = endOf(0) + READING + GRACE;
        vm.warp(until - 1);
        vm.expectRevert(abi.encodeWithSelector(ILongTerm.WindowOpen.selector, until));
        longTerm.lapse(activation);
        vm.warp(until);
        vm.expectEmit();
        emit ILongTerm.PeriodLapsed(id, 0);
        vm.expectEmit();
        emit ILongTerm.PeriodSettled(id, 0, 0, 0, 0);
        vm.expectEmit();
        emit ILongTerm.PeriodFunded(id, 1);
        longTerm.lapse(activation);
        assertAccount(buyer, FUNDS - BUYER_STAKE, BUYER_STAKE, "buyer");
    }

    function test_after_filling_up_late_there_is_still_time_to_present_the_terms() public {
        settleShort(buyer, 0);
        vm.warp(endOf(1) + 30 days);
        fund(buyer, FUNDS);
        longTerm.roll(activation);
        uint256 until = vm.getBlockTimestamp() + READING + GRACE;
        vm.expectRevert(abi.encodeWithSelector(ILongTerm.WindowOpen.selector, until));
        longTerm.lapse(activation);
    }

    function test_strangers_bring_a_silent_agreement_to_its_end() public {
        for (uint256 i = 0; i < PERIODS; ++i) {
            warpTo(endOf(i) + READING + GRACE);
            vm.prank(stranger);
            longTerm.lapse(activation);
        }
        assertClosed(activation, Outcome.Fulfilled);
        assertAccount(buyer, FUNDS, 0, "buyer");
        assertAccount(seller, FUNDS, 0, "seller");
    }

    // --- notice -------------------------------------------------------------------------------------------------------

    function test_notice_ends_it_with_the_period_that_contains_its_end() public {
        vm.warp(BEGINS + 1 hours);
        vm.expectEmit();
        emit ILongTerm.NoticeGiven(id, seller, 2);
        vm.prank(seller);
        longTerm.giveNotice(activation);
        settleQuietly(activation, uint128(PRICE_OF_DAY), 0);
        settleQuietly(activation, uint128(PRICE_OF_DAY), 0);
        assertClosed(activation, Outcome.Terminated);
    }

    function test_notice_before_the_beginning_ends_it_at_once() public {
        activation.salt = "later";
        activation.firstHour += 48;
        id = activated(activation);
        vm.prank(buyer);
        longTerm.giveNotice(activation);
        assertClosed(activation, Outcome.Terminated);
        assertAccount(buyer, FUNDS - BUYER_STAKE, BUYER_STAKE, "the other agreement goes on");
    }

    function test_notice_is_the_parties_and_shortens_only() public {
        vm.expectRevert(abi.encodeWithSelector(IDisputes.NotParty.selector, stranger));
        vm.prank(stranger);
        longTerm.giveNotice(activation);
        vm.warp(endOf(0) + 1);
        vm.expectRevert(abi.encodeWithSelector(ILongTerm.NoticeTooLate.selector, PERIODS));
        vm.prank(buyer);
        longTerm.giveNotice(activation);
    }

    function test_notice_may_come_while_a_period_is_reported_and_not_after_the_end() public {
        activation.salt = "short notice";
        activation.notice = 1;
        vm.warp(BEGINS - 1);
        id = activated(activation);
        reportUnits(activation, someTerms(), LOTS);
        vm.prank(buyer);
        longTerm.giveNotice(activation);
        wait(CHALLENGE);
        longTerm.payOut(activation, abi.encode(someTerms()));
        settleQuietly(activation, 0, 0);
        assertClosed(activation, Outcome.Terminated);
        vm.expectRevert(abi.encodeWithSelector(ILongTerm.WrongStage.selector, id, Stage.Closed));
        vm.prank(buyer);
        longTerm.giveNotice(activation);
    }
}
