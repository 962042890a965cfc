// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Bookkeeping} from "./Bookkeeping.sol";
import {Operated} from "./Operated.sol";
import {IMetering} from "./interfaces/IMetering.sol";
import {ISettlement} from "./interfaces/ISettlement.sol";
import {Instruments} from "./libraries/Instruments.sol";
import {Signatures} from "./libraries/Signatures.sol";
import {Slots} from "./libraries/Slots.sol";
import {Books, CurrentMeter, MeterPlace, supplyOf} from "./types/Books.sol";
import {Reading} from "./types/Reading.sol";
import {PackedSlot} from "./types/PackedSlot.sol";
import {Word} from "./types/Word.sol";

/// Keep the meters and, per supply and hour, what was sold, measured and given to trades.
abstract contract Metering is IMetering, Operated, Bookkeeping {
    using Instruments for uint256;

    /// @inheritdoc IMetering
    function registerMeter(address seller, uint256 resource, address meter) external onlyOperator {
        Books storage books = _allBooks();
        bytes29 supply = supplyOf(seller, resource);
        CurrentMeter storage current = books.currentMeters[supply];
        MeterPlace storage place = books.meterPlaces[meter];
        if (place.number == 0) {
            if (meter == address(0)) revert MeterNotFree(meter);
            place.supply = supply;
            place.number = ++current.count;
            books.meters[supply][current.count] = meter;
        } else if (place.supply != supply) {
            revert MeterNotFree(meter);
        }
        (current.meter, current.number) = (meter, place.number);
        emit MeterRegistered(seller, resource, meter);
    }

    /// @inheritdoc IMetering
    function report(Reading[] calldata readings) external {
        _report(readings);
    }

    /// @inheritdoc IMetering
    function meterOf(address seller, uint256 resource) external view returns (address) {
        return _allBooks().currentMeters[supplyOf(seller, resource)].meter;
    }

    /// @inheritdoc IMetering
    function meterAt(address seller, uint256 instrument) external view returns (address) {
        return _meterAt(seller, instrument);
    }

    /// @inheritdoc IMetering
    function slotAt(address seller, uint256 instrument) external view returns (IMetering.Slot memory) {
        return PackedSlot.wrap(_allBooks().slotOf(seller, instrument).value).unpack();
    }

    /// @inheritdoc IMetering
    function slotOf(address meter, uint32 startHour) external view returns (IMetering.Slot memory) {
        MeterPlace memory place = _allBooks().meterPlaces[meter];
        PackedSlot slot = PackedSlot.wrap(_allBooks().slots[place.supply][startHour].value);
        return slot.meterNumber() == place.number ? slot.unpack() : PackedSlot.wrap(0).unpack();
    }

    function _report(Reading[] calldata readings) internal {
        for (uint256 i = 0; i < readings.length; ++i) {
            Reading calldata reading = readings[i];
            uint256 endsAt = (uint256(reading.startHour) + 1) * 1 hours;
            if (block.timestamp < endsAt) revert SlotNotOver(reading.startHour, endsAt);
            if (!Signatures.isSignedByKey(_hashTypedData(reading.structHash()), reading.meter, reading.signature)) {
                revert ReadingSignatureInvalid(reading.meter, reading.startHour);
            }
            _keep(reading);
        }
    }

    /// Keep a reading, the first one of its hour.
    ///
    /// Its meter must be the one that counts for the hour; if that is still open, the one that its supply has now.
    function _keep(Reading calldata reading) private {
        Books storage books = _allBooks();
        MeterPlace memory place = books.meterPlaces[reading.meter];
        Word storage word = books.slots[place.supply][reading.startHour];
        PackedSlot slot = PackedSlot.wrap(word.value);
        if (slot.meterNumber() == 0) slot = slot.withMeter(books.currentMeters[place.supply].number);
        if (place.number == 0 || slot.meterNumber() != place.number) {
            revert MeterOfAnotherHour(reading.meter, reading.startHour);
        }
        if (slot.reportedAt() == 0) {
            word.value = PackedSlot.unwrap(slot.withReading(reading.units, uint40(block.timestamp)));
            emit ReadingReported(reading.meter, reading.startHour, reading.units);
        } else if (slot.units() != reading.units) {
            emit ReadingContradicted(reading.meter, reading.startHour, slot.units(), reading.units);
        }
    }

    /// Count `quantity` as sold of the seller's hour, which lies ahead, so that no reading of it can have come.
    function _reserve(address seller, uint256 instrument, uint64 quantity)
        internal
        returns (address meter, uint64 soldBefore)
    {
        uint32 startHour = instrument.startHour();
        if (!instrument.isSettleable()) revert NotReservable(instrument);
        if (block.timestamp >= uint256(startHour) * 1 hours) revert SlotBegun(startHour);
        Word storage word = _allBooks().slotOf(seller, instrument);
        PackedSlot slot = PackedSlot.wrap(word.value);
        (PackedSlot after_, ISettlement.SkipCode code) = Slots.sell(_allBooks(), slot, seller, instrument, quantity);
        if (code == ISettlement.SkipCode.MeterNotRegistered) revert MeterMissing(seller, instrument.resource());
        if (code != ISettlement.SkipCode.None) revert NotReservable(instrument);
        meter = _meterAt(seller, instrument); // before it is fixed, which costs a read less
        soldBefore = slot.sold();
        word.value = PackedSlot.unwrap(after_);
    }

    function _allot(address seller, uint256 instrument, uint256 delivered) internal {
        Slots.allot(_allBooks().slotOf(seller, instrument), seller, instrument, delivered);
    }

    function _meterAt(address seller, uint256 instrument) private view returns (address) {
        Books storage books = _allBooks();
        bytes29 supply = supplyOf(seller, instrument.resource());
        uint24 number = PackedSlot.wrap(books.slots[supply][instrument.startHour()].value).meterNumber();
        return number == 0 ? books.currentMeters[supply].meter : books.meters[supply][number];
    }
}
