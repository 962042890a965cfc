// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Order} from "../types/Order.sol";
import {ICustody} from "./ICustody.sol";

/// What is remembered of orders: the lots locked so far, and what their participants cancelled.
///
/// Both are kept by participant and client order id, which the participant signs and uses once (decision 1). Should it
/// sign two orders with one id, they share the count and the cancellation: together they fill less than each alone
/// would, never more. Nobody else can touch them, since only an order that carries its signature is counted.
///
/// Every cancellation takes effect `noticePeriod` seconds after it was asked for, whatever the operator does, so that
/// trades already matched can settle. None can be taken back.
interface IOrders is ICustody {
    /// What a participant cancelled at a stroke: all ids below `inForce`, and from `pendingFrom` on all below `pending`.
    struct CancelledBelow {
        uint64 inForce;
        uint64 pending;
        uint64 pendingFrom;
    }

    event CancelRequested(address indexed participant, uint64 indexed clientOrderId, uint256 effectiveAt);
    event CancelBelowRequested(address indexed participant, uint64 clientOrderId, uint256 effectiveAt);

    /// An earlier `cancelBelow` of the caller is not in effect yet; it takes effect at this time, and then ask again.
    error CancelBelowPending(uint256 effectiveAt);

    /// Forbid further fills of the caller's order with this id, signed or not yet. Asking again does not move the time.
    function cancelOrder(uint64 clientOrderId) external;

    /// Forbid further fills of all the caller's orders whose id is below this one.
    ///
    /// One request waits at a time, so that none can put off another; for what cannot wait there is `cancelOrder`. An id
    /// that is not above the last one asked for changes nothing.
    function cancelBelow(uint64 clientOrderId) external;

    /// Return the EIP-712 digest of an order: what is signed.
    function orderHash(Order calldata order) external view returns (bytes32);

    /// Return the lots locked so far of a participant's order.
    function filledOf(address participant, uint64 clientOrderId) external view returns (uint64);

    /// Return the time from which an order takes no more fills because `cancelOrder` named it, 0 if it did not.
    function cancelledFrom(address participant, uint64 clientOrderId) external view returns (uint64);

    /// Return what `cancelBelow` cancelled for a participant.
    function cancelledBelow(address participant) external view returns (CancelledBelow memory);
}
