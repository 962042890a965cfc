// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Custody} from "./Custody.sol";
import {IOrders} from "./interfaces/IOrders.sol";
import {Lanes} from "./libraries/Lanes.sol";
import {Order} from "./types/Order.sol";

/// Count what was locked of each order, and keep what was cancelled.
abstract contract Orders is IOrders, Custody {
    mapping(uint256 lanesKey => uint256 word) private _lanes;
    mapping(uint256 lanesKey => uint64[4] lanes) private _cancelledFrom;
    mapping(address participant => CancelledBelow) private _cancelledBelow;

    /// @inheritdoc IOrders
    function cancelOrder(uint64 clientOrderId) external {
        uint256 key = Lanes.keyOf(msg.sender, clientOrderId);
        uint256 shift = Lanes.shiftOf(clientOrderId);
        uint256 word = _lanes[key];
        if (Lanes.cancelAsked(word, shift)) return;
        uint64 effectiveAt = uint64(block.timestamp) + noticePeriod;
        _lanes[key] = Lanes.withCancelAsked(word, shift);
        _cancelledFrom[key][clientOrderId & 3] = effectiveAt;
        emit CancelRequested(msg.sender, clientOrderId, effectiveAt);
    }

    /// @inheritdoc IOrders
    function cancelBelow(uint64 clientOrderId) external {
        CancelledBelow memory cancelled = _cancelledBelow[msg.sender];
        if (clientOrderId <= cancelled.pending) return;
        if (block.timestamp < cancelled.pendingFrom) revert CancelBelowPending(cancelled.pendingFrom);
        uint64 effectiveAt = uint64(block.timestamp) + noticePeriod;
        _cancelledBelow[msg.sender] = CancelledBelow(cancelled.pending, clientOrderId, effectiveAt);
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
        return _cancelledFrom[Lanes.keyOf(participant, clientOrderId)][clientOrderId & 3];
    }

    /// @inheritdoc IOrders
    function cancelledBelow(address participant) external view returns (CancelledBelow memory) {
        return _cancelledBelow[participant];
    }

    /// Return the id below which all of a participant's orders are cancelled by now.
    function _cancelledBelowNow(address participant) internal view returns (uint64) {
        CancelledBelow memory cancelled = _cancelledBelow[participant];
        return block.timestamp < cancelled.pendingFrom ? cancelled.inForce : cancelled.pending;
    }

    /// Return whether the order was cancelled by itself by now. Only a lane whose flag is set needs asking.
    function _isCancelledNow(uint256 lanesKey, uint64 clientOrderId) internal view returns (bool) {
        return block.timestamp >= _cancelledFrom[lanesKey][clientOrderId & 3];
    }

    function _lanesAt(uint256 key) internal view returns (uint256) {
        return _lanes[key];
    }

    function _setLanes(uint256 key, uint256 word) internal {
        _lanes[key] = word;
    }
}
