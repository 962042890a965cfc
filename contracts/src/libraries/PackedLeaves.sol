// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SafeCastLib} from "solady/utils/SafeCastLib.sol";
import {Leaf} from "../types/Leaf.sol";

/// A leaf of a packed batch, one word; the trade number counts from the batch's first, the position is its place:
///
///     buyer 8 | seller 8 | terms 8 | trade number 40 | price 64 | quantity 64 | sold before 64
type PackedLeaf is uint256;

using {
    buyerIndex,
    sellerIndex,
    leafTermsIndex,
    leafTradeOffset,
    leafPrice,
    leafQuantity,
    leafSoldBefore
} for PackedLeaf global;

/// Write what `TradesLocked` tells, and read it back in `deliverBatch`. Twin of `contracts/packing.py`.
///
/// A header of version 8 | fee 16 | first trade number 64 | three lengths of 16, then participants (20 bytes each), terms
/// (instrument 32, reference price 8) and leaves (32).
library PackedLeaves {
    /// Where the tables stand in the call data, and how long they are.
    struct Tables {
        uint256 feeBps;
        uint256 firstTradeNumber;
        uint256 participants;
        uint256 participantCount;
        uint256 terms;
        uint256 termsCount;
        uint256 leaves;
        uint256 leafCount;
    }

    uint8 private constant VERSION = 1;
    uint256 internal constant HEADER_BYTES = 17;
    uint256 private constant PARTICIPANT_BYTES = 20;
    uint256 private constant TERMS_BYTES = 40;
    uint256 private constant WORD_BYTES = 32;

    /// The bytes are no leaves: another version, or another length than the tables announce.
    error LeavesMalformed();

    /// Return the header.
    function headerOf(uint16 feeBps, uint64 firstTradeNumber, uint256 participants, uint256 terms, uint256 leaves)
        internal
        pure
        returns (bytes memory)
    {
        return abi.encodePacked(VERSION, feeBps, firstTradeNumber, uint16(participants), uint16(terms), uint16(leaves));
    }

    /// Return a leaf whose entries stand at these places. Reverts if its number is 2^40 or more above the first.
    function wordOf(Leaf memory leaf, uint64 firstTradeNumber, uint256 buyer, uint256 seller, uint256 terms)
        internal
        pure
        returns (uint256)
    {
        uint256 places = buyer << 16 | seller << 8 | terms;
        uint256 offset = SafeCastLib.toUint40(leaf.tradeNumber - firstTradeNumber);
        return wordOf(places, offset, leaf.price, leaf.quantity, leaf.soldBefore);
    }

    /// Put the parts of a leaf into its word. They fit.
    function wordOf(uint256 places, uint256 offset, uint256 price, uint256 quantity, uint256 soldBefore)
        internal
        pure
        returns (uint256)
    {
        return places << 232 | offset << 192 | price << 128 | quantity << 64 | soldBefore;
    }

    /// Find the tables.
    function tablesOf(bytes calldata packed) internal pure returns (Tables memory tables) {
        uint256 start;
        assembly ("memory-safe") {
            start := packed.offset
        }
        uint256 header = wordAt(start);
        if (header >> 248 != VERSION) revert LeavesMalformed();
        tables.feeBps = header >> 232 & type(uint16).max;
        tables.firstTradeNumber = header >> 168 & type(uint64).max;
        tables.participantCount = header >> 152 & type(uint16).max;
        tables.termsCount = header >> 136 & type(uint16).max;
        tables.leafCount = header >> 120 & type(uint16).max;

        tables.participants = start + HEADER_BYTES;
        tables.terms = tables.participants + tables.participantCount * PARTICIPANT_BYTES;
        tables.leaves = tables.terms + tables.termsCount * TERMS_BYTES;
        if (tables.leaves + tables.leafCount * WORD_BYTES != start + packed.length) revert LeavesMalformed();
    }

    function participantAt(Tables memory tables, uint256 index) internal pure returns (address) {
        return address(uint160(wordAt(tables.participants + index * PARTICIPANT_BYTES) >> 96));
    }

    /// Return the instrument and the reference price.
    function termsAt(Tables memory tables, uint256 index) internal pure returns (uint256, uint256) {
        uint256 position = tables.terms + index * TERMS_BYTES;
        return (wordAt(position), wordAt(position + 32) >> 192);
    }

    function leafAt(Tables memory tables, uint256 index) internal pure returns (PackedLeaf) {
        return PackedLeaf.wrap(wordAt(tables.leaves + index * WORD_BYTES));
    }

    function wordAt(uint256 position) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := calldataload(position)
        }
    }
}

function buyerIndex(PackedLeaf leaf) pure returns (uint256) {
    return PackedLeaf.unwrap(leaf) >> 248;
}

function sellerIndex(PackedLeaf leaf) pure returns (uint256) {
    return PackedLeaf.unwrap(leaf) >> 240 & type(uint8).max;
}

function leafTermsIndex(PackedLeaf leaf) pure returns (uint256) {
    return PackedLeaf.unwrap(leaf) >> 232 & type(uint8).max;
}

function leafTradeOffset(PackedLeaf leaf) pure returns (uint256) {
    return PackedLeaf.unwrap(leaf) >> 192 & type(uint40).max;
}

function leafPrice(PackedLeaf leaf) pure returns (uint256) {
    return PackedLeaf.unwrap(leaf) >> 128 & type(uint64).max;
}

function leafQuantity(PackedLeaf leaf) pure returns (uint256) {
    return PackedLeaf.unwrap(leaf) >> 64 & type(uint64).max;
}

function leafSoldBefore(PackedLeaf leaf) pure returns (uint256) {
    return PackedLeaf.unwrap(leaf) & type(uint64).max;
}
