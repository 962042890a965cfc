// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// What may be in dispute between two parties, and the bounds that their contract sets to it. Never stored: a module
/// works it out of the terms each time. Quantities are lots, times Unix seconds; what holds until a time is over then.
struct Case {
    /// What it is about, unlike any other of the module: a leaf, or a period of an agreement.
    bytes32 subject;
    address arbiter;
    /// The two parties; never one and the same.
    address buyer;
    address seller;
    /// Lots promised.
    uint64 contracted;
    /// Lots delivered by the readings that have come; 0 without one.
    uint64 metered;
    /// Most of what is missing that may be excused, in parts per million; at most all.
    uint32 excuseMost;
    /// What a claim costs whom the arbiter does not follow, in micros.
    uint128 bond;
    uint64 claimsUntil;
    /// Never before `claimsUntil`.
    uint64 rulingUntil;
}
