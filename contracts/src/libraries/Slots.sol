// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SafeCastLib} from "solady/utils/SafeCastLib.sol";
import {IMetering} from "../interfaces/IMetering.sol";

/// The ledgers of meters and hours, wherever they are stored.
library Slots {
    using SafeCastLib for uint256;

    /// Give `delivered` of the slot's units to contracts that are over. No reading is spent twice.
    function allot(
        mapping(address meter => mapping(uint32 startHour => IMetering.Slot)) storage slots,
        address meter,
        uint32 startHour,
        uint256 delivered
    ) internal {
        IMetering.Slot storage slot = slots[meter][startHour];
        uint256 allotted = slot.allotted + delivered;
        if (allotted > slot.units) {
            revert IMetering.AllottedBeyondReading(meter, startHour, allotted, slot.units);
        }
        slot.allotted = allotted.toUint64();
    }
}
