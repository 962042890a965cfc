// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EIP712} from "solady/utils/EIP712.sol";
import {Disputes} from "./Disputes.sol";
import {IEscrow} from "./interfaces/IEscrow.sol";
import {ILongTerm} from "./interfaces/ILongTerm.sol";
import {ISettlement} from "./interfaces/ISettlement.sol";
import {Instruments} from "./libraries/Instruments.sol";
import {LongTermRules} from "./libraries/LongTermRules.sol";
import {Money} from "./libraries/Money.sol";
import {Payout, Periods, Stakes} from "./libraries/Periods.sol";
import {Signatures} from "./libraries/Signatures.sol";
import {Activation} from "./types/Activation.sol";
import {Case} from "./types/Case.sol";
import {Outcome, Stage} from "./types/Stage.sol";
import {CumulativeReading, PeriodStatement, ReplacementPrice} from "./types/Statements.sol";

interface IERC1155Transfer {
    function safeTransferFrom(address from, address to, uint256 id, uint256 amount, bytes calldata data) external;
}

/// Keep long-term agreements, and settle their periods one after the other.
contract LongTerm is ILongTerm, Disputes, EIP712 {
    using Instruments for uint256;

    uint256 private constant WINDOW_MAX = 30 days;

    mapping(bytes32 id => State) private _states;
    mapping(bytes32 subject => Report) private _reports;
    mapping(bytes32 id => mapping(address meter => LongTermRules.Count)) private _counts;
    mapping(bytes32 subject => uint256) private _certificates;

    constructor(ISettlement settlement_) Disputes(settlement_) {}

    // --- beginning ------------------------------------------------------------------------------------------------

    /// @inheritdoc ILongTerm
    function activate(Activation memory activation, bytes calldata buyerSignature, bytes calldata sellerSignature)
        external
        returns (bytes32 id)
    {
        id = idOf(activation);
        if (_states[id].stage != Stage.None) revert WrongStage(id, _states[id].stage);
        _requireSensible(activation);
        uint256 until = Periods.min(activation.activateUntil, activation.startOf(0));
        if (block.timestamp >= until) revert ActivationExpired(until);
        _requireSigned(id, activation.buyer, buyerSignature);
        _requireSigned(id, activation.seller, sellerSignature);

        State storage state = _states[id];
        (state.stage, state.ends, state.funded) = (Stage.Active, activation.periods, true);
        (state.since, state.begins) = (uint64(block.timestamp), uint64(activation.startOf(0)));
        emit AgreementActivated(id, activation.buyer, activation.seller, activation);
        _settlement.secure(id, activation.buyer, activation.buyerStake);
        _settlement.secure(id, activation.seller, activation.sellerStake);
    }

    /// @inheritdoc ILongTerm
    function retract(Activation memory activation) external {
        bytes32 id = idOf(activation);
        _requireParty(activation);
        if (_states[id].stage != Stage.None) revert WrongStage(id, _states[id].stage);
        _states[id].stage = Stage.Closed;
        emit AgreementRetracted(id, msg.sender);
    }

    // --- a period that went well ----------------------------------------------------------------------------------

    /// @inheritdoc ILongTerm
    function settleAgreed(
        Activation memory activation,
        PeriodStatement calldata statement,
        bytes calldata buyerSignature,
        bytes calldata sellerSignature
    ) external {
        bytes32 id = idOf(activation);
        State memory state = _states[id];
        if (state.stage != Stage.InChallenge) _requireOver(id, activation, state);
        if (statement.period != state.period) revert StatementOfAnotherPeriod(state.period, statement.period);
        if (block.timestamp > statement.deadline) revert StatementExpired(statement.deadline);
        bytes32 digest = _hashTypedData(statement.statementHash(id));
        _requireSigned(digest, activation.buyer, buyerSignature);
        _requireSigned(digest, activation.seller, sellerSignature);

        Payout memory payout =
            Payout(statement.toSeller, Money.fee(statement.toSeller, activation.feeBps), statement.toBuyer);
        Stakes memory stakes = _stakesOf(id, activation);
        uint256 fromBuyer = payout.toSeller + payout.fee;
        if (fromBuyer > stakes.buyer) revert BeyondStake(activation.buyer, stakes.buyer, fromBuyer);
        if (payout.toBuyer > stakes.seller) revert BeyondStake(activation.seller, stakes.seller, payout.toBuyer);
        _settle(id, activation, state, stakes, payout);
    }

    // --- a period in trouble --------------------------------------------------------------------------------------

    /// @inheritdoc ILongTerm
    function reportPeriod(
        Activation memory activation,
        bytes calldata terms,
        CumulativeReading[] calldata readings,
        ReplacementPrice calldata replacement
    ) external {
        bytes32 id = idOf(activation);
        State memory state = _states[id];
        Report storage report = _reports[subjectOf(id, state.period)];
        bool first = state.stage == Stage.Active;
        if (first) {
            _requireOver(id, activation, state);
            report.reportedAt = uint40(block.timestamp);
            _states[id].stage = Stage.InChallenge;
            emit TermsPresented(id, terms);
        } else {
            _requireReported(id, state);
            uint256 until = uint256(report.reportedAt) + activation.challengeWindow;
            if (block.timestamp >= until) revert WindowClosed(until);
        }
        emit PeriodReported(id, state.period);
        LongTermRules.Period memory period = _periodOf(id, activation, state.period);
        bool complete = LongTermRules.add(_counts[id], report, period, terms, readings, replacement);
        if (first && !complete) {
            uint256 until = (period.last + 1) * 1 hours + activation.readingWindow;
            if (block.timestamp < until) revert ReadingsAwaited(until);
        }
    }

    /// @inheritdoc ILongTerm
    function challenge(Activation memory activation, bytes calldata terms, uint64 delivered) external {
        _challenge(_inDispute(activation, terms), delivered);
    }

    /// @inheritdoc ILongTerm
    function plead(Activation memory activation, bytes calldata terms) external {
        _plead(_inDispute(activation, terms));
    }

    /// @inheritdoc ILongTerm
    function rule(Activation memory activation, bytes calldata terms, uint64 delivered, uint64 excused) external {
        bytes32 id = idOf(activation);
        State memory state = _states[id];
        if (state.stage != Stage.InDispute) revert WrongStage(id, state.stage);
        Case memory dispute = _caseOf(id, activation, terms, state.period);
        _rule(dispute, delivered, excused);
        Report storage report = _reports[dispute.subject];
        (report.ruledDelivered, report.ruledExcused, report.ruled) = (delivered, excused, true);
    }

    /// @inheritdoc ILongTerm
    function payOut(Activation memory activation, bytes calldata terms) external {
        bytes32 id = idOf(activation);
        State memory state = _states[id];
        _requireReported(id, state);
        Case memory dispute = _caseOf(id, activation, terms, state.period);
        if (block.timestamp < dispute.claimsUntil) revert WindowOpen(dispute.claimsUntil);
        Stakes memory stakes = _stakesOf(id, activation);
        Payout memory payout = _payoutOf(activation, terms, state.period, dispute.subject, stakes);
        if (state.stage == Stage.InDispute) {
            if (!_reports[dispute.subject].ruled) _lapse(dispute);
            (uint256 fromBuyer, uint256 fromSeller) = _penaltiesOf(dispute);
            payout.toSeller += Periods.min(fromBuyer, stakes.buyer - payout.toSeller - payout.fee);
            payout.toBuyer += Periods.min(fromSeller, stakes.seller - payout.toBuyer);
        }
        _settle(id, activation, state, stakes, payout);
    }

    /// @inheritdoc ILongTerm
    function lapse(Activation memory activation) external {
        bytes32 id = idOf(activation);
        State memory state = _states[id];
        _requireOver(id, activation, state);
        uint256 since = Periods.max(state.since, activation.startOf(state.period + 1));
        uint256 until = since + activation.readingWindow + activation.grace;
        if (block.timestamp < until) revert WindowOpen(until);
        emit PeriodLapsed(id, state.period);
        _settle(id, activation, state, _stakesOf(id, activation), Payout(0, 0, 0));
    }

    // --- the stakes -----------------------------------------------------------------------------------------------

    /// @inheritdoc ILongTerm
    function roll(Activation memory activation) external {
        bytes32 id = idOf(activation);
        State memory state = _states[id];
        _requireActive(id, state);
        if (state.funded) revert AlreadyFunded(id, state.period);
        _fillUp(id, activation, state);
        _states[id] = state;
    }

    /// @inheritdoc ILongTerm
    function terminate(Activation memory activation) external {
        bytes32 id = idOf(activation);
        State memory state = _states[id];
        _requireActive(id, state);
        if (state.funded) revert AlreadyFunded(id, state.period);
        uint256 until = uint256(state.since) + activation.grace;
        if (block.timestamp < until) revert GraceRuns(until);

        Stakes memory stakes = _stakesOf(id, activation);
        bool ofBuyer = _missing(activation.buyer, stakes.buyer, activation.buyerStake) != 0;
        bool ofSeller = _missing(activation.seller, stakes.seller, activation.sellerStake) != 0;
        if (!ofBuyer && !ofSeller) revert NotInDefault(id);
        Payout memory payout;
        if (ofBuyer && !ofSeller) payout.toSeller = Periods.min(stakes.buyer, activation.buyerDeposit);
        if (ofSeller && !ofBuyer) payout.toBuyer = stakes.seller;
        emit AgreementDefaulted(id, state.period, ofBuyer, ofSeller, payout.toSeller, payout.toBuyer);
        _close(id, state, Outcome.Terminated);
        _move(id, activation, stakes, payout, true);
    }

    /// @inheritdoc ILongTerm
    function giveNotice(Activation memory activation) external {
        bytes32 id = idOf(activation);
        State memory state = _states[id];
        _requireParty(activation);
        if (state.stage != Stage.Active) _requireReported(id, state);
        uint256 endsAt = block.timestamp + activation.notice;
        uint256 ends = endsAt < activation.startOf(0) ? 0 : activation.periodAt(endsAt) + 1;
        if (ends >= state.ends) revert NoticeTooLate(state.ends);

        // casting to 'uint16' is safe because it is less than what has 16 bits
        // forge-lint: disable-next-line(unsafe-typecast)
        state.ends = uint16(ends);
        emit NoticeGiven(id, msg.sender, state.ends);
        if (ends == 0) {
            _close(id, state, Outcome.Terminated);
            _move(id, activation, _stakesOf(id, activation), Payout(0, 0, 0), true);
        } else {
            _states[id] = state;
        }
    }

    // --- certificates ---------------------------------------------------------------------------------------------

    /// @inheritdoc ILongTerm
    function deliverGreen(Activation memory activation, bytes calldata terms, uint256 certificateId, uint256 amount)
        external
    {
        bytes32 id = idOf(activation);
        State memory state = _states[id];
        if (msg.sender != activation.seller) revert NotSeller(msg.sender);
        if (state.stage != Stage.Active) _requireReported(id, state);
        uint16 period = _greenPeriodOf(activation, state, certificateId);
        address certificates = LongTermRules.certificatesFor(activation.termsHash, terms, certificateId);
        _certificates[subjectOf(id, period)] += amount;
        emit GreenDelivered(id, period, certificateId, amount);
        IERC1155Transfer(certificates).safeTransferFrom(activation.seller, activation.buyer, certificateId, amount, "");
    }

    // --- looking --------------------------------------------------------------------------------------------------

    /// @inheritdoc ILongTerm
    function idOf(Activation memory activation) public view returns (bytes32) {
        return _hashTypedData(activation.structHash());
    }

    /// @inheritdoc ILongTerm
    function stateOf(bytes32 id) external view returns (State memory state) {
        state = _states[id];
        if (state.stage == Stage.Active && block.timestamp >= state.begins) state.stage = Stage.Delivering;
    }

    /// @inheritdoc ILongTerm
    function reportOf(bytes32 id, uint16 period) external view returns (Report memory) {
        return _reports[subjectOf(id, period)];
    }

    /// @inheritdoc ILongTerm
    function certificatesOf(bytes32 id, uint16 period) external view returns (uint256) {
        return _certificates[subjectOf(id, period)];
    }

    /// @inheritdoc ILongTerm
    function subjectOf(bytes32 id, uint16 period) public pure returns (bytes32) {
        return keccak256(abi.encode(id, period));
    }

    /// @inheritdoc ILongTerm
    function payoutOf(Activation memory activation, bytes calldata terms, uint16 period)
        external
        view
        returns (Payout memory)
    {
        bytes32 id = idOf(activation);
        return _payoutOf(activation, terms, period, subjectOf(id, period), _stakesOf(id, activation));
    }

    // --- settling -------------------------------------------------------------------------------------------------

    /// Move what a period pays, and go on to the next or close.
    function _settle(
        bytes32 id,
        Activation memory activation,
        State memory state,
        Stakes memory stakes,
        Payout memory payout
    ) private {
        emit PeriodSettled(id, state.period, payout.toSeller, payout.fee, payout.toBuyer);
        if (payout.toBuyer != 0) state.compensated = true;
        ++state.period;
        bool last = state.period == state.ends;
        if (last) {
            bool early = state.ends < activation.periods;
            _close(id, state, early ? Outcome.Terminated : state.compensated ? Outcome.Compensated : Outcome.Fulfilled);
        }
        _move(id, activation, stakes, payout, last);
        if (last) return;
        (state.stage, state.funded, state.since) = (Stage.Active, false, uint64(block.timestamp));
        _fillUp(id, activation, state);
        _states[id] = state;
    }

    function _close(bytes32 id, State memory state, Outcome outcome) private {
        (state.stage, state.outcome, state.funded) = (Stage.Closed, outcome, false);
        _states[id] = state;
        emit AgreementClosed(id, outcome);
    }

    /// Share out a payout, netted per side. When it is the last, nothing stays locked.
    function _move(bytes32 id, Activation memory activation, Stakes memory stakes, Payout memory payout, bool last)
        private
    {
        IEscrow.Share[] memory shares = new IEscrow.Share[](3);
        shares[0] = _netted(activation.buyer, stakes.buyer, payout.toSeller + payout.fee, payout.toBuyer, last);
        shares[1] = _netted(activation.seller, stakes.seller, payout.toBuyer, payout.toSeller, last);
        shares[2] = IEscrow.Share(_settlement.feeRecipient(), 0, payout.fee);
        _settlement.share(id, shares);
    }

    function _netted(address participant, uint256 held, uint256 pays, uint256 receives, bool last)
        private
        pure
        returns (IEscrow.Share memory)
    {
        if (last) return IEscrow.Share(participant, held, held + receives - pays);
        if (pays > receives) return IEscrow.Share(participant, pays - receives, 0);
        return IEscrow.Share(participant, 0, receives - pays);
    }

    /// Fill up both stakes, each if there is free money for all that is missing of it. The caller stores the state.
    function _fillUp(bytes32 id, Activation memory activation, State memory state) private {
        Stakes memory stakes = _stakesOf(id, activation);
        bool buyerFull = _fill(id, activation.buyer, stakes.buyer, activation.buyerStake);
        bool sellerFull = _fill(id, activation.seller, stakes.seller, activation.sellerStake);
        if (!buyerFull || !sellerFull) return;
        (state.funded, state.since) = (true, uint64(block.timestamp));
        emit PeriodFunded(id, state.period);
    }

    function _fill(bytes32 id, address participant, uint256 held, uint256 stake) private returns (bool) {
        if (_missing(participant, held, stake) != 0) return false;
        if (held < stake) _settlement.secure(id, participant, stake - held);
        return true;
    }

    /// Return how much a participant lacks to have its stake full.
    function _missing(address participant, uint256 held, uint256 stake) private view returns (uint256) {
        uint256 has = held + _settlement.accountOf(participant).free;
        return has < stake ? stake - has : 0;
    }

    function _stakesOf(bytes32 id, Activation memory activation) private view returns (Stakes memory) {
        return Stakes(
            _settlement.escrowOf(address(this), id, activation.buyer),
            _settlement.escrowOf(address(this), id, activation.seller)
        );
    }

    // --- what came ------------------------------------------------------------------------------------------------

    function _payoutOf(
        Activation memory activation,
        bytes calldata terms,
        uint16 period,
        bytes32 subject,
        Stakes memory stakes
    ) private view returns (Payout memory) {
        return LongTermRules.payoutOf(
            activation.termsHash, terms, period, _reports[subject], _certificates[subject], activation.feeBps, stakes
        );
    }

    /// Return what may be in dispute of a period: what the meters say was delivered.
    function _caseOf(bytes32 id, Activation memory activation, bytes calldata terms, uint16 period)
        private
        view
        returns (Case memory dispute)
    {
        dispute.subject = subjectOf(id, period);
        Report storage report = _reports[dispute.subject];
        (dispute.arbiter, dispute.buyer, dispute.seller) = (activation.arbiter, activation.buyer, activation.seller);
        (dispute.contracted, dispute.metered, dispute.excuseMost, dispute.bond) =
            LongTermRules.disputed(activation.termsHash, terms, period, report);
        dispute.claimsUntil = uint64(report.reportedAt) + activation.challengeWindow;
        dispute.rulingUntil = dispute.claimsUntil + activation.rulingWindow;
    }

    function _periodOf(bytes32 id, Activation memory activation, uint16 number)
        private
        view
        returns (LongTermRules.Period memory period)
    {
        (period.domainSeparator, period.id, period.termsHash) = (_domainSeparator(), id, activation.termsHash);
        period.number = number;
        period.before = activation.startOf(number) / 1 hours - 1;
        period.last = period.before + activation.hoursPerPeriod;
    }

    /// Return the case of a period about which a claim is made, and note that it is in dispute.
    function _inDispute(Activation memory activation, bytes calldata terms) private returns (Case memory) {
        bytes32 id = idOf(activation);
        State memory state = _states[id];
        _requireReported(id, state);
        _states[id].stage = Stage.InDispute;
        return _caseOf(id, activation, terms, state.period);
    }

    /// Return the open period that contains the hour of a certificate.
    function _greenPeriodOf(Activation memory activation, State memory state, uint256 certificateId)
        private
        pure
        returns (uint16)
    {
        uint256 hour = certificateId.startHour();
        if (hour < activation.firstHour) revert CertificateDoesNotFit(certificateId);
        uint256 period = activation.periodAt(hour * 1 hours);
        if (period < state.period || period >= state.ends) revert CertificateDoesNotFit(certificateId);
        // casting to 'uint16' is safe because it is less than what has 16 bits
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint16(period);
    }

    // --- what must hold -------------------------------------------------------------------------------------------

    function _requireSensible(Activation memory activation) private pure {
        (address buyer, address seller, address arbiter) = (activation.buyer, activation.seller, activation.arbiter);
        bool sensible = buyer != seller && arbiter != buyer && arbiter != seller && arbiter != address(0)
            && activation.firstHour != 0 && activation.hoursPerPeriod != 0 && activation.periods != 0
            && activation.startOf(activation.periods) / 1 hours <= type(uint32).max
            && activation.buyerDeposit <= activation.buyerStake && activation.feeBps <= Money.BPS_ONE
            && _isWindow(activation.readingWindow) && _isWindow(activation.challengeWindow)
            && _isWindow(activation.rulingWindow) && _isWindow(activation.grace);
        if (!sensible) revert ActivationMalformed();
    }

    function _isWindow(uint256 duration) private pure returns (bool) {
        return duration != 0 && duration <= WINDOW_MAX;
    }

    function _requireSigned(bytes32 digest, address signer, bytes calldata signature) private view {
        if (!Signatures.isSignedBy(digest, signer, signature)) revert SignatureInvalid(signer);
    }

    function _requireParty(Activation memory activation) private view {
        if (msg.sender != activation.buyer && msg.sender != activation.seller) revert NotParty(msg.sender);
    }

    function _requireActive(bytes32 id, State memory state) private pure {
        if (state.stage != Stage.Active) revert WrongStage(id, state.stage);
    }

    function _requireReported(bytes32 id, State memory state) private pure {
        if (state.stage != Stage.InChallenge && state.stage != Stage.InDispute) revert WrongStage(id, state.stage);
    }

    /// Require a funded period that is over and not reported.
    function _requireOver(bytes32 id, Activation memory activation, State memory state) private view {
        _requireActive(id, state);
        if (!state.funded) revert NotFunded(id, state.period);
        uint256 endsAt = activation.startOf(uint256(state.period) + 1);
        if (block.timestamp < endsAt) revert PeriodNotOver(endsAt);
    }

    function _domainNameAndVersion() internal pure override returns (string memory name, string memory version) {
        return ("CCEI Market", "1");
    }
}
