// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ISettlement} from "../interfaces/ISettlement.sol";
import {Column} from "./Columns.sol";
import {PackedBatch} from "./PackedBatch.sol";
import {PackedLeaves} from "./PackedLeaves.sol";

/// What `TradesLocked` tells of a batch, put together in memory as it will be logged: 600 gas less for each trade than to
/// encode it from parts.
struct LeavesLog {
    /// Where the ABI encoding of the event's data begins.
    uint256 start;
    /// The leaves' words, which come last.
    Column leaves;
}

using {emitLocked} for LeavesLog global;

/// Make room for as many leaves as the batch has fills, and copy what its call data says already: who and on which terms.
function newLeavesLog(PackedBatch.Tables memory tables, uint16 feeBps) pure returns (LeavesLog memory log) {
    uint256 participants = tables.participants;
    uint256 tablesBytes = tables.conditions - participants; // the terms come between
    bytes memory header =
        PackedLeaves.headerOf(feeBps, uint64(tables.firstTradeNumber), tables.participantCount, tables.termsCount, 0);
    // the offset and length of the data, the parts, and the zeros that fill the last word
    bytes memory room = new bytes(64 + header.length + tablesBytes + 32 * tables.fillCount + 31);
    uint256 start;
    Column leaves;
    assembly ("memory-safe") {
        start := add(room, 0x20)
        mstore(start, 0x20)
        let position := add(start, 0x40)
        mstore(position, mload(add(header, 0x20)))
        position := add(position, mload(header))
        calldatacopy(position, participants, tablesBytes)
        leaves := add(position, tablesBytes)
    }
    (log.start, log.leaves) = (start, leaves);
}

/// Emit the event with the first `count` leaves. Once: what follows them is taken for zeros.
function emitLocked(LeavesLog memory log, uint64 batchNumber, uint256 count) {
    bytes32 topic = ISettlement.TradesLocked.selector;
    uint256 start = log.start;
    Column leaves = log.leaves;
    assembly ("memory-safe") {
        let data := add(start, 0x40)
        let length := sub(add(leaves, shl(5, count)), data)
        mstore(add(start, 0x20), length)
        // the number of leaves ends the header
        mstore8(add(data, 15), shr(8, count))
        mstore8(add(data, 16), count)
        log2(start, add(0x40, and(add(length, 31), not(31))), topic, batchNumber)
    }
}
