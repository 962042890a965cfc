// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMetering} from "../interfaces/IMetering.sol";

/// The ledger of one hour of a supply, in the one word in which it is stored; `IMetering.Slot` says what each number is:
///
///     meter number 24 | reported at 40 | allotted 64 | units 64 | sold 64
type PackedSlot is uint256;

uint256 constant ALLOTTED_SHIFT = 128;
uint256 constant METER_SHIFT = 232;

using {
    sold,
    units,
    allotted,
    reportedAt,
    meterNumber,
    withSold,
    withAllotted,
    withMeter,
    withReading,
    unpack
} for PackedSlot global;

function sold(PackedSlot slot) pure returns (uint64) {
    return uint64(PackedSlot.unwrap(slot));
}

function units(PackedSlot slot) pure returns (uint64) {
    return uint64(PackedSlot.unwrap(slot) >> 64);
}

function allotted(PackedSlot slot) pure returns (uint64) {
    return uint64(PackedSlot.unwrap(slot) >> ALLOTTED_SHIFT);
}

function reportedAt(PackedSlot slot) pure returns (uint40) {
    return uint40(PackedSlot.unwrap(slot) >> 192);
}

function meterNumber(PackedSlot slot) pure returns (uint24) {
    return uint24(PackedSlot.unwrap(slot) >> METER_SHIFT);
}

/// Count lots as sold. The caller has checked that they fit.
function withSold(PackedSlot slot, uint256 quantity) pure returns (PackedSlot) {
    unchecked {
        return PackedSlot.wrap(PackedSlot.unwrap(slot) + quantity);
    }
}

/// Count units as given to contracts. The caller has checked that so many were measured.
function withAllotted(PackedSlot slot, uint256 quantity) pure returns (PackedSlot) {
    unchecked {
        return PackedSlot.wrap(PackedSlot.unwrap(slot) + (quantity << ALLOTTED_SHIFT));
    }
}

/// Fix the meter, of which the slot has none.
function withMeter(PackedSlot slot, uint24 number) pure returns (PackedSlot) {
    return PackedSlot.wrap(PackedSlot.unwrap(slot) | uint256(number) << METER_SHIFT);
}

/// Keep a reading, of which the slot has none.
function withReading(PackedSlot slot, uint64 measured, uint40 time) pure returns (PackedSlot) {
    return PackedSlot.wrap(PackedSlot.unwrap(slot) | uint256(time) << 192 | uint256(measured) << 64);
}

function unpack(PackedSlot slot) pure returns (IMetering.Slot memory) {
    return IMetering.Slot(slot.sold(), slot.units(), slot.allotted(), slot.reportedAt(), slot.meterNumber());
}
