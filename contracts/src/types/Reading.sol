// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// What a meter measured in one delivery hour, signed with the meter's key.
struct Reading {
    address meter;
    /// The hour, counted from 1970-01-01T00Z.
    uint32 startHour;
    /// Delivered lots of the meter's resource.
    uint64 units;
    /// The meter's EIP-712 signature, 65 bytes (r, s, v).
    bytes signature;
}

// `keccak256` of the EIP-712 type of `Reading`, whose signature is no part of what is signed.
bytes32 constant READING_TYPEHASH = keccak256("Reading(address meter,uint32 startHour,uint64 units)");

/// Return the EIP-712 struct hash of what the meter signs.
function structHash(Reading calldata reading) pure returns (bytes32) {
    return keccak256(abi.encode(READING_TYPEHASH, reading.meter, reading.startHour, reading.units));
}

using {structHash} for Reading global;
