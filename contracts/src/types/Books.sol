// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EfficientHashLib} from "solady/utils/EfficientHashLib.sol";
import {IOrders} from "../interfaces/IOrders.sol";
import {Instruments} from "../libraries/Instruments.sol";
import {Purse} from "./Purse.sol";
import {Word} from "./Word.sol";

/// What the settlement remembers of people, orders and meters. In one struct, so that a linked library can work on it.
///
/// A supply is what one seller offers of one resource, see `supplyOf`.
struct Books {
    mapping(address participant => Purse) purses;
    /// Four fill counters each, see `Lanes`.
    mapping(uint256 lanesKey => Word) lanes;
    /// From when each of four orders is cancelled, where its lane says that it was asked for.
    mapping(uint256 lanesKey => uint64[4] times) cancelledFrom;
    mapping(address participant => IOrders.CancelledBelow) cancelledBelow;
    mapping(bytes29 supply => CurrentMeter) currentMeters;
    /// Each meter that a supply ever had.
    mapping(bytes29 supply => mapping(uint24 number => address meter)) meters;
    mapping(address meter => MeterPlace) meterPlaces;
    /// What was sold and measured of each hour, see `Slot`.
    mapping(bytes29 supply => mapping(uint32 startHour => Word)) slots;
}

/// The meter that a supply has now, and how many it ever had.
struct CurrentMeter {
    address meter;
    uint24 number;
    uint24 count;
}

/// Which supply a meter measures, and its number there, from 1.
struct MeterPlace {
    bytes29 supply;
    uint24 number;
}

/// Return the key of what a seller offers of a resource: 232 bits, which leave room for a number in the same word.
function supplyOf(address seller, uint256 resource) pure returns (bytes29) {
    return bytes29(EfficientHashLib.hash(uint160(seller), resource));
}

/// Return the ledger of a seller's hour of an instrument.
function slotOf(Books storage books, address seller, uint256 instrument) view returns (Word storage) {
    return books.slots[supplyOf(seller, Instruments.resource(instrument))][Instruments.startHour(instrument)];
}

/// Return the id below which all of a participant's orders are cancelled by now.
function cancelledBelowNow(Books storage books, address participant) view returns (uint64) {
    IOrders.CancelledBelow memory cancelled = books.cancelledBelow[participant];
    return block.timestamp < cancelled.pendingFrom ? cancelled.inForce : cancelled.pending;
}

/// Return whether the order was cancelled by itself by now. Only a lane whose flag is set needs asking.
function isCancelledNow(Books storage books, uint256 lanesKey, uint64 clientOrderId) view returns (bool) {
    return block.timestamp >= books.cancelledFrom[lanesKey][clientOrderId & 3];
}

using {slotOf, cancelledBelowNow, isCancelledNow} for Books global;
