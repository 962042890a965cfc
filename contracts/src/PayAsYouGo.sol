// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EIP712} from "solady/utils/EIP712.sol";
import {ICustody} from "./interfaces/ICustody.sol";
import {IEscrow} from "./interfaces/IEscrow.sol";
import {IModule} from "./interfaces/IModule.sol";
import {IPayAsYouGo} from "./interfaces/IPayAsYouGo.sol";
import {ISettlement} from "./interfaces/ISettlement.sol";
import {Instruments} from "./libraries/Instruments.sol";
import {Money} from "./libraries/Money.sol";
import {Signatures} from "./libraries/Signatures.sol";
import {Outcome, Stage} from "./types/Stage.sol";

/// Pay for units as they are metered, out of a deposit.
contract PayAsYouGo is IPayAsYouGo, EIP712 {
    using Signatures for bytes32;

    bytes32 private constant TERMS_TYPEHASH = keccak256(
        "PayAsYouGo(address buyer,address seller,address meter,uint256 resource,uint64 price,uint16 feeBps,uint128 deposit,uint32 notice,uint32 readingWindow,uint64 openUntil,bytes32 salt)"
    );
    bytes32 private constant READING_TYPEHASH =
        keccak256("CumulativeReading(bytes32 agreement,address meter,uint64 through,uint64 units)");

    ISettlement private immutable _settlement;
    mapping(bytes32 agreement => State) private _states;

    constructor(ISettlement settlement_) {
        _settlement = settlement_;
    }

    /// @inheritdoc IPayAsYouGo
    function open(Terms calldata terms, bytes calldata buyerSignature, bytes calldata sellerSignature) external {
        bytes32 id = _requireNew(terms);
        if (block.timestamp > terms.openUntil) revert OpeningLapsed(terms.openUntil);
        _requireSound(terms);
        if (!id.isSignedBy(terms.buyer, buyerSignature)) revert NotSignedBy(terms.buyer);
        if (!id.isSignedBy(terms.seller, sellerSignature)) revert NotSignedBy(terms.seller);

        _states[id] = State(Stage.Active, Outcome.None, 0, uint48(block.timestamp), 0, 0);
        _settlement.secure(id, terms.buyer, terms.deposit);
        emit Opened(id, terms.buyer, terms.seller, terms);
    }

    /// @inheritdoc IPayAsYouGo
    function retract(Terms calldata terms) external {
        bytes32 id = _requireNew(terms);
        _requireParty(terms);
        _states[id] = State(Stage.Closed, Outcome.Terminated, 0, 0, 0, 0);
        emit Retracted(id, msg.sender);
    }

    /// @inheritdoc IPayAsYouGo
    function topUp(Terms calldata terms, uint256 amount) external {
        (bytes32 id,) = _requireActive(terms);
        if (msg.sender != terms.buyer) revert NotTheBuyer(msg.sender);
        if (amount == 0) revert ICustody.NothingToMove();
        _states[id].exhaustedAt = 0;
        _settlement.secure(id, terms.buyer, amount);
        emit ToppedUp(id, amount);
    }

    /// @inheritdoc IPayAsYouGo
    function draw(Terms calldata terms, CumulativeReading calldata reading) external {
        (bytes32 id, State memory state) = _requireActive(terms);
        _requireDue(terms, state, reading);
        bytes32 digest = readingDigest(id, terms.meter, reading.through, reading.units);
        if (!digest.isSignedByKey(terms.meter, reading.signature)) revert NotSignedBy(terms.meter);

        (uint256 worth, uint256 fee) = _costBetween(terms, state.units, reading.units);
        uint256 left = _settlement.escrowOf(address(this), id, terms.buyer);
        (uint256 paid, uint256 feePaid) = (worth, fee);
        if (worth + fee > left) (paid, feePaid) = _splitOf(left, terms.feeBps);
        bool exhausted = paid + feePaid == left;

        state.units = reading.units;
        state.through = uint48(reading.through);
        if (exhausted && state.exhaustedAt == 0) state.exhaustedAt = uint48(block.timestamp);
        _states[id] = state;
        if (paid + feePaid != 0) _settlement.share(id, _sharesOf(terms, paid, feePaid));
        emit Drawn(id, reading.through, reading.units, paid, feePaid);
        if (exhausted) emit Exhausted(id, worth - paid);
    }

    /// @inheritdoc IPayAsYouGo
    function stop(Terms calldata terms) external {
        (bytes32 id, State memory state) = _requireActive(terms);
        _requireParty(terms);
        if (state.endsAt != 0) return;
        bool unpaid = state.exhaustedAt != 0 && block.timestamp >= uint256(state.exhaustedAt) + terms.notice;
        bool atOnce = unpaid && msg.sender == terms.seller;
        state.endsAt = uint48(block.timestamp) + (atOnce ? 0 : terms.notice);
        state.outcome = atOnce ? Outcome.Terminated : Outcome.Fulfilled;
        _states[id] = state;
        emit Stopped(id, msg.sender, state.endsAt);
    }

    /// @inheritdoc IPayAsYouGo
    function close(Terms calldata terms) external {
        (bytes32 id, State memory state) = _requireActive(terms);
        if (state.endsAt == 0) revert NotStopped(id);
        uint256 closesAt = _closesAt(terms, state);
        if (state.through < state.endsAt && block.timestamp <= closesAt) revert ReadingWindowOpen(closesAt);

        _states[id].stage = Stage.Closed;
        uint256 left = _settlement.escrowOf(address(this), id, terms.buyer);
        if (left != 0) {
            IEscrow.Share[] memory shares = new IEscrow.Share[](1);
            shares[0] = IEscrow.Share(terms.buyer, left, left);
            _settlement.share(id, shares);
        }
        emit Closed(id, left);
    }

    /// @inheritdoc IPayAsYouGo
    function stateOf(bytes32 agreement) external view returns (State memory) {
        return _states[agreement];
    }

    /// @inheritdoc IPayAsYouGo
    function costOf(Terms calldata terms, uint64 units) external pure returns (uint256 worth, uint256 fee) {
        return _costOf(terms, units);
    }

    /// @inheritdoc IModule
    function settlement() external view returns (address) {
        return address(_settlement);
    }

    /// @inheritdoc IPayAsYouGo
    function domainSeparator() external view returns (bytes32) {
        return _domainSeparator();
    }

    /// @inheritdoc IPayAsYouGo
    function idOf(Terms calldata terms) public view returns (bytes32) {
        return _hashTypedData(keccak256(abi.encode(TERMS_TYPEHASH, terms)));
    }

    /// @inheritdoc IPayAsYouGo
    function readingDigest(bytes32 agreement, address meter, uint64 through, uint64 units)
        public
        view
        returns (bytes32)
    {
        return _hashTypedData(keccak256(abi.encode(READING_TYPEHASH, agreement, meter, through, units)));
    }

    function _requireNew(Terms calldata terms) private view returns (bytes32 id) {
        id = idOf(terms);
        if (_states[id].stage != Stage.None) revert AgreementNotNew(id);
    }

    function _requireActive(Terms calldata terms) private view returns (bytes32 id, State memory state) {
        id = idOf(terms);
        state = _states[id];
        if (state.stage != Stage.Active) revert AgreementNotActive(id);
    }

    function _requireParty(Terms calldata terms) private view {
        if (msg.sender != terms.buyer && msg.sender != terms.seller) revert NotAParty(msg.sender);
    }

    /// Require terms that can be drawn on: two parties, a deposit, a fee within bounds, the seller's meter, and a resource
    /// of a known commodity, without which nothing could be paid.
    function _requireSound(Terms calldata terms) private view {
        if (terms.buyer == terms.seller) revert PartiesAreOne(terms.buyer);
        if (terms.deposit == 0) revert DepositMissing();
        if (terms.feeBps > Money.BPS_ONE) revert ISettlement.FeeTooHigh(terms.feeBps, uint16(Money.BPS_ONE));
        address registered = _settlement.meterOf(terms.seller, terms.resource);
        if (terms.meter == address(0) || terms.meter != registered) revert NotTheMeter(terms.meter, registered);
        Instruments.lotsPerUnit(_instrumentOf(terms));
    }

    /// Require a reading that is newer than the last, of time that has passed, before the end, and not too late.
    function _requireDue(Terms calldata terms, State memory state, CumulativeReading calldata reading) private view {
        if (reading.through > block.timestamp) revert ReadingInFuture(reading.through);
        if (reading.through <= state.through) revert ReadingNotNewer(state.through, reading.through);
        if (reading.units < state.units) revert ReadingFell(state.units, reading.units);
        if (state.endsAt == 0) return;
        if (reading.through > state.endsAt) revert ReadingBeyondEnd(state.endsAt, reading.through);
        uint256 closesAt = _closesAt(terms, state);
        if (block.timestamp > closesAt) revert ReadingWindowOver(closesAt);
    }

    /// Return the seller's, the venue's and the buyer's part in a draw.
    function _sharesOf(Terms calldata terms, uint256 paid, uint256 fee)
        private
        view
        returns (IEscrow.Share[] memory shares)
    {
        shares = new IEscrow.Share[](fee == 0 ? 2 : 3);
        shares[0] = IEscrow.Share(terms.buyer, paid + fee, 0);
        shares[1] = IEscrow.Share(terms.seller, 0, paid);
        if (fee != 0) shares[2] = IEscrow.Share(_settlement.feeRecipient(), 0, fee);
    }

    /// Return the last moment at which a reading is taken.
    function _closesAt(Terms calldata terms, State memory state) private pure returns (uint256) {
        return uint256(state.endsAt) + terms.readingWindow;
    }

    /// Return what the units between two readings cost.
    function _costBetween(Terms calldata terms, uint64 unitsBefore, uint64 units)
        private
        pure
        returns (uint256 worth, uint256 fee)
    {
        (uint256 worthBefore, uint256 feeBefore) = _costOf(terms, unitsBefore);
        (uint256 worthNow, uint256 feeNow) = _costOf(terms, units);
        return (worthNow - worthBefore, feeNow - feeBefore);
    }

    function _costOf(Terms calldata terms, uint64 units) private pure returns (uint256 worth, uint256 fee) {
        worth = Money.value(_instrumentOf(terms), terms.price, units);
        fee = Money.fee(worth, terms.feeBps);
    }

    /// Split what is left of a deposit into price and fee on that price, the odd micro to the price.
    function _splitOf(uint256 left, uint256 feeBps) private pure returns (uint256 paid, uint256 fee) {
        fee = left * feeBps / (Money.BPS_ONE + feeBps);
        paid = left - fee;
    }

    /// Return an instrument of the resource; which hour, tier and green class is left open.
    function _instrumentOf(Terms calldata terms) private pure returns (uint256) {
        return terms.resource << 48;
    }

    function _domainNameAndVersion() internal pure override returns (string memory name, string memory version) {
        return ("CCEI Market", "1");
    }
}
