// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILongTerm} from "../src/interfaces/ILongTerm.sol";
import {Instruments} from "../src/libraries/Instruments.sol";
import {Payout} from "../src/libraries/Periods.sol";
import {Activation} from "../src/types/Activation.sol";
import {ExecutionTerms} from "../src/types/ExecutionTerms.sol";
import {Outcome, Stage} from "../src/types/Stage.sol";
import {CumulativeReading, PeriodStatement, ReplacementPrice} from "../src/types/Statements.sol";
import {LongTermMarket} from "./support/LongTermMarket.sol";

/// A period in trouble: the terms are presented, meters say what came, and what the terms say is paid.
contract LongTermMetered is LongTermMarket {
    function begin(ExecutionTerms memory terms) private returns (Activation memory activation) {
        activation = anActivation(terms);
        activated(activation);
    }

    function assertPaid(Activation memory activation, uint256 toSeller, uint256 toBuyer) private view {
        uint256 fee = toSeller / 100;
        assertAccount(feeRecipient, fee, 0, "venue");
        uint256 ofBuyer = FUNDS - toSeller - fee + toBuyer;
        assertAccount(buyer, ofBuyer - BUYER_STAKE, BUYER_STAKE, "buyer");
        assertAccount(seller, FUNDS + toSeller - toBuyer - SELLER_STAKE, SELLER_STAKE, "seller");
        assertEq(stateOf(activation).period, 1, "the next period");
    }

    function test_full_delivery_is_paid_in_full() public {
        ExecutionTerms memory terms = someTerms();
        Activation memory activation = begin(terms);
        settleMetered(activation, terms, LOTS);
        assertPaid(activation, PRICE_OF_DAY, 0);
    }

    function test_a_shortfall_is_unpaid_and_compensated_by_the_ladder_or_cover() public {
        ExecutionTerms memory terms = someTerms();
        Activation memory activation = begin(terms);
        // 98 %: the credit is 30 % of 5.00; cover would be 2 kWh at 0.03.
        settleMetered(activation, terms, 98_000);
        assertPaid(activation, 4_900_000, 1_500_000);
    }

    function test_compensation_ends_at_the_stake() public {
        ExecutionTerms memory terms = someTerms();
        Activation memory activation = begin(terms);
        settleMetered(activation, terms, 10_000);
        assertPaid(activation, 500_000, SELLER_STAKE);
    }

    function test_cover_counts_where_it_is_more() public {
        ExecutionTerms memory terms = someTerms();
        (terms.ladder[2].credit, terms.ladder[1].credit) = (0, 0);
        Activation memory activation = begin(terms);
        // 40 kWh at 0.08 less 0.05.
        settleMetered(activation, terms, 60_000);
        assertPaid(activation, 3e6, 1_200_000);
    }

    function test_more_than_was_promised_is_not_paid() public {
        ExecutionTerms memory terms = someTerms();
        Activation memory activation = begin(terms);
        settleMetered(activation, terms, LOTS + 1);
        assertPaid(activation, PRICE_OF_DAY, 0);
    }

    // --- readings -------------------------------------------------------------------------------------------------

    function test_a_period_counts_from_where_the_one_before_ended() public {
        ExecutionTerms memory terms = someTerms();
        Activation memory activation = begin(terms);
        settleMetered(activation, terms, LOTS - 400);
        reportUnits(activation, terms, 2 * LOTS - 500);
        assertEq(longTerm.reportOf(idOf(activation), 1).metered, LOTS - 100, "the difference");
    }

    function test_after_a_quiet_period_both_ends_are_read() public {
        ExecutionTerms memory terms = someTerms();
        Activation memory activation = begin(terms);
        settleQuietly(activation, 0, 0);
        warpTo(endOf(1));
        CumulativeReading memory before = aCount(activation, meter, lastHourOf(0), 50);
        CumulativeReading memory last = aCount(activation, meter, lastHourOf(1), 60);
        vm.expectRevert(abi.encodeWithSelector(ILongTerm.ReadingsAwaited.selector, endOf(1) + READING));
        report(activation, terms, list(last));
        report(activation, terms, list(last, before));
        assertEq(longTerm.reportOf(idOf(activation), 1).metered, 10, "the difference");
    }

    function test_a_meter_does_not_run_back() public {
        ExecutionTerms memory terms = someTerms();
        Activation memory activation = begin(terms);
        settleMetered(activation, terms, 70);
        warpTo(endOf(1));
        CumulativeReading[] memory less = list(aCount(activation, meter, lastHourOf(1), 69));
        vm.expectRevert(abi.encodeWithSelector(ILongTerm.ReadingRunsBack.selector, meter, 70, 69));
        report(activation, terms, less);
        settleQuietly(activation, 0, 0);
        warpTo(endOf(2));
        CumulativeReading[] memory pairs =
            list(aCount(activation, meter, lastHourOf(1), 69), aCount(activation, meter, lastHourOf(2), 80));
        vm.expectRevert(abi.encodeWithSelector(ILongTerm.ReadingRunsBack.selector, meter, 70, 69));
        report(activation, terms, pairs);
    }

    function test_a_reading_is_of_a_meter_of_the_terms_and_of_the_right_hour() public {
        ExecutionTerms memory terms = someTerms();
        Activation memory activation = begin(terms);
        vm.warp(endOf(0));
        CumulativeReading[] memory wrong = list(aCount(activation, solarMeter, lastHourOf(0), 5));
        vm.expectRevert(abi.encodeWithSelector(ILongTerm.ReadingOfAnother.selector, solarMeter, lastHourOf(0)));
        report(activation, terms, wrong);
        wrong = list(aCount(activation, meter, lastHourOf(0) - 1, 5));
        vm.expectRevert(abi.encodeWithSelector(ILongTerm.ReadingOfAnother.selector, meter, lastHourOf(0) - 1));
        report(activation, terms, wrong);
        wrong = list(aCount(activation, meter, lastHourOf(0), 5));
        wrong[0].units = 6;
        vm.expectRevert(abi.encodeWithSelector(ILongTerm.SignatureInvalid.selector, meter));
        report(activation, terms, wrong);
    }

    function testFuzz_a_reading_for_another_agreement_is_worthless(bytes32 salt) public {
        ExecutionTerms memory terms = someTerms();
        Activation memory activation = begin(terms);
        Activation memory other = anActivation(terms);
        vm.assume(salt != other.salt);
        other.salt = salt;
        vm.warp(endOf(0));
        CumulativeReading[] memory readings = list(aCount(other, meter, lastHourOf(0), 5));
        vm.expectRevert(abi.encodeWithSelector(ILongTerm.SignatureInvalid.selector, meter));
        report(activation, terms, readings);
    }

    function test_without_the_first_meter_nothing_was_delivered() public {
        ExecutionTerms memory terms = someTerms();
        Activation memory activation = begin(terms);
        vm.warp(endOf(0) + READING - 1);
        vm.expectRevert(abi.encodeWithSelector(ILongTerm.ReadingsAwaited.selector, endOf(0) + READING));
        report(activation, terms, none());
        vm.warp(endOf(0) + READING);
        report(activation, terms, none());
        wait(CHALLENGE);
        longTerm.payOut(activation, abi.encode(terms));
        assertPaid(activation, 0, SELLER_STAKE);
    }

    function test_a_late_reading_counts_and_starts_the_window_again() public {
        ExecutionTerms memory terms = someTerms();
        Activation memory activation = begin(terms);
        vm.warp(endOf(0) + READING);
        report(activation, terms, none());
        wait(CHALLENGE - 1);
        CumulativeReading[] memory late = list(aCount(activation, meter, lastHourOf(0), LOTS));
        report(activation, terms, late);
        wait(CHALLENGE - 1);
        vm.expectRevert(abi.encodeWithSelector(ILongTerm.WindowOpen.selector, endOf(0) + READING + 2 * CHALLENGE - 1));
        longTerm.payOut(activation, abi.encode(terms));
        report(activation, terms, late);
        wait(1);
        vm.expectRevert(abi.encodeWithSelector(ILongTerm.WindowClosed.selector, endOf(0) + READING + 2 * CHALLENGE - 1));
        report(activation, terms, late);
        longTerm.payOut(activation, abi.encode(terms));
        assertPaid(activation, PRICE_OF_DAY, 0);
    }

    function test_what_came_first_stands() public {
        ExecutionTerms memory terms = someTerms();
        Activation memory activation = begin(terms);
        reportUnits(activation, terms, LOTS);
        report(activation, terms, list(aCount(activation, meter, lastHourOf(0), 1)));
        assertEq(longTerm.reportOf(idOf(activation), 0).metered, LOTS, "the first");
    }

    // --- two meters -----------------------------------------------------------------------------------------------

    function twoMeters(uint32 takeOrPay) private view returns (ExecutionTerms memory terms) {
        terms = someTerms();
        (terms.checkMeter, terms.takeOrPay) = (checkMeter, takeOrPay);
    }

    function reportBoth(Activation memory activation, ExecutionTerms memory terms, uint64 metered, uint64 checked)
        private
    {
        vm.warp(endOf(0));
        report(
            activation,
            terms,
            list(
                aCount(activation, meter, lastHourOf(0), metered),
                aCount(activation, checkMeter, lastHourOf(0), checked)
            )
        );
        wait(CHALLENGE);
        longTerm.payOut(activation, abi.encode(terms));
    }

    function test_of_two_meters_the_lower_counts() public {
        ExecutionTerms memory terms = twoMeters(0);
        Activation memory activation = begin(terms);
        reportBoth(activation, terms, LOTS, 98_000);
        assertPaid(activation, 4_900_000, 1_500_000);
    }

    function test_take_or_pay_pays_what_was_available_up_to_its_share() public {
        ExecutionTerms memory terms = twoMeters(800_000);
        Activation memory activation = begin(terms);
        reportBoth(activation, terms, LOTS, 30_000);
        assertPaid(activation, 4e6, 0);
    }

    function test_take_or_pay_does_not_pay_what_was_not_available() public {
        ExecutionTerms memory terms = twoMeters(800_000);
        Activation memory activation = begin(terms);
        // Nothing above 60 kWh was there: 40 kWh are missing, worth the whole price by the ladder.
        reportBoth(activation, terms, 60_000, 90_000);
        assertPaid(activation, 3e6, SELLER_STAKE);
    }

    function test_what_is_taken_beyond_take_or_pay_is_paid() public {
        ExecutionTerms memory terms = twoMeters(500_000);
        Activation memory activation = begin(terms);
        reportBoth(activation, terms, LOTS, 90_000);
        assertPaid(activation, 4_500_000, 0);
    }

    function test_without_the_second_meter_the_first_counts_alone() public {
        ExecutionTerms memory terms = twoMeters(0);
        Activation memory activation = begin(terms);
        vm.warp(endOf(0));
        CumulativeReading[] memory one = list(aCount(activation, meter, lastHourOf(0), LOTS));
        vm.expectRevert(abi.encodeWithSelector(ILongTerm.ReadingsAwaited.selector, endOf(0) + READING));
        report(activation, terms, one);
        vm.warp(endOf(0) + READING);
        report(activation, terms, one);
        wait(CHALLENGE - 1);
        assertEq(longTerm.payoutOf(activation, abi.encode(terms), 0).toSeller, PRICE_OF_DAY, "as it stands");
        report(activation, terms, list(aCount(activation, checkMeter, lastHourOf(0), 98_000)));
        wait(CHALLENGE);
        longTerm.payOut(activation, abi.encode(terms));
        assertPaid(activation, 4_900_000, 1_500_000);
    }

    function test_one_meter_for_both_counts_alone() public {
        ExecutionTerms memory terms = someTerms();
        terms.checkMeter = terms.meter;
        Activation memory activation = begin(terms);
        settleMetered(activation, terms, LOTS);
        assertPaid(activation, PRICE_OF_DAY, 0);
    }

    // --- the replacement price --------------------------------------------------------------------------------------

    function coverOnly() private view returns (ExecutionTerms memory terms) {
        terms = someTerms();
        (terms.ladder[2].credit, terms.ladder[1].credit) = (0, 0);
        terms.priceSource = priceSource;
    }

    function test_the_price_source_says_what_replacing_costs_up_to_the_cap() public {
        ExecutionTerms memory terms = coverOnly();
        Activation memory activation = begin(terms);
        reportUnits(activation, terms, 60_000);
        bytes memory encoded = abi.encode(terms);
        longTerm.reportPeriod(activation, encoded, none(), aReplacement(activation, 0, 60_000));
        assertEq(longTerm.payoutOf(activation, encoded, 0).toBuyer, 400_000, "40 kWh at 0.01 more");
        longTerm.reportPeriod(activation, encoded, none(), aReplacement(activation, 0, 70_000));
        assertEq(longTerm.payoutOf(activation, encoded, 0).toBuyer, 400_000, "the first stands");
    }

    function test_the_cap_bounds_the_price_source() public {
        ExecutionTerms memory terms = coverOnly();
        Activation memory activation = begin(terms);
        reportUnits(activation, terms, 60_000);
        bytes memory encoded = abi.encode(terms);
        longTerm.reportPeriod(activation, encoded, none(), aReplacement(activation, 0, 90_000));
        assertEq(longTerm.payoutOf(activation, encoded, 0).toBuyer, 1_200_000, "40 kWh at 0.03 more");
    }

    function test_without_a_proven_price_there_is_no_cover() public {
        ExecutionTerms memory terms = coverOnly();
        Activation memory activation = begin(terms);
        settleMetered(activation, terms, 60_000);
        assertPaid(activation, 3e6, 0);
    }

    function test_a_price_is_of_the_source_and_the_period() public {
        ExecutionTerms memory terms = coverOnly();
        Activation memory activation = begin(terms);
        reportUnits(activation, terms, 60_000);
        ReplacementPrice memory another = aReplacement(activation, 1, 60_000);
        bytes memory encoded = abi.encode(terms);
        vm.expectRevert(abi.encodeWithSelector(ILongTerm.SignatureInvalid.selector, priceSource));
        longTerm.reportPeriod(activation, encoded, none(), another);
    }

    function test_a_price_that_nobody_asked_for_is_refused() public {
        ExecutionTerms memory terms = someTerms();
        Activation memory activation = begin(terms);
        reportUnits(activation, terms, 60_000);
        ReplacementPrice memory price = aReplacement(activation, 0, 60_000);
        bytes memory encoded = abi.encode(terms);
        vm.expectRevert(abi.encodeWithSelector(ILongTerm.PriceNotAsked.selector));
        longTerm.reportPeriod(activation, encoded, none(), price);
    }

    // --- the terms --------------------------------------------------------------------------------------------------

    function test_only_the_terms_that_were_signed_count() public {
        ExecutionTerms memory terms = someTerms();
        Activation memory activation = begin(terms);
        vm.warp(endOf(0) + READING);
        terms.price = 60_000;
        bytes32 found = hashOf(terms);
        vm.expectRevert(abi.encodeWithSelector(ILongTerm.TermsDiffer.selector, activation.termsHash, found));
        report(activation, terms, none());
        report(activation, someTerms(), none());
        wait(CHALLENGE);
        vm.expectRevert(abi.encodeWithSelector(ILongTerm.TermsDiffer.selector, activation.termsHash, found));
        longTerm.payOut(activation, abi.encode(terms));
    }

    function test_what_is_presented_is_told() public {
        ExecutionTerms memory terms = someTerms();
        Activation memory activation = begin(terms);
        vm.warp(endOf(0) + READING);
        vm.expectEmit();
        emit ILongTerm.TermsPresented(idOf(activation), abi.encode(terms));
        vm.expectEmit();
        emit ILongTerm.PeriodReported(idOf(activation), 0);
        report(activation, terms, none());
        assertStage(activation, Stage.InChallenge, "may be contradicted");
    }

    function test_an_instrument_without_a_price_cannot_be_reported_and_lapses() public {
        ExecutionTerms memory terms = someTerms();
        terms.instrument = 0;
        Activation memory activation = begin(terms);
        vm.warp(endOf(0) + READING);
        vm.expectRevert(abi.encodeWithSelector(Instruments.CommodityUnknown.selector, 0));
        report(activation, terms, none());
        wait(GRACE);
        longTerm.lapse(activation);
        assertPaid(activation, 0, 0);
    }

    function test_a_period_that_the_terms_do_not_name_has_no_lots() public {
        ExecutionTerms memory terms = someTerms();
        terms.quantities = new uint64[](0);
        Activation memory activation = begin(terms);
        settleMetered(activation, terms, 500);
        assertPaid(activation, 0, 0);
    }

    function test_a_period_that_is_not_over_or_not_reported_is_not_paid() public {
        ExecutionTerms memory terms = someTerms();
        Activation memory activation = begin(terms);
        bytes32 id = idOf(activation);
        bytes memory encoded = abi.encode(terms);
        vm.warp(endOf(0) - 1);
        vm.expectRevert(abi.encodeWithSelector(ILongTerm.PeriodNotOver.selector, endOf(0)));
        report(activation, terms, none());
        vm.expectRevert(abi.encodeWithSelector(ILongTerm.WrongStage.selector, id, Stage.Active));
        longTerm.payOut(activation, encoded);
    }

    function test_they_may_still_agree_while_the_window_is_open() public {
        ExecutionTerms memory terms = someTerms();
        Activation memory activation = begin(terms);
        reportUnits(activation, terms, 60_000);
        settleAgreed(activation, PeriodStatement(0, 3e6, 1e6, type(uint64).max));
        assertPaid(activation, 3e6, 1e6);
    }

    function test_the_last_period_leaves_nothing_behind() public {
        ExecutionTerms memory terms = someTerms();
        Activation memory activation = begin(terms);
        settleMetered(activation, terms, LOTS);
        settleMetered(activation, terms, 2 * LOTS);
        settleMetered(activation, terms, 2 * LOTS + 98_000);
        assertClosed(activation, Outcome.Compensated);
        assertAccount(buyer, FUNDS - 14_900_000 - 149_000 + 1_500_000, 0, "buyer");
        assertAccount(seller, FUNDS + 14_900_000 - 1_500_000, 0, "seller");
    }

    function testFuzz_a_reported_period_pays_what_was_foretold(uint64 metered, uint64 checked, uint32 takeOrPay)
        public
    {
        ExecutionTerms memory terms = twoMeters(uint32(bound(takeOrPay, 0, 1e6)));
        Activation memory activation = begin(terms);
        (metered, checked) = (uint64(bound(metered, 0, 2 * LOTS)), uint64(bound(checked, 0, 2 * LOTS)));
        vm.warp(endOf(0));
        report(
            activation,
            terms,
            list(
                aCount(activation, meter, lastHourOf(0), metered),
                aCount(activation, checkMeter, lastHourOf(0), checked)
            )
        );
        Payout memory foretold = longTerm.payoutOf(activation, abi.encode(terms), 0);
        assertTrue(foretold.toSeller <= PRICE_OF_DAY * metered / LOTS, "nothing that was not there is paid");
        wait(CHALLENGE);
        longTerm.payOut(activation, abi.encode(terms));
        assertPaid(activation, foretold.toSeller, foretold.toBuyer);
    }
}
