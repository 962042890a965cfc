// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IModule} from "./IModule.sol";

/// Claims against what a meter says, before an arbiter who is bounded by the contract.
///
/// Each party may claim once per subject, in the challenge window: that another quantity was delivered, or, the seller,
/// that force majeure excuses what is missing. So no party can use up the other's claim. After the window the arbiter
/// rules once, between the readings and the claims; if it is silent, the readings stand and the bonds go back. A claim is
/// held against the readings there are when the arbiter rules, some of which may have come after it.
///
/// Trust: the arbiter decides within those bounds, and nothing else. Arbiter and one party together can gain what lies
/// between the readings and that party's claim, the excuse that the terms allow, and the other's bond; never money
/// that the contract does not hold. Without a claim of a party, or as a party itself, the arbiter can do nothing.
///
/// A claim costs who is wrong. Dismissed, its bond is the other party's. Upheld, the other pays the same amount: the
/// seller whenever its meter is contradicted, the buyer only if it made a claim of its own, and nobody for a plea, since
/// nobody is at fault. Quantities are lots, money micros, times Unix seconds; what holds until a time is over then.
interface IDisputes is IModule {
    enum Verdict {
        /// Nothing was claimed.
        None,
        Pending,
        /// The ruling is nearer to the claim than to the readings, or excuses something.
        Upheld,
        Dismissed,
        /// The arbiter was silent, or a reading came that says what was claimed.
        Lapsed
    }

    /// What a party claims; kept per subject and party.
    struct Claim {
        Verdict verdict;
        /// Asks to be excused, and says nothing about the quantity.
        bool plea;
        uint64 delivered;
        /// Locked until the verdict, in micros.
        uint128 bond;
    }

    event Challenged(bytes32 indexed subject, address indexed claimant, uint64 metered, uint64 claimed, uint256 bond);
    event Pleaded(bytes32 indexed subject, address indexed claimant, uint256 bond);
    event Ruled(bytes32 indexed subject, uint64 delivered, uint64 excused);
    /// A claim is over. Upheld or lapsed, its bond is the claimant's again; dismissed, it is the other party's.
    event ClaimDecided(bytes32 indexed subject, address indexed claimant, Verdict verdict, uint256 bond);

    error NotParty(address caller);
    error NotSeller(address caller);
    error NotArbiter(address caller);
    /// The arbiter is the buyer or the seller, and cannot judge its own case.
    error ArbiterIsParty(address caller);
    error ClaimsClosed(uint256 since);
    error AlreadyClaimed(bytes32 subject, address claimant);
    /// More than was promised, or just what the readings say.
    error ClaimOutOfRange(uint64 claimed, uint64 metered, uint64 contracted);
    error NothingInDispute(bytes32 subject);
    error RulingTooEarly(uint256 from);
    error RulingTooLate(uint256 since);
    error DeliveredOutOfBounds(uint64 found, uint64 least, uint64 most);
    /// More than the terms allow of what is missing, or anything without a plea.
    error ExcusedOutOfBounds(uint64 found, uint64 most);

    /// Return what a party claims.
    function claimOf(bytes32 subject, address claimant) external view returns (Claim memory);

    /// Return the key behind which the bonds of a subject are locked in the settlement.
    function bondKeyOf(bytes32 subject) external pure returns (bytes32);
}
