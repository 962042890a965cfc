// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IStandby} from "../src/interfaces/IStandby.sol";
import {Leaf} from "../src/types/Leaf.sol";
import {Order} from "../src/types/Order.sol";
import {Outcome, Stage} from "../src/types/Stage.sol";
import {Fill, Packing} from "./support/Packing.sol";
import {StandbyMarket} from "./support/StandbyMarket.sol";

/// How calls end: delivered, short, declined, lapsed; what is paid, and where the premium goes.
contract StandbyEndsTest is StandbyMarket {
    IStandby.Terms private terms;
    bytes32 private id;

    function setUp() public override {
        super.setUp();
        terms = aTerms();
        id = open(terms);
    }

    function strike(uint64 lots) private pure returns (uint256) {
        return uint256(STRIKE) * lots / 1000;
    }

    function assertPremiumLost() private view {
        assertEq(settlement.escrowOf(address(standby), id, holder), 0, "premium released");
        assertEq(standby.lotsLeft(id), 0, "nothing left to call");
        assertEq(uint256(standby.outcomeOf(id)), uint256(Outcome.Compensated), "compensated");
    }

    function test_what_was_delivered_is_paid_and_earns_the_premium() public {
        bytes32 callId = callDirectly(terms, 1000);
        accept(callId, terms, HOUR);
        supply(HOUR, 5000);
        vm.expectEmit();
        emit IStandby.CallOver(callId, id, 1000, 1000, strike(1000));
        vm.prank(stranger);
        IStandby.Call memory over = standby.conclude(callId, terms);
        assertEq(over.delivered, 1000, "delivered");
        assertEq(supplied(HOUR).allotted, 1000, "allotted");
        assertAccount(supplier, FUNDS + strike(1000), 0, "supplier");
        assertAccount(holder, FUNDS - strike(1000) - PREMIUM, PREMIUM, "holder");
        assertStage(id, Stage.Active, Outcome.None);
        vm.warp((uint256(terms.lastHour) + 1) * 1 hours);
        standby.close(terms);
        assertStage(id, Stage.Closed, Outcome.Fulfilled);
        assertAccount(supplier, FUNDS + strike(1000) + PREMIUM, 0, "supplier");
        assertAccount(holder, FUNDS - strike(1000) - PREMIUM, 0, "holder");
    }

    function testFuzz_a_short_call_pays_what_came_and_loses_the_premium(uint64 lots, uint64 units) public {
        lots = uint64(bound(lots, 1, LOTS));
        units = uint64(bound(units, 0, lots - 1));
        bytes32 callId = callDirectly(terms, lots);
        accept(callId, terms, HOUR);
        supply(HOUR, units);
        vm.expectEmit();
        emit IStandby.PremiumPaid(id, holder, PREMIUM);
        standby.conclude(callId, terms);
        assertPremiumLost();
        assertStage(id, Stage.Closed, Outcome.Compensated);
        assertAccount(supplier, FUNDS + strike(units), 0, "supplier");
        assertAccount(holder, FUNDS - strike(units), 0, "holder");
        assertEq(supplied(HOUR).allotted, units, "allotted");
    }

    function test_a_call_for_a_trade_allots_and_pays_nothing_here() public {
        bytes32 callId = callForTrade(terms, 1000);
        accept(callId, terms, HOUR);
        supply(HOUR, 800);
        vm.expectEmit();
        emit IStandby.CallOver(callId, id, 1000, 800, 0);
        standby.conclude(callId, terms);
        assertEq(supplied(HOUR).allotted, 800, "allotted");
        assertAccount(supplier, FUNDS, 0, "supplier");
        assertAccount(holder, FUNDS, 0, "holder, with its premium");
    }

    function test_a_decline_ends_the_option_at_once() public {
        bytes32 callId = callDirectly(terms, 1000);
        vm.expectEmit();
        emit IStandby.CallDeclined(callId, id, false);
        vm.expectEmit();
        emit IStandby.PremiumPaid(id, holder, PREMIUM);
        vm.expectEmit();
        emit IStandby.OptionClosed(id, Outcome.Compensated);
        decline(callId, terms);
        assertPremiumLost();
        assertStage(id, Stage.Closed, Outcome.Compensated);
        assertAccount(holder, FUNDS, 0, "holder");
        assertAccount(supplier, FUNDS, 0, "supplier");
        vm.expectRevert(abi.encodeWithSelector(IStandby.OptionNotOpen.selector, id));
        standby.close(terms);
    }

    function test_an_unanswered_call_lapses() public {
        bytes32 callId = callDirectly(terms, 1000);
        uint256 answerBy = vm.getBlockTimestamp() + ANSWER_WINDOW;
        vm.warp(answerBy);
        vm.expectRevert(abi.encodeWithSelector(IStandby.CallNotOver.selector, callId, answerBy));
        standby.conclude(callId, terms);
        vm.warp(answerBy + 1);
        vm.expectEmit();
        emit IStandby.CallDeclined(callId, id, true);
        vm.prank(stranger);
        standby.conclude(callId, terms);
        assertStatus(callId, IStandby.CallStatus.Declined);
        assertStage(id, Stage.Closed, Outcome.Compensated);
        assertAccount(holder, FUNDS, 0, "holder");
    }

    function test_concluding_again_changes_nothing() public {
        IStandby.Terms memory other = salted(1);
        open(other);
        bytes32 declined = callDirectly(other, 1000);
        bytes32 callId = callDirectly(terms, 1000);
        accept(callId, terms, HOUR);
        supply(HOUR, 900);
        standby.conclude(callId, terms);
        IStandby.Call memory again = standby.conclude(callId, terms);
        assertEq(again.delivered, 900, "as it was");
        assertEq(supplied(HOUR).allotted, 900, "allotted once");
        assertEq(settlement.accountOf(supplier).free, FUNDS + strike(900), "paid once");

        decline(declined, other);
        assertEq(uint256(standby.conclude(declined, other).status), uint256(IStandby.CallStatus.Declined), "as it was");
        assertAccount(holder, FUNDS - strike(900), 0, "returned once");
    }

    function test_without_a_reading_nothing_came() public {
        bytes32 callId = callDirectly(terms, 1000);
        accept(callId, terms, HOUR);
        uint256 deadline = SLOT_END + READING_WINDOW;
        vm.warp(deadline);
        vm.expectRevert(abi.encodeWithSelector(IStandby.CallNotOver.selector, callId, deadline));
        standby.conclude(callId, terms);
        vm.warp(deadline + 1);
        assertEq(standby.conclude(callId, terms).delivered, 0, "delivered");
        assertPremiumLost();
        assertAccount(holder, FUNDS, 0, "holder");
    }

    function test_a_reading_counts_until_the_last_second_whoever_concludes_when() public {
        bytes32 callId = callDirectly(terms, 1000);
        accept(callId, terms, HOUR);
        vm.warp(SLOT_END + READING_WINDOW);
        supply(HOUR, 1000);
        vm.warp(SLOT_END + READING_WINDOW + 5 days);
        assertEq(standby.conclude(callId, terms).delivered, 1000, "delivered");
    }

    function test_a_late_reading_counts_for_nothing_whoever_concludes_when() public {
        bytes32 callId = callDirectly(terms, 1000);
        accept(callId, terms, HOUR);
        vm.warp(SLOT_END + READING_WINDOW + 1);
        supply(HOUR, 1000);
        assertEq(standby.conclude(callId, terms).delivered, 0, "delivered");
        assertEq(supplied(HOUR).allotted, 0, "allotted");
        assertPremiumLost();
    }

    function test_calls_under_way_go_on_after_a_failure() public {
        bytes32 first = callDirectly(terms, 1000);
        accept(first, terms, HOUR);
        bytes32 second = callDirectly(terms, 500);
        bytes32 third = callDirectly(terms, 300);
        decline(second, terms);
        assertPremiumLost();
        assertStage(id, Stage.Delivering, Outcome.Compensated);
        vm.expectRevert(abi.encodeWithSelector(IStandby.LotsNotLeft.selector, id, 0, uint64(1)));
        callDirectly(terms, 1);
        vm.expectRevert(abi.encodeWithSelector(IStandby.CallsPending.selector, id, uint32(2)));
        standby.close(terms);
        accept(third, terms, HOUR + 1);
        supply(HOUR, 1000);
        standby.conclude(first, terms);
        assertStage(id, Stage.Delivering, Outcome.Compensated);
        supply(HOUR + 1, 100);
        vm.expectEmit();
        emit IStandby.OptionClosed(id, Outcome.Compensated);
        standby.conclude(third, terms);
        assertStage(id, Stage.Closed, Outcome.Compensated);
        assertAccount(supplier, FUNDS + strike(1100), 0, "supplier");
        assertAccount(holder, FUNDS - strike(1100), 0, "holder, with its premium once");
    }

    function test_a_pending_call_keeps_an_option_from_closing() public {
        IStandby.Terms memory short = salted(1);
        short.lastHour = HOUR;
        bytes32 shortId = open(short);
        bytes32 callId = callDirectly(short, 1000);
        accept(callId, short, HOUR);
        vm.warp(SLOT_END);
        vm.expectRevert(abi.encodeWithSelector(IStandby.CallsPending.selector, shortId, uint32(1)));
        standby.close(short);
        supply(HOUR, 1000);
        standby.conclude(callId, short);
        standby.close(short);
        assertStage(shortId, Stage.Closed, Outcome.Fulfilled);
    }

    /// Ordinary trades and calls of one hour, sold in turn, share what the meter counted to the last lot.
    function testFuzz_calls_and_trades_share_an_hour(uint64[4] memory lots, uint64 units) public {
        for (uint256 i = 0; i < 4; ++i) {
            lots[i] = uint64(bound(lots[i], 1, 1000));
        }
        uint64 sold = lots[0] + lots[1] + lots[2] + lots[3];
        units = uint64(bound(units, 0, sold - 1));
        Leaf memory first = tradeWithSupplier(lots[0]);
        bytes32 firstCall = callDirectly(terms, lots[1]);
        accept(firstCall, terms, HOUR);
        Leaf memory second = tradeWithSupplier(lots[2]);
        bytes32 secondCall = callForTrade(terms, lots[3]);
        accept(secondCall, terms, HOUR);
        supply(HOUR, units);
        deliver(1, first);
        uint64 called = standby.conclude(secondCall, terms).delivered;
        deliver(2, second);
        called += standby.conclude(firstCall, terms).delivered;
        (uint64 one,) = settlement.deliveredOf(first);
        (uint64 other,) = settlement.deliveredOf(second);
        assertEq(uint256(called) + one + other, units, "to the last lot");
        assertEq(supplied(HOUR).allotted, units, "allotted once");
    }

    /// Release the batch's one trade if it was delivered in full, else pay it out.
    function deliver(uint64 batchNumber, Leaf memory leaf) private {
        settlement.deliverBatch(batchNumber, Packing.leaves(list(leaf)), 1, noReadings());
        if (settlement.markedOf(batchNumber) != 0) return;
        guarantee.open(batchNumber, leaf, new bytes32[](0));
        vm.warp(vm.getBlockTimestamp() + CHALLENGE_WINDOW);
        guarantee.payOut(leaf);
    }

    function tradeWithSupplier(uint64 quantity) private returns (Leaf memory) {
        (Order memory bid, Order memory offer) = (aBid(), anOffer());
        (bid.clientOrderId, offer.clientOrderId) = (nextBatch, nextBatch);
        offer.participant = supplier;
        Fill memory fill = aFill();
        fill.quantity = quantity;
        return settleOne(bid, offer, fill);
    }
}
