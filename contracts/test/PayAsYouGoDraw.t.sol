// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICustody} from "../src/interfaces/ICustody.sol";
import {IPayAsYouGo} from "../src/interfaces/IPayAsYouGo.sol";
import {Vm} from "./support/Vm.sol";
import {PayAsYouGoMarket} from "./support/PayAsYouGoMarket.sol";

/// What a reading moves: what its units cost, as far as the deposit goes.
contract PayAsYouGoDraw is PayAsYouGoMarket {
    function test_metered_units_are_paid_and_bear_the_fee() public {
        IPayAsYouGo.Terms memory terms = opened();
        vm.warp(vm.getBlockTimestamp() + 10 minutes);
        uint256 now_ = vm.getBlockTimestamp();
        IPayAsYouGo.CumulativeReading memory reading = readingOf(terms, now_, 1500);
        vm.expectEmit();
        emit IPayAsYouGo.Drawn(idOf(terms), uint64(now_), 1500, 3e6, 30_000);
        vm.prank(stranger);
        payAsYouGo.draw(terms, reading);

        assertAccount(buyer, FUNDS - DEPOSIT, DEPOSIT - 3_030_000, "buyer");
        assertAccount(seller, FUNDS + 3e6, 0, "seller");
        assertAccount(feeRecipient, 30_000, 0, "venue");
        assertEq(stateOf(terms).units, 1500, "units");
        assertEq(stateOf(terms).through, now_, "through");
        assertEq(stateOf(terms).exhaustedAt, 0, "not exhausted");

        drawAfter(terms, 10 minutes, 2000);
        assertAccount(seller, FUNDS + 4e6, 0, "seller, for the rest only");
    }

    function test_without_a_fee_the_seller_gets_it_all() public {
        IPayAsYouGo.Terms memory terms = someTerms();
        terms.feeBps = 0;
        open(terms);
        drawAfter(terms, 1, 1500);
        assertAccount(seller, FUNDS + 3e6, 0, "seller");
        assertAccount(buyer, FUNDS - DEPOSIT, DEPOSIT - 3e6, "buyer");
    }

    function test_what_costs_less_than_a_micro_moves_nothing_and_counts_later() public {
        IPayAsYouGo.Terms memory terms = someTerms();
        terms.price = 300;
        open(terms);
        drawAfter(terms, 1, 3);
        assertEq(left(terms), DEPOSIT, "0.9 of a micro");
        drawAfter(terms, 1, 4);
        assertEq(left(terms), DEPOSIT - 1, "1.2");
    }

    function test_the_deposit_is_all_there_is() public {
        IPayAsYouGo.Terms memory terms = opened();
        drawAfter(terms, 1, 1000);
        vm.warp(vm.getBlockTimestamp() + 1);
        uint256 now_ = vm.getBlockTimestamp();
        IPayAsYouGo.CumulativeReading memory reading = readingOf(terms, now_, 7000);
        vm.expectEmit();
        emit IPayAsYouGo.Drawn(idOf(terms), uint64(now_), 7000, 8e6, 80_000);
        vm.expectEmit();
        emit IPayAsYouGo.Exhausted(idOf(terms), 4e6);
        payAsYouGo.draw(terms, reading);
        assertAccount(buyer, FUNDS - DEPOSIT, 0, "buyer");
        assertAccount(seller, FUNDS + 10e6, 0, "seller");
        assertAccount(feeRecipient, 100_000, 0, "venue");
        assertEq(stateOf(terms).exhaustedAt, now_, "exhausted");
    }

    function test_what_was_not_covered_is_never_owed() public {
        IPayAsYouGo.Terms memory terms = opened();
        drawAfter(terms, 1, 7000);
        topUp(terms, 1e6);
        drawAfter(terms, 1, 7000);
        assertEq(left(terms), 1e6, "the two units above the deposit are forgiven");
        drawAfter(terms, 1, 7100);
        assertEq(left(terms), 1e6 - 202_000, "and later ones are paid");
    }

    function test_an_exactly_used_up_deposit_is_exhausted_and_nothing_unpaid() public {
        IPayAsYouGo.Terms memory terms = opened();
        vm.warp(vm.getBlockTimestamp() + 1);
        IPayAsYouGo.CumulativeReading memory reading = readingOf(terms, vm.getBlockTimestamp(), 5000);
        vm.expectEmit();
        emit IPayAsYouGo.Exhausted(idOf(terms), 0);
        payAsYouGo.draw(terms, reading);
        assertEq(left(terms), 0, "left");
        assertEq(stateOf(terms).exhaustedAt, vm.getBlockTimestamp(), "exhausted");
    }

    function test_drawing_on_an_empty_deposit_moves_nothing_and_keeps_the_moment() public {
        IPayAsYouGo.Terms memory terms = opened();
        drawAfter(terms, 1, 5000);
        uint256 since = vm.getBlockTimestamp();
        vm.recordLogs();
        drawAfter(terms, 1 hours, 6000);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        assertEq(logs.length, 2, "drawn, exhausted, nothing shared");
        assertEq(abi.decode(logs[1].data, (uint256)), 2e6, "unpaid");
        assertEq(stateOf(terms).exhaustedAt, since, "exhausted since");
        assertEq(stateOf(terms).units, 6000, "counted");
    }

    // --- readings that are refused ----------------------------------------------------------------------------------

    function assertRefused(
        IPayAsYouGo.Terms memory terms,
        IPayAsYouGo.CumulativeReading memory reading,
        bytes memory reason
    ) private {
        vm.expectRevert(reason);
        payAsYouGo.draw(terms, reading);
    }

    function test_only_the_meters_signature_counts() public {
        IPayAsYouGo.Terms memory terms = opened();
        vm.warp(vm.getBlockTimestamp() + 1);
        uint256 now_ = vm.getBlockTimestamp();
        bytes memory refusal = abi.encodeWithSelector(IPayAsYouGo.NotSignedBy.selector, meter);
        assertRefused(terms, readingBy(seller, terms, now_, 1), refusal);
        IPayAsYouGo.CumulativeReading memory reading = readingOf(terms, now_, 1);
        reading.units = 2;
        assertRefused(terms, reading, refusal);
        reading.signature = "";
        assertRefused(terms, reading, refusal);
    }

    function test_a_reading_is_of_one_agreement() public {
        IPayAsYouGo.Terms memory terms = opened();
        IPayAsYouGo.Terms memory other = someTerms();
        other.salt = keccak256("another");
        open(other);
        vm.warp(vm.getBlockTimestamp() + 1);
        IPayAsYouGo.CumulativeReading memory reading = readingOf(terms, vm.getBlockTimestamp(), 1);
        assertRefused(other, reading, abi.encodeWithSelector(IPayAsYouGo.NotSignedBy.selector, meter));
        payAsYouGo.draw(terms, reading);
    }

    function test_a_reading_is_drawn_once() public {
        IPayAsYouGo.Terms memory terms = opened();
        drawAfter(terms, 5, 1000);
        uint256 now_ = vm.getBlockTimestamp();
        bytes memory refusal = abi.encodeWithSelector(IPayAsYouGo.ReadingNotNewer.selector, now_, now_);
        assertRefused(terms, readingOf(terms, now_, 1000), refusal);
        assertRefused(terms, readingOf(terms, now_, 2000), refusal);
        refusal = abi.encodeWithSelector(IPayAsYouGo.ReadingNotNewer.selector, now_, now_ - 1);
        assertRefused(terms, readingOf(terms, now_ - 1, 2000), refusal);
    }

    function test_readings_count_from_the_opening() public {
        IPayAsYouGo.Terms memory terms = opened();
        uint256 now_ = vm.getBlockTimestamp();
        bytes memory refusal = abi.encodeWithSelector(IPayAsYouGo.ReadingNotNewer.selector, now_, now_);
        assertRefused(terms, readingOf(terms, now_, 1), refusal);
    }

    function test_a_count_does_not_fall() public {
        IPayAsYouGo.Terms memory terms = opened();
        drawAfter(terms, 5, 1000);
        vm.warp(vm.getBlockTimestamp() + 1);
        uint256 now_ = vm.getBlockTimestamp();
        bytes memory refusal = abi.encodeWithSelector(IPayAsYouGo.ReadingFell.selector, 1000, 999);
        assertRefused(terms, readingOf(terms, now_, 999), refusal);
        draw(terms, 1000);
        assertEq(stateOf(terms).through, now_, "an idle time is drawn, too");
    }

    function test_nothing_was_metered_in_the_future() public {
        IPayAsYouGo.Terms memory terms = opened();
        vm.warp(vm.getBlockTimestamp() + 1);
        uint256 later = vm.getBlockTimestamp() + 1;
        bytes memory refusal = abi.encodeWithSelector(IPayAsYouGo.ReadingInFuture.selector, later);
        assertRefused(terms, readingOf(terms, later, 1), refusal);
        refusal = abi.encodeWithSelector(IPayAsYouGo.ReadingInFuture.selector, type(uint64).max);
        assertRefused(terms, readingOf(terms, type(uint64).max, 1), refusal);
    }

    function testFuzz_a_reading_counts_in_its_time_and_upwards(uint64 through, uint64 units, uint64 time) public {
        IPayAsYouGo.Terms memory terms = opened();
        drawAfter(terms, 1 hours, 1000);
        uint256 drawnAt = vm.getBlockTimestamp();
        uint256 now_ = drawnAt + bound(time, 0, 2 hours);
        vm.warp(now_);
        through = uint64(bound(through, drawnAt - 1 hours, drawnAt + 3 hours));
        units = uint64(bound(units, 0, 3000));
        IPayAsYouGo.CumulativeReading memory reading = readingOf(terms, through, units);
        if (through > now_) {
            vm.expectRevert(abi.encodeWithSelector(IPayAsYouGo.ReadingInFuture.selector, through));
        } else if (through <= drawnAt) {
            vm.expectRevert(abi.encodeWithSelector(IPayAsYouGo.ReadingNotNewer.selector, drawnAt, through));
        } else if (units < 1000) {
            vm.expectRevert(abi.encodeWithSelector(IPayAsYouGo.ReadingFell.selector, 1000, units));
        }
        payAsYouGo.draw(terms, reading);
    }

    function test_a_meter_replaced_later_goes_on_counting_for_what_is_open() public {
        IPayAsYouGo.Terms memory terms = opened();
        registerMeter(seller, anInstrument(2), withKey(0x3E3E));
        drawAfter(terms, 1, 1000);
        assertEq(stateOf(terms).units, 1000, "drawn");
    }

    // --- topping up -------------------------------------------------------------------------------------------------

    function test_the_buyer_pays_in_more() public {
        IPayAsYouGo.Terms memory terms = opened();
        drawAfter(terms, 1, 5000);
        vm.expectEmit();
        emit IPayAsYouGo.ToppedUp(idOf(terms), 7);
        topUp(terms, 7);
        assertAccount(buyer, FUNDS - DEPOSIT - 7, 7, "buyer");
        assertEq(stateOf(terms).exhaustedAt, 0, "something is left");
    }

    function test_only_the_buyer_pays_in_and_never_nothing() public {
        IPayAsYouGo.Terms memory terms = opened();
        vm.expectRevert(abi.encodeWithSelector(IPayAsYouGo.NotTheBuyer.selector, seller));
        vm.prank(seller);
        payAsYouGo.topUp(terms, 1);
        vm.expectRevert(abi.encodeWithSelector(ICustody.NothingToMove.selector));
        topUp(terms, 0);
        uint256 free = FUNDS - DEPOSIT;
        vm.expectRevert(abi.encodeWithSelector(ICustody.InsufficientFree.selector, buyer, free, free + 1));
        topUp(terms, free + 1);
    }

    function testFuzz_what_is_paid_in_is_locked_and_draws(uint256 amount, uint64 units) public {
        IPayAsYouGo.Terms memory terms = opened();
        drawAfter(terms, 1, 5000);
        amount = bound(amount, 1, FUNDS - DEPOSIT);
        topUp(terms, amount);
        assertAccount(buyer, FUNDS - DEPOSIT - amount, amount, "buyer");
        units = uint64(bound(units, 5000, type(uint64).max));
        drawAfter(terms, 1, units);
        uint256 cost = uint256(units - 5000) * 2_020;
        assertEq(left(terms), cost < amount ? amount - cost : 0, "left");
    }

    // --- whatever the numbers ---------------------------------------------------------------------------------------

    function testFuzz_however_often_is_drawn_the_same_is_paid(uint64 price, uint16 feeBps, uint256[] memory steps)
        public
    {
        IPayAsYouGo.Terms memory terms = someTerms();
        terms.price = uint64(bound(price, 0, 3e6));
        terms.feeBps = uint16(bound(feeBps, 0, 10_000));
        terms.deposit = FUNDS;
        open(terms);
        uint256 units = 0;
        for (uint256 i = 0; i < steps.length && i < 12; ++i) {
            units += bound(steps[i], 0, 1300);
            drawAfter(terms, 1, units);
        }
        (uint256 worth, uint256 fee) = payAsYouGo.costOf(terms, uint64(units));
        assertEq(worth, uint256(terms.price) * units / 1000, "worth");
        assertEq(fee, worth * terms.feeBps / 10_000, "fee");
        assertAccount(seller, FUNDS + worth, 0, "seller");
        assertAccount(feeRecipient, fee, 0, "venue");
        assertAccount(buyer, 0, FUNDS - worth - fee, "buyer");
    }

    function testFuzz_never_beyond_the_deposit(
        uint64 price,
        uint16 feeBps,
        uint128 deposit,
        uint64 first,
        uint64 second
    ) public {
        IPayAsYouGo.Terms memory terms = someTerms();
        terms.price = price;
        terms.feeBps = uint16(bound(feeBps, 0, 10_000));
        terms.deposit = uint128(bound(deposit, 1, FUNDS));
        open(terms);
        if (first > second) (first, second) = (second, first);
        drawAfter(terms, 1, first);
        drawAfter(terms, 1, second);
        uint256 paid = settlement.accountOf(seller).free - FUNDS;
        uint256 fee = settlement.accountOf(feeRecipient).free;
        assertEq(paid + fee + left(terms), terms.deposit, "to the micro");
        (uint256 worth, uint256 due) = payAsYouGo.costOf(terms, second);
        assertTrue(paid <= worth && fee <= due, "no more than it is worth");
        assertTrue(fee * 10_000 <= paid * terms.feeBps, "no more fee than on what was paid");
        assertTrue(left(terms) == 0 || (paid == worth && fee == due), "unpaid only if nothing is left");
        assertTrue((left(terms) == 0) == (stateOf(terms).exhaustedAt != 0), "exhausted");
    }
}
