// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMetering} from "../src/interfaces/IMetering.sol";
import {IOperated} from "../src/interfaces/IOperated.sol";
import {Reading} from "../src/types/Reading.sol";
import {Market} from "./support/Market.sol";

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
