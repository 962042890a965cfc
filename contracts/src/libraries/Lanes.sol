// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// Four fill counters in a word: of a participant's client order ids 4n to 4n + 3, from the lowest lane up.
///
/// A lane's lower 63 bits count the lots locked; its highest bit says that somebody asked to cancel, and when is stored
/// elsewhere. So an order fills to at most 2^63 - 1 lots, whatever quantity was signed.
library Lanes {
    uint256 internal constant FILLED_MAX = (1 << 63) - 1;
    uint256 private constant CANCEL_ASKED = 1 << 63;

    /// Return the key of the word that counts an order: no two pairs of participant and id / 4 have the same.
    function keyOf(address participant, uint64 clientOrderId) internal pure returns (uint256) {
        return uint256(uint160(participant)) << 64 | clientOrderId >> 2;
    }

    /// Return how far up its word an order's lane begins, in bits.
    function shiftOf(uint64 clientOrderId) internal pure returns (uint256) {
        return uint256(clientOrderId & 3) << 6;
    }

    /// Return the lots that the lane counts.
    function filled(uint256 word, uint256 shift) internal pure returns (uint256) {
        return word >> shift & FILLED_MAX;
    }

    /// Return whether the lane says that a cancellation was asked for.
    function cancelAsked(uint256 word, uint256 shift) internal pure returns (bool) {
        return word >> shift & CANCEL_ASKED != 0;
    }

    /// Return the word with the lane's flag set.
    function withCancelAsked(uint256 word, uint256 shift) internal pure returns (uint256) {
        return word | CANCEL_ASKED << shift;
    }
}
