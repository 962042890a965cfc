// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// What both sides sign to put a long-term agreement in force: all that the chain must know in a quiet life.
///
/// Whoever signs consents that its stake is locked now and filled up again from its free money for each period, until
/// the agreement ends. Money is micros, times and windows are seconds.
struct Activation {
    /// The hash of the confidential `ExecutionTerms`.
    bytes32 termsHash;
    address buyer;
    address seller;
    address arbiter;
    /// What the buyer has locked for a period: its largest payment and fee, and the deposit.
    uint128 buyerStake;
    /// The part of it that the seller gets, as far as it is left, if the buyer defaults.
    uint128 buyerDeposit;
    /// What the seller has locked for a period: its collateral.
    uint128 sellerStake;
    /// Where the first period begins, in hours since 1970-01-01T00Z; each begins where the one before ends.
    uint32 firstHour;
    uint16 hoursPerPeriod;
    uint16 periods;
    /// The venue's fee on what the seller is paid, in basis points.
    uint16 feeBps;
    /// How long after a period its readings are awaited.
    uint32 readingWindow;
    /// How long a report may be added to or challenged.
    uint32 challengeWindow;
    /// How long the arbiter has to rule.
    uint32 rulingWindow;
    /// How long a side may be late with its stake, and with presenting terms when readings are overdue.
    uint32 grace;
    /// How long before the end either side says so.
    uint32 notice;
    /// Until when it can be activated.
    uint64 activateUntil;
    /// 32 random bytes: two activations of the same terms are two agreements.
    bytes32 salt;
}

bytes32 constant ACTIVATION_TYPEHASH = keccak256(
    "Activation(bytes32 termsHash,address buyer,address seller,address arbiter,uint128 buyerStake,"
    "uint128 buyerDeposit,uint128 sellerStake,uint32 firstHour,uint16 hoursPerPeriod,uint16 periods,uint16 feeBps,"
    "uint32 readingWindow,uint32 challengeWindow,uint32 rulingWindow,uint32 grace,uint32 notice,uint64 activateUntil,"
    "bytes32 salt)"
);

/// Return the EIP-712 struct hash of what both sides sign.
function structHash(Activation memory activation) pure returns (bytes32) {
    return keccak256(abi.encode(ACTIVATION_TYPEHASH, activation));
}

/// Return when a period, counted from 0, begins; with the number of periods, when the last one ends.
function startOf(Activation memory activation, uint256 period) pure returns (uint256) {
    return (activation.firstHour + period * activation.hoursPerPeriod) * 1 hours;
}

/// Return the period that contains a time, which is not before the first begins.
function periodAt(Activation memory activation, uint256 time) pure returns (uint256) {
    return (time / 1 hours - activation.firstHour) / activation.hoursPerPeriod;
}

using {structHash, startOf, periodAt} for Activation global;
