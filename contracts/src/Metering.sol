// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Bookkeeping} from "./Bookkeeping.sol";
import {Operated} from "./Operated.sol";
import {IMetering} from "./interfaces/IMetering.sol";
import {Instruments} from "./libraries/Instruments.sol";
import {Signatures} from "./libraries/Signatures.sol";
import {Slots} from "./libraries/Slots.sol";
import {Books, ownerKey} from "./types/Books.sol";
import {Reading} from "./types/Reading.sol";

/// Keep the meters and, per meter and hour, what was sold, measured and given to trades.
abstract contract Metering is IMetering, Operated, Bookkeeping {
    using Instruments for uint256;
    using Slots for mapping(address meter => mapping(uint32 startHour => Slot));

    /// @inheritdoc IMetering
    function registerMeter(address seller, uint256 resource, address meter) external onlyOperator {
        Books storage books = _allBooks();
        bytes32 owner = ownerKey(seller, resource);
        if (meter == address(0) || (books.owners[meter] != 0 && books.owners[meter] != owner)) {
            revert MeterNotFree(meter);
        }
        books.owners[meter] = owner;
        books.meters[owner] = meter;
        emit MeterRegistered(seller, resource, meter);
    }

    /// @inheritdoc IMetering
    function report(Reading[] calldata readings) external {
        _report(readings);
    }

    /// @inheritdoc IMetering
    function meterOf(address seller, uint256 resource) external view returns (address) {
        return _meterOf(seller, resource);
    }

    /// @inheritdoc IMetering
    function slotOf(address meter, uint32 startHour) external view returns (Slot memory) {
        return _slotAt(meter, startHour);
    }

    function _report(Reading[] calldata readings) internal {
        for (uint256 i = 0; i < readings.length; ++i) {
            Reading calldata reading = readings[i];
            uint256 endsAt = _endOf(reading.startHour);
            if (block.timestamp < endsAt) revert SlotNotOver(reading.startHour, endsAt);
            if (!Signatures.isSignedByKey(_hashTypedData(reading.structHash()), reading.meter, reading.signature)) {
                revert ReadingSignatureInvalid(reading.meter, reading.startHour);
            }
            Slot storage slot = _slotAt(reading.meter, reading.startHour);
            if (slot.reportedAt == 0) {
                slot.units = reading.units;
                slot.reportedAt = uint64(block.timestamp);
                emit ReadingReported(reading.meter, reading.startHour, reading.units);
            } else if (slot.units != reading.units) {
                emit ReadingContradicted(reading.meter, reading.startHour, slot.units, reading.units);
            }
        }
    }

    function _slotAt(address meter, uint32 startHour) internal view returns (Slot storage) {
        return _allBooks().slots[meter][startHour];
    }

    function _meterOf(address seller, uint256 resource) internal view returns (address) {
        return _allBooks().meterOf(seller, resource);
    }

    function _allot(address meter, uint32 startHour, uint256 delivered) internal {
        _allBooks().slots.allot(meter, startHour, delivered);
    }

    /// Count `quantity` as sold of the seller's hour, which lies ahead, so that no reading of it can have come.
    function _reserve(address seller, uint256 instrument, uint64 quantity)
        internal
        returns (address meter, uint64 soldBefore)
    {
        uint32 startHour = instrument.startHour();
        if (!instrument.isSettleable()) revert NotReservable(instrument);
        if (block.timestamp >= uint256(startHour) * 1 hours) revert SlotBegun(startHour);
        meter = _meterOf(seller, instrument.resource());
        if (meter == address(0)) revert MeterMissing(seller, instrument.resource());
        Slot storage slot = _slotAt(meter, startHour);
        soldBefore = slot.sold;
        slot.sold = soldBefore + quantity;
    }

    /// Return the end of an hour, Unix seconds.
    function _endOf(uint32 startHour) internal pure returns (uint256) {
        return (uint256(startHour) + 1) * 1 hours;
    }
}
