// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EIP712} from "solady/utils/EIP712.sol";
import {SafeCastLib} from "solady/utils/SafeCastLib.sol";
import {IEscrow} from "./interfaces/IEscrow.sol";
import {IMetering} from "./interfaces/IMetering.sol";
import {IModule} from "./interfaces/IModule.sol";
import {ISettlement} from "./interfaces/ISettlement.sol";
import {IStandby} from "./interfaces/IStandby.sol";
import {Instruments} from "./libraries/Instruments.sol";
import {Money} from "./libraries/Money.sol";
import {ProRata} from "./libraries/ProRata.sol";
import {Signatures} from "./libraries/Signatures.sol";
import {Outcome, Stage} from "./types/Stage.sol";

/// Keep options on standby capacity and their calls. Holds no money: premiums and strikes are locked in `Settlement`.
///
/// Nothing can come between what a function checks and what it does: besides the settlement, which calls nobody on these
/// ways, the only foreign code is a wallet's signature check, a static call.
contract Standby is IStandby, EIP712 {
    using Instruments for uint256;
    using SafeCastLib for uint256;

    /// An option, in one word. `stage` is `None`, `Active` or `Closed`; nothing is left to call once `outcome` is known.
    struct Option {
        Stage stage;
        Outcome outcome;
        bool planned;
        uint64 lotsLeft;
        /// Calls made so far, and those of them that are not over.
        uint32 calls;
        uint32 pending;
    }

    /// A call, in two words. `direct` if the holder called, whose strike is locked behind the call's id.
    struct KeptCall {
        CallStatus status;
        bool direct;
        uint32 number;
        uint32 lastHour;
        uint48 answerBy;
        uint64 lots;
        uint64 delivered;
        address meter;
        uint64 soldBefore;
        uint32 startHour;
    }

    /// @inheritdoc IStandby
    uint256 public constant PLAN_MOST = 8;
    /// How far ahead of its opening an option may reach, which bounds how long a premium is locked.
    uint256 private constant HORIZON = 366 days;
    uint64 private constant DELIVERY_WINDOW_LEAST = 2 hours;
    uint64 private constant DELIVERY_WINDOW_MOST = 30 days;
    uint256 private constant RESOURCE_BITS = 208;

    bytes32 private constant STANDBY_TYPEHASH = keccak256(
        "Standby(address holder,address supplier,uint256 resource,uint8 tier,uint32 firstHour,uint32 lastHour,uint64 lots,uint64 strike,uint128 premium,uint32 answerWindow,uint64 openUntil,bytes32 salt)"
    );

    /// @inheritdoc IStandby
    uint64 public immutable deliveryWindow;

    ISettlement private immutable _settlement;
    mapping(bytes32 id => Option) private _options;
    mapping(bytes32 callId => KeptCall) private _calls;
    mapping(address holder => mapping(uint256 resource => bytes32[] ids)) private _plans;

    constructor(ISettlement settlement_, uint64 deliveryWindow_) {
        if (deliveryWindow_ < DELIVERY_WINDOW_LEAST || deliveryWindow_ > DELIVERY_WINDOW_MOST) {
            revert DeliveryWindowUnfit(deliveryWindow_, DELIVERY_WINDOW_LEAST, DELIVERY_WINDOW_MOST);
        }
        _settlement = settlement_;
        deliveryWindow = deliveryWindow_;
    }

    // --- options --------------------------------------------------------------------------------------------------

    /// @inheritdoc IStandby
    function open(Terms calldata terms, bytes calldata holderSignature, bytes calldata supplierSignature)
        external
        returns (bytes32 id)
    {
        id = _idOf(terms);
        Option storage option = _options[id];
        if (option.stage != Stage.None) revert OptionUsed(id);
        _requireSound(terms);
        if (!Signatures.isSignedBy(id, terms.holder, holderSignature)) revert SignatureInvalid(terms.holder);
        if (!Signatures.isSignedBy(id, terms.supplier, supplierSignature)) revert SignatureInvalid(terms.supplier);

        option.stage = Stage.Active;
        option.lotsLeft = terms.lots;
        emit OptionOpened(id, terms.holder, terms.supplier, terms);
        _settlement.secure(id, terms.holder, terms.premium);
    }

    /// @inheritdoc IStandby
    function retract(Terms calldata terms) external {
        if (msg.sender != terms.holder && msg.sender != terms.supplier) revert NotParty(msg.sender);
        bytes32 id = _idOf(terms);
        Option storage option = _options[id];
        if (option.stage != Stage.None) revert OptionUsed(id);
        option.stage = Stage.Closed;
        option.outcome = Outcome.Terminated;
        emit OptionRetracted(id, msg.sender);
    }

    /// @inheritdoc IStandby
    function joinPlan(Terms[] calldata options) external {
        for (uint256 i = 0; i < options.length; ++i) {
            _joinPlan(options[i]);
        }
    }

    /// @inheritdoc IStandby
    function close(Terms calldata terms) external {
        bytes32 id = _idOf(terms);
        Option storage option = _options[id];
        if (option.stage != Stage.Active) revert OptionNotOpen(id);
        if (option.pending != 0) revert CallsPending(id, option.pending);
        uint256 endsAt = _endOf(terms.lastHour);
        if (block.timestamp < endsAt) revert HoursNotOver(endsAt);

        option.outcome = Outcome.Fulfilled;
        option.lotsLeft = 0;
        _close(id, option);
        _payPremium(id, terms, terms.supplier);
    }

    // --- calls ----------------------------------------------------------------------------------------------------

    /// @inheritdoc IStandby
    function callFor(bytes32 cause, Terms calldata terms, uint64 lots) external returns (bytes32 callId) {
        if (msg.sender != _settlement.guarantee()) revert ISettlement.NotGuarantee(msg.sender);
        bytes32 id = _idOf(terms);
        return _ask(id, _options[id], terms, lots, type(uint256).max, cause);
    }

    /// @inheritdoc IStandby
    function call(Terms calldata terms, uint64 lots, uint64 until) external returns (bytes32 callId) {
        if (msg.sender != terms.holder) revert NotHolder(msg.sender);
        bytes32 id = _idOf(terms);
        Option storage option = _options[id];
        if (option.planned) revert OptionPlanned(id);
        callId = _ask(id, option, terms, lots, until, 0);
        _calls[callId].direct = true;
        _settlement.secure(callId, terms.holder, _strikeHeld(terms, lots));
    }

    /// @inheritdoc IStandby
    function accept(bytes32 callId, Terms calldata terms, uint32 startHour) external {
        (bytes32 id, KeptCall storage kept) = _requireAsked(callId, terms);
        if (block.timestamp > kept.answerBy) revert AnswerOverdue(kept.answerBy);
        if (startHour < terms.firstHour || startHour > kept.lastHour) {
            revert HourUnfit(startHour, terms.firstHour, kept.lastHour);
        }
        uint256 instrument = Instruments.oneHour(terms.resource, startHour, terms.tier);
        (address meter, uint64 soldBefore) = _settlement.reserve(terms.supplier, instrument, kept.lots);
        kept.status = CallStatus.Accepted;
        kept.startHour = startHour;
        kept.meter = meter;
        kept.soldBefore = soldBefore;
        emit CallAccepted(callId, id, startHour, meter, soldBefore);
    }

    /// @inheritdoc IStandby
    function decline(bytes32 callId, Terms calldata terms) external {
        (bytes32 id, KeptCall storage kept) = _requireAsked(callId, terms);
        _declined(callId, id, kept, terms, false);
    }

    /// @inheritdoc IStandby
    function conclude(bytes32 callId, Terms calldata terms) external returns (Call memory ended) {
        (bytes32 id, KeptCall storage kept) = _requireCall(callId, terms);
        if (kept.status == CallStatus.Asked) {
            if (block.timestamp <= kept.answerBy) revert CallNotOver(callId, kept.answerBy);
            _declined(callId, id, kept, terms, true);
        } else if (kept.status == CallStatus.Accepted) {
            _over(callId, id, kept, terms);
        }
        return _callOf(kept);
    }

    // --- views ----------------------------------------------------------------------------------------------------

    /// @inheritdoc IStandby
    function callOf(bytes32 callId) external view returns (Call memory) {
        return _callOf(_calls[callId]);
    }

    /// @inheritdoc IStandby
    function planOf(address holder, uint256 resource) external view returns (bytes32[] memory) {
        return _plans[holder][resource];
    }

    /// @inheritdoc IStandby
    function idOf(Terms calldata terms) external view returns (bytes32) {
        return _idOf(terms);
    }

    /// @inheritdoc IStandby
    function isCallable(Terms calldata terms, uint64 lots) external view returns (bool) {
        (uint256 earliest, uint256 end) = _hoursOf(terms, type(uint256).max);
        return lots != 0 && lots <= _options[_idOf(terms)].lotsLeft && earliest < end;
    }

    /// @inheritdoc IStandby
    function stageOf(bytes32 id) external view returns (Stage) {
        Option storage option = _options[id];
        return option.pending == 0 ? option.stage : Stage.Delivering;
    }

    /// @inheritdoc IStandby
    function outcomeOf(bytes32 id) external view returns (Outcome) {
        return _options[id].outcome;
    }

    /// @inheritdoc IStandby
    function lotsLeft(bytes32 id) external view returns (uint64) {
        return _options[id].lotsLeft;
    }

    /// @inheritdoc IStandby
    function isPlanned(bytes32 id) external view returns (bool) {
        return _options[id].planned;
    }

    /// @inheritdoc IStandby
    function strikeOf(Terms calldata terms, uint64 lots) external pure returns (uint256) {
        return _strikeOf(terms, lots);
    }

    /// @inheritdoc IStandby
    function domainSeparator() external view returns (bytes32) {
        return _domainSeparator();
    }

    /// @inheritdoc IModule
    function settlement() external view returns (address) {
        return address(_settlement);
    }

    // --- opening --------------------------------------------------------------------------------------------------

    /// Revert unless the terms can be opened now, and called at least once.
    ///
    /// An hour within the horizon fits the 24 bits that an instrument has for it until the year 3882.
    function _requireSound(Terms calldata terms) private view {
        (address holder, address supplier) = (terms.holder, terms.supplier);
        if (holder == address(0) || supplier == address(0) || holder == supplier) {
            revert PartiesUnfit(holder, supplier);
        }
        if (terms.lots == 0) revert NothingOffered();
        if (block.timestamp > terms.openUntil) revert OpeningExpired(terms.openUntil);
        uint64 answerWindowMost = deliveryWindow - 1 hours;
        if (terms.answerWindow == 0 || terms.answerWindow > answerWindowMost) {
            revert AnswerWindowUnfit(terms.answerWindow, answerWindowMost);
        }
        uint256 firstBegins = _beginOf(terms.firstHour);
        uint256 lastBegins = _beginOf(terms.lastHour);
        if (
            firstBegins > lastBegins || block.timestamp >= firstBegins || lastBegins > block.timestamp + HORIZON
                || block.timestamp + terms.answerWindow >= lastBegins
        ) revert HoursUnfit(terms.firstHour, terms.lastHour);
        uint256 instrument = Instruments.oneHour(terms.resource, terms.firstHour, terms.tier);
        if (terms.resource >> RESOURCE_BITS != 0 || terms.tier >= Instruments.TIERS || !instrument.isSettleable()) {
            revert NotDeliverable(terms.resource, terms.tier);
        }
        if (_settlement.meterOf(supplier, terms.resource) == address(0)) {
            revert IMetering.MeterMissing(supplier, terms.resource);
        }
    }

    // --- plans ----------------------------------------------------------------------------------------------------

    function _joinPlan(Terms calldata terms) private {
        if (msg.sender != terms.holder) revert NotHolder(msg.sender);
        bytes32 id = _idOf(terms);
        Option storage option = _options[id];
        if (option.lotsLeft == 0) revert LotsNotLeft(id, 0, terms.lots);
        if (option.planned) revert OptionPlanned(id);
        option.planned = true;

        bytes32[] storage plan = _plans[terms.holder][terms.resource];
        uint256 place = plan.length;
        if (place < PLAN_MOST) {
            plan.push(id);
        } else {
            place = _closedPlaceOf(plan);
            plan[place] = id;
        }
        emit PlanJoined(terms.holder, terms.resource, id, place);
    }

    /// Return the first place of a full plan whose option is closed.
    function _closedPlaceOf(bytes32[] storage plan) private view returns (uint256) {
        for (uint256 place = 0; place < PLAN_MOST; ++place) {
            if (_options[plan[place]].stage == Stage.Closed) return place;
        }
        revert PlanFull(PLAN_MOST);
    }

    // --- calling --------------------------------------------------------------------------------------------------

    function _ask(bytes32 id, Option storage option, Terms calldata terms, uint64 lots, uint256 until, bytes32 cause)
        private
        returns (bytes32 callId)
    {
        if (lots == 0 || lots > option.lotsLeft) revert LotsNotLeft(id, option.lotsLeft, lots);
        (uint256 earliest, uint256 end) = _hoursOf(terms, until);
        if (earliest >= end) revert NoHourLeft(earliest, end);

        option.lotsLeft -= lots;
        ++option.pending;
        uint32 number = ++option.calls;
        callId = _callIdOf(id, number);
        KeptCall storage kept = _calls[callId];
        kept.status = CallStatus.Asked;
        kept.number = number;
        kept.lastHour = (end - 1).toUint32();
        kept.answerBy = _answerBy(terms).toUint48();
        kept.lots = lots;
        emit Called(callId, id, cause, lots, kept.answerBy, kept.lastHour);
    }

    /// Return the first hour that begins after the answer to a call made now is due, and the first one that is too late.
    function _hoursOf(Terms calldata terms, uint256 until) private view returns (uint256 earliest, uint256 end) {
        earliest = _max(terms.firstHour, _answerBy(terms) / 1 hours + 1);
        end = _min(uint256(terms.lastHour) + 1, (block.timestamp + deliveryWindow) / 1 hours + 1);
        end = _min(end, until / 1 hours);
    }

    function _answerBy(Terms calldata terms) private view returns (uint256) {
        return block.timestamp + terms.answerWindow;
    }

    /// Return the call, which must be one of the option that these terms make.
    function _requireCall(bytes32 callId, Terms calldata terms)
        private
        view
        returns (bytes32 id, KeptCall storage kept)
    {
        id = _idOf(terms);
        kept = _calls[callId];
        if (callId != _callIdOf(id, kept.number) || kept.status == CallStatus.None) revert NotTheCall(callId, id);
    }

    /// Return the call, which must wait for an answer of the caller.
    function _requireAsked(bytes32 callId, Terms calldata terms)
        private
        view
        returns (bytes32 id, KeptCall storage kept)
    {
        if (msg.sender != terms.supplier) revert NotSupplier(msg.sender);
        (id, kept) = _requireCall(callId, terms);
        if (kept.status != CallStatus.Asked) revert CallNotAsked(callId, kept.status);
    }

    // --- ending ---------------------------------------------------------------------------------------------------

    function _declined(bytes32 callId, bytes32 id, KeptCall storage kept, Terms calldata terms, bool lapsed) private {
        kept.status = CallStatus.Declined;
        emit CallDeclined(callId, id, lapsed);
        if (kept.direct) _payStrike(callId, terms, kept.lots, 0);
        _end(id, terms, true);
    }

    function _over(bytes32 callId, bytes32 id, KeptCall storage kept, Terms calldata terms) private {
        uint256 instrument = Instruments.oneHour(terms.resource, kept.startHour, terms.tier);
        uint64 delivered = _deliveredOf(callId, kept, terms.supplier, instrument);
        kept.status = CallStatus.Over;
        kept.delivered = delivered;
        uint256 paid = kept.direct ? _strikeOf(terms, delivered) : 0;
        emit CallOver(callId, id, kept.lots, delivered, paid);
        _settlement.allot(terms.supplier, instrument, delivered);
        if (kept.direct) _payStrike(callId, terms, kept.lots, paid);
        _end(id, terms, delivered < kept.lots);
    }

    /// Return the lots of an accepted call that came. Reverts while its reading may still come.
    function _deliveredOf(bytes32 callId, KeptCall storage kept, address supplier, uint256 instrument)
        private
        view
        returns (uint64)
    {
        IMetering.Slot memory slot = _settlement.slotAt(supplier, instrument);
        uint256 deadline = _endOf(kept.startHour) + _settlement.readingWindow();
        if (slot.reportedAt == 0) {
            if (block.timestamp <= deadline) revert CallNotOver(callId, deadline);
            return 0;
        }
        if (slot.reportedAt > deadline) return 0;
        return ProRata.delivered(slot.units, slot.sold, kept.soldBefore, kept.lots).toUint64();
    }

    /// Count a call as over. The first that failed ends the option, the last one of such an option closes it.
    function _end(bytes32 id, Terms calldata terms, bool failed) private {
        Option storage option = _options[id];
        --option.pending;
        if (failed && option.outcome == Outcome.None) {
            option.outcome = Outcome.Compensated;
            option.lotsLeft = 0;
            _payPremium(id, terms, terms.holder);
        }
        if (option.outcome == Outcome.Compensated && option.pending == 0) _close(id, option);
    }

    function _close(bytes32 id, Option storage option) private {
        option.stage = Stage.Closed;
        emit OptionClosed(id, option.outcome);
    }

    function _payPremium(bytes32 id, Terms calldata terms, address to) private {
        emit PremiumPaid(id, to, terms.premium);
        _settlement.share(id, _sharesOf(terms.holder, terms.premium, 0, to, terms.premium));
    }

    /// Share out what the holder locked for a call: the supplier has what it earned, the holder the rest.
    function _payStrike(bytes32 callId, Terms calldata terms, uint64 lots, uint256 paid) private {
        uint256 held = _strikeHeld(terms, lots);
        _settlement.share(callId, _sharesOf(terms.holder, held, held - paid, terms.supplier, paid));
    }

    function _sharesOf(address holder, uint256 unlocked, uint256 returned, address to, uint256 paid)
        private
        pure
        returns (IEscrow.Share[] memory shares)
    {
        shares = new IEscrow.Share[](2);
        shares[0] = IEscrow.Share(holder, unlocked, returned);
        shares[1] = IEscrow.Share(to, 0, paid);
    }

    // --- small print ----------------------------------------------------------------------------------------------

    function _strikeOf(Terms calldata terms, uint64 lots) private pure returns (uint256) {
        return Money.value(Instruments.oneHour(terms.resource, terms.firstHour, terms.tier), terms.strike, lots);
    }

    function _strikeHeld(Terms calldata terms, uint64 lots) private pure returns (uint256) {
        return Money.hold(Instruments.oneHour(terms.resource, terms.firstHour, terms.tier), terms.strike, lots);
    }

    function _idOf(Terms calldata terms) private view returns (bytes32) {
        return _hashTypedData(keccak256(abi.encode(STANDBY_TYPEHASH, terms)));
    }

    function _callIdOf(bytes32 id, uint32 number) private pure returns (bytes32) {
        return keccak256(abi.encode(id, number));
    }

    function _callOf(KeptCall storage kept) private view returns (Call memory) {
        return Call({
            status: kept.status,
            lots: kept.lots,
            delivered: kept.delivered,
            answerBy: kept.answerBy,
            startHour: kept.startHour,
            soldBefore: kept.soldBefore,
            meter: kept.meter
        });
    }

    function _beginOf(uint32 hour) private pure returns (uint256) {
        return uint256(hour) * 1 hours;
    }

    function _endOf(uint32 hour) private pure returns (uint256) {
        return (uint256(hour) + 1) * 1 hours;
    }

    function _min(uint256 a, uint256 b) private pure returns (uint256) {
        return a < b ? a : b;
    }

    function _max(uint256 a, uint256 b) private pure returns (uint256) {
        return a > b ? a : b;
    }

    function _domainNameAndVersion() internal pure override returns (string memory name, string memory version) {
        return ("CCEI Market", "1");
    }
}
