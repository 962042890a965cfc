// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SafeCastLib} from "solady/utils/SafeCastLib.sol";
import {Operated} from "./Operated.sol";
import {IMetering} from "./interfaces/IMetering.sol";
import {Instruments} from "./libraries/Instruments.sol";
import {ProRata} from "./libraries/ProRata.sol";
import {Signatures} from "./libraries/Signatures.sol";
import {Slots} from "./libraries/Slots.sol";
import {Leaf} from "./types/Leaf.sol";
import {Reading} from "./types/Reading.sol";

/// Keep the meters and, per meter and hour, what was sold, measured and given to trades.
abstract contract Metering is IMetering, Operated {
    using Instruments for uint256;
    using SafeCastLib for uint256;
    using Slots for mapping(address meter => mapping(uint32 startHour => Slot));

    mapping(bytes32 owner => address meter) private _meters;
    mapping(address meter => bytes32 owner) private _owners;
    mapping(address meter => mapping(uint32 startHour => Slot)) private _slots;

    /// @inheritdoc IMetering
    function registerMeter(address seller, uint256 resource, address meter) external onlyOperator {
        bytes32 owner = _ownerKey(seller, resource);
        if (meter == address(0) || (_owners[meter] != 0 && _owners[meter] != owner)) revert MeterNotFree(meter);
        _owners[meter] = owner;
        _meters[owner] = meter;
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
        return _slots[meter][startHour];
    }

    function _report(Reading[] calldata readings) internal {
        for (uint256 i = 0; i < readings.length; ++i) {
            Reading calldata reading = readings[i];
            uint256 endsAt = _endOf(reading.startHour);
            if (block.timestamp < endsAt) revert SlotNotOver(reading.startHour, endsAt);
            if (!Signatures.isSignedByKey(_hashTypedData(reading.structHash()), reading.meter, reading.signature)) {
                revert ReadingSignatureInvalid(reading.meter, reading.startHour);
            }
            Slot storage slot = _slots[reading.meter][reading.startHour];
            if (slot.reportedAt == 0) {
                slot.units = reading.units;
                slot.reportedAt = uint64(block.timestamp);
                emit ReadingReported(reading.meter, reading.startHour, reading.units);
            } else if (slot.units != reading.units) {
                emit ReadingContradicted(reading.meter, reading.startHour, slot.units, reading.units);
            }
        }
    }

    /// Return the ledger of the leaf's meter and hour.
    function _slotOf(Leaf memory leaf) internal view returns (Slot storage) {
        return _slotAt(leaf.meter, leaf.instrument.startHour());
    }

    function _slotAt(address meter, uint32 startHour) internal view returns (Slot storage) {
        return _slots[meter][startHour];
    }

    function _meterOf(address seller, uint256 resource) internal view returns (address) {
        return _meters[_ownerKey(seller, resource)];
    }

    /// Return the lots of the leaf that the reading covers, and when the reading arrived; zeros without one.
    function _deliveredOf(Leaf memory leaf) internal view returns (uint64 delivered, uint64 reportedAt) {
        Slot memory slot = _slotOf(leaf);
        if (slot.reportedAt == 0) return (0, 0);
        delivered = ProRata.delivered(slot.units, slot.sold, leaf.soldBefore, leaf.quantity).toUint64();
        return (delivered, slot.reportedAt);
    }

    function _allot(address meter, uint32 startHour, uint256 delivered) internal {
        _slots.allot(meter, startHour, delivered);
    }

    /// Count `quantity` as sold of the seller's hour, which lies ahead.
    function _reserve(address seller, uint256 instrument, uint64 quantity)
        internal
        returns (address meter, uint64 soldBefore)
    {
        uint32 startHour = instrument.startHour();
        if (!instrument.isSettleable()) revert NotReservable(instrument);
        if (block.timestamp >= uint256(startHour) * 1 hours) revert SlotBegun(startHour);
        meter = _meterOf(seller, instrument.resource());
        if (meter == address(0)) revert MeterMissing(seller, instrument.resource());
        Slot storage slot = _slots[meter][startHour];
        if (slot.reportedAt != 0) revert SlotMetered(meter, startHour);
        soldBefore = slot.sold;
        slot.sold = soldBefore + quantity;
    }

    function _allSlots() internal view returns (mapping(address => mapping(uint32 => Slot)) storage) {
        return _slots;
    }

    /// Return the end of an hour, Unix seconds.
    function _endOf(uint32 startHour) internal pure returns (uint256) {
        return (uint256(startHour) + 1) * 1 hours;
    }

    function _ownerKey(address seller, uint256 resource) private pure returns (bytes32) {
        return keccak256(abi.encode(seller, resource));
    }
}
