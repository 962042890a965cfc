// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// What both sides of a long-term agreement sign of a period that went well: what is paid, and nothing else.
struct PeriodStatement {
    uint16 period;
    /// Micros for the seller, out of the buyer's stake; the venue's fee comes on top.
    uint128 toSeller;
    /// Micros for the buyer, out of the seller's stake.
    uint128 toBuyer;
    /// Last second in which it counts.
    uint64 deadline;
}

/// What a meter counted for one agreement from its beginning through an hour, signed with the meter's key.
struct CumulativeReading {
    address meter;
    /// The last hour counted.
    uint32 throughHour;
    /// Lots since the agreement's first hour.
    uint64 units;
    bytes signature;
}

/// What replacing a lot that is missing of a period costs, in micros per unit, signed by the price source of the terms.
struct ReplacementPrice {
    uint64 price;
    /// Empty if there is none.
    bytes signature;
}

bytes32 constant PERIOD_STATEMENT_TYPEHASH =
    keccak256("PeriodStatement(bytes32 agreement,uint16 period,uint128 toSeller,uint128 toBuyer,uint64 deadline)");
bytes32 constant CUMULATIVE_READING_TYPEHASH =
    keccak256("CumulativeReading(bytes32 agreement,address meter,uint32 throughHour,uint64 units)");
bytes32 constant REPLACEMENT_PRICE_TYPEHASH =
    keccak256("ReplacementPrice(bytes32 agreement,uint16 period,uint64 price)");

/// Return the EIP-712 struct hash of a statement about an agreement.
function statementHash(PeriodStatement calldata statement, bytes32 id) pure returns (bytes32) {
    return keccak256(abi.encode(PERIOD_STATEMENT_TYPEHASH, id, statement));
}

/// Return the EIP-712 struct hash of a reading for an agreement.
function readingHash(CumulativeReading calldata reading, bytes32 id) pure returns (bytes32) {
    return keccak256(abi.encode(CUMULATIVE_READING_TYPEHASH, id, reading.meter, reading.throughHour, reading.units));
}

/// Return the EIP-712 struct hash of a replacement price for a period of an agreement.
function priceHash(ReplacementPrice calldata replacement, bytes32 id, uint256 period) pure returns (bytes32) {
    return keccak256(abi.encode(REPLACEMENT_PRICE_TYPEHASH, id, period, replacement.price));
}

using {statementHash} for PeriodStatement global;
using {readingHash} for CumulativeReading global;
using {priceHash} for ReplacementPrice global;
