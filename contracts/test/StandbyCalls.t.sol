// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICustody} from "../src/interfaces/ICustody.sol";
import {IMetering} from "../src/interfaces/IMetering.sol";
import {ISettlement} from "../src/interfaces/ISettlement.sol";
import {IStandby} from "../src/interfaces/IStandby.sol";
import {Outcome, Stage} from "../src/types/Stage.sol";
import {StandbyMarket} from "./support/StandbyMarket.sol";

/// Options are called by whom they were promised to, answered in time, and the lots come off what is left.
contract StandbyCallsTest is StandbyMarket {
    IStandby.Terms private terms;
    bytes32 private id;
    uint64 private answerBy;

    function setUp() public override {
        super.setUp();
        terms = aTerms();
        id = open(terms);
        answerBy = uint64(vm.getBlockTimestamp()) + ANSWER_WINDOW;
    }

    function firstCall() private view returns (bytes32) {
        return keccak256(abi.encode(id, uint256(1)));
    }

    // --- asking -----------------------------------------------------------------------------------------------------

    function test_the_holder_calls_and_locks_the_strike() public {
        vm.expectEmit();
        emit IStandby.Called(firstCall(), id, 0, 1000, answerBy, HOUR + 23);
        bytes32 callId = callDirectly(terms, 1000);
        assertEq(callId, firstCall(), "call id");
        assertStage(id, Stage.Delivering, Outcome.None);
        assertEq(standby.lotsLeft(id), LOTS - 1000, "left");
        IStandby.Call memory asked = standby.callOf(callId);
        assertStatus(callId, IStandby.CallStatus.Asked);
        assertEq(asked.lots, 1000, "lots");
        assertEq(asked.answerBy, answerBy, "answer by");
        assertEq(settlement.escrowOf(address(standby), callId, holder), STRIKE, "strike behind the call");
        assertAccount(holder, FUNDS - PREMIUM - STRIKE, PREMIUM + STRIKE, "holder");
    }

    function test_what_is_locked_is_rounded_up() public {
        IStandby.Terms memory odd = salted(1);
        odd.strike = STRIKE + 1;
        open(odd);
        bytes32 callId = callDirectly(odd, 1);
        assertEq(settlement.escrowOf(address(standby), callId, holder), 2401, "2400.001");
        assertEq(standby.strikeOf(odd, 1), 2400, "what one lot earns");
        accept(callId, odd, HOUR);
        supply(HOUR, 1);
        standby.conclude(callId, odd);
        assertAccount(supplier, FUNDS + 2400, 0, "supplier");
        assertAccount(holder, FUNDS - 2 * PREMIUM - 2400, 2 * PREMIUM, "holder");
    }

    function test_the_guarantee_calls_and_nothing_is_locked() public {
        vm.expectEmit();
        emit IStandby.Called(firstCall(), id, keccak256("a short trade"), LOTS, answerBy, HOUR + 23);
        bytes32 callId = callForTrade(terms, LOTS);
        assertAccount(holder, FUNDS - PREMIUM, PREMIUM, "holder");
        assertEq(settlement.escrowOf(address(standby), callId, holder), 0, "behind the call");
        assertEq(standby.lotsLeft(id), 0, "left");
    }

    function testFuzz_nobody_else_calls(address caller) public {
        if (caller != address(guarantee)) {
            vm.expectRevert(abi.encodeWithSelector(ISettlement.NotGuarantee.selector, caller));
            vm.prank(caller);
            standby.callFor(keccak256("nothing"), terms, 1);
        }
        if (caller != holder) {
            vm.expectRevert(abi.encodeWithSelector(IStandby.NotHolder.selector, caller));
            vm.prank(caller);
            standby.call(terms, 1, ANYTIME);
        }
    }

    function test_the_strike_must_be_there() public {
        vm.prank(holder);
        settlement.requestExit(FUNDS);
        vm.warp(vm.getBlockTimestamp() + NOTICE);
        vm.prank(holder);
        settlement.executeExit(holder);
        vm.expectRevert(abi.encodeWithSelector(ICustody.InsufficientFree.selector, holder, 0, STRIKE));
        callDirectly(terms, 1000);
    }

    function testFuzz_no_more_is_called_than_is_left(uint64 first, uint64 second) public {
        first = uint64(bound(first, 1, LOTS));
        callForTrade(terms, first);
        uint64 left = LOTS - first;
        second = uint64(bound(second, left + 1, type(uint64).max));
        assertTrue(!standby.isCallable(terms, second), "not so many");
        vm.expectRevert(abi.encodeWithSelector(IStandby.LotsNotLeft.selector, id, left, second));
        callForTrade(terms, second);
        vm.expectRevert(abi.encodeWithSelector(IStandby.LotsNotLeft.selector, id, left, uint64(0)));
        callDirectly(terms, 0);
        assertTrue(!standby.isCallable(terms, 0), "not nothing");
    }

    function test_what_is_not_open_cannot_be_called() public {
        IStandby.Terms memory other = salted(1);
        assertTrue(!standby.isCallable(other, 1), "never opened");
        vm.expectRevert(abi.encodeWithSelector(IStandby.LotsNotLeft.selector, idOf(other), 0, uint64(1)));
        callDirectly(other, 1);
        vm.prank(supplier);
        standby.retract(other);
        vm.expectRevert(abi.encodeWithSelector(IStandby.LotsNotLeft.selector, idOf(other), 0, uint64(1)));
        callForTrade(other, 1);
    }

    function test_an_hour_must_begin_after_the_answer_is_due() public {
        uint256 lastBegins = uint256(terms.lastHour) * 1 hours;
        vm.warp(lastBegins - ANSWER_WINDOW - 1);
        assertTrue(standby.isCallable(terms, 1), "in the last second");
        callForTrade(terms, 1);
        vm.warp(lastBegins - ANSWER_WINDOW);
        assertTrue(!standby.isCallable(terms, 1), "too late");
        bytes memory refusal =
            abi.encodeWithSelector(IStandby.NoHourLeft.selector, terms.lastHour + 1, terms.lastHour + 1);
        vm.expectRevert(refusal);
        callForTrade(terms, 1);
        vm.expectRevert(refusal);
        callDirectly(terms, 1);
    }

    function test_hours_beyond_the_delivery_window_cannot_be_called_yet() public {
        IStandby.Terms memory later = salted(1);
        (later.firstHour, later.lastHour) = (HOUR + 100, HOUR + 200);
        open(later);
        uint256 begins = uint256(later.firstHour) * 1 hours;
        vm.warp(begins - DELIVERY_WINDOW - 1);
        assertTrue(!standby.isCallable(later, 1), "not yet");
        vm.expectRevert(abi.encodeWithSelector(IStandby.NoHourLeft.selector, HOUR + 100, HOUR + 100));
        callForTrade(later, 1);
        vm.warp(begins - DELIVERY_WINDOW);
        bytes32 callId = callForTrade(later, 1);
        vm.expectRevert(abi.encodeWithSelector(IStandby.HourUnfit.selector, HOUR + 101, HOUR + 100, HOUR + 100));
        accept(callId, later, HOUR + 101);
        accept(callId, later, HOUR + 100);
    }

    function test_the_holder_says_by_when_it_needs_the_delivery() public {
        vm.expectRevert(abi.encodeWithSelector(IStandby.NoHourLeft.selector, HOUR, HOUR));
        vm.prank(holder);
        standby.call(terms, 1, uint64(SLOT_END - 1));
        vm.expectRevert(abi.encodeWithSelector(IStandby.NoHourLeft.selector, HOUR, 0));
        vm.prank(holder);
        standby.call(terms, 1, 0);
        vm.prank(holder);
        bytes32 callId = standby.call(terms, 1, uint64(SLOT_END));
        vm.expectRevert(abi.encodeWithSelector(IStandby.HourUnfit.selector, HOUR + 1, HOUR, HOUR));
        accept(callId, terms, HOUR + 1);
        accept(callId, terms, HOUR);
    }

    function testFuzz_is_callable_tells_what_call_for_does(uint32 wait, uint64 lots, uint32 first, uint32 hours_)
        public
    {
        IStandby.Terms memory other = salted(1);
        other.firstHour = HOUR + uint32(bound(first, 0, 100));
        other.lastHour = other.firstHour + uint32(bound(hours_, 0, 60));
        open(other);
        vm.warp(vm.getBlockTimestamp() + bound(wait, 0, 200 hours));
        lots = uint64(bound(lots, 0, LOTS + 1));
        bool callable = standby.isCallable(other, lots);
        vm.prank(address(guarantee));
        try standby.callFor("", other, lots) {
            assertTrue(callable, "taken");
        } catch {
            assertTrue(!callable, "refused");
        }
    }

    // --- answering ---------------------------------------------------------------------------------------------------

    function test_what_is_accepted_counts_as_sold_of_the_suppliers_hour() public {
        bytes32 callId = callDirectly(terms, 1000);
        vm.expectEmit();
        emit IStandby.CallAccepted(callId, id, HOUR + 2, supplierMeter, 0);
        accept(callId, terms, HOUR + 2);
        bytes32 second = callForTrade(terms, 500);
        accept(second, terms, HOUR + 2);
        assertStatus(callId, IStandby.CallStatus.Accepted);
        IStandby.Call memory accepted = standby.callOf(second);
        assertEq(accepted.meter, supplierMeter, "meter");
        assertEq(accepted.startHour, HOUR + 2, "hour");
        assertEq(accepted.soldBefore, 1000, "after the first");
        assertEq(supplied(HOUR + 2).sold, 1500, "sold");
    }

    function testFuzz_only_the_supplier_answers(address caller) public {
        vm.assume(caller != supplier);
        bytes32 callId = callDirectly(terms, 1000);
        vm.expectRevert(abi.encodeWithSelector(IStandby.NotSupplier.selector, caller));
        vm.prank(caller);
        standby.accept(callId, terms, HOUR);
        vm.expectRevert(abi.encodeWithSelector(IStandby.NotSupplier.selector, caller));
        vm.prank(caller);
        standby.decline(callId, terms);
    }

    function testFuzz_an_hour_is_the_options_and_lies_ahead(uint32 hour) public {
        bytes32 callId = callDirectly(terms, 1000);
        bool fits = hour >= terms.firstHour && hour <= terms.lastHour;
        if (!fits) {
            vm.expectRevert(abi.encodeWithSelector(IStandby.HourUnfit.selector, hour, HOUR, HOUR + 23));
        }
        accept(callId, terms, hour);
        if (fits) assertEq(supplied(hour).sold, 1000, "sold");
    }

    function test_an_hour_that_has_begun_cannot_be_chosen() public {
        vm.warp(BEGIN - ANSWER_WINDOW);
        bytes32 callId = callDirectly(terms, 1000);
        vm.warp(BEGIN);
        vm.expectRevert(abi.encodeWithSelector(IMetering.SlotBegun.selector, HOUR));
        accept(callId, terms, HOUR);
        accept(callId, terms, HOUR + 1);
    }

    function test_an_answer_is_given_in_time_and_once() public {
        bytes32 callId = callDirectly(terms, 1000);
        vm.warp(answerBy + 1);
        vm.expectRevert(abi.encodeWithSelector(IStandby.AnswerOverdue.selector, answerBy));
        accept(callId, terms, HOUR);
        vm.warp(answerBy);
        accept(callId, terms, HOUR);
        bytes memory refusal =
            abi.encodeWithSelector(IStandby.CallNotAsked.selector, callId, IStandby.CallStatus.Accepted);
        vm.expectRevert(refusal);
        accept(callId, terms, HOUR);
        vm.expectRevert(refusal);
        decline(callId, terms);
    }

    function test_a_call_is_answered_on_its_own_terms() public {
        bytes32 callId = callDirectly(terms, 1000);
        IStandby.Terms memory other = salted(1);
        bytes32 otherId = open(other);
        bytes memory refusal = abi.encodeWithSelector(IStandby.NotTheCall.selector, callId, otherId);
        vm.expectRevert(refusal);
        accept(callId, other, HOUR);
        vm.expectRevert(refusal);
        decline(callId, other);
        vm.expectRevert(refusal);
        standby.conclude(callId, other);
        bytes32 noCall = keccak256(abi.encode(id, uint256(0)));
        vm.expectRevert(abi.encodeWithSelector(IStandby.NotTheCall.selector, noCall, id));
        standby.conclude(noCall, terms);
    }
}
