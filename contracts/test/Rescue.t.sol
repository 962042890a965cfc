// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDisputes} from "../src/interfaces/IDisputes.sol";
import {IGuarantee} from "../src/interfaces/IGuarantee.sol";
import {IStandby} from "../src/interfaces/IStandby.sol";
import {Leaf} from "../src/types/Leaf.sol";
import {Payout} from "../src/types/Payout.sol";
import {Outcome, Stage} from "../src/types/Stage.sol";
import {ShortTrades} from "./support/ShortTrades.sol";
import {StandbyStandIn} from "./support/StandbyStandIn.sol";

/// The seller fell short, and those whom it named deliver the rest.
contract Rescue is ShortTrades {
    /// Metered 1000 of 1500, and the challenge window is over.
    function missing500() private returns (Leaf memory leaf) {
        leaf = aShortTrade(1000);
        endChallengeWindow(leaf);
    }

    function conclude(Leaf memory leaf, IStandby.Terms memory terms) private {
        vm.prank(stranger);
        guarantee.concludeFallback(leaf, terms);
    }

    /// Have so many of the 500 lots delivered at a strike, and see what the parties and the supplier gain.
    function rescued(uint64 lots, uint64 strike, uint256 toSupplier, uint256 fromBuyer, uint256 compensation) private {
        setUp();
        IStandby.Terms memory terms = anOption(strike, "1");
        Leaf memory leaf = missing500();
        bytes32 callId = call(leaf, terms);
        standIn.endWith(callId, IStandby.CallStatus.Over, lots);
        conclude(leaf, terms);
        uint256 gap = toSupplier - fromBuyer;
        uint256 fee = (2_000_000 + fromBuyer) / 100;
        assertAccount(fallbackSupplier, toSupplier, 0, "supplier");
        assertAccount(seller, FUNDS + 2_000_000 - gap - compensation, 0, "seller");
        assertAccount(buyer, FUNDS - 2_000_000 - fromBuyer - fee + compensation, 0, "buyer");
        assertAccount(feeRecipient, fee, 0, "fee recipient");
        IGuarantee.State memory state = guarantee.stateOf(leaf.leafHash());
        assertEq(state.rescued, lots, "rescued");
        assertTrue(state.outcome == Outcome.Compensated, "outcome");
        assertEq(slot().allotted, 1000, "only the seller's lots are of its meter");
        assertEq(guarantee.callOf(leaf.leafHash()), 0, "concluded");
        assertNothingLocked();
    }

    // --- what a rescue pays -------------------------------------------------------------------------------------

    function test_the_collateral_pays_what_the_strike_is_dearer() public {
        rescued(500, 2_200_000, 1_100_000, 1_000_000, 650_000);
    }

    function test_the_buyer_keeps_what_the_strike_is_cheaper() public {
        rescued(500, 1_800_000, 900_000, 900_000, 750_000);
    }

    function test_a_fallback_is_paid_for_what_it_delivers() public {
        rescued(300, 2_200_000, 660_000, 600_000, 690_000);
        rescued(0, 2_200_000, 0, 0, 750_000);
    }

    function test_a_strike_may_use_up_the_collateral() public {
        rescued(500, 3_500_000, 1_750_000, 1_000_000, 0);
    }

    function test_a_penalty_comes_on_top() public {
        IStandby.Terms memory terms = anOption(2_200_000, "1");
        Leaf memory leaf = aShortTrade(1400);
        challenge(leaf, buyer, 1000);
        endChallengeWindow(leaf);
        rule(leaf, 1000, 0);
        standIn.endWith(call(leaf, terms), IStandby.CallStatus.Over, 500);
        conclude(leaf, terms);
        assertAccount(fallbackSupplier, 1_100_000, 0, "supplier");
        assertAccount(seller, FUNDS + 2_000_000 - COLLATERAL - BOND, 0, "seller");
        assertNothingLocked();
    }

    /// One account in two roles is served twice, and gains nothing by it.
    function test_the_buyer_may_be_the_fallback() public {
        fallbackSupplier = buyer;
        IStandby.Terms memory terms = anOption(2_200_000, "1");
        Leaf memory leaf = missing500();
        standIn.endWith(call(leaf, terms), IStandby.CallStatus.Over, 500);
        conclude(leaf, terms);
        assertAccount(buyer, FUNDS - 3_030_000 + 650_000 + 1_100_000, 0, "buyer");
        assertAccount(seller, FUNDS + 2_000_000 - 100_000 - 650_000, 0, "seller");
        assertAccount(feeRecipient, 30_000, 0, "fee recipient");
    }

    function test_the_venue_may_be_a_party() public {
        feeRecipient = seller;
        setUp();
        IStandby.Terms memory terms = anOption(2_200_000, "1");
        Leaf memory leaf = aShortTrade(1400);
        challenge(leaf, buyer, 1000);
        endChallengeWindow(leaf);
        rule(leaf, 1000, 0);
        standIn.endWith(call(leaf, terms), IStandby.CallStatus.Over, 500);
        conclude(leaf, terms);
        assertAccount(buyer, FUNDS - 3_030_000 + 650_000 + BOND, 0, "buyer");
        assertAccount(seller, FUNDS + 2_030_000 - 100_000 - 650_000 - BOND, 0, "seller");
        assertAccount(fallbackSupplier, 1_100_000, 0, "supplier");
    }

    // --- who may, and when --------------------------------------------------------------------------------------

    function test_the_buyer_calls_the_first_of_the_plan() public {
        IStandby.Terms memory terms = anOption(2_200_000, "1");
        Leaf memory leaf = missing500();
        bytes32 hash = leaf.leafHash();
        bytes32 callId = keccak256(abi.encode(hash, standIn.idOf(terms), 1));
        vm.expectEmit();
        emit IGuarantee.FallbackCalled(hash, 0, callId, 500);
        assertEq(call(leaf, terms), callId, "call");
        assertEq(guarantee.callOf(hash), callId, "call");
        assertEq(standIn.callOf(callId).lots, 500, "lots");
        assertStage(leaf, Stage.Rescue);
        assertEq(guarantee.payableFrom(leaf), type(uint256).max, "not as long as the call runs");
    }

    function test_nobody_else_calls() public {
        IStandby.Terms memory terms = anOption(2_200_000, "1");
        Leaf memory leaf = missing500();
        address[4] memory others = [seller, arbiter, fallbackSupplier, stranger];
        for (uint256 i = 0; i < 4; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IGuarantee.NotBuyer.selector, others[i]));
            vm.prank(others[i]);
            guarantee.callFallback(leaf, terms);
        }
    }

    function test_nothing_is_called_before_it_is_final_what_was_delivered() public {
        IStandby.Terms memory terms = anOption(2_200_000, "1");
        Leaf memory leaf = aShortTrade(1000);
        uint256 from = closesAt(leaf);
        vm.expectRevert(abi.encodeWithSelector(IGuarantee.NotFinalYet.selector, from));
        call(leaf, terms);
        challenge(leaf, buyer, 900);
        vm.warp(from + RULING_WINDOW - 1);
        vm.expectRevert(abi.encodeWithSelector(IGuarantee.NotFinalYet.selector, from + RULING_WINDOW));
        call(leaf, terms);
    }

    function test_a_call_after_the_arbiter_was_silent_gives_the_bonds_back() public {
        IStandby.Terms memory terms = anOption(2_200_000, "1");
        Leaf memory leaf = aShortTrade(1000);
        challenge(leaf, buyer, 900);
        endRulingWindow(leaf);
        call(leaf, terms);
        assertAccount(buyer, FUNDS - PAYMENT - FEE, PAYMENT + FEE, "the bond is back");
        IGuarantee.State memory state = guarantee.stateOf(leaf.leafHash());
        assertEq(state.delivered, 1000, "the reading stands");
        assertEq(state.finalAt, closesAt(leaf) + RULING_WINDOW, "final");
    }

    function test_calls_end_with_the_rescue_window() public {
        IStandby.Terms memory terms = anOption(2_200_000, "1");
        Leaf memory leaf = missing500();
        uint256 until = closesAt(leaf) + RESCUE_WINDOW;
        vm.warp(until);
        vm.expectRevert(abi.encodeWithSelector(IGuarantee.RescueOver.selector, until));
        call(leaf, terms);
        vm.warp(until - 1);
        call(leaf, terms);
    }

    function test_nothing_that_came_or_is_excused_is_rescued() public {
        IStandby.Terms memory terms = anOption(2_200_000, "1");
        Leaf memory leaf = aShortTrade(1000);
        plead(leaf);
        endChallengeWindow(leaf);
        rule(leaf, 1000, 400);
        assertEq(standIn.callOf(call(leaf, terms)).lots, 100, "of 500, 400 are excused");
        setUp();
        terms = anOption(2_200_000, "1");
        leaf = anUnmeteredTrade();
        report(1500);
        endChallengeWindow(leaf);
        vm.expectRevert(abi.encodeWithSelector(IGuarantee.NothingToRescue.selector, leaf.leafHash()));
        call(leaf, terms);
    }

    function test_without_a_plan_there_is_nobody_to_call_and_nothing_to_wait_for() public {
        Leaf memory leaf = missing500();
        vm.expectRevert(abi.encodeWithSelector(IGuarantee.PlanExhausted.selector, leaf.leafHash()));
        call(leaf, termsOf(2_200_000, "1"));
        assertEq(guarantee.payableFrom(leaf), closesAt(leaf), "payable");
        guarantee.payOut(leaf);
        assertNothingLocked();
    }

    function test_a_plan_gives_the_buyer_its_time() public {
        anOption(2_200_000, "1");
        Leaf memory leaf = missing500();
        uint256 until = closesAt(leaf) + RESCUE_WINDOW;
        assertEq(guarantee.payableFrom(leaf), until, "payable");
        vm.warp(until - 1);
        vm.expectRevert(abi.encodeWithSelector(IGuarantee.NotPayableYet.selector, until));
        guarantee.payOut(leaf);
        vm.warp(until);
        guarantee.payOut(leaf);
        assertNothingLocked();
    }

    function test_nothing_is_paid_while_a_call_runs() public {
        IStandby.Terms memory terms = anOption(2_200_000, "1");
        Leaf memory leaf = missing500();
        bytes32 callId = call(leaf, terms);
        vm.warp(block.timestamp + 30 days);
        vm.expectRevert(abi.encodeWithSelector(IGuarantee.FallbackPending.selector, callId));
        guarantee.payOut(leaf);
    }

    // --- rank ---------------------------------------------------------------------------------------------------

    function test_the_plan_is_called_in_its_sequence() public {
        IStandby.Terms memory first = anOption(2_200_000, "1");
        IStandby.Terms memory second = anOption(2_100_000, "2");
        Leaf memory leaf = missing500();
        bytes32 expected = standIn.idOf(first);
        vm.expectRevert(abi.encodeWithSelector(IGuarantee.NotTheFallback.selector, expected, standIn.idOf(second)));
        call(leaf, second);
        first.strike += 1;
        vm.expectRevert(abi.encodeWithSelector(IGuarantee.NotTheFallback.selector, expected, standIn.idOf(first)));
        call(leaf, first);
    }

    function test_one_call_at_a_time() public {
        IStandby.Terms memory terms = anOption(2_200_000, "1");
        Leaf memory leaf = missing500();
        bytes32 callId = call(leaf, terms);
        vm.expectRevert(abi.encodeWithSelector(IGuarantee.FallbackPending.selector, callId));
        call(leaf, terms);
    }

    function test_after_one_who_declined_comes_the_next() public {
        IStandby.Terms memory first = anOption(2_200_000, "1");
        IStandby.Terms memory second = anOption(2_100_000, "2");
        Leaf memory leaf = missing500();
        bytes32 callId = call(leaf, first);
        standIn.end(callId, IStandby.CallStatus.Declined, 0);
        vm.expectEmit();
        emit IGuarantee.FallbackDeclined(leaf.leafHash(), 0, callId);
        conclude(leaf, first);
        assertStage(leaf, Stage.Rescue);
        assertEq(guarantee.payableFrom(leaf), closesAt(leaf) + RESCUE_WINDOW, "the buyer may go on");

        standIn.endWith(call(leaf, second), IStandby.CallStatus.Over, 500);
        conclude(leaf, second);
        assertAccount(fallbackSupplier, 1_050_000, 0, "supplier");
        assertNothingLocked();
    }

    function test_when_all_declined_there_is_nothing_to_wait_for() public {
        IStandby.Terms memory terms = anOption(2_200_000, "1");
        Leaf memory leaf = missing500();
        standIn.endWith(call(leaf, terms), IStandby.CallStatus.Declined, 0);
        conclude(leaf, terms);
        assertEq(guarantee.payableFrom(leaf), closesAt(leaf), "payable");
        guarantee.payOut(leaf);
        assertNothingLocked();
    }

    function passedOver(Leaf memory leaf, IStandby.Terms memory terms, bytes memory reason) private {
        bytes32 optionId = standIn.idOf(terms);
        vm.expectEmit();
        emit IGuarantee.FallbackPassedOver(leaf.leafHash(), 0, optionId, reason);
        assertEq(call(leaf, terms), 0, "no call");
        assertEq(guarantee.stateOf(leaf.leafHash()).rank, 1, "next");
    }

    function test_an_option_that_standby_refuses_is_passed_over() public {
        IStandby.Terms memory first = anOption(2_200_000, "1");
        IStandby.Terms memory second = anOption(2_100_000, "2");
        standIn.close(first);
        Leaf memory leaf = missing500();
        passedOver(leaf, first, abi.encodeWithSelector(StandbyStandIn.Closed.selector, standIn.idOf(first)));
        assertTrue(call(leaf, second) != 0, "the next is called");
    }

    function test_a_strike_beyond_the_collateral_is_passed_over() public {
        IStandby.Terms memory terms = anOption(3_500_001, "1");
        Leaf memory leaf = missing500();
        bytes memory reason =
            abi.encodeWithSelector(IGuarantee.StrikeBeyondCollateral.selector, COLLATERAL + 1, COLLATERAL);
        passedOver(leaf, terms, reason);
        guarantee.payOut(leaf);
        assertNothingLocked();
    }

    function test_a_refusal_without_a_reason_passes_nobody_over() public {
        IStandby.Terms memory terms = anOption(2_200_000, "1");
        standIn.beMute();
        Leaf memory leaf = missing500();
        vm.expectRevert(abi.encodeWithSelector(IGuarantee.StandbyFailed.selector));
        call(leaf, terms);
    }

    // --- concluding ---------------------------------------------------------------------------------------------

    function test_only_a_call_is_concluded() public {
        IStandby.Terms memory terms = anOption(2_200_000, "1");
        Leaf memory leaf = missing500();
        vm.expectRevert(abi.encodeWithSelector(IGuarantee.NoFallbackCalled.selector, leaf.leafHash()));
        conclude(leaf, terms);
    }

    function test_a_call_that_runs_is_not_concluded() public {
        IStandby.Terms memory terms = anOption(2_200_000, "1");
        Leaf memory leaf = missing500();
        bytes32 callId = call(leaf, terms);
        vm.expectRevert(abi.encodeWithSelector(StandbyStandIn.TooEarly.selector, callId));
        conclude(leaf, terms);
        standIn.endWith(callId, IStandby.CallStatus.Accepted, 0);
        vm.expectRevert(abi.encodeWithSelector(IGuarantee.FallbackPending.selector, callId));
        conclude(leaf, terms);
    }

    function test_a_call_is_concluded_with_its_own_terms() public {
        IStandby.Terms memory terms = anOption(2_200_000, "1");
        Leaf memory leaf = missing500();
        bytes32 callId = call(leaf, terms);
        standIn.end(callId, IStandby.CallStatus.Over, 500);
        terms.strike = 3_500_000;
        terms.supplier = stranger;
        vm.expectRevert(abi.encodeWithSelector(StandbyStandIn.NotTheCall.selector, callId, standIn.idOf(terms)));
        conclude(leaf, terms);
    }

    function test_a_call_is_concluded_although_its_option_left_the_plan() public {
        IStandby.Terms memory first = anOption(2_200_000, "1");
        Leaf memory leaf = missing500();
        standIn.end(call(leaf, first), IStandby.CallStatus.Over, 400);
        IStandby.Terms memory other = termsOf(3_500_000, "2");
        standIn.replace(0, other);
        conclude(leaf, first);
        assertAccount(fallbackSupplier, 880_000, 0, "supplier");
        assertNothingLocked();
    }

    function test_no_more_is_rescued_than_was_missing() public {
        IStandby.Terms memory terms = anOption(2_200_000, "1");
        Leaf memory leaf = missing500();
        standIn.end(call(leaf, terms), IStandby.CallStatus.Over, 501);
        vm.expectEmit();
        emit IGuarantee.FallbackDelivered(leaf.leafHash(), fallbackSupplier, 500);
        conclude(leaf, terms);
        assertNothingLocked();
    }

    // --- fuzz ---------------------------------------------------------------------------------------------------

    /// Whoever is called at whatever strike: it is paid in full for what it delivers, or it was passed over.
    function testFuzz_a_rescue_is_paid_in_full_and_shares_out_the_lock(uint64 metered, uint64 strike, uint64 lots)
        public
    {
        metered = uint64(bound(metered, 0, QUANTITY - 1));
        strike = uint64(bound(strike, 0, 5_000_000));
        IStandby.Terms memory terms = anOption(strike, "1");
        Leaf memory leaf = aShortTrade(metered);
        endChallengeWindow(leaf);
        bytes32 callId = call(leaf, terms);
        if (callId == 0) {
            guarantee.payOut(leaf);
        } else {
            lots = uint64(bound(lots, 0, QUANTITY - metered));
            standIn.endWith(callId, IStandby.CallStatus.Over, lots);
            Payout memory payout = guarantee.payoutOf(leaf, metered, 0, lots, strike);
            assertEq(payout.paidToFallback, uint256(strike) * lots / 1000, "the whole strike");
            conclude(leaf, terms);
            assertEq(freeOf(fallbackSupplier), payout.paidToFallback, "supplier");
        }
        assertNothingLocked();
    }
}
