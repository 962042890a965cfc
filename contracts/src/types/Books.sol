// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMetering} from "../interfaces/IMetering.sol";
import {IOrders} from "../interfaces/IOrders.sol";
import {Purse} from "./Purse.sol";

/// What the settlement remembers of people, orders and meters. In one struct, so that a linked library can work on it.
struct Books {
    mapping(address participant => Purse) purses;
    /// Four fill counters each, see `Lanes`.
    mapping(uint256 lanesKey => uint256 word) lanes;
    /// From when each of four orders is cancelled, where its lane says that it was asked for.
    mapping(uint256 lanesKey => uint64[4] times) cancelledFrom;
    mapping(address participant => IOrders.CancelledBelow) cancelledBelow;
    /// The meter of a seller's resource, and whose each meter is.
    mapping(bytes32 owner => address meter) meters;
    mapping(address meter => bytes32 owner) owners;
    mapping(address meter => mapping(uint32 startHour => IMetering.Slot)) slots;
}

/// Return the key under which a seller's meter for a resource is kept.
function ownerKey(address seller, uint256 resource) pure returns (bytes32) {
    return keccak256(abi.encode(seller, resource));
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

/// Return the meter registered for a seller and resource, or the zero address.
function meterOf(Books storage books, address seller, uint256 resource) view returns (address) {
    return books.meters[ownerKey(seller, resource)];
}

using {cancelledBelowNow, isCancelledNow, meterOf} for Books global;
