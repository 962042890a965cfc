// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEscrow} from "./interfaces/IEscrow.sol";
import {IGuarantee} from "./interfaces/IGuarantee.sol";
import {IModule} from "./interfaces/IModule.sol";
import {ISettlement} from "./interfaces/ISettlement.sol";
import {Instruments} from "./libraries/Instruments.sol";
import {Money} from "./libraries/Money.sol";
import {Tiers} from "./libraries/Tiers.sol";
import {Amounts, Leaf} from "./types/Leaf.sol";
import {Reading} from "./types/Reading.sol";

/// Open short trades, wait for a late reading, and pay out what their lock holds.
contract Guarantee is IGuarantee {
    using Instruments for uint256;
    using Money for Leaf;

    /// How what a leaf locks is shared out, in micros.
    struct Payout {
        uint256 toSeller;
        uint256 fee;
        uint256 compensation;
    }

    /// @inheritdoc IGuarantee
    uint64 public immutable challengeWindow;

    ISettlement private immutable _settlement;
    mapping(bytes32 leafHash => State) private _states;

    constructor(ISettlement settlement_, uint64 challengeWindow_) {
        _settlement = settlement_;
        challengeWindow = challengeWindow_;
    }

    /// @inheritdoc IGuarantee
    function open(uint64 batchNumber, Leaf calldata leaf, bytes32[] calldata proof) external {
        _open(batchNumber, leaf, proof);
    }

    /// @inheritdoc IGuarantee
    function openMany(uint64 batchNumber, Leaf[] calldata leaves, bytes32[][] calldata proofs) external {
        if (leaves.length != proofs.length) revert LengthsDiffer(leaves.length, proofs.length);
        for (uint256 i = 0; i < leaves.length; ++i) {
            _open(batchNumber, leaves[i], proofs[i]);
        }
    }

    /// @inheritdoc IGuarantee
    function report(Leaf calldata leaf, Reading calldata reading) external {
        State memory state = _requireOpen(leaf.leafHash());
        uint256 closesAt = _closesAt(state);
        if (block.timestamp > closesAt) revert ChallengeWindowClosed(closesAt);
        if (reading.meter != leaf.meter || reading.startHour != leaf.instrument.startHour()) {
            revert ReadingOfAnotherSlot(reading.meter, reading.startHour);
        }
        Reading[] memory readings = new Reading[](1);
        readings[0] = reading;
        _settlement.report(readings);
        (uint64 delivered,) = _settlement.deliveredOf(leaf);
        emit GuaranteeReported(state.batchNumber, leaf.position, leaf.tradeNumber, delivered);
    }

    /// @inheritdoc IGuarantee
    function payOut(Leaf calldata leaf) external {
        _payOut(leaf);
    }

    /// @inheritdoc IGuarantee
    function payOutMany(Leaf[] calldata leaves) external {
        for (uint256 i = 0; i < leaves.length; ++i) {
            _payOut(leaves[i]);
        }
    }

    /// @inheritdoc IGuarantee
    function stateOf(bytes32 leafHash) external view returns (State memory) {
        return _states[leafHash];
    }

    /// @inheritdoc IModule
    function settlement() external view returns (address) {
        return address(_settlement);
    }

    function _open(uint64 batchNumber, Leaf calldata leaf, bytes32[] calldata proof) private {
        (uint64 delivered, bool hadReading) = _settlement.openLeaf(batchNumber, leaf, proof);
        _states[leaf.leafHash()] = State(batchNumber, uint64(block.timestamp), Status.Open);
        emit GuaranteeOpened(batchNumber, leaf.position, leaf.tradeNumber, delivered, hadReading);
    }

    function _payOut(Leaf calldata leaf) private {
        bytes32 hash = leaf.leafHash();
        State memory state = _requireOpen(hash);
        uint256 closesAt = _closesAt(state);
        if (block.timestamp < closesAt) revert ChallengeWindowOpen(closesAt);

        (uint64 delivered, uint64 reportedAt) = _settlement.deliveredOf(leaf);
        if (reportedAt > closesAt) delivered = 0;
        Payout memory payout = _payoutOf(leaf, delivered);
        _states[hash].status = Status.PaidOut;
        Amounts memory locked = leaf.amounts();
        _settlement.allot(leaf.meter, leaf.instrument.startHour(), delivered);
        _settlement.share(hash, _sharesOf(leaf, locked, payout));
        emit GuaranteePaidOut(
            state.batchNumber,
            leaf.position,
            leaf.tradeNumber,
            delivered,
            payout.toSeller,
            payout.fee,
            locked.payment + locked.fee - payout.toSeller - payout.fee,
            payout.compensation
        );
    }

    function _requireOpen(bytes32 hash) private view returns (State memory state) {
        state = _states[hash];
        if (state.status != Status.Open) revert GuaranteeNotOpen(hash);
    }

    function _closesAt(State memory state) private view returns (uint256) {
        return uint256(state.openedAt) + challengeWindow;
    }

    /// Return the buyer's, the seller's and the venue's share.
    function _sharesOf(Leaf memory leaf, Amounts memory locked, Payout memory payout)
        private
        view
        returns (IEscrow.Share[] memory shares)
    {
        shares = new IEscrow.Share[](3);
        uint256 fromBuyer = locked.payment + locked.fee;
        uint256 toBuyer = fromBuyer - payout.toSeller - payout.fee + payout.compensation;
        shares[0] = IEscrow.Share(leaf.buyer, fromBuyer, toBuyer);
        uint256 toSeller = payout.toSeller + locked.collateral - payout.compensation;
        shares[1] = IEscrow.Share(leaf.seller, locked.collateral, toSeller);
        shares[2] = IEscrow.Share(_settlement.feeRecipient(), 0, payout.fee);
    }

    /// Return who gets what if `delivered` lots came.
    function _payoutOf(Leaf memory leaf, uint64 delivered) private pure returns (Payout memory payout) {
        payout.toSeller = Money.value(leaf.instrument, leaf.price, delivered);
        payout.fee = Money.fee(payout.toSeller, leaf.feeBps);

        Amounts memory locked = leaf.amounts();
        uint256 dearer = leaf.referencePrice > leaf.price ? leaf.referencePrice - leaf.price : 0;
        uint256 cover = Money.value(leaf.instrument, dearer, leaf.quantity - delivered);
        uint256 share = Tiers.credit(leaf.instrument.tier(), delivered, leaf.quantity);
        uint256 credit = locked.payment * share / Tiers.PPM_ONE;
        payout.compensation = _min(locked.collateral, _max(cover, credit));
    }

    function _min(uint256 a, uint256 b) private pure returns (uint256) {
        return a < b ? a : b;
    }

    function _max(uint256 a, uint256 b) private pure returns (uint256) {
        return a > b ? a : b;
    }
}
