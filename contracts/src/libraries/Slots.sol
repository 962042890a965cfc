// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMetering} from "../interfaces/IMetering.sol";
import {ISettlement} from "../interfaces/ISettlement.sol";
import {Books, supplyOf} from "../types/Books.sol";
import {PackedSlot} from "../types/PackedSlot.sol";
import {Word} from "../types/Word.sol";
import {Instruments} from "./Instruments.sol";

/// The rules of sellers' hours: what may be sold of one, and what may be made of its reading.
library Slots {
    using Instruments for uint256;

    /// Return the hour's ledger with `quantity` lots more sold, of 64 bits, or why they cannot be. The first sale fixes its meter.
    function sell(Books storage books, PackedSlot slot, address seller, uint256 instrument, uint256 quantity)
        internal
        view
        returns (PackedSlot after_, ISettlement.SkipCode code)
    {
        after_ = slot;
        if (slot.meterNumber() == 0) {
            uint24 number = books.currentMeters[supplyOf(seller, instrument.resource())].number;
            if (number == 0) return (slot, ISettlement.SkipCode.MeterNotRegistered);
            after_ = slot.withMeter(number);
        }
        if (slot.reportedAt() != 0) return (slot, ISettlement.SkipCode.SlotAlreadyMetered);
        unchecked {
            if (slot.sold() + quantity > type(uint64).max) return (slot, ISettlement.SkipCode.SlotFull);
        }
        return (after_.withSold(quantity), ISettlement.SkipCode.None);
    }

    /// Give `delivered` of the hour's units to contracts that are over. No reading is spent twice.
    function allot(Word storage word, address seller, uint256 instrument, uint256 delivered) internal {
        PackedSlot slot = PackedSlot.wrap(word.value);
        uint256 allotted = slot.allotted() + delivered;
        if (allotted > slot.units()) {
            revert IMetering.AllottedBeyondReading(seller, instrument, allotted, slot.units());
        }
        word.value = PackedSlot.unwrap(slot.withAllotted(delivered));
    }
}
