// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Custody} from "./Custody.sol";
import {IOrders} from "./interfaces/IOrders.sol";
import {Lanes} from "./libraries/Lanes.sol";
import {Order} from "./types/Order.sol";

/// Count what was locked of each order, and keep what was cancelled.
abstract contract Orders is IOrders, Custody {
    /// @inheritdoc IOrders
    function cancelOrder(uint64 clientOrderId) external {
        uint256 key = Lanes.keyOf(msg.sender, clientOrderId);
        uint256 shift = Lanes.shiftOf(clientOrderId);
        uint256 word = _lanesAt(key);
        if (Lanes.cancelAsked(word, shift)) return;
        uint64 effectiveAt = uint64(block.timestamp) + noticePeriod;
        _setLanes(key, Lanes.withCancelAsked(word, shift));
        _allBooks().cancelledFrom[key][clientOrderId & 3] = effectiveAt;
        emit CancelRequested(msg.sender, clientOrderId, effectiveAt);
    }

    /// @inheritdoc IOrders
    function cancelBelow(uint64 clientOrderId) external {
        CancelledBelow memory cancelled = _allBooks().cancelledBelow[msg.sender];
        if (clientOrderId <= cancelled.pending) return;
        if (block.timestamp < cancelled.pendingFrom) revert CancelBelowPending(cancelled.pendingFrom);
        uint64 effectiveAt = uint64(block.timestamp) + noticePeriod;
        _allBooks().cancelledBelow[msg.sender] = CancelledBelow(cancelled.pending, clientOrderId, effectiveAt);
        _setPurse(msg.sender, _purseOf(msg.sender).withCancelledBelow());
        emit CancelBelowRequested(msg.sender, clientOrderId, effectiveAt);
    }

    /// @inheritdoc IOrders
    function orderHash(Order calldata order) external view returns (bytes32) {
        return _hashTypedData(order.structHash());
    }

    /// @inheritdoc IOrders
    function filledOf(address participant, uint64 clientOrderId) external view returns (uint64) {
        uint256 word = _lanesAt(Lanes.keyOf(participant, clientOrderId));
        // casting to 'uint64' is safe because a lane counts with 63 bits
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint64(Lanes.filled(word, Lanes.shiftOf(clientOrderId)));
    }

    /// @inheritdoc IOrders
    function cancelledFrom(address participant, uint64 clientOrderId) external view returns (uint64) {
        return _allBooks().cancelledFrom[Lanes.keyOf(participant, clientOrderId)][clientOrderId & 3];
    }

    /// @inheritdoc IOrders
    function cancelledBelow(address participant) external view returns (CancelledBelow memory) {
        return _allBooks().cancelledBelow[participant];
    }

    function _lanesAt(uint256 key) internal view returns (uint256) {
        return _allBooks().lanes[key].value;
    }

    function _setLanes(uint256 key, uint256 word) internal {
        _allBooks().lanes[key].value = word;
    }
}
