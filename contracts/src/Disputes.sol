// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDisputes} from "./interfaces/IDisputes.sol";
import {IEscrow} from "./interfaces/IEscrow.sol";
import {IModule} from "./interfaces/IModule.sol";
import {ISettlement} from "./interfaces/ISettlement.sol";
import {Tiers} from "./libraries/Tiers.sol";
import {Case} from "./types/Case.sol";

/// Take claims with their bonds, and have an arbiter rule on them.
///
/// A module says who the parties are and what bounds them (`Case`), and what a ruling changes. It keeps the stage, and asks
/// `_penaltiesOf` when it pays out.
abstract contract Disputes is IDisputes {
    ISettlement internal immutable _settlement;
    mapping(bytes32 subject => mapping(address claimant => Claim)) private _claims;

    constructor(ISettlement settlement_) {
        _settlement = settlement_;
    }

    /// @inheritdoc IModule
    function settlement() external view returns (address) {
        return address(_settlement);
    }

    /// @inheritdoc IDisputes
    function claimOf(bytes32 subject, address claimant) external view returns (Claim memory) {
        return _claims[subject][claimant];
    }

    /// @inheritdoc IDisputes
    function bondKeyOf(bytes32 subject) public pure returns (bytes32) {
        return keccak256(abi.encode("bond", subject));
    }

    /// Take the caller's claim that another quantity was delivered than the readings say.
    function _challenge(Case memory dispute, uint64 claimed) internal {
        if (msg.sender != dispute.buyer && msg.sender != dispute.seller) revert NotParty(msg.sender);
        if (claimed == dispute.metered || claimed > dispute.contracted) {
            revert ClaimOutOfRange(claimed, dispute.metered, dispute.contracted);
        }
        _take(dispute, Claim(Verdict.Pending, false, claimed, dispute.bond));
        emit Challenged(dispute.subject, msg.sender, dispute.metered, claimed, dispute.bond);
    }

    /// Take the seller's claim that force majeure excuses what is missing.
    function _plead(Case memory dispute) internal {
        if (msg.sender != dispute.seller) revert NotSeller(msg.sender);
        _take(dispute, Claim(Verdict.Pending, true, 0, dispute.bond));
        emit Pleaded(dispute.subject, msg.sender, dispute.bond);
    }

    /// Decide what is pending as the calling arbiter rules. It rules once, since nothing is pending afterwards.
    function _rule(Case memory dispute, uint64 delivered, uint64 excused) internal {
        if (msg.sender != dispute.arbiter) revert NotArbiter(msg.sender);
        if (msg.sender == dispute.buyer || msg.sender == dispute.seller) revert ArbiterIsParty(msg.sender);
        if (block.timestamp < dispute.claimsUntil) revert RulingTooEarly(dispute.claimsUntil);
        if (block.timestamp >= dispute.rulingUntil) revert RulingTooLate(dispute.rulingUntil);
        Claim memory ofBuyer = _claims[dispute.subject][dispute.buyer];
        Claim memory ofSeller = _claims[dispute.subject][dispute.seller];
        if (ofBuyer.verdict != Verdict.Pending && ofSeller.verdict != Verdict.Pending) {
            revert NothingInDispute(dispute.subject);
        }
        _requireWithinBounds(dispute, ofBuyer, ofSeller, delivered, excused);

        emit Ruled(dispute.subject, delivered, excused);
        _decide(dispute, dispute.buyer, ofBuyer, _verdictOn(ofBuyer, dispute.metered, delivered, excused));
        _decide(dispute, dispute.seller, ofSeller, _verdictOn(ofSeller, dispute.metered, delivered, excused));
    }

    /// Give the bonds back if the arbiter was silent. Does nothing if nothing is pending.
    function _lapse(Case memory dispute) internal {
        if (block.timestamp < dispute.rulingUntil) revert RulingTooEarly(dispute.rulingUntil);
        _decide(dispute, dispute.buyer, _claims[dispute.subject][dispute.buyer], Verdict.Lapsed);
        _decide(dispute, dispute.seller, _claims[dispute.subject][dispute.seller], Verdict.Lapsed);
    }

    /// Return what each party owes the other for a claim that was upheld against it, out of what it would receive.
    ///
    /// The seller answers for its meter. The buyer has none: it owes nothing for a plea, and for a challenge only if it made
    /// a claim of its own. A seller could otherwise keep a reading back, claim what it says, and earn the bond's amount.
    function _penaltiesOf(Case memory dispute) internal view returns (uint256 fromBuyer, uint256 fromSeller) {
        Claim memory ofBuyer = _claims[dispute.subject][dispute.buyer];
        Claim memory ofSeller = _claims[dispute.subject][dispute.seller];
        bool contested = ofBuyer.verdict != Verdict.None && !ofSeller.plea;
        if (contested && ofSeller.verdict == Verdict.Upheld) fromBuyer = ofSeller.bond;
        if (ofBuyer.verdict == Verdict.Upheld) fromSeller = ofBuyer.bond;
    }

    function _take(Case memory dispute, Claim memory claim) private {
        if (block.timestamp >= dispute.claimsUntil) revert ClaimsClosed(dispute.claimsUntil);
        if (_claims[dispute.subject][msg.sender].verdict != Verdict.None) {
            revert AlreadyClaimed(dispute.subject, msg.sender);
        }
        _claims[dispute.subject][msg.sender] = claim;
        _settlement.secure(bondKeyOf(dispute.subject), msg.sender, claim.bond);
    }

    /// Note the verdict on a claim that is pending, and hand its bond to whom it belongs.
    function _decide(Case memory dispute, address claimant, Claim memory claim, Verdict verdict) private {
        if (claim.verdict != Verdict.Pending) return;
        _claims[dispute.subject][claimant].verdict = verdict;
        address other = claimant == dispute.buyer ? dispute.seller : dispute.buyer;
        IEscrow.Share[] memory shares = new IEscrow.Share[](2);
        shares[0] = IEscrow.Share(claimant, claim.bond, 0);
        shares[1] = IEscrow.Share(verdict == Verdict.Dismissed ? other : claimant, 0, claim.bond);
        _settlement.share(bondKeyOf(dispute.subject), shares);
        emit ClaimDecided(dispute.subject, claimant, verdict, claim.bond);
    }

    /// Require a quantity between the readings and the claims, and an excuse that was asked for and that the terms allow.
    function _requireWithinBounds(
        Case memory dispute,
        Claim memory ofBuyer,
        Claim memory ofSeller,
        uint64 delivered,
        uint64 excused
    ) private pure {
        (uint64 least, uint64 most) = _widened(dispute.metered, dispute.metered, ofBuyer);
        (least, most) = _widened(least, most, ofSeller);
        if (delivered < least || delivered > most) revert DeliveredOutOfBounds(delivered, least, most);

        uint256 missing = dispute.contracted - delivered;
        uint256 excusable = ofSeller.plea ? missing * dispute.excuseMost / Tiers.PPM_ONE : 0;
        // casting to 'uint64' is safe because no more than `missing` is excusable
        // forge-lint: disable-next-line(unsafe-typecast)
        if (excused > excusable) revert ExcusedOutOfBounds(excused, uint64(excusable));
    }

    /// Return the bounds with room for what was claimed.
    function _widened(uint64 least, uint64 most, Claim memory claim) private pure returns (uint64, uint64) {
        if (claim.verdict != Verdict.Pending || claim.plea) return (least, most);
        return (claim.delivered < least ? claim.delivered : least, claim.delivered > most ? claim.delivered : most);
    }

    /// A claim that a later reading confirmed costs nobody a bond: else whoever holds a reading back, until the other side has
    /// claimed what it says, would win one.
    function _verdictOn(Claim memory claim, uint64 metered, uint64 delivered, uint64 excused)
        private
        pure
        returns (Verdict)
    {
        if (claim.plea) return excused != 0 ? Verdict.Upheld : Verdict.Dismissed;
        if (claim.delivered == metered) return Verdict.Lapsed; // a reading that came later says the same
        bool nearer = _distance(delivered, claim.delivered) < _distance(delivered, metered);
        return nearer ? Verdict.Upheld : Verdict.Dismissed;
    }

    function _distance(uint64 a, uint64 b) private pure returns (uint64) {
        return a < b ? b - a : a - b;
    }
}
