// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDisputes} from "../src/interfaces/IDisputes.sol";
import {ILongTerm} from "../src/interfaces/ILongTerm.sol";
import {Activation} from "../src/types/Activation.sol";
import {ExecutionTerms} from "../src/types/ExecutionTerms.sol";
import {Stage} from "../src/types/Stage.sol";
import {PeriodStatement} from "../src/types/Statements.sol";
import {LongTermMarket} from "./support/LongTermMarket.sol";

/// A party contradicts the meters of a period; the arbiter decides within bounds, or the meters stand.
contract LongTermDisputes is LongTermMarket {
    uint256 private constant BOND = 500_000;
    bytes private terms;
    Activation private activation;

    function setUp() public override {
        super.setUp();
        begin(someTerms());
    }

    function begin(ExecutionTerms memory agreed) private {
        terms = abi.encode(agreed);
        activation = anActivation(agreed);
        activated(activation);
    }

    function theTerms() private view returns (ExecutionTerms memory) {
        return abi.decode(terms, (ExecutionTerms));
    }

    function challenge(address by, uint64 claimed) private {
        vm.prank(by);
        longTerm.challenge(activation, terms, claimed);
    }

    function rule(uint64 delivered, uint64 excused) private {
        vm.prank(arbiter);
        longTerm.rule(activation, terms, delivered, excused);
    }

    function payOut() private {
        longTerm.payOut(activation, terms);
    }

    /// What both have, free and locked.
    function assertMoney(uint256 ofBuyer, uint256 ofSeller) private view {
        assertAccount(buyer, ofBuyer - BUYER_STAKE, BUYER_STAKE, "buyer");
        assertAccount(seller, ofSeller - SELLER_STAKE, SELLER_STAKE, "seller");
    }

    function test_a_claim_that_is_upheld_is_paid_by_the_other_side() public {
        reportUnits(activation, theTerms(), LOTS);
        challenge(buyer, 98_000);
        assertStage(activation, Stage.InDispute, "contradicted");
        wait(CHALLENGE);
        rule(98_000, 0);
        payOut();
        // 4.90 and 0.049 fee; compensation 1.50 and the amount of the bond out of the seller's stake.
        uint256 ofBuyer = FUNDS - 4_949_000 + 1_500_000 + BOND;
        assertMoney(ofBuyer, FUNDS + 4_900_000 - 1_500_000 - BOND);
    }

    function test_a_claim_that_is_dismissed_costs_its_bond() public {
        reportUnits(activation, theTerms(), LOTS);
        challenge(buyer, 98_000);
        wait(CHALLENGE);
        rule(LOTS, 0);
        payOut();
        assertMoney(FUNDS - 5_050_000 - BOND, FUNDS + 5e6 + BOND);
    }

    function test_a_seller_may_claim_more_than_was_metered() public {
        reportUnits(activation, theTerms(), 98_000);
        challenge(seller, LOTS);
        wait(CHALLENGE);
        rule(LOTS, 0);
        payOut();
        assertMoney(FUNDS - 5_050_000, FUNDS + 5e6);
    }

    function test_a_buyer_pays_for_a_claim_of_the_sellers_that_it_contested() public {
        reportUnits(activation, theTerms(), 98_000);
        challenge(seller, LOTS);
        challenge(buyer, 97_000);
        wait(CHALLENGE);
        rule(LOTS, 0);
        payOut();
        // Its own bond, and out of the deposit that is left after 5.05 as much again.
        assertMoney(FUNDS - 5_050_000 - 2 * BOND, FUNDS + 5e6 + 2 * BOND);
    }

    function test_force_majeure_leaves_unpaid_and_uncompensated_what_it_excuses() public {
        reportUnits(activation, theTerms(), 98_000);
        vm.prank(seller);
        longTerm.plead(activation, terms);
        wait(CHALLENGE);
        // At most half of what is missing: 99 % counts as kept, so 10 % of 5.00 are due.
        vm.expectRevert(abi.encodeWithSelector(IDisputes.ExcusedOutOfBounds.selector, 1001, 1000));
        rule(98_000, 1001);
        rule(98_000, 1000);
        payOut();
        assertMoney(FUNDS - 4_949_000 + 500_000, FUNDS + 4_900_000 - 500_000);
    }

    function test_a_silent_arbiter_leaves_the_readings_and_the_bonds() public {
        reportUnits(activation, theTerms(), LOTS);
        challenge(buyer, 98_000);
        wait(CHALLENGE);
        uint256 until = vm.getBlockTimestamp() + RULING;
        vm.expectRevert(abi.encodeWithSelector(IDisputes.RulingTooEarly.selector, until));
        payOut();
        wait(RULING);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.RulingTooLate.selector, until));
        rule(98_000, 0);
        vm.prank(stranger);
        payOut();
        assertMoney(FUNDS - 5_050_000, FUNDS + 5e6);
    }

    function testFuzz_the_arbiter_stays_between_reading_and_claim(uint64 claimed, uint64 ruled) public {
        reportUnits(activation, theTerms(), 60_000);
        claimed = uint64(bound(claimed, 0, LOTS));
        vm.assume(claimed != 60_000);
        challenge(claimed < 60_000 ? buyer : seller, claimed);
        wait(CHALLENGE);
        (uint64 least, uint64 most) = (60_000, claimed);
        if (claimed < 60_000) (least, most) = (claimed, 60_000);
        bool within = ruled >= least && ruled <= most;
        if (!within) {
            vm.expectRevert(abi.encodeWithSelector(IDisputes.DeliveredOutOfBounds.selector, ruled, least, most));
        }
        rule(ruled, 0);
        if (within) payOut();
    }

    function test_only_the_arbiter_rules_and_only_the_parties_claim() public {
        reportUnits(activation, theTerms(), LOTS);
        bytes memory encoded = terms;
        vm.expectRevert(abi.encodeWithSelector(IDisputes.NotParty.selector, stranger));
        challenge(stranger, 98_000);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.NotSeller.selector, buyer));
        vm.prank(buyer);
        longTerm.plead(activation, encoded);
        bytes32 id = idOf(activation);
        vm.expectRevert(abi.encodeWithSelector(ILongTerm.WrongStage.selector, id, Stage.InChallenge));
        rule(LOTS, 0);
        challenge(buyer, 98_000);
        wait(CHALLENGE);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.NotArbiter.selector, operator));
        vm.prank(operator);
        longTerm.rule(activation, encoded, LOTS, 0);
    }

    function test_nothing_is_claimed_before_a_report_or_after_the_window() public {
        bytes32 id = idOf(activation);
        vm.expectRevert(abi.encodeWithSelector(ILongTerm.WrongStage.selector, id, Stage.Active));
        challenge(buyer, 5);
        reportUnits(activation, theTerms(), LOTS);
        wait(CHALLENGE);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.ClaimsClosed.selector, vm.getBlockTimestamp()));
        challenge(buyer, 5);
    }

    function test_in_dispute_only_the_arbiter_settles() public {
        reportUnits(activation, theTerms(), LOTS);
        challenge(buyer, 98_000);
        bytes32 id = idOf(activation);
        vm.expectRevert(abi.encodeWithSelector(ILongTerm.WrongStage.selector, id, Stage.InDispute));
        settleAgreed(activation, PeriodStatement(0, 0, 0, type(uint64).max));
    }

    function test_a_reading_held_back_can_still_be_challenged() public {
        beginWithTwoMeters();
        ExecutionTerms memory agreed = theTerms();
        vm.warp(endOf(0) + READING);
        report(activation, agreed, list(aCount(activation, meter, lastHourOf(0), LOTS)));
        wait(CHALLENGE - 1);
        report(activation, agreed, list(aCount(activation, checkMeter, lastHourOf(0), 0)));
        wait(CHALLENGE - 1);
        challenge(seller, LOTS);
        wait(1);
        rule(LOTS, 0);
        assertEq(longTerm.payoutOf(activation, terms, 0).toSeller, PRICE_OF_DAY, "as ruled");
    }

    /// The seller holds the second reading back until the buyer has claimed just that, and wins no bond by it.
    function test_a_claim_that_a_late_reading_confirms_costs_nobody_a_bond() public {
        beginWithTwoMeters();
        vm.warp(endOf(0) + READING);
        report(activation, theTerms(), list(aCount(activation, meter, lastHourOf(0), LOTS)));
        challenge(buyer, 40_000);
        wait(CHALLENGE - 1);
        report(activation, theTerms(), list(aCount(activation, checkMeter, lastHourOf(0), 40_000)));
        wait(CHALLENGE);
        rule(40_000, 0);
        bytes32 subject = longTerm.subjectOf(idOf(activation), 0);
        assertEq(
            uint256(longTerm.claimOf(subject, buyer).verdict), uint256(IDisputes.Verdict.Lapsed), "neither won nor lost"
        );
        payOut();
        // 2.00 and 0.02 fee; compensation is the seller's whole stake. The bond is the buyer's again. Two agreements run.
        assertAccount(buyer, FUNDS - 2_020_000 + SELLER_STAKE - 2 * BUYER_STAKE, 2 * BUYER_STAKE, "buyer");
        assertAccount(seller, FUNDS + 2e6 - 3 * SELLER_STAKE, 2 * SELLER_STAKE, "seller");
    }

    /// Readings can start the window again twice, and nothing else can: a ruling is never further off than three windows.
    function testFuzz_nobody_prolongs_a_dispute_beyond_three_windows(uint32[3] memory waits, uint8 who) public {
        beginWithTwoMeters();
        ExecutionTerms memory agreed = theTerms();
        vm.warp(endOf(0) + READING);
        report(activation, agreed, none());
        uint256 since = vm.getBlockTimestamp();
        address[2] memory meters = who & 1 == 0 ? [meter, checkMeter] : [checkMeter, meter];
        for (uint256 i = 0; i < 2; ++i) {
            if (who & (2 << i) != 0) challenge(who & 1 == 0 ? [buyer, seller][i] : [seller, buyer][i], 30_000);
            wait(bound(waits[i], 0, CHALLENGE - 1));
            report(activation, agreed, list(aCount(activation, meters[i], lastHourOf(0), 50_000)));
            report(activation, agreed, list(aCount(activation, meters[i], lastHourOf(0), 60_000)));
        }
        wait(bound(waits[2], 0, CHALLENGE - 1));
        report(activation, agreed, list(aCount(activation, meter, lastHourOf(0), 60_000)));
        vm.warp(since + 3 * CHALLENGE);
        vm.expectRevert();
        report(activation, agreed, none());
        if (who & 6 != 0) wait(RULING);
        vm.prank(stranger);
        longTerm.payOut(activation, terms);
        assertEq(stateOf(activation).period, 1, "it goes on");
    }

    function beginWithTwoMeters() private {
        ExecutionTerms memory agreed = someTerms();
        (agreed.checkMeter, agreed.salt) = (checkMeter, "two meters");
        begin(agreed);
    }

    function test_with_take_or_pay_a_ruling_is_about_what_was_available() public {
        ExecutionTerms memory agreed = someTerms();
        (agreed.checkMeter, agreed.takeOrPay, agreed.salt) = (checkMeter, 500_000, "take or pay");
        begin(agreed);
        vm.warp(endOf(0));
        report(
            activation,
            agreed,
            list(
                aCount(activation, meter, lastHourOf(0), 60_000), aCount(activation, checkMeter, lastHourOf(0), 55_000)
            )
        );
        challenge(seller, LOTS);
        wait(CHALLENGE);
        rule(LOTS, 0);
        payOut();
        // 55 kWh were taken, more than the half that is paid in any case.
        assertAccount(buyer, FUNDS - 2_777_500 - 2 * BUYER_STAKE, 2 * BUYER_STAKE, "buyer");
        assertAccount(seller, FUNDS + 2_750_000 - 2 * SELLER_STAKE, 2 * SELLER_STAKE, "seller");
    }
}
