// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// An order of a packed batch, 28 bytes, each index one into its table:
///
///     participant 8 | terms 8 | conditions 8 | side 8 | price 64 | quantity 64 | client order id 64
type PackedOrder is uint256;

/// A fill of a packed batch, 22 bytes; the trade number counts from the batch's first:
///
///     bid 8 | offer 8 | trade number 32 | price 64 | quantity 64
type PackedFill is uint256;

using {
    participantIndex,
    termsIndex,
    conditionsIndex,
    shared,
    side,
    orderPrice,
    orderQuantity,
    clientOrderId
} for PackedOrder global;
using {bidIndex, offerIndex, tradeOffset, fillPrice, fillQuantity} for PackedFill global;

/// Read the call data of `settleBatch`. Twin of `contracts/packing.py`; `docs/reference/contracts.md` has the layout.
///
/// All integers are big-endian. Only signatures vary in length, so they come last and everything else is found by its
/// index. One line of assembly reads a word of the call data, because slices check each bound again, at 60 gas; that all
/// tables lie within the call data is checked once, in `tablesOf`. Lengths have 16 bits: no position overflows.
library PackedBatch {
    /// Where the tables stand in the call data, and how long they are.
    struct Tables {
        uint256 firstTradeNumber;
        uint256 participants;
        uint256 participantCount;
        uint256 terms;
        uint256 termsCount;
        uint256 conditions;
        uint256 conditionsCount;
        uint256 orders;
        uint256 orderCount;
        uint256 fills;
        uint256 fillCount;
        uint256 signatures;
        uint256 end;
    }

    uint256 private constant VERSION = 1;
    uint256 private constant HEADER_BYTES = 19;
    uint256 private constant PARTICIPANT_BYTES = 20;
    uint256 private constant TERMS_BYTES = 40;
    uint256 private constant CONDITIONS_BYTES = 18;
    uint256 private constant ORDER_BYTES = 28;
    uint256 private constant FILL_BYTES = 22;

    /// The bytes are no batch: another version, an end before or after what they announce, or a first trade number so
    /// high that one counted from it would not fit.
    error BatchMalformed();

    /// Find the tables: a header of version 8 | first trade number 64 | five lengths of 16, then the tables in turn.
    function tablesOf(bytes calldata packed) internal pure returns (Tables memory tables) {
        uint256 start;
        assembly ("memory-safe") {
            start := packed.offset
        }
        uint256 header = wordAt(start);
        if (packed.length < HEADER_BYTES || header >> 248 != VERSION) revert BatchMalformed();
        tables.firstTradeNumber = header >> 184 & type(uint64).max;
        if (tables.firstTradeNumber > type(uint64).max - type(uint32).max) revert BatchMalformed();
        tables.participantCount = header >> 168 & type(uint16).max;
        tables.termsCount = header >> 152 & type(uint16).max;
        tables.conditionsCount = header >> 136 & type(uint16).max;
        tables.orderCount = header >> 120 & type(uint16).max;
        tables.fillCount = header >> 104 & type(uint16).max;

        tables.participants = start + HEADER_BYTES;
        tables.terms = tables.participants + tables.participantCount * PARTICIPANT_BYTES;
        tables.conditions = tables.terms + tables.termsCount * TERMS_BYTES;
        tables.orders = tables.conditions + tables.conditionsCount * CONDITIONS_BYTES;
        tables.fills = tables.orders + tables.orderCount * ORDER_BYTES;
        tables.signatures = tables.fills + tables.fillCount * FILL_BYTES;
        tables.end = start + packed.length;
        if (tables.signatures > tables.end) revert BatchMalformed();
    }

    function participantAt(Tables memory tables, uint256 index) internal pure returns (address) {
        unchecked {
            return address(uint160(wordAt(tables.participants + index * PARTICIPANT_BYTES) >> 96));
        }
    }

    /// Return the instrument and the reference price.
    function termsAt(Tables memory tables, uint256 index) internal pure returns (uint256, uint256) {
        unchecked {
            uint256 position = tables.terms + index * TERMS_BYTES;
            return (wordAt(position), wordAt(position + 32) >> 192);
        }
    }

    /// Return the last moments to match and to settle, and the fee cap.
    function conditionsAt(Tables memory tables, uint256 index)
        internal
        pure
        returns (uint256 goodUntil, uint256 settleUntil, uint256 feeCapBps)
    {
        uint256 word;
        unchecked {
            word = wordAt(tables.conditions + index * CONDITIONS_BYTES);
        }
        return (word >> 192, word >> 128 & type(uint64).max, word >> 112 & type(uint16).max);
    }

    function orderAt(uint256 orders, uint256 index) internal pure returns (PackedOrder order) {
        assembly ("memory-safe") {
            order := shr(32, calldataload(add(orders, mul(index, ORDER_BYTES))))
        }
    }

    function fillAt(Tables memory tables, uint256 index) internal pure returns (PackedFill) {
        unchecked {
            return PackedFill.wrap(wordAt(tables.fills + index * FILL_BYTES) >> 80);
        }
    }

    /// Return the signature at a position of the call data, two bytes of length before it, and where the next one is.
    function signatureAt(Tables memory tables, uint256 position)
        internal
        pure
        returns (bytes calldata signature, uint256 next)
    {
        uint256 length = wordAt(position) >> 240;
        unchecked {
            next = position + 2 + length;
        }
        if (next > tables.end) revert BatchMalformed();
        assembly ("memory-safe") {
            signature.offset := add(position, 2)
            signature.length := length
        }
    }

    function wordAt(uint256 position) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := calldataload(position)
        }
    }
}

function participantIndex(PackedOrder order) pure returns (uint256) {
    return PackedOrder.unwrap(order) >> 216;
}

function termsIndex(PackedOrder order) pure returns (uint256) {
    return PackedOrder.unwrap(order) >> 208 & type(uint8).max;
}

function conditionsIndex(PackedOrder order) pure returns (uint256) {
    return PackedOrder.unwrap(order) >> 200 & type(uint8).max;
}

/// Return what an order has in common with others: the places of its terms and conditions.
function shared(PackedOrder order) pure returns (uint256) {
    return PackedOrder.unwrap(order) >> 200 & type(uint16).max;
}

function side(PackedOrder order) pure returns (uint256) {
    return PackedOrder.unwrap(order) >> 192 & type(uint8).max;
}

function orderPrice(PackedOrder order) pure returns (uint256) {
    return PackedOrder.unwrap(order) >> 128 & type(uint64).max;
}

function orderQuantity(PackedOrder order) pure returns (uint256) {
    return PackedOrder.unwrap(order) >> 64 & type(uint64).max;
}

function clientOrderId(PackedOrder order) pure returns (uint64) {
    return uint64(PackedOrder.unwrap(order));
}

function bidIndex(PackedFill fill) pure returns (uint256) {
    return PackedFill.unwrap(fill) >> 168;
}

function offerIndex(PackedFill fill) pure returns (uint256) {
    return PackedFill.unwrap(fill) >> 160 & type(uint8).max;
}

function tradeOffset(PackedFill fill) pure returns (uint256) {
    return PackedFill.unwrap(fill) >> 128 & type(uint32).max;
}

function fillPrice(PackedFill fill) pure returns (uint256) {
    return PackedFill.unwrap(fill) >> 64 & type(uint64).max;
}

function fillQuantity(PackedFill fill) pure returns (uint256) {
    return PackedFill.unwrap(fill) & type(uint64).max;
}
