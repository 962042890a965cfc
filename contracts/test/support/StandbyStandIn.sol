// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IStandby} from "../../src/interfaces/IStandby.sol";

/// Stands in for the standby contract: a test names plans, and says what becomes of a call.
contract StandbyStandIn is IStandby {
    error Closed(bytes32 optionId);
    error TooEarly(bytes32 callId);

    address public settlement;
    mapping(address holder => mapping(uint256 resource => bytes32[])) private plans;
    mapping(bytes32 optionId => bool) private closed;
    mapping(bytes32 callId => Call) private calls;
    mapping(bytes32 callId => Call) private ends;
    mapping(bytes32 callId => bytes32 optionId) private called;
    bool private mute;
    uint256 public callCount;

    // --- what a test says ---------------------------------------------------------------------------------------

    function serve(address settlement_) external {
        settlement = settlement_;
    }

    function name(Terms calldata terms) external {
        plans[terms.holder][terms.resource].push(idOf(terms));
    }

    function close(Terms calldata terms) external {
        closed[idOf(terms)] = true;
    }

    /// Refuse without a reason, as where gas runs out.
    function beMute() external {
        mute = true;
    }

    /// Say how a call ends when somebody concludes it.
    function endWith(bytes32 callId, CallStatus status, uint64 delivered) public {
        ends[callId] = calls[callId];
        ends[callId].status = status;
        ends[callId].delivered = delivered;
    }

    /// End a call at once, as when the supplier declines.
    function end(bytes32 callId, CallStatus status, uint64 delivered) external {
        endWith(callId, status, delivered);
        calls[callId] = ends[callId];
    }

    // --- what the guarantee asks --------------------------------------------------------------------------------

    function callFor(bytes32 cause, Terms calldata terms, uint64 lots) external returns (bytes32 callId) {
        if (mute) revert();
        if (closed[idOf(terms)] || lots > terms.lots) revert Closed(idOf(terms));
        callId = keccak256(abi.encode(cause, idOf(terms), ++callCount));
        calls[callId] = Call(CallStatus.Asked, lots, 0, uint64(block.timestamp) + terms.answerWindow, 0, 0, address(0));
        called[callId] = idOf(terms);
    }

    function conclude(bytes32 callId, Terms calldata terms) external returns (Call memory) {
        if (called[callId] != idOf(terms)) revert Closed(idOf(terms));
        if (ends[callId].status == CallStatus.None) revert TooEarly(callId);
        return calls[callId] = ends[callId];
    }

    function callOf(bytes32 callId) external view returns (Call memory) {
        return calls[callId];
    }

    function planOf(address holder, uint256 resource) external view returns (bytes32[] memory) {
        return plans[holder][resource];
    }

    function idOf(Terms calldata terms) public pure returns (bytes32) {
        return keccak256(abi.encode(terms));
    }
}
