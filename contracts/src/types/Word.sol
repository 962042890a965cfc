// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// A word of storage. In a struct, so that a batch can find where it stands once, keep that in memory, and come back.
struct Word {
    uint256 value;
}

function placeOf(Word storage word) pure returns (uint256 place) {
    assembly ("memory-safe") {
        place := word.slot
    }
}

function wordAt(uint256 place) pure returns (Word storage word) {
    assembly ("memory-safe") {
        word.slot := place
    }
}
