// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// A step of a compensation ladder, in parts per million.
struct Rung {
    /// It applies to a delivered share below this.
    uint32 below;
    /// The credit, as a share of the period's price. The last rung that applies counts.
    uint32 credit;
}

/// What a period of a long-term agreement is judged by. Confidential: the chain has its hash until somebody presents
/// it.
///
/// Prices are micros per unit, quantities lots, shares parts per million.
struct ExecutionTerms {
    /// The EIP-712 struct hash of the `LongTermAgreement` that was negotiated, for what no rule here reads.
    bytes32 agreement;
    /// The instrument of the agreement, whose commodity says how many lots make a unit, and whose place certificates
    /// are asked for.
    uint256 instrument;
    /// Lots of each period; a period that is not named has none.
    uint64[] quantities;
    uint64 price;
    Rung[] ladder;
    /// Signs the price at which what is missing of a period can be replaced; 0 if that is always `replacementCap`.
    address priceSource;
    /// Highest replacement price that counts.
    uint64 replacementCap;
    /// Measures what the seller delivers, or with `takeOrPay` what it makes available.
    address meter;
    /// Measures what the buyer takes; 0 if the first meter alone counts.
    address checkMeter;
    /// The share of a period's quantity that is paid if it was available, taken or not; 0 if what is taken is paid.
    uint32 takeOrPay;
    /// Certificates (Wh) promised per million lots taken: a share, where lots are Wh.
    uint32 greenShare;
    /// Price of 1,000 certificates that are missing.
    uint64 greenPrice;
    /// The ERC-1155 contract whose certificates count.
    address certificates;
    /// Share of what is missing of a period that force majeure may excuse.
    uint32 excuseMost;
    /// The bond of a challenge, as a share of the period's price.
    uint32 bondRate;
    /// 32 random bytes, so that the hash tells nothing.
    bytes32 salt;
}

// `keccak256` of the EIP-712 types.
bytes32 constant RUNG_TYPEHASH = keccak256("Rung(uint32 below,uint32 credit)");
bytes32 constant EXECUTION_TERMS_TYPEHASH = keccak256(
    "ExecutionTerms(bytes32 agreement,uint256 instrument,uint64[] quantities,uint64 price,Rung[] ladder,"
    "address priceSource,uint64 replacementCap,address meter,address checkMeter,uint32 takeOrPay,uint32 greenShare,"
    "uint64 greenPrice,address certificates,uint32 excuseMost,uint32 bondRate,bytes32 salt)"
    "Rung(uint32 below,uint32 credit)"
);

/// Return the EIP-712 struct hash of the terms: what stands on chain of them.
function termsHash(ExecutionTerms memory terms) pure returns (bytes32) {
    bytes32[] memory rungs = new bytes32[](terms.ladder.length);
    for (uint256 i = 0; i < rungs.length; ++i) {
        rungs[i] = keccak256(abi.encode(RUNG_TYPEHASH, terms.ladder[i]));
    }
    // In two parts, since the compiler has no room for so many words at once.
    bytes memory first = abi.encode(
        EXECUTION_TERMS_TYPEHASH,
        terms.agreement,
        terms.instrument,
        keccak256(abi.encodePacked(terms.quantities)), // each padded to a word, as EIP-712 asks
        terms.price,
        keccak256(abi.encodePacked(rungs)),
        terms.priceSource,
        terms.replacementCap
    );
    bytes memory second = abi.encode(
        terms.meter,
        terms.checkMeter,
        terms.takeOrPay,
        terms.greenShare,
        terms.greenPrice,
        terms.certificates,
        terms.excuseMost,
        terms.bondRate,
        terms.salt
    );
    return keccak256(bytes.concat(first, second));
}

using {termsHash} for ExecutionTerms global;
