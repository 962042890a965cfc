// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IStandby} from "../../src/interfaces/IStandby.sol";

/// Stands in for the standby contract, as far as a guarantee asks it: a test names plans, and says how a call ends.
contract StandbyStandIn {
    error Closed(bytes32 optionId);
    error TooEarly(bytes32 callId);
    error NotTheCall(bytes32 callId, bytes32 optionId);

    address public settlement;
    mapping(address holder => mapping(uint256 resource => bytes32[])) private plans;
    mapping(bytes32 optionId => bool) private closed;
    mapping(bytes32 callId => IStandby.Call) private calls;
    mapping(bytes32 callId => IStandby.Call) private ends;
    mapping(bytes32 callId => bytes32 optionId) private called;
    bool private mute;
    uint256 public callCount;

    // --- what a test says ---------------------------------------------------------------------------------------

    function serve(address settlement_) external {
        settlement = settlement_;
    }

    function name(IStandby.Terms calldata terms) external {
        plans[terms.holder][terms.resource].push(idOf(terms));
    }

    /// Put an option in the place of another, which is closed.
    function replace(uint256 place, IStandby.Terms calldata terms) external {
        plans[terms.holder][terms.resource][place] = idOf(terms);
    }

    function close(IStandby.Terms calldata terms) external {
        closed[idOf(terms)] = true;
    }

    /// Refuse without a reason, as where gas runs out.
    function beMute() external {
        mute = true;
    }

    /// Say how a call ends when somebody concludes it.
    function endWith(bytes32 callId, IStandby.CallStatus status, uint64 delivered) public {
        ends[callId] = calls[callId];
        ends[callId].status = status;
        ends[callId].delivered = delivered;
    }

    /// End a call at once, as when the supplier declines.
    function end(bytes32 callId, IStandby.CallStatus status, uint64 delivered) external {
        endWith(callId, status, delivered);
        calls[callId] = ends[callId];
    }

    // --- what the guarantee asks --------------------------------------------------------------------------------

    function callFor(bytes32 cause, IStandby.Terms calldata terms, uint64 lots) external returns (bytes32 callId) {
        if (mute) revert();
        if (closed[idOf(terms)] || lots > terms.lots) revert Closed(idOf(terms));
        callId = keccak256(abi.encode(cause, idOf(terms), ++callCount));
        calls[callId] = IStandby.Call(
            IStandby.CallStatus.Asked, lots, 0, uint64(block.timestamp) + terms.answerWindow, 0, 0, address(0)
        );
        called[callId] = idOf(terms);
    }

    function conclude(bytes32 callId, IStandby.Terms calldata terms) external returns (IStandby.Call memory) {
        if (called[callId] != idOf(terms)) revert NotTheCall(callId, idOf(terms));
        IStandby.CallStatus status = calls[callId].status;
        if (status == IStandby.CallStatus.Declined || status == IStandby.CallStatus.Over) return calls[callId];
        if (ends[callId].status == IStandby.CallStatus.None) revert TooEarly(callId);
        return calls[callId] = ends[callId];
    }

    function callOf(bytes32 callId) external view returns (IStandby.Call memory) {
        return calls[callId];
    }

    function planOf(address holder, uint256 resource) external view returns (bytes32[] memory) {
        return plans[holder][resource];
    }

    function idOf(IStandby.Terms calldata terms) public pure returns (bytes32) {
        return keccak256(abi.encode(terms));
    }
}
