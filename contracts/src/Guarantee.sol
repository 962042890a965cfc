// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Disputes} from "./Disputes.sol";
import {IEscrow} from "./interfaces/IEscrow.sol";
import {IGuarantee} from "./interfaces/IGuarantee.sol";
import {ISettlement} from "./interfaces/ISettlement.sol";
import {IStandby} from "./interfaces/IStandby.sol";
import {Breach} from "./libraries/Breach.sol";
import {Instruments} from "./libraries/Instruments.sol";
import {Money} from "./libraries/Money.sol";
import {Tiers} from "./libraries/Tiers.sol";
import {Case} from "./types/Case.sol";
import {Amounts, Leaf} from "./types/Leaf.sol";
import {Payout} from "./types/Payout.sol";
import {Reading} from "./types/Reading.sol";
import {Outcome, Stage} from "./types/Stage.sol";

/// Open short trades, hear both sides, call the fallback suppliers, and pay out what the lock holds.
contract Guarantee is IGuarantee, Disputes {
    using Breach for Leaf;
    using Instruments for uint256;
    using Money for Leaf;

    uint256 private constant WINDOW_MOST = 30 days;

    address private immutable _arbiter;
    uint64 private immutable _challengeWindow;
    uint64 private immutable _rulingWindow;
    uint64 private immutable _rescueWindow;
    uint32 private immutable _bondRate;
    uint32 private immutable _excuseMost;
    IStandby private immutable _standby;

    mapping(bytes32 leafHash => State) private _states;
    mapping(bytes32 leafHash => bytes32) private _calls;

    /// What a fallback supplier delivered, and for how much.
    struct Rescued {
        address supplier;
        uint64 lots;
        uint64 strike;
    }

    /// Deploy it for a settlement, with the standby contract in which sellers name their fallbacks, or none.
    constructor(ISettlement settlement_, IStandby standby_, Rules memory rules_) Disputes(settlement_) {
        if (rules_.arbiter == address(0)) revert ArbiterMissing();
        _requireWindow(rules_.challengeWindow);
        _requireWindow(rules_.rulingWindow);
        _requireWindow(rules_.rescueWindow);
        if (rules_.bondRate > Tiers.PPM_ONE) revert RateOutOfRange(rules_.bondRate);
        if (rules_.excuseMost > Tiers.PPM_ONE) revert RateOutOfRange(rules_.excuseMost);
        if (address(standby_) != address(0) && standby_.settlement() != address(settlement_)) {
            revert StandbyOfAnother(address(standby_), standby_.settlement());
        }
        _arbiter = rules_.arbiter;
        _challengeWindow = rules_.challengeWindow;
        _rulingWindow = rules_.rulingWindow;
        _rescueWindow = rules_.rescueWindow;
        _bondRate = rules_.bondRate;
        _excuseMost = rules_.excuseMost;
        _standby = standby_;
    }

    // --- open and report ----------------------------------------------------------------------------------------

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
        State memory state = _openState(leaf.leafHash());
        uint64 until = _readingsUntil(state);
        if (block.timestamp >= until) revert ReadingTooLate(until);
        address meter = _settlement.meterAt(leaf.seller, leaf.instrument);
        if (reading.meter != meter || reading.startHour != leaf.instrument.startHour()) {
            revert ReadingOfAnotherSlot(reading.meter, reading.startHour);
        }
        Reading[] memory readings = new Reading[](1);
        readings[0] = reading;
        _settlement.report(readings);
        (uint64 delivered,) = _settlement.deliveredOf(leaf);
        emit GuaranteeReported(state.batchNumber, leaf.position, leaf.tradeNumber, delivered);
    }

    // --- dispute ------------------------------------------------------------------------------------------------

    /// @inheritdoc IGuarantee
    function challenge(Leaf calldata leaf, uint64 claimed) external {
        (bytes32 hash, State memory state) = _load(leaf);
        _challenge(_caseOf(leaf, hash, state), claimed);
        _states[hash].stage = Stage.InDispute;
    }

    /// @inheritdoc IGuarantee
    function plead(Leaf calldata leaf) external {
        (bytes32 hash, State memory state) = _load(leaf);
        _plead(_caseOf(leaf, hash, state));
        _states[hash].stage = Stage.InDispute;
    }

    /// @inheritdoc IGuarantee
    function rule(Leaf calldata leaf, uint64 delivered, uint64 excused) external {
        (bytes32 hash, State memory state) = _load(leaf);
        _rule(_caseOf(leaf, hash, state), delivered, excused);
        (state.stage, state.finalAt, state.ruled) = (Stage.Rescue, uint64(block.timestamp), true);
        (state.delivered, state.excused) = (delivered, excused);
        _states[hash] = state;
    }

    // --- rescue -------------------------------------------------------------------------------------------------

    /// @inheritdoc IGuarantee
    function callFallback(Leaf calldata leaf, IStandby.Terms calldata terms) external returns (bytes32 callId) {
        if (msg.sender != leaf.buyer) revert NotBuyer(msg.sender);
        (bytes32 hash, State memory state) = _loadFinal(leaf);
        _requireNoCall(hash);
        uint64 until = _rescueUntil(state);
        if (block.timestamp >= until) revert RescueOver(until);
        uint64 lots = _rescuable(leaf, state);
        if (lots == 0) revert NothingToRescue(hash);
        bytes32 optionId = _requireFallback(leaf, hash, state.rank, terms);

        bytes memory reason;
        (callId, reason) = _tryCall(leaf, hash, terms, lots);
        if (callId != 0) {
            _calls[hash] = callId;
            emit FallbackCalled(hash, state.rank, callId, lots);
        } else {
            emit FallbackPassedOver(hash, state.rank, optionId, reason);
            ++state.rank;
        }
        _states[hash] = state;
    }

    /// @inheritdoc IGuarantee
    function concludeFallback(Leaf calldata leaf, IStandby.Terms calldata terms) external {
        (bytes32 hash, State memory state) = _load(leaf);
        bytes32 callId = _calls[hash];
        if (callId == 0) revert NoFallbackCalled(hash);
        IStandby.Call memory call = _standby.conclude(callId, terms);

        delete _calls[hash];
        if (call.status == IStandby.CallStatus.Declined) {
            emit FallbackDeclined(hash, state.rank, callId);
            _states[hash].rank = state.rank + 1;
        } else if (call.status == IStandby.CallStatus.Over) {
            uint64 most = _rescuable(leaf, state);
            uint64 lots = call.delivered < most ? call.delivered : most;
            _close(leaf, hash, state, Rescued(terms.supplier, lots, terms.strike));
        } else {
            revert FallbackPending(callId);
        }
    }

    // --- pay out ------------------------------------------------------------------------------------------------

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

    // --- views --------------------------------------------------------------------------------------------------

    /// @inheritdoc IGuarantee
    function stateOf(bytes32 leafHash) external view returns (State memory) {
        return _states[leafHash];
    }

    /// @inheritdoc IGuarantee
    function callOf(bytes32 leafHash) external view returns (bytes32) {
        return _calls[leafHash];
    }

    /// @inheritdoc IGuarantee
    function payableFrom(Leaf calldata leaf) external view returns (uint256) {
        (bytes32 hash, State memory state) = _load(leaf);
        if (_calls[hash] != 0) return type(uint256).max;
        return _payableFrom(leaf, _asFinal(leaf, state));
    }

    /// @inheritdoc IGuarantee
    function payoutOf(Leaf calldata leaf, uint64 delivered, uint64 excused, uint64 rescued, uint64 strike)
        external
        pure
        returns (Payout memory)
    {
        return leaf.payoutOf(delivered, excused, rescued, strike);
    }

    /// @inheritdoc IGuarantee
    function rules() external view returns (Rules memory) {
        return Rules(_arbiter, _challengeWindow, _rulingWindow, _rescueWindow, _bondRate, _excuseMost);
    }

    /// @inheritdoc IGuarantee
    function standby() external view returns (address) {
        return address(_standby);
    }

    // --- how ----------------------------------------------------------------------------------------------------

    function _open(uint64 batchNumber, Leaf calldata leaf, bytes32[] calldata proof) private {
        (uint64 delivered, bool hadReading) = _settlement.openLeaf(batchNumber, leaf, proof);
        State storage state = _states[leaf.leafHash()];
        (state.batchNumber, state.openedAt, state.stage) = (batchNumber, uint64(block.timestamp), Stage.InChallenge);
        emit GuaranteeOpened(batchNumber, leaf.position, leaf.tradeNumber, delivered, hadReading);
    }

    function _payOut(Leaf calldata leaf) private {
        (bytes32 hash, State memory state) = _load(leaf);
        _requireNoCall(hash);
        Stage before = state.stage;
        state = _asFinal(leaf, state);
        uint256 from = _payableFrom(leaf, state);
        if (block.timestamp < from) revert NotPayableYet(from);
        if (before == Stage.InDispute) _lapse(_caseOf(leaf, hash, state));
        _close(leaf, hash, state, Rescued(address(0), 0, 0));
    }

    /// Ask the option's supplier, or return why it cannot serve.
    function _tryCall(Leaf calldata leaf, bytes32 hash, IStandby.Terms calldata terms, uint64 lots)
        private
        returns (bytes32 callId, bytes memory reason)
    {
        uint256 gap = Breach.gapOf(leaf, lots, terms.strike);
        uint256 collateral = leaf.amounts().collateral;
        if (gap > collateral) return (0, abi.encodeWithSelector(StrikeBeyondCollateral.selector, gap, collateral));
        try _standby.callFor(hash, terms, lots) returns (bytes32 called) {
            return (called, "");
        } catch (bytes memory refusal) {
            if (refusal.length == 0) revert StandbyFailed();
            return (0, refusal);
        }
    }

    /// Close a guarantee and share out all that it locks.
    function _close(Leaf calldata leaf, bytes32 hash, State memory state, Rescued memory rescued) private {
        uint64 metered = _meteredOf(leaf, state);
        state.allotted = state.delivered < metered ? state.delivered : metered;
        state.rescued = rescued.lots;
        state.stage = Stage.Closed;
        state.outcome = state.delivered == leaf.quantity ? Outcome.Fulfilled : Outcome.Compensated;
        _states[hash] = state;

        Payout memory payout = leaf.payoutOf(state.delivered, state.excused, rescued.lots, rescued.strike);
        _settlement.allot(leaf.seller, leaf.instrument, state.allotted);
        _settlement.share(hash, _sharesOf(leaf, hash, state, payout, rescued.supplier));
        if (rescued.supplier != address(0)) {
            emit FallbackDelivered(hash, rescued.supplier, rescued.lots);
        }
        emit GuaranteePaidOut(
            state.batchNumber,
            leaf.position,
            leaf.tradeNumber,
            state.delivered,
            payout.paidToSeller,
            payout.fee,
            payout.returnedToBuyer,
            payout.compensation,
            payout.paidToFallback,
            payout.gap
        );
    }

    /// Return everybody's share of what the leaf locks.
    function _sharesOf(Leaf calldata leaf, bytes32 hash, State memory state, Payout memory payout, address supplier)
        private
        returns (IEscrow.Share[] memory shares)
    {
        Amounts memory locked = leaf.amounts();
        uint256 toBuyer = payout.returnedToBuyer + payout.compensation;
        uint256 toSeller = payout.paidToSeller + locked.collateral - payout.gap - payout.compensation;
        if (state.ruled) (toBuyer, toSeller) = _penalise(_caseOf(leaf, hash, state), toBuyer, toSeller);
        shares = new IEscrow.Share[](supplier == address(0) ? 3 : 4);
        shares[0] = IEscrow.Share(leaf.buyer, locked.payment + locked.fee, toBuyer);
        shares[1] = IEscrow.Share(leaf.seller, locked.collateral, toSeller);
        shares[2] = IEscrow.Share(_settlement.feeRecipient(), 0, payout.fee);
        if (supplier != address(0)) shares[3] = IEscrow.Share(supplier, 0, payout.paidToFallback);
    }

    /// Let each pay the other for the claim that was upheld against it, out of what it would receive.
    function _penalise(Case memory dispute, uint256 toBuyer, uint256 toSeller) private returns (uint256, uint256) {
        (uint256 fromBuyer, uint256 fromSeller) = _penaltiesOf(dispute);
        if (fromBuyer > toBuyer) fromBuyer = toBuyer;
        if (fromSeller > toSeller) fromSeller = toSeller;
        if (fromBuyer != 0) emit PenaltyPaid(dispute.subject, dispute.buyer, dispute.seller, fromBuyer);
        if (fromSeller != 0) emit PenaltyPaid(dispute.subject, dispute.seller, dispute.buyer, fromSeller);
        return (toBuyer - fromBuyer + fromSeller, toSeller - fromSeller + fromBuyer);
    }

    // --- where it stands ----------------------------------------------------------------------------------------

    function _load(Leaf calldata leaf) private view returns (bytes32 hash, State memory state) {
        hash = leaf.leafHash();
        state = _openState(hash);
    }

    function _openState(bytes32 hash) private view returns (State memory state) {
        state = _states[hash];
        if (state.stage == Stage.None || state.stage == Stage.Closed) revert GuaranteeNotOpen(hash);
    }

    /// Return the state in which it is final what was delivered, having given back bonds on which nobody ruled.
    function _loadFinal(Leaf calldata leaf) private returns (bytes32 hash, State memory state) {
        (hash, state) = _load(leaf);
        Stage before = state.stage;
        state = _asFinal(leaf, state);
        if (block.timestamp < state.finalAt) revert NotFinalYet(state.finalAt);
        if (before == Stage.InDispute) _lapse(_caseOf(leaf, hash, state));
    }

    /// Return what the state will be when nothing contradicts it any more: unless there was a ruling, what the readings say.
    function _asFinal(Leaf calldata leaf, State memory state) private view returns (State memory) {
        if (state.stage == Stage.Rescue) return state;
        uint64 finalAt = _closesAt(state);
        if (state.stage == Stage.InDispute) finalAt += _rulingWindow;
        (state.stage, state.finalAt, state.delivered) = (Stage.Rescue, finalAt, _meteredOf(leaf, state));
        return state;
    }

    /// Return from when on nothing can come any more.
    function _payableFrom(Leaf calldata leaf, State memory state) private view returns (uint256) {
        uint64 until = _rescueUntil(state);
        bool over = block.timestamp >= until || _rescuable(leaf, state) == 0;
        return over || state.rank >= _planOf(leaf).length ? state.finalAt : until;
    }

    /// Return the lots that the seller has to replace.
    function _rescuable(Leaf calldata leaf, State memory state) private pure returns (uint64) {
        return leaf.quantity - state.delivered - state.excused;
    }

    /// Return the lots that the reading gives the leaf, if it came in time.
    function _meteredOf(Leaf calldata leaf, State memory state) private view returns (uint64) {
        (uint64 delivered, uint64 reportedAt) = _settlement.deliveredOf(leaf);
        return reportedAt < _readingsUntil(state) ? delivered : 0;
    }

    /// Return until when readings count: half of the challenge window, so that whoever doubts one has the other half.
    function _readingsUntil(State memory state) private view returns (uint64) {
        return _closesAt(state) - _challengeWindow / 2;
    }

    function _closesAt(State memory state) private view returns (uint64) {
        return state.openedAt + _challengeWindow;
    }

    function _rescueUntil(State memory state) private view returns (uint64) {
        return state.finalAt + _rescueWindow;
    }

    function _planOf(Leaf calldata leaf) private view returns (bytes32[] memory plan) {
        if (address(_standby) == address(0)) return plan;
        return _standby.planOf(leaf.seller, leaf.instrument.resource());
    }

    function _caseOf(Leaf calldata leaf, bytes32 hash, State memory state) private view returns (Case memory dispute) {
        uint256 bond = leaf.amounts().payment * _bondRate / Tiers.PPM_ONE;
        dispute.subject = hash;
        dispute.arbiter = _arbiter;
        dispute.buyer = leaf.buyer;
        dispute.seller = leaf.seller;
        dispute.contracted = leaf.quantity;
        dispute.metered = _meteredOf(leaf, state);
        dispute.excuseMost = _excuseMost;
        // casting to 'uint128' is safe because a payment is below 2^128 and the rate at most one
        // forge-lint: disable-next-line(unsafe-typecast)
        dispute.bond = bond == 0 ? 1 : uint128(bond);
        dispute.claimsUntil = _closesAt(state);
        dispute.rulingUntil = dispute.claimsUntil + _rulingWindow;
    }

    // --- refuse -------------------------------------------------------------------------------------------------

    function _requireNoCall(bytes32 hash) private view {
        if (_calls[hash] != 0) revert FallbackPending(_calls[hash]);
    }

    /// Require the terms of the option at this place of the seller's plan.
    function _requireFallback(Leaf calldata leaf, bytes32 hash, uint8 rank, IStandby.Terms calldata terms)
        private
        view
        returns (bytes32 optionId)
    {
        bytes32[] memory plan = _planOf(leaf);
        if (rank >= plan.length) revert PlanExhausted(hash);
        optionId = _standby.idOf(terms);
        if (optionId != plan[rank]) revert NotTheFallback(plan[rank], optionId);
    }

    function _requireWindow(uint64 window) private pure {
        if (window == 0 || window > WINDOW_MOST) revert WindowOutOfRange(window);
    }
}
