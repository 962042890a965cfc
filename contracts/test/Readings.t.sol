// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMetering} from "../src/interfaces/IMetering.sol";
import {IOperated} from "../src/interfaces/IOperated.sol";
import {Order} from "../src/types/Order.sol";
import {Reading} from "../src/types/Reading.sol";
import {Market} from "./support/Market.sol";
import {Fill} from "./support/Packing.sol";

contract Readings is Market {
    uint256 private resource = anInstrument(2) >> 48;

    function test_a_signed_reading_is_stored_by_anyone() public {
        vm.warp(SLOT_END);
        Reading[] memory readings = list(aReading(meter, HOUR, 1400));
        vm.expectEmit();
        emit IMetering.ReadingReported(meter, HOUR, 1400);
        vm.prank(stranger);
        settlement.report(readings);
        assertEq(slot().units, 1400, "units");
        assertEq(slot().reportedAt, SLOT_END, "reported at");
    }

    function test_the_same_reading_again_changes_nothing() public {
        report(1400);
        vm.warp(SLOT_END + 60);
        vm.recordLogs();
        report(1400);
        assertEq(vm.getRecordedLogs().length, 0, "events");
        assertEq(slot().reportedAt, SLOT_END, "reported at");
    }

    function test_a_second_different_reading_is_told_and_not_taken() public {
        report(1400);
        Reading[] memory readings = list(aReading(meter, HOUR, 1500));
        vm.expectEmit();
        emit IMetering.ReadingContradicted(meter, HOUR, 1400, 1500);
        settlement.report(readings);
        assertEq(slot().units, 1400, "units");
    }

    function test_a_reading_of_nothing_is_a_reading() public {
        report(0);
        assertTrue(slot().reportedAt != 0, "present");
    }

    function test_nothing_can_be_measured_before_the_hour_is_over() public {
        vm.warp(SLOT_END - 1);
        Reading[] memory readings = list(aReading(meter, HOUR, 1400));
        vm.expectRevert(abi.encodeWithSelector(IMetering.SlotNotOver.selector, HOUR, SLOT_END));
        settlement.report(readings);
    }

    function test_only_the_meters_key_signs_its_readings() public {
        vm.warp(SLOT_END);
        Reading memory reading = aReading(meter, HOUR, 1400);
        reading.units = 1500;
        Reading[] memory changed = list(reading);
        vm.expectRevert(abi.encodeWithSelector(IMetering.ReadingSignatureInvalid.selector, meter, HOUR));
        settlement.report(changed);
    }

    function test_the_operator_registers_a_meter_for_a_seller_and_a_resource() public {
        address newMeter = withKey(0x3F);
        vm.expectEmit();
        emit IMetering.MeterRegistered(seller, resource, newMeter);
        registerMeter(seller, anInstrument(0), newMeter);
        assertEq(settlement.meterOf(seller, resource), newMeter, "meter");
        registerMeter(seller, anInstrument(0), meter);
        assertEq(settlement.meterOf(seller, resource), meter, "the old one may come back");
    }

    function test_the_meter_of_an_hour_is_the_one_when_it_was_first_sold() public {
        address newMeter = withKey(0x3F);
        settleOne(aBid(), anOffer(), aFill());
        registerMeter(seller, anInstrument(0), newMeter);
        assertEq(settlement.meterAt(seller, anInstrument(0)), meter, "of the hour that was sold");
        assertEq(settlement.meterAt(seller, instrumentOf(1, HOUR + 1, 1, 0)), newMeter, "of any other");
        vm.warp(SLOT_END + 1 hours);
        Reading[] memory ofNew = list(aReading(newMeter, HOUR, 1));
        vm.expectRevert(abi.encodeWithSelector(IMetering.MeterOfAnotherHour.selector, newMeter, HOUR));
        settlement.report(ofNew);
        settlement.report(list(aReading(meter, HOUR, 1500)));
        settlement.report(list(aReading(newMeter, HOUR + 1, 7)));
        assertEq(slot().units, 1500, "units");
        assertEq(slot().meterNumber, 1, "the first");
        assertEq(settlement.slotOf(newMeter, HOUR + 1).meterNumber, 2, "the second");
        assertEq(settlement.slotOf(newMeter, HOUR).units, 0, "none of the other's");
    }

    function test_what_is_sold_later_is_measured_by_the_same_meter() public {
        settleOne(aBid(), anOffer(), aFill());
        registerMeter(seller, anInstrument(0), withKey(0x3F));
        Order memory bid = aBid();
        Order memory offer = anOffer();
        bid.clientOrderId = offer.clientOrderId = 2;
        settleOne(bid, offer, Fill(0, 1, 8, 2_000_000, 500));
        assertEq(slot().sold, 2000, "sold");
        report(2000);
        assertEq(slot().units, 2000, "units");
    }

    /// What nobody bought may be certified, so it can be measured.
    function test_an_unsold_hour_is_measured_by_the_present_meter_only() public {
        address newMeter = withKey(0x3F);
        registerMeter(seller, anInstrument(0), newMeter);
        vm.warp(SLOT_END);
        Reading[] memory ofOld = list(aReading(meter, HOUR, 1400));
        vm.expectRevert(abi.encodeWithSelector(IMetering.MeterOfAnotherHour.selector, meter, HOUR));
        settlement.report(ofOld);
        settlement.report(list(aReading(newMeter, HOUR, 1400)));
        assertEq(settlement.slotOf(newMeter, HOUR).units, 1400, "units");
        registerMeter(seller, anInstrument(0), meter);
        assertEq(settlement.meterAt(seller, anInstrument(0)), newMeter, "fixed by its reading");
    }

    function test_a_meter_of_nobody_measures_nothing() public {
        address unknown = withKey(0x3F);
        vm.warp(SLOT_END);
        Reading[] memory readings = list(aReading(unknown, HOUR, 1400));
        vm.expectRevert(abi.encodeWithSelector(IMetering.MeterOfAnotherHour.selector, unknown, HOUR));
        settlement.report(readings);
        assertEq(settlement.slotOf(unknown, HOUR).reportedAt, 0, "nothing");
    }

    function test_a_meter_serves_one_seller_and_one_resource() public {
        bytes memory notFree = abi.encodeWithSelector(IMetering.MeterNotFree.selector, meter);
        vm.expectRevert(notFree);
        vm.prank(operator);
        settlement.registerMeter(stranger, resource, meter);
        vm.expectRevert(notFree);
        vm.prank(operator);
        settlement.registerMeter(seller, resource + 1, meter);
        vm.expectRevert(abi.encodeWithSelector(IMetering.MeterNotFree.selector, address(0)));
        vm.prank(operator);
        settlement.registerMeter(seller, resource, address(0));
    }

    function test_nobody_else_registers_meters() public {
        vm.expectRevert(abi.encodeWithSelector(IOperated.NotOperator.selector, seller));
        vm.prank(seller);
        settlement.registerMeter(seller, resource, stranger);
    }
}
